import numpy as np
import pytest

from models.calibration import (
    AT_ONCE,
    COLUMNS,
    ENOUGH,
    JUDGED,
    MEMORY_MS,
    MOST_LESS,
    MOST_MORE,
    PRIOR,
    Calibration,
)

ONE = np.zeros(1, np.intp)
DAY = 86_400_000


def _feed(raw, groups=None, calibration=None, times_ms=0):
    groups = np.zeros(len(raw), np.intp) if groups is None else groups
    calibration = calibration or Calibration(int(groups.max()) + 1)
    times_ms = np.broadcast_to(np.asarray(times_ms, np.int64), len(raw))
    counted = np.ones(len(raw), np.bool_)
    raw = np.asarray(raw, float)
    return calibration.score_and_learn(groups, times_ms, raw, counted), calibration


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


def _copy(calibration, groups=1):
    """Return so many groups that have counted what the first has."""
    made = Calibration(groups)
    for group in range(groups):
        made.put(group, calibration.take(0))
    return made


def _counted(readings, since_ms):
    """Return a calibration of one group that has counted so many readings since then."""
    _, calibration = _feed(np.full(10, 4.0), times_ms=since_ms)
    state = np.frombuffer(calibration.take(0)).copy()
    state[:-2] *= readings / state[0]
    state[-3] = readings / 10
    calibration.put(0, state.tobytes())
    return calibration


def _count_after(calibration, time_ms):
    _feed(np.zeros(1), calibration=calibration, times_ms=time_ms)
    return np.frombuffer(calibration.take(0))[0]


def test_groups_do_not_touch_each_other_and_cuts_do_not_matter():
    rng = np.random.default_rng(4)
    raw, groups = rng.exponential(0.4, 5000), rng.integers(3, size=5000)
    raw[rng.integers(5000, size=50)] = np.nan
    times = np.linspace(0, 3 * MEMORY_MS, 5000).astype(np.int64)
    old = _counted(2 * ENOUGH, since_ms=0)

    def feed(rows, calibration):
        return _feed(raw[rows], groups[rows], calibration, times[rows])[0]

    calibration, parts = _copy(old, 3), _copy(old, 3)
    whole = feed(slice(None), calibration)
    cut = [feed(slice(i, i + 700), parts) for i in range(0, 5000, 700)]
    np.testing.assert_array_equal(np.concatenate(cut), whole)
    alone, _ = _feed(raw[groups == 1], calibration=_copy(old, 1), times_ms=times[groups == 1])
    np.testing.assert_array_equal(alone, whole[groups == 1])
    assert np.isnan(whole).sum() == np.isnan(raw).sum()
    assert parts.take(2) == calibration.take(2)


@pytest.mark.parametrize("readings", [ENOUGH, 1e9])
def test_old_readings_count_half_after_a_week_however_many_there_are(readings):
    calibration = _counted(readings, since_ms=DAY)
    assert _count_after(calibration, DAY + MEMORY_MS - 1) == readings + 1
    assert _count_after(calibration, DAY + MEMORY_MS) == (readings + 1) / 2 + 1
    assert _count_after(calibration, DAY + 2 * MEMORY_MS - 1) == (readings + 1) / 2 + 2
    assert np.frombuffer(calibration.take(0))[-3] == readings / 20, "of how often it was said too"
    late = _count_after(calibration, 2 * DAY)
    assert late == (readings + 1) / 2 + 3, "and one that comes late is one like others"


def test_of_a_few_readings_the_old_ones_count_as_much():
    assert _count_after(_counted(ENOUGH - 1, since_ms=0), 100 * MEMORY_MS) == ENOUGH


def test_a_clock_far_ahead_does_not_stop_forgetting():
    calibration = _counted(ENOUGH, since_ms=500 * MEMORY_MS)
    assert _count_after(calibration, 0) == ENOUGH + 1
    assert _count_after(calibration, MEMORY_MS) == (ENOUGH + 1) / 2 + 1


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
        state[0], state[-3] = 999_999, often
        calibration.put(0, state.tobytes())
        after = [_feed([0.0, s], calibration=_copy(calibration))[0][1] for s in ladder]
        state[-3] = 1e3
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


def test_who_is_too_young_is_scored_and_not_counted():
    calibration = Calibration(1)
    before = calibration.take(0)
    said = calibration.score_and_learn(ONE, ONE, np.array([2.0]), np.zeros(1, np.bool_))
    assert said[0] == pytest.approx(2.0, abs=0.01)
    assert calibration.take(0) == before


@pytest.mark.parametrize("size", [1, 7, 4001])
@pytest.mark.parametrize("new", [0.4, 0.6])
def test_who_is_new_is_counted_and_scored_once_enough_others_were(size, new):
    rng = np.random.default_rng(5)
    groups = (rng.random(4001 * 2) < new).astype(np.intp)
    raw, after = rng.exponential(0.43, len(groups)), np.where(groups == 1, 0, AT_ONCE)
    calibration, said = Calibration(2), list[float]()
    for at in range(0, len(groups), size):
        rows = slice(at, at + size)
        counted = np.ones(len(raw[rows]), np.bool_)
        columns = groups[rows], 0 * groups[rows], raw[rows], counted, after[rows]
        said += calibration.score_and_learn(*columns).tolist()
    enough = np.minimum(np.cumsum(groups == 0), np.cumsum(groups == 1)) >= PRIOR
    assert enough[-1]
    assert np.isnan(said).tolist() == ((groups == 1) & ~enough).tolist()
    alone, _ = _feed(raw[groups == 1], 0 * groups[groups == 1], Calibration(1))
    late = enough[groups == 1]
    assert np.array(said)[groups == 1][late].tolist() == alone[late].tolist()
