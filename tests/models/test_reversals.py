"""Noise goes there and back; an event goes somewhere."""

import numpy as np

from models.reversals import WARM_UP
from tests.models.fault_rows import judged, where


def _day(n, noise=0.2, seed=3):
    rng = np.random.default_rng(seed)
    return 20 + 5 * np.sin(np.arange(n) / 46) + rng.normal(0, noise, n)


def test_a_sensor_that_trembles_ten_times_as_much_is_noisy_until_it_calms_down():
    values = _day(1500)
    values[900:1100] = _day(1500, noise=2.5, seed=4)[900:1100]
    found = where(judged(values), "noise")
    assert 900 < found[0] < 945
    assert 1090 < found[-1] < 1140
    assert len(found) > 130


def test_an_event_is_not_noise():
    values = _day(1500)
    values[900:] += 20 * np.minimum(1, np.arange(600) / 24)
    assert where(judged(values), "noise") == []


def test_a_smooth_series_may_waver():
    """A river without any noise reverses itself a little at its crests: no fault."""
    values = _day(3000, noise=0.0).round(2)
    assert where(judged(values), "noise") == []


def test_a_spike_is_not_noise():
    values = _day(1500)
    values[[900, 1000]] += 50
    assert where(judged(values), "noise") == []


def test_a_sensor_that_always_trembled_is_not_noisy():
    assert where(judged(_day(2000, noise=5.0)), "noise") == []


def test_a_sensor_that_mostly_repeats_itself_is_not_judged():
    rng = np.random.default_rng(6)
    values = np.repeat(rng.normal(20, 0.1, 400), 4)
    values[1200:] = 20 + rng.normal(0, 5, 400).repeat(4)[: len(values) - 1200]
    assert where(judged(values), "noise") == []


def test_nothing_is_said_in_warm_up():
    values = _day(WARM_UP)
    values[150:] = _day(WARM_UP, noise=10, seed=8)[150:]
    assert where(judged(values), "noise") == []
