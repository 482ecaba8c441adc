"""Stuck is what repeats itself far beyond what its own history says, and nothing else."""

import numpy as np
import pytest

from models.repetition import CHANGES
from models.sensor_faults import FaultBank
from tests.models.fault_rows import judged, lively, where


def test_a_lively_sensor_that_repeats_itself_is_stuck_until_it_moves():
    #  150 readings │20.1 20.1 ... 20.1│ it moves
    values = lively(400)
    values[300:340] = values[299]
    found = where(judged(values), "stuck")
    assert found[0] in range(303, 307)
    assert found == list(range(found[0], 340))


def test_a_coarse_sensor_may_repeat_itself_for_as_long_as_it_does():
    """Whole degrees, the same for hours: only a run far beyond those is a fault."""
    rng = np.random.default_rng(2)
    values = np.round(20 + 6 * np.sin(np.arange(1500) / 46) + rng.normal(0, 0.3, 1500))
    values[1200:1400] = values[1199]
    found = where(judged(values, spread=3.0), "stuck")
    assert found, "two hundred in a row are too many even for it"
    assert found[0] > 1220
    assert found[-1] < 1450


@pytest.mark.parametrize("rest", [0.0, 7.3])
def test_what_never_moves_is_not_stuck(rest):
    assert set(judged(np.full(5000, rest))) == {"none"}


def test_a_gauge_that_is_dry_for_weeks_is_not_stuck():
    #  rain ────── dry for weeks ────── rain ── dry for longer
    rng = np.random.default_rng(3)
    rain = rng.gamma(2.0, 2.0, 300).round(1)
    values = np.concatenate([np.zeros(200), rain, np.zeros(4000), rain, np.zeros(9000)])
    assert "stuck" not in judged(values, expected=0.0)


def test_a_switch_is_not_stuck_while_it_is_on_or_off():
    rng = np.random.default_rng(4)
    runs = rng.integers(5, 200, 80)
    values = np.repeat(np.arange(80) % 2, runs).astype(float)
    assert set(judged(values, expected=0.5, spread=0.5)) == {"none"}


def test_counts_of_nothing_are_not_stuck():
    values = np.random.default_rng(5).poisson(0.2, 4000).astype(float)
    values[2000:2300] = 0.0
    assert "stuck" not in judged(values, expected=0.2, spread=0.4)


def test_a_zero_that_was_leapt_to_is_no_rest():
    """An acidity of 0 for a week is a dead probe."""
    values = lively(600, level=8.0, size=0.1)
    values[400:] = 0.0
    found = judged(values, spread=0.1)
    assert set(found[400:]) <= {"leap", "stuck"}
    assert found[-1] == "stuck"


def test_nothing_is_said_before_it_has_changed_often_enough():
    values = lively(CHANGES + 60)
    values[CHANGES - 10 :] = values[0]
    assert "stuck" not in judged(values)


def test_a_fault_teaches_little_so_the_next_one_is_seen_too():
    values = lively(1200)
    values[300:500], values[800:1000] = values[299], values[799]
    found = where(judged(values), "stuck")
    assert len(found) > 380


def test_a_value_it_leapt_to_is_never_its_rest():
    """The second time it lies at 0 it lies as it did the first time."""
    values = lively(2000, level=8.0, size=0.1)
    for start in (600, 1200):
        values[start : start + 30] = 0.0
    found = judged(values, spread=0.1)
    assert found[625] == found[1225] == "stuck"


def test_an_ordinary_run_raises_the_bar_for_good():
    values = lively(1200)
    for start in range(200, 1000, 50):
        values[start : start + 5] = values[start]
    values[1100:1107] = values[1100]
    bank = FaultBank(1)
    found = judged(values, bank=bank)
    assert all(row < 300 for row in where(found, "stuck")), "the first ones were news"
    assert bank._rows["longest"][0] >= 4
