import math
import random

import numpy as np
import pytest

from models.one_event import EventOfLate
from models.one_series import RecordOfPeaks
from models.record_of_peaks import SensorBank, WeeklyBank
from tests.models.river_checks import GENERAL, ON_DATA, dataset


@pytest.mark.parametrize("check", GENERAL, ids=lambda check: check.__name__)
def test_river_check(check):
    check(EventOfLate().clone())
    check(EventOfLate(weekly=True).clone())


@pytest.mark.slow
@pytest.mark.parametrize("check", ON_DATA, ids=lambda check: check.__name__)
def test_river_check_on_data(check):
    check(EventOfLate().clone(), dataset=dataset())
    check(EventOfLate(weekly=True).clone(), dataset=dataset())


@pytest.mark.slow
@pytest.mark.parametrize("bank", [SensorBank, WeeklyBank])
@pytest.mark.parametrize("seed", range(3))
def test_the_bank_agrees(seed, bank):
    rng = np.random.default_rng(seed)
    times = np.arange(2500) * 600.0
    values = 50 + 10 * np.sin(times / 86_400 * 6.283) + rng.standard_t(4, 2500) * (1 + seed)
    values[1800:1830] += 40
    values[2000] = 9_999.0
    face, said = EventOfLate(weekly=bank is WeeklyBank), []
    for time, value in zip(times.tolist(), values.tolist(), strict=True):
        x = {"value": value, "time": time}
        said.append(face.score_one(x))
        face.learn_one(x)
    scores = bank(1).score_and_learn(np.zeros(2500, np.intp), times, values)
    np.testing.assert_allclose(scores.residual_surprisal, said, atol=1e-4)


def test_a_second_storm_is_an_event_where_it_is_no_record():
    # ____/\____________/\____  the same storm twice
    rng, record, event = random.Random(4), RecordOfPeaks(), EventOfLate()
    said = []
    for t in range(3000):
        storm = 6.0 if t % 1000 > 980 and t > 1000 else 0.0
        x = {"value": rng.gauss(20, 1) + storm, "time": 300.0 * t}
        said.append((record.score_one(x), event.score_one(x)))
        record.learn_one(x)
        event.learn_one(x)
    first, second = (np.array(said[end - 20 : end]) for end in (2000, 3000))
    assert first[:, 0].max() > 3
    assert second[:, 0].max() < 3
    assert min(first[:, 1].max(), second[:, 1].max()) > 4


@pytest.mark.parametrize("x", [{}, {"value": None}, {"value": math.nan}, {"value": "high"}])
def test_what_is_no_value_is_not_scored(x):
    model = EventOfLate()
    model.learn_one(x)
    assert math.isnan(model.score_one(x))
