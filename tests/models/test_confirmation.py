"""Before verdicts it is the hand-made fusion; each verdict moves it a bounded step."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.confirmation import STEP, Confirmation

PRIOR = {"sensors": 1.0, "reports": 1.0}
NAMES = ["sensors", "reports", "of traffic", "of traffic in east"]
FEATURES = st.dictionaries(st.sampled_from(NAMES), st.floats(-1, 10), max_size=4)


def fresh() -> Confirmation:
    return Confirmation(PRIOR, -2.75)


def log_odds(model: Confirmation, features: dict[str, float]) -> float:
    p = model.predict_one(features)
    return math.log(p / (1 - p))


def test_it_starts_as_the_sum_of_what_speaks_for_it() -> None:
    features = {"sensors": 2.0, "reports": 1.5, "of traffic": 1.0}
    assert log_odds(fresh(), features) == pytest.approx(2.0 + 1.5 - 2.75)
    assert log_odds(fresh(), {}) == pytest.approx(-2.75)
    assert [fresh().learnt(name) for name in NAMES] == [0.0] * 4


@given(st.lists(st.tuples(FEATURES, st.booleans()), max_size=20), FEATURES, st.booleans())
def test_one_verdict_is_a_bounded_step_towards_it(
    before: list[tuple[dict[str, float], bool]], features: dict[str, float], confirmed: bool
) -> None:
    model = fresh()
    for told, verdict in before:
        model.learn_one(told, verdict)
    was = model.predict_one(features)
    model.learn_one(features, confirmed)
    now = model.predict_one(features)
    assert (now >= was - 1e-12) if confirmed else (now <= was + 1e-12)
    if 1e-6 < was < 1 - 1e-6:
        moved = abs(math.log(now / (1 - now)) - math.log(was / (1 - was)))
        assert moved <= STEP * abs(confirmed - was) + 1e-6


def test_it_learns_which_kind_is_false() -> None:
    model = fresh()
    noise, flood = {"sensors": 2.5, "of noise": 1.0}, {"sensors": 2.5, "of flood": 1.0}
    for _ in range(60):
        model.learn_one(noise, False)
        model.learn_one(flood, True)
    assert model.predict_one(noise) < 0.2 < 0.8 < model.predict_one(flood)
    assert model.learnt("of noise") < 0 < model.learnt("of flood")


def test_what_is_not_finite_teaches_nothing() -> None:
    model, features = fresh(), {"sensors": math.nan, "reports": math.inf}
    before = model.predict_one({"sensors": 2.0})
    assert model.predict_one(features) == model.predict_one({})
    model.learn_one(features, False)
    assert model.learnt("sensors") == model.learnt("reports") == 0.0
    assert model.predict_one({"sensors": 2.0}) < before, "the intercept learns all the same"


def test_a_pickled_one_goes_on_as_the_original() -> None:
    model = fresh()
    for n in range(30):
        model.learn_one({"sensors": n / 5, "of traffic": 1.0}, n % 3 == 0)
    again = pickle.loads(pickle.dumps(model))
    for each in (model, again):
        each.learn_one({"reports": 3.0, "of noise": 1.0}, False)
    assert again.predict_one({"reports": 2.0}) == model.predict_one({"reports": 2.0})
    assert model.prior == PRIOR
    assert len(pickle.dumps(model)) < 3000
