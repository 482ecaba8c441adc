import numpy as np
import pytest

from models.tails import FAR, SHARE, TRUST, Tail, score_and_learn_tails


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


def test_columns_and_a_single_tail_agree():
    rng, tail = np.random.default_rng(2), Tail()
    quantile, excess = np.zeros((1, 1)), np.zeros((1, 1))
    mean = 0.0
    for t, size in enumerate(rng.exponential(size=800)):
        t_column = np.array([float(t)])
        with np.errstate(all="ignore"):
            column = score_and_learn_tails(np.array([[size]]), quantile, excess, t_column, float(t))
        one = tail.surprisal_one(size)
        tail.learn_one(size)
        mean += max(0.0005, 1 / (t + 1)) * (size - mean)
        if t < 150:
            quantile[:], excess[:] = 2.9 * mean, 0.5 * mean
            assert one is None
        else:
            assert column[0, 0] == pytest.approx(one, rel=1e-9)
        quantile[:], excess[:] = np.maximum(quantile, 1.2 * mean), np.maximum(excess, 0.1 * mean)


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


def test_surprisal_grows_with_size_and_starts_at_zero():
    tail = Tail()
    for size in np.random.default_rng(3).exponential(size=1000).tolist():
        tail.learn_one(size)
    scores = [tail.surprisal_one(size) for size in np.linspace(0, 20, 200).tolist()]
    assert scores[0] == 0.0
    assert scores == sorted(scores)
    assert tail.surprisal_one(tail.quantile) == pytest.approx(-np.log10(SHARE))
