"""River's own suite for estimators, and a series to run it on."""

import random

from river.checks import common

__all__ = ["GENERAL", "ON_DATA", "dataset"]


def dataset(n=400):
    rng = random.Random(1)
    return [
        ({"value": rng.gauss(10, 2), "time": 300.0 * t, "a": 1.0, "b": 2.0, "c": 3.0}, False)
        for t in range(n)
    ]


# Less the checks that need a data set it would have to download.
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
