import math
import random

import numpy as np
import pytest

from models.one_series import RecordOfPeaks
from tests.models.river_checks import GENERAL, ON_DATA, dataset


@pytest.mark.parametrize("check", GENERAL, ids=lambda check: check.__name__)
def test_river_check(check):
    check(RecordOfPeaks().clone())
    check(RecordOfPeaks(weekly=True).clone())


@pytest.mark.slow
@pytest.mark.parametrize("check", ON_DATA, ids=lambda check: check.__name__)
def test_river_check_on_data(check):
    check(RecordOfPeaks().clone(), dataset=dataset())
    check(RecordOfPeaks(weekly=True).clone(), dataset=dataset())


def test_anomalies_rank_above_the_rest():
    rng, model, normal, unusual = random.Random(2), RecordOfPeaks(), [], []
    for t in range(3000):
        odd = t % 700 == 699
        x = {"value": rng.gauss(50, 1) + (20 + t / 100 if odd else 0), "time": 300.0 * t}
        score = model.score_one(x)
        model.learn_one(x)
        if not math.isnan(score):
            (unusual if odd else normal).append(score)
    beaten = sum(u > n for u in unusual for n in normal) / (len(unusual) * len(normal))
    assert beaten > 0.95


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_numpy_s_numbers_are_numbers(kind):
    rng, plain, model = random.Random(4), RecordOfPeaks(), RecordOfPeaks()
    for t in range(400):
        x = {"value": round(rng.gauss(500, 20)), "time": 300 * t}
        plain.learn_one(x)
        model.learn_one({name: kind(number) for name, number in x.items()})
    far = {"value": 900, "time": 300 * 400}
    assert model.score_one({name: kind(number) for name, number in far.items()}) > 3
    assert model.score_one(far) == plain.score_one(far)


def test_without_a_time_the_level_is_expected():
    rng, model = random.Random(3), RecordOfPeaks()
    for _ in range(500):
        model.learn_one({"value": rng.gauss(0, 1)})
    assert model.score_one({"value": 0.1}) < 1 < 3 < model.score_one({"value": 30.0})


@pytest.mark.parametrize("x", [{}, {"value": None}, {"value": math.nan}, {"value": "high"}])
def test_what_is_no_value_is_not_scored(x):
    model = RecordOfPeaks()
    model.learn_one(x)
    assert math.isnan(model.score_one(x))


def test_names_of_features_can_be_chosen():
    model = RecordOfPeaks(feature="level", time="at")
    for t in range(300):
        model.learn_one({"level": float(t % 7), "at": 300.0 * t, "value": 1e9})
    assert model.score_one({"level": 3.0, "at": 90_000.0}) < 1
