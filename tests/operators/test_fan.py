"""What a warning shows of the hours to come: from the reading on, past the crossing, possible."""

import numpy as np
import pytest

from models.level_forecast import STEPS
from operators.events import Forecast
from operators.fan import FEWEST, ahead_s, as_said, fan
from tests.operators.town import HOUR, T0

HORIZON_S = 10_800.0
MINUTES_S = 60.0
RISING = np.outer([0.5, 0.8, 1.0, 1.2, 1.5], np.arange(1, STEPS + 1)) + 10.0


def told_of(
    wait_s: float, quantiles: np.ndarray = RISING, low: float = 0.0, high: float = 99.0
) -> Forecast:
    (bands,) = as_said(quantiles[None], np.array([low]), np.array([high]))
    return fan(("a", 2, 0.8, wait_s), (T0, 10.0), HORIZON_S, bands)


def test_it_begins_with_the_reading_and_says_what_was_asked() -> None:
    told = told_of(3600.0)
    assert (told.sensor, told.level, told.p) == ("a", 2, 0.8)
    assert told.times[0] == T0
    assert {told.q05[0], told.q25[0], told.q50[0], told.q75[0], told.q95[0]} == {10.0}
    assert told.q50[1:4] == (11.0, 12.0, 13.0)
    assert np.diff(told.times).tolist() == [HORIZON_S * 1000 / STEPS] * (len(told.times) - 1)


@pytest.mark.parametrize("minutes", [0, 5, 20, 45, 80, 90, 170, 180])
def test_the_crossing_is_in_its_first_half_or_it_ends_with_the_horizon(minutes: int) -> None:
    end = told_of(minutes * MINUTES_S).times[-1] - T0
    assert end == 3 * HOUR or end >= 2 * minutes * MINUTES_S * 1000
    assert end >= FEWEST * HORIZON_S * 1000 / STEPS
    assert end - 2 * minutes * MINUTES_S * 1000 <= max(HORIZON_S * 1000 / STEPS, HOUR)


def test_what_cannot_be_is_not_shown() -> None:
    falling = 10.0 - 3.0 * RISING[::-1]
    told = told_of(3600.0, falling, -2.0, 8.0)
    assert min(told.q05) == -2.0
    assert max(told.q95[1:]) <= 8.0


def test_it_is_said_to_the_third_decimal() -> None:
    (bands,) = as_said(RISING[None] / 3, np.zeros(1), np.full(1, 99.0))
    told = fan(("a", 4, 0.9, 60.0), (T0, 1 / 3), HORIZON_S, bands)
    assert told.q50[0] == 0.333
    assert all(value == round(value, 3) for value in told.q95)


def test_it_is_asked_for_where_a_crossing_is_looked_for() -> None:
    assert ahead_s(HORIZON_S)[-1] == HORIZON_S
    assert len(ahead_s(HORIZON_S)) == STEPS
