"""The face for one series says what the bank says, and keeps River's contract."""

import math
import pickle

import numpy as np
import pytest

from models.faulty_series import FaultySeries
from models.record_of_peaks import SensorBank
from models.sensor_faults import FAULTS, FaultBank
from tests.models.fault_rows import lively
from tests.models.river_checks import GENERAL, ON_DATA, dataset


@pytest.mark.parametrize("check", GENERAL, ids=lambda check: check.__name__)
def test_it_is_an_estimator_of_river(check):
    check(FaultySeries())


@pytest.mark.slow
@pytest.mark.parametrize("check", ON_DATA, ids=lambda check: check.__name__)
def test_it_is_one_on_data_too(check):
    check(FaultySeries(), dataset=dataset())


def _liar():
    values = lively(900)
    values[400:430] = values[399]
    values[500:600:9] += 70
    values[700:] *= 10
    return values


def test_it_agrees_with_the_bank():
    values, face, said, marked = _liar(), FaultySeries(), [], []
    times = 300.0 * np.arange(len(values))
    for value, time in zip(values.tolist(), times.tolist(), strict=True):
        marked.append(face.score_one({"value": value, "time": time}))
        face.learn_one({"value": value, "time": time})
        said.append(face.fault)
    alone = np.zeros(len(values), np.intp)
    scores = SensorBank(1).score_and_learn(alone, times, values)
    found = FaultBank(1).judge_and_learn(alone, values, scores.expected, scores.scale)
    assert said == [FAULTS[kind] for kind in found]
    assert marked == [float(kind not in ("none", "spikes")) for kind in said]
    assert {"none", "leap", "spikes", "stuck"} <= set(said)


def test_scoring_changes_nothing_and_a_pickle_goes_on():
    face = FaultySeries()
    for n, value in enumerate(_liar()[:420].tolist()):
        face.learn_one({"value": value, "time": 300.0 * n})
    before = pickle.dumps(face)
    row = {"value": 20.0, "time": 126_000.0}
    assert face.score_one(row) == face.score_one(row)
    assert pickle.dumps(face) == before
    twin = pickle.loads(before)
    for each in (face, twin):
        each.learn_one(row)
    assert (twin.fault, twin.score_one(row)) == (face.fault, face.score_one(row))


@pytest.mark.parametrize("bad", [None, math.nan, math.inf, "20", 1e40])
def test_what_is_no_value_is_not_judged(bad):
    face = FaultySeries()
    face.learn_one({"value": 20.0, "time": 0.0})
    before = pickle.dumps(face)
    assert math.isnan(face.score_one({"value": bad, "time": 1.0}))
    face.learn_one({"value": bad, "time": 1.0})
    assert pickle.dumps(face) == before


@pytest.mark.parametrize("time", [None, math.nan, "noon"])
def test_a_reading_without_a_time_is_judged_all_the_same(time):
    face = FaultySeries()
    for value in _liar()[:420].tolist():
        face.learn_one({"value": value, "time": time})
    assert face.fault == "stuck"
