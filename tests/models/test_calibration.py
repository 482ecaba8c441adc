import numpy as np
import pytest

from models.calibration import (
    AT_ONCE,
    COLUMNS,
    JUDGED,
    MEMORY,
    MOST_LESS,
    MOST_MORE,
    PRIOR,
    Calibration,
)

ONE = np.zeros(1, np.intp)


def _feed(raw, groups=None, calibration=None):
    groups = np.zeros(len(raw), np.intp) if groups is None else groups
    calibration = calibration or Calibration(int(groups.max()) + 1)
    raw = np.asarray(raw, float)
    return calibration.score_and_learn(groups, raw, np.ones(len(raw), np.bool_)), calibration


@pytest.mark.slow
@pytest.mark.parametrize("tails", [0.3, 0.6, 1.0, 1.8])
def test_whatever_the_tails_three_is_one_in_a_thousand(tails):
    raw = np.random.default_rng(1).exponential(0.4343 * tails, 2_000_000)
    said, _ = _feed(raw)
    late = said[1_000_000:]
    for at, within in ((1, 1.1), (2, 1.3), (3, 2.0)):
        off = (late >= at).mean() * 10**at
        assert 1 / within < off < within, (at, off)


def test_before_anything_was_seen_the_guess_is_believed():
    said, _ = _feed([0.0, 1.0, 3.0, 5.0])
    np.testing.assert_allclose(said, [0.0, 1.0, 3.0, 5.0], atol=0.03)


def test_a_guess_that_was_right_stays():
    raw = np.random.default_rng(2).exponential(0.4343, 100_000)
    said, _ = _feed(raw)
    usual = (raw > 0.3) & (raw < 3)
    np.testing.assert_allclose(
        said[50_000:][usual[50_000:]], raw[50_000:][usual[50_000:]], atol=0.25
    )


def test_more_surprising_stays_more_surprising():
    rng = np.random.default_rng(3)
    _, calibration = _feed(rng.exponential(0.2, 50_000))
    ladder = np.linspace(0, 15, 400)
    said = [float(_feed([s], calibration=_copy(calibration))[0][0]) for s in ladder]
    assert (np.diff(said) >= 0).all()
    assert said[-1] > said[-100] + 2  # beyond what was seen it grows as the guess does


def _copy(calibration):
    made = Calibration(calibration.groups)
    for group in range(calibration.groups):
        made.put(group, calibration.take(group))
    return made


def test_groups_do_not_touch_each_other_and_cuts_do_not_matter():
    rng = np.random.default_rng(4)
    raw, groups = rng.exponential(0.4, 5000), rng.integers(3, size=5000)
    raw[rng.integers(5000, size=50)] = np.nan
    whole, calibration = _feed(raw, groups)
    parts = Calibration(3)
    cut = [_feed(raw[i : i + 700], groups[i : i + 700], parts)[0] for i in range(0, 5000, 700)]
    np.testing.assert_array_equal(np.concatenate(cut), whole)
    alone, _ = _feed(raw[groups == 1])
    np.testing.assert_array_equal(alone, whole[groups == 1])
    assert np.isnan(whole).sum() == np.isnan(raw).sum()
    assert parts.take(2) == calibration.take(2)


def test_old_readings_count_less():
    _, calibration = _feed(np.full(10, 4.0))
    state = np.frombuffer(calibration.take(0)).copy()
    state *= 2 * MEMORY / state[0]
    calibration.put(0, state.tobytes())
    _feed(np.zeros(1), calibration=calibration)
    assert np.frombuffer(calibration.take(0))[0] == MEMORY + 1


def _weekends(days, per_day=20_000, seed=5):
    """Tails that are twice as long on two days of seven, as of a model that knows no weekend."""
    rng = np.random.default_rng(seed)
    tails = np.where(np.arange(days) % 7 < 5, 1.0, 2.0)
    return rng.exponential(0.4343, (days, per_day)) * tails[:, None]


def test_what_was_said_too_often_is_said_less():
    raw = _weekends(14)
    said, _ = _feed(raw.ravel())
    assert 0.5 < (said >= 3.0).mean() * 1000 < 2.0
    assert (raw >= 3.0).mean() * 1000 > 5.0, "it would have been"


def test_less_or_more_is_said_within_bounds_and_only_of_what_surprises():
    rng = np.random.default_rng(6)
    _, calibration = _feed(rng.exponential(0.4343, 20_000))
    ladder = np.linspace(0.0, 12.0, 60)
    for often, most in ((1e9, MOST_LESS), (0.0, -MOST_MORE)):
        state = np.frombuffer(calibration.take(0)).copy()
        # With the next reading it is looked again how often it was said.
        state[0], state[-2] = 999_999, often
        calibration.put(0, state.tobytes())
        after = [_feed([0.0, s], calibration=_copy(calibration))[0][1] for s in ladder]
        state[-2] = 1e3
        calibration.put(0, state.tobytes())
        before = [_feed([0.0, s], calibration=_copy(calibration))[0][1] for s in ladder]
        less = np.array(before) - after
        np.testing.assert_allclose(less, most * np.clip(np.array(before) / JUDGED, 0, 1), atol=1e-9)
        assert (np.diff(after) > 0).all()


def test_what_is_not_counts_is_refused():
    calibration = Calibration(1)
    with pytest.raises(ValueError, match=f"expected {8 * COLUMNS} bytes, got 3"):
        calibration.put(0, b"abc")
    with pytest.raises(IndexError, match="0 to 0, got 1"):
        _feed(np.zeros(1), ONE + 1, calibration)
    calibration.grow(3)
    assert calibration.groups == 3
    assert PRIOR > 0


def test_who_is_too_young_is_scored_and_not_counted():
    calibration = Calibration(1)
    before = calibration.take(0)
    said = calibration.score_and_learn(ONE, np.array([2.0]), np.zeros(1, np.bool_))
    assert said[0] == pytest.approx(2.0, abs=0.01)
    assert calibration.take(0) == before


@pytest.mark.parametrize("size", [1, 7, 4001])
def test_who_is_new_is_counted_and_scored_once_enough_others_were(size):
    rng = np.random.default_rng(5)
    groups = rng.integers(0, 2, 4001 * 2)
    raw, after = rng.exponential(0.43, len(groups)), np.where(groups == 1, 0, AT_ONCE)
    calibration, said = Calibration(2), list[float]()
    for at in range(0, len(groups), size):
        rows = slice(at, at + size)
        counted = np.ones(len(raw[rows]), np.bool_)
        said += calibration.score_and_learn(groups[rows], raw[rows], counted, after[rows]).tolist()
    enough = np.minimum(np.cumsum(groups == 0), np.cumsum(groups == 1)) >= PRIOR
    assert enough[-1]
    assert np.isnan(said).tolist() == ((groups == 1) & ~enough).tolist()
    alone, _ = _feed(raw[groups == 1], 0 * groups[groups == 1], Calibration(1))
    late = enough[groups == 1]
    assert np.array(said)[groups == 1][late].tolist() == alone[late].tolist()
