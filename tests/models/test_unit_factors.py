"""After a leap everything is a known factor off: the unit. An event's ratio wavers."""

import numpy as np
import pytest

from models.unit_factors import FACTORS, READINGS
from tests.models.fault_rows import judged, lively, where


def _from(changed, n=600, level=50.0, size=0.5):
    values = lively(n, level=level, size=size)
    values[400:500] = changed(values[400:500])
    return judged(values, expected=level, spread=0.8 * size)


@pytest.mark.parametrize("factor", FACTORS)
def test_every_factor_is_known_both_ways(factor):
    for found in (_from(lambda x: x * factor), _from(lambda x: x / factor)):
        assert where(found, "unit") == list(range(400 + READINGS - 1, 500))


@pytest.mark.parametrize("factor", [1.4, 2.5, 5.0, 40.0])
def test_another_level_is_no_unit(factor):
    assert where(_from(lambda x: x * factor), "unit") == []


def test_what_grows_to_a_factor_is_no_unit():
    """Water in a street: 2, 8, 14, 20, 20 ... ten times the usual, but not at once."""
    grown = np.minimum(np.arange(1, 101) * 150.0, 450.0)
    assert where(_from(lambda x: x + grown), "unit") == []


def test_what_wavers_around_a_factor_is_no_unit():
    wild = np.exp(np.random.default_rng(1).normal(0, 0.3, 100))
    assert where(_from(lambda x: 10 * x * wild), "unit") == []


def test_a_factor_must_stand_out_from_the_spread():
    values = lively(600, level=50.0, size=30.0)
    values[400:500] = 1.8 * values[400:500]
    assert where(judged(values, expected=50.0, spread=24.0), "unit") == []


def test_where_nothing_or_the_opposite_is_expected_there_is_no_ratio():
    values = lively(600, level=50.0, size=0.5)
    values[400:500] *= 10
    for expected in (0.0, -50.0):
        assert where(judged(values, expected=expected, spread=0.4), "unit") == []
