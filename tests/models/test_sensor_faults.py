"""The bank: what wins, what it costs, and that bad input teaches nothing."""

import numpy as np
import pytest

from models.sensor_faults import FAULT, FAULTS, FaultBank
from tests.models.fault_rows import judged, lively, where


def test_the_surest_sign_wins():
    """Stuck at ten times its value: the same number again is surer than the factor."""
    values = lively(500, level=50.0, size=0.5)
    values[400:] = 500.0
    found = judged(values, expected=50.0, spread=0.4)
    assert found[-1] == "stuck"
    values[400:] = lively(100, level=500.0, size=5.0)
    assert judged(values, expected=50.0, spread=0.4)[-1] == "unit"


def test_of_a_sensor_that_spikes_only_the_spikes_are_leaps():
    values = lively(500)
    values[400:500:10] += 60
    found = judged(values)
    assert where(found[440:], "leap") == list(range(0, 60, 10))
    assert set(found[440:]) == {"leap", "spikes"}


def test_a_sensor_that_works_is_not_faulty():
    """Forty of them, a month each: normal, heavy-tailed, walking, seasonal, counting."""
    wrong = total = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        t = np.arange(8640)
        for values in (
            rng.normal(20, 1, len(t)).round(1),
            20 + rng.standard_t(4, len(t)),
            np.cumsum(rng.normal(0, 0.1, len(t))).round(2),
            20 + 5 * np.sin(t / 46) + rng.normal(0, 1, len(t)),
            rng.poisson(5 + 4 * np.sin(t / 46)).astype(float),
        ):
            found = judged(values, spread=float(np.abs(values - np.median(values)).mean()))
            wrong += len(where(found, *FAULTS[2:]))
            total += len(t)
    assert wrong < total / 1000


def test_a_state_is_small():
    assert FAULT.itemsize == FaultBank(3).state_bytes == 84


def test_sensors_do_not_hear_of_each_other():
    rng, bank = np.random.default_rng(1), FaultBank(2)
    values = np.stack([lively(500, 1), lively(500, 2)], axis=1)
    values[400:, 1] = 7.0
    ones, order = np.ones(1000), np.tile([0, 1], 500)
    both = bank.judge_and_learn(order, values.ravel(), 20 * ones, ones).reshape(-1, 2)
    for sensor in (0, 1):
        assert [FAULTS[k] for k in both[:, sensor]] == judged(values[:, sensor], expected=20.0)
    assert rng is not None


def test_what_is_no_number_teaches_nothing_and_is_counted():
    plain, spoilt = FaultBank(1), FaultBank(1)
    values = lively(400)
    bad = np.insert(values, 200, [np.nan, np.inf, -np.inf, 1e31])
    assert judged(bad, expected=20.0, bank=spoilt)[200:204] == ["none"] * 4
    judged(values, expected=20.0, bank=plain)
    assert spoilt.ignored == 4
    assert bytes(spoilt.take(np.array([0]))) == bytes(plain.take(np.array([0])))


def test_where_nothing_is_expected_the_rest_is_still_seen():
    values = lively(400)
    values[350:] = values[349]
    assert judged(values, expected=np.nan, spread=np.nan)[-1] == "stuck"


def test_a_sensor_it_does_not_have_is_refused():
    one = np.ones(1)
    with pytest.raises(IndexError, match="must be 0 to 1"):
        FaultBank(2).judge_and_learn(np.array([2]), one, one, one)


def test_who_has_moved_belongs_to_another_group_at_once():
    bank = FaultBank(3)
    bank.join(np.array([2, 0]), 5)
    assert bank._rows["group"][:3].tolist() == [5, 0, 5]
