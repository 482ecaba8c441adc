import random

import pytest

from models.half_space import PROTECTED, CellModel


def _usual(rng):
    return {name: rng.betavariate(1, 8) for name in ("unusual", "surprisal", "change", "reports")}


@pytest.fixture(scope="module")
def taught():
    rng, model = random.Random(1), CellModel(seed=1, window=500)
    for _ in range(3000):
        model.learn_one(_usual(rng))
    return model.snapshot()


@pytest.mark.slow
def test_one_in_a_thousand_is_about_that(taught):
    rng, model, scores = random.Random(2), CellModel.restore(taught), []
    for _ in range(8000):
        x = _usual(rng)
        scores.append(model.score_one(x))
        model.learn_one(x)
    for level in (1, 2, 3):
        assert 0.25 <= sum(s >= level for s in scores) / len(scores) * 10**level <= 4


def test_a_mixture_never_seen_surprises_and_the_usual_does_not(taught):
    model = CellModel.restore(taught)
    assert model.score_one(dict.fromkeys(("unusual", "surprisal", "change", "reports"), 0.8)) > 3
    assert model.score_one(dict.fromkeys(("unusual", "surprisal", "change", "reports"), 0.05)) < 1


def test_what_stays_is_learnt_though_it_was_protected_against(taught):
    model, odd = CellModel.restore(taught), dict.fromkeys(("unusual", "surprisal"), 0.9)
    before = model.score_one(odd)
    for _ in range(4000):
        model.learn_one(odd)
    assert before > PROTECTED > model.score_one(odd)


def test_features_outside_the_cube_are_cut_and_others_left_out(taught):
    model = CellModel.restore(taught)
    edge = {"unusual": 1.0, "surprisal": 0.0}
    assert model.score_one({"unusual": 7.0, "surprisal": -3.0, "x": float("nan")}) == (
        model.score_one(edge)
    )
    assert model.score_one({"unusual": float("inf")}) is None


def test_the_seed_decides_the_trees():
    rng = random.Random(3)
    points = [_usual(rng) for _ in range(900)]

    def scores(seed):
        model = CellModel(seed=seed, window=250)
        for point in points:
            model.learn_one(point)
        return [model.score_one(point) for point in points[:20]]

    assert scores(1) == scores(1) != scores(2)
