import numpy as np
import pytest
from scipy.stats import genpareto

from models.tails import FAR, SHAPE, SHARE, TRUST, Tail, learnt, surprisal_of


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: np.abs(rng.normal(size=n)),
        lambda rng, n: rng.exponential(size=n),
        lambda rng, n: np.abs(rng.standard_t(4, size=n)),
        lambda rng, n: rng.poisson(3, size=n).astype(float),
    ],
    ids=["normal", "exponential", "heavy", "counts"],
)
def test_one_in_a_thousand_is_about_that(draw):
    rng, tails = np.random.default_rng(1), [Tail() for _ in range(8)]
    scores = []
    for sizes in draw(rng, (6000, 8)):
        scores.append([t.surprisal_one(s) for t, s in zip(tails, sizes.tolist(), strict=True)])
        for tail, size in zip(tails, sizes.tolist(), strict=True):
            tail.learn_one(size)
    settled = np.array(scores[1500:])
    for level in (2, 3):
        assert 0.33 <= (settled >= level).mean() * 10**level <= 3


@pytest.mark.parametrize("over", [0.0, 0.1, 1.0, 7.0])
def test_beyond_the_quantile_it_is_a_generalised_pareto_tail(over):
    quantile, excess = 3.0, 0.8
    tail = genpareto(SHAPE, scale=excess * (1.0 - SHAPE))
    assert tail.mean() == pytest.approx(excess)
    said = surprisal_of(quantile + over, quantile, excess, 1e6)
    assert said == pytest.approx(-np.log10(SHARE * tail.sf(over)), rel=1e-9)


def test_what_exceeds_moves_both_numbers_and_what_does_not_the_quantile_alone():
    assert learnt(0.9, 1.0, 0.5, 1e6) == (pytest.approx(1.0 - 0.02 * SHARE), 0.5)
    quantile, excess = learnt(2.0, 1.0, 0.5, 1e6)
    assert quantile == pytest.approx(1.0 + 0.02 * (1.0 - SHARE))
    assert excess == pytest.approx(0.5 + 0.03 * 0.5)


def test_no_single_size_moves_a_tail_far():
    tail = Tail()
    for _ in range(5000):
        tail.learn_one(1.0)
    quantile, excess = tail.quantile, tail.excess
    tail.learn_one(1e12)
    assert tail.quantile <= quantile * 1.1 or tail.quantile == pytest.approx(1.2 * tail.mean)
    assert tail.excess <= max(excess * (1 + 0.03 * FAR), 0.1 * tail.mean)


def test_what_was_never_seen_is_believed_within_reason():
    tail = Tail()
    for _ in range(999):
        tail.learn_one(1.0)
    assert tail.surprisal_one(1e300) == pytest.approx(TRUST + 3.0, abs=0.01)


def test_with_few_sizes_it_is_the_usual_tail_of_their_mean():
    tail = Tail(few=30)
    for _ in range(30):
        assert tail.surprisal_one(2.9) is None
        tail.learn_one(1.0)
    assert tail.surprisal_one(2.9) == pytest.approx(-np.log10(SHARE))
    flat = Tail(few=30)
    for _ in range(149):
        flat.learn_one(0.0)
    assert flat.surprisal_one(1.0) is None
    assert Tail().few == Tail().warm_up


def test_surprisal_grows_with_size_and_starts_at_zero():
    tail = Tail()
    for size in np.random.default_rng(3).exponential(size=1000).tolist():
        tail.learn_one(size)
    scores = [tail.surprisal_one(size) for size in np.linspace(0, 20, 200).tolist()]
    assert scores[0] == 0.0
    assert scores == sorted(scores)
    assert tail.surprisal_one(tail.quantile) == pytest.approx(-np.log10(SHARE))
