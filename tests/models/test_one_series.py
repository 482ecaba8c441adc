import math
import random

import pytest
from river.checks import common

from models.one_series import RecordOfPeaks


def _dataset(n=400):
    rng = random.Random(1)
    return [
        ({"value": rng.gauss(10, 2), "time": 300.0 * t, "a": 1.0, "b": 2.0, "c": 3.0}, False)
        for t in range(n)
    ]


# River's own suite, less the checks that need a data set it would have to download.
GENERAL = (
    common.check_repr,
    common.check_str,
    common.check_tags,
    common.check_clone_same_class,
    common.check_clone_is_idempotent,
    common.check_init_has_default_params_for_tests,
    common.check_init_default_params_are_not_mutable,
    common.check_doc,
    common.check_clone_changes_memory_addresses,
    common.check_mutate_can_be_idempotent,
    common.check_pickling_supports_roundtrip,
    common.check_repr_roundtrips_clone,
    common.check_clone_with_new_params_applies,
    common.check_get_params_matches_signature,
)
ON_DATA = (
    common.check_learn_one,
    common.check_pickling,
    common.check_shuffle_features_no_impact,
    common.check_emerging_features,
    common.check_disappearing_features,
    common.check_radically_disappearing_features,
    common.check_predict_one_pure,
    common.check_predict_one_before_any_learn,
    common.check_no_state_aliasing_with_input,
    common.check_clone_is_independent,
    common.check_bounded_memory_growth,
)


@pytest.mark.parametrize("check", GENERAL, ids=lambda check: check.__name__)
def test_river_check(check):
    check(RecordOfPeaks().clone())
    check(RecordOfPeaks(weekly=True).clone())


@pytest.mark.parametrize("check", ON_DATA, ids=lambda check: check.__name__)
def test_river_check_on_data(check):
    check(RecordOfPeaks().clone(), dataset=_dataset())
    check(RecordOfPeaks(weekly=True).clone(), dataset=_dataset())


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
