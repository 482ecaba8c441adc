"""The arithmetic of the record of peaks: one reading of each of many sensors, as columns.

Every function here works on ``s``, a matrix with one row per number that is kept of a sensor and
one column per sensor, so that one numpy call serves all sensors, and often all seven features.
``least`` is the smallest age (readings seen before) among the columns: work that only young
sensors need is left out when there are none, which changes no result.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.tails import score_and_learn_tails

__all__ = ["HALF_HOURS", "THRESHOLD", "WARM_UP", "WIDTH", "Step", "advance", "newborn"]

WARM_UP = 150  # readings before a sensor is judged
THRESHOLD = 0.26  # tau: 30 % above the second largest peak; the operator's one knob
RE_ARM = 0.2  # below tau by this much, an episode is over
PEAK = 100.0  # readings that belong to one peak
HALF_LIFE = 6000.0  # readings after which a peak counts half
HALF_HOURS = 48
DAY_RATE = 0.1  # how fast the habit of a half hour follows
ROUNDING = 5e-7  # share of a sensor's excursion that float32 habits cannot resolve
FLOOR_OF_S = 0.45  # a score this far below 0 is no surprise; a flat series stays below it

# Rows of ``s``. Those that follow the value, the residual, the jump are neighbours.
_T, _BASE, _LAST = 0, 1, 2
_SMOOTH = slice(3, 12)
_MU, _X20, _X200, _R5, _R80, _A80, _A20, _A500, _ERROR = range(3, 12)
_UNIT = slice(12, 14)  # 1, and the mean size of short shifts: what tails are measured in
_MEAN = 13
_QUANTILE, _EXCESS = slice(14, 16), slice(16, 18)  # tails of record and event
_CURRENT, _OTHER, _PEAKS = slice(18, 25), slice(25, 32), slice(18, 32)
_FREE = slice(32, 39)  # the reading up to which the current peak lasts
_HOLD, _ARMED = 39, 40
WIDTH = 41

_RATES = 1.0 / np.array([100, 20, 200, 5, 80, 80, 20, 500, 500])[:, None]
_SLOWEST = 500.0  # age from which no rate depends on age
_DECAY = 0.5 ** (1 / HALF_LIFE)
_FLOOR = np.exp(-1.0)  # u = ln(ratio) is cut at -1
_UNKNOWN = np.exp(1.0)  # u = 1 for the first thing of its kind
# Of a record in units of S above its floor, of an event in units of its mean.
_USUAL_QUANTILE, _USUAL_EXCESS = np.array([[0.45], [2.9]]), np.array([[0.2], [0.5]])
_LEAST_QUANTILE, _LEAST_EXCESS = np.array([[0.15], [1.2]]), np.array([[0.07], [0.1]])
# What depends on how often a half hour was seen, by that number.
_NEXT = np.minimum(np.arange(256) + 1, 255).astype(np.uint8)
_NO_LIMIT = np.where(np.arange(256) < 3, np.inf, 0.0)
_HABIT_RATE = np.maximum(1.0 / np.arange(1.0, 257.0), DAY_RATE)

Floats = NDArray[np.float64]
Habits = NDArray[np.float32]
Counts = NDArray[np.uint8]


class Step(NamedTuple):
    """What one reading of each sensor said; rows that are in warm-up are NaN."""

    score: Floats
    strength: Floats
    channel: NDArray[np.intp]
    expected: Floats
    scale: Floats
    surprisals: Floats
    """Two rows: of a record, of an event."""


def newborn(n: int) -> Floats:
    """Return the state of sensors never heard, one row a sensor."""
    s = np.zeros((n, WIDTH))
    s[:, _UNIT.start] = 1.0
    s[:, _FREE] = -1.0
    s[:, _ARMED] = 1.0
    return s


def advance(s: Floats, x: Floats, day: Habits, seen: Counts) -> tuple[Step, Floats, Counts]:
    """Score one reading of each sensor, then learn it.

    Parameters
    ----------
    s
        State, one column a sensor; changed in place.
    x
        The readings.
    day, seen
        What is usual at this half hour, and how often it was seen.

    Returns
    -------
    The step, and the half hour's habit and count as they are now.
    """
    t = s[_T]
    least = t.min()
    if least == 0.0:
        fresh = np.flatnonzero(t == 0.0)
        s[[[_BASE], [_LAST], [_MU], [_X20], [_X200]], fresh] = x[fresh]
    scale = s[_ERROR].copy()
    expected, r, habit, seen = _season(s, x, day, seen, least)
    features = _features(s, x, r, least)
    score, channel = _compare(s, features)
    warming = t < WARM_UP if least < WARM_UP else None
    if warming is not None:
        score[warming] = -np.inf
    strength = _alarm(s, score)
    surprisals = _surprisals(s, score, features[1], least)
    if warming is not None:
        score[warming] = np.nan
        surprisals[:, warming] = np.nan
    t += 1.0
    return Step(score, strength, channel, expected, scale, surprisals), habit, seen


def _season(
    s: Floats, x: Floats, day: Habits, seen: Counts, least: float
) -> tuple[Floats, Floats, Floats, Counts]:
    """Return what was expected, the residual, and the half hour's habit and count as they are now.

    A half hour seen twice is its own forecast, before that the level is.
    """
    # Habits are kept as offsets from the first value: float32 then loses nothing that matters.
    offset = x - s[_BASE]
    expected = s[_BASE] + day
    np.copyto(expected, s[_MU], where=seen < 2)
    r = x - expected
    # Rounding is not news: without this a sensor dead for months would alarm on its last bits.
    r[np.abs(r) <= ROUNDING * np.abs(offset)] = 0.0
    delta = offset - day
    limit = 5.0 * s[_ERROR] + _NO_LIMIT.take(seen)
    if least <= WARM_UP:
        limit[s[_T] <= WARM_UP] = np.inf
    delta = np.minimum(np.maximum(delta, -limit), limit)
    return expected, r, day + _HABIT_RATE.take(seen) * delta, _NEXT.take(seen)


def _features(s: Floats, x: Floats, r: Floats, least: float) -> Floats:
    """Move the smoothers on and return the seven features, one row each."""
    smooth, move, features = s[_SMOOTH], np.empty((9, len(x))), np.empty((7, len(x)))
    np.abs(x - s[_LAST], out=features[3])
    s[_LAST] = x
    move[:3] = x
    move[3:5] = r
    move[5:8] = features[3]
    np.abs(r, out=move[8])
    features[0] = move[8]
    move -= smooth
    if least < _SLOWEST:
        rates = np.maximum(_RATES, 1.0 / (s[_T] + 2.0))
        rates[8] = np.maximum(_RATES[8], 1.0 / (s[_T] + 1.0))
        move *= rates
    else:
        move *= _RATES
    smooth += move
    size = np.abs(smooth)
    smooth *= size >= 1e-200  # denormal numbers cost a hundred times as much
    features[1:3] = size[3:5]
    np.abs(s[_X20] - s[_X200], out=features[4])
    features[5] = s[_A80]
    floor = 0.001 * s[_A500]
    floor += 1e-12
    np.divide(s[_A20] + floor, s[_A500] + floor, out=features[6])
    return features


def _compare(s: Floats, features: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Return S and its channel against the peaks remembered, then remember these."""
    current, other, free, t = s[_CURRENT], s[_OTHER], s[_FREE], s[_T]
    low = np.minimum(current, other)
    pool = np.empty((8, len(t)))
    ratio = np.divide(features, low, out=pool[:7])
    if not ratio.max() < 1e9:  # nor when it is NaN
        unheard = np.where(features > 0.0, _UNKNOWN, _FLOOR)
        np.copyto(ratio, unheard, where=~(ratio < 1e9))
    score = _combine(pool)
    score -= WARM_UP / (t + 1.0)
    channel = ratio.argmax(axis=0)

    within = t <= free
    begins = np.greater(features > low, within)
    np.maximum(current, features * within, out=current)
    new = begins.reshape(-1).nonzero()[0]
    if len(new):
        # Views of the rows end to end: what is written to them is written to the state.
        flat_current, flat_other = current.reshape(-1), other.reshape(-1)
        flat_other[new] = np.maximum(flat_current[new], flat_other[new])
        flat_current[new] = features.reshape(-1)[new]
        free.reshape(-1)[new] = t[new % len(t)] + PEAK
    s[_PEAKS] *= _DECAY
    return score, channel


def _combine(pool: Floats) -> Floats:
    """Return u1 + (u2 + u3) / 4 of the logarithms of seven rows, largest first; cut at -1.

    The eighth row is room for the tournament: sorting seven rows takes four times as long.
    """
    pool[7] = _FLOOR
    np.maximum(pool, _FLOOR, out=pool)
    high, low = np.maximum(pool[:4], pool[4:]), np.minimum(pool[:4], pool[4:])
    # Of two groups of four the largest three each, in order; the smallest loser cannot be one.
    three = np.empty((3, 2, pool.shape[1]))
    np.maximum(high[:2], high[2:], out=three[0])
    second, third = np.minimum(high[:2], high[2:]), np.maximum(low[:2], low[2:])
    np.maximum(second, third, out=three[1])
    np.minimum(second, third, out=three[2])
    # One group's best against the other's worst: the three winners are the largest of all.
    u = np.log(np.maximum(three[:, 0], three[::-1, 1]))
    score: Floats = u[0] + u[1]
    score += u[2]
    score *= 0.25
    score += 0.75 * np.maximum(np.maximum(u[0], u[1]), u[2])
    return score


def _alarm(s: Floats, score: Floats) -> Floats:
    """Return the strength of the alarms: once an episode, and not twice within the hold."""
    t, hold, armed, strength = s[_T], s[_HOLD], s[_ARMED], np.zeros_like(score)
    armed[score < THRESHOLD - RE_ARM] = 1.0
    high = (score > THRESHOLD).nonzero()[0]
    if len(high):
        fires = high[(armed[high] > 0.0) & (t[high] >= hold[high])]
        strength[fires] = score[fires] - THRESHOLD + 0.001
        hold[fires] = t[fires] + np.minimum(300.0, 0.05 * t[fires])
        armed[fires] = 0.0
    return strength


def _surprisals(s: Floats, score: Floats, shift: Floats, least: float) -> Floats:
    """Return the surprisals of record and event, one row each, and learn their tails."""
    t, unit, quantile, excess = s[_T], s[_UNIT], s[_QUANTILE], s[_EXCESS]
    sizes = np.empty((2, len(t)))
    np.maximum(score + FLOOR_OF_S, 0.0, out=sizes[0])
    sizes[1] = shift
    surprisals = score_and_learn_tails(sizes, quantile, excess, t, least)
    rate = 0.0005 if least >= 2000.0 else np.maximum(0.0005, 1.0 / (t + 1.0))
    s[_MEAN] += rate * (shift - s[_MEAN])
    if least < WARM_UP:
        # Until there are readings enough to tell: the tails of a quiet series with this mean.
        young = t < WARM_UP
        np.copyto(quantile, _USUAL_QUANTILE * unit, where=young)
        np.copyto(excess, _USUAL_EXCESS * unit, where=young)
    np.maximum(quantile, _LEAST_QUANTILE * unit, out=quantile)
    np.maximum(excess, _LEAST_EXCESS * unit, out=excess)
    return surprisals
