"""What varies by factors trembles and leaps by factors, and nothing is wrong with its sensor."""

import numpy as np

from models.magnitude import ORDINARY, WARM_UP, learn_size, times_larger
from models.sensor_faults import FaultBank
from tests.models.fault_rows import judged, lively

BEFORE, PLUME = 900, 90


def _row(*values):
    row = FaultBank(1)._rows[0]
    for age, value in enumerate(values):
        row["age"] = age
        learn_size(row, value)
    return row


def _plume(times):
    """A gas sensor at a half, then so many times as much, and far more restless."""
    rng = np.random.default_rng(9)
    values = np.append(rng.normal(0.5, 0.02, BEFORE), rng.normal(0.5 * times, 3.0, PLUME))
    return values.clip(0).round(2)


def test_the_usual_size_is_the_mean_whatever_the_sign_and_one_day_does_not_make_it():
    assert abs(_row(*[-2.0, 4.0] * 200)["size"] - 3.0) < 0.1
    long = [1.0] * (WARM_UP + 300)
    assert _row(*long, *[1000.0] * 12)["size"] < 1.3


def test_twice_the_usual_is_ordinary_and_beyond_it_counts_in_proportion():
    row = _row(*[5.0] * 400)
    assert times_larger(row, -5.0 * ORDINARY) == 1.0
    assert abs(times_larger(row, 50.0) - 10.0 / ORDINARY) < 1e-6
    assert times_larger(_row(), 50.0) == 1.0, "nothing is known yet"


def test_a_plume_is_neither_noise_nor_spikes():
    found = judged(_plume(80), expected=40.0)[BEFORE + 12 :]
    assert set(found) <= {"none", "leap"}


def test_the_same_restlessness_without_the_plume_is_noise():
    assert "noise" in judged(_plume(1), expected=0.5)[BEFORE:]


def test_where_0_means_nothing_no_size_excuses():
    values = lively(1200, level=5000.0)
    values[900:] = lively(300, level=5060.0, size=12.0)
    assert "noise" in judged(values)[900:]
