"""A spike leaps and is back at once; a level that stays is believed; a leap alone says nothing."""

import numpy as np
import pytest

from models.leaps import STAYS, WARM_UP
from tests.models.fault_rows import judged, lively, where


def test_one_spike_is_a_leap_and_no_fault_of_its_sensor():
    values = lively(500)
    values[400] += 60
    assert where(judged(values), "leap", "spikes") == [400]


def test_spikes_that_come_often_are_a_fault_until_they_end():
    values = lively(1200)
    values[400:700:20] += 60
    found = judged(values)
    assert where(found, "leap") == list(range(400, 700, 20))
    spiking = where(found, "spikes")
    assert 420 < spiking[0] < 450, "at the second or third"
    assert 700 < spiking[-1] < 950


@pytest.mark.parametrize("height", [-40.0, 40.0])
def test_a_new_level_is_believed_after_a_while(height):
    values = lively(600)
    values[400:] += height
    found = judged(values)
    assert where(found, "leap") == list(range(400, 400 + STAYS))
    assert where(found, "spikes") == []


def test_a_level_at_which_nothing_moves_is_not_believed():
    values = lively(600)
    values[400:] = 90.0
    assert set(judged(values)[400:]) <= {"leap", "stuck"}


def test_what_grows_step_by_step_is_no_leap():
    values = lively(600)
    values[400:] += np.minimum(np.arange(200), 40)
    assert where(judged(values), "leap", "spikes") == []


def test_a_sensor_that_always_spiked_is_used_to_it():
    values = lively(3000)
    values[::25] += 60
    assert where(judged(values), "spikes") == []


def test_a_gauge_that_rests_at_0_moves_in_bursts_by_nature():
    values = np.zeros(2000)
    for start in range(100, 2000, 200):
        values[start : start + 5] = [5, 0, 40, 0, 12]
    assert set(judged(values, expected=0.0)) == {"none"}


def test_a_sensor_is_not_judged_by_its_first_steps():
    values = lively(WARM_UP)
    values[100] += 100
    assert set(judged(values)) == {"none"}
