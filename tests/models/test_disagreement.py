"""Off alone, for long, while the neighbours are not: a drift. Off together: an event."""

import numpy as np
import pytest

from models.sensor_faults import FAULTS, PATIENCE, FaultBank

DRIFT = FAULTS.index("drift")
FIVE = 5
NEAR = np.array([[m for m in range(FIVE) if m != n] for n in range(FIVE)], np.int32)


def _town(who, n=700, start=500, by=10.0, near=NEAR, groups=None, **more):
    """Five sensors in one place; those named go off; what each is said to be, in turn."""
    values = np.random.default_rng(2).normal(20, 1, (n, FIVE))
    values[start : start + 100, who] += by
    sensors = np.tile(np.arange(FIVE), n)
    ones = np.ones(n * FIVE)
    group = None if groups is None else np.tile(groups, n)
    bank = FaultBank(FIVE)
    found = bank.judge_and_learn(sensors, values.ravel(), 20 * ones, ones, near, group, **more)
    return found.reshape(n, FIVE) == DRIFT


@pytest.mark.parametrize("by", [-10.0, 10.0])
def test_one_that_is_off_alone_drifts(by):
    drifts = _town([1], by=by)
    (first, *_), *_ = np.nonzero(drifts[:, 1])
    assert 500 + PATIENCE <= first <= 500 + PATIENCE + 10
    assert drifts[first:600, 1].all()
    assert not drifts[650:].any()
    assert not drifts[:, [0, 2, 3, 4]].any()


def test_what_the_neighbours_see_too_is_an_event():
    assert not _town([0, 1, 2]).any()


def test_those_that_are_off_the_other_way_do_not_agree():
    values_up = _town([1], by=10.0)
    assert values_up.any()
    mixed = np.zeros((100, FIVE))
    mixed[:, 1], mixed[:, 2] = 1, -1
    drifts = _town(slice(None), by=10.0 * mixed)
    assert drifts[:, 1].any()
    assert drifts[:, 2].any()


@pytest.mark.parametrize(
    "near",
    [np.empty((0, 4), np.int32), np.full((5, 4), -1, np.int32), NEAR[:, :1], NEAR + 100],
    ids=["none", "nobody", "only one", "not heard"],
)
def test_without_neighbours_nothing_is_said(near):
    assert not _town([1], near=np.ascontiguousarray(near)).any()


def test_only_sensors_of_one_group_are_compared():
    assert not _town([1], groups=[0, 1, 0, 0, 0]).any()
    assert _town([1], groups=[7] * FIVE).any()


def test_a_patient_sensor_waits_longer():
    patience = np.array([12, 60, 12, 12, 12], np.uint8)
    first = np.flatnonzero(_town([1], patience=patience)[:, 1])[0]
    assert first >= 560


def test_a_day_must_be_known_first():
    assert not _town([1], n=400, start=100).any()


@pytest.mark.parametrize(
    ("together", "found"), [([1], True), ([1, 2], True), ([0, 1, 2], False), (range(5), False)]
)
def test_spikes_at_several_neighbours_are_an_event(together, found):
    values = np.random.default_rng(2).normal(20, 1, (700, FIVE)).round(2)
    for number in together:
        values[500 + number : 600 : 12, number] += 60
    ones = np.ones(values.size)
    told = FaultBank(FIVE).judge_and_learn(
        np.tile(np.arange(FIVE), 700), values.ravel(), 20 * ones, ones, NEAR
    )
    spikes = told.reshape(700, FIVE)[560:600, 1] == FAULTS.index("spikes")
    assert spikes.any() == found
