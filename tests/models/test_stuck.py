import numpy as np
import pytest

from models.stuck import LEAST_RUN, RELEARN, StuckBank


def _fed(series, bank=None):
    bank = bank or StuckBank(1)
    faults = bank.check_and_learn(
        np.zeros(len(series), np.intp), np.asarray(series, float), -1e9, 1e9
    )
    return faults.stuck


def _lively(n, seed=1, digits=2):
    return np.random.default_rng(seed).normal(20, 1, n).round(digits)


def test_a_lively_sensor_that_repeats_itself_is_stuck():
    #  ~~~~~~~~~~~~~~‾‾‾‾‾‾‾‾‾‾‾‾‾‾~~~~   stuck from the 13th equal reading on, well after
    stuck = _fed([*_lively(200), *[20.123] * 30, *_lively(50, 2)])
    assert np.flatnonzero(stuck).tolist() == list(range(200 + int(LEAST_RUN), 230))


def test_a_sensor_that_always_was_constant_is_well():
    assert not _fed([7.0] * 5000).any()


def test_a_rain_gauge_in_a_dry_month_is_well():
    rng, series = np.random.default_rng(3), []
    for _ in range(20):
        series += [0.0] * 400 + rng.gamma(1, 3, 20).round(1).tolist()
    assert not _fed([*series, *[0.0] * 3000]).any()


def test_a_coarse_sensor_is_held_to_its_own_longest_run():
    coarse = np.repeat(_lively(150), np.random.default_rng(4).integers(1, 9, 150))
    longest = 8
    stuck = _fed([*coarse, *[5.0] * 60])[len(coarse) :]
    assert int(stuck.argmax()) + 1 > 3 * longest * 0.95
    assert stuck[-1]


def test_a_stuck_run_does_not_excuse_the_next():
    series = [*_lively(200), *[20.5] * 200, *_lively(200, 2), *[21.5] * 30]
    assert _fed(series)[-1]


def test_what_lasts_for_days_is_taken_at_its_word():
    stuck = _fed([*_lively(200), *[20.123] * int(RELEARN + 100)])
    assert stuck[200 + int(RELEARN) - 10]
    assert not stuck[-1]


def test_a_young_sensor_is_not_judged():
    assert not _fed([*_lively(50), *[20.5] * 80]).any()


@pytest.mark.parametrize(
    ("value", "out"), [(-1.0, True), (0.0, False), (50.0, False), (50.1, True), (np.nan, True)]
)
def test_the_impossible_is_out_of_range(value, out):
    faults = StuckBank(1).check_and_learn(np.array([0]), np.array([value]), 0.0, 50.0)
    assert faults.out_of_range.tolist() == [out]


def test_ranges_can_differ_by_row():
    low, high = np.array([0.0, 100.0]), np.array([10.0, 200.0])
    faults = StuckBank(2).check_and_learn(np.array([0, 1]), np.array([50.0, 150.0]), low, high)
    assert faults.out_of_range.tolist() == [True, False]


def test_growing_keeps_what_was_learnt():
    bank = StuckBank(1)
    _fed(_lively(200), bank)
    bank.grow(9)
    assert bank.n == 9
    assert _fed([20.123] * 30, bank)[-1]
