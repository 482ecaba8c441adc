"""Remember what a kind's sensors measured hour by hour, and describe a moment of one of them.

A *beat* is an hour of event time, the same for all sensors. Of each the last reading is kept, of
all together how far they stood above what is usual for each: what neighbours say.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled

__all__ = [
    "BEAT_S",
    "FEATURES",
    "HOUR",
    "KEPT",
    "LONGEST",
    "MEMORY",
    "SENSOR",
    "aim",
    "close_beat",
    "count_in",
    "describe",
    "newborn_sensor",
    "open_beat",
]

BEAT_S = 3600.0
BACK = (1, 3, 6, 12, 24)  # beats back to which now is compared
LONGEST = 24  # beats: of these, and of what is forecast
KEPT = 2 * LONGEST + 2  # beats remembered: at the end of a horizon, back from its beginning
DAY = 24  # beats
MEAN_RATE = 0.002  # the usual level of a sensor follows in about three weeks

_OWN, _SHARED = 2, 2 + len(BACK) + 2  # where features begin: the sensor's changes, its pool
HOUR = _SHARED + 2 + len(BACK)  # where the hour of the day begins
FEATURES = HOUR + 4

SENSOR = np.dtype(
    [
        ("time_s", np.float64),  # of the last reading
        ("beat", np.int64),  # now going on
        ("beats", np.float64),  # learnt
        ("mean", np.float64),  # log of what is usual
        ("past", np.float32, KEPT),  # log of the last reading of each beat, NaN where there is none
        ("off", np.float32, KEPT),  # how far that was above what was usual then
    ]
)
"""What is kept of one sensor."""

MEMORY = (
    ("beat", np.int64),  # now going on
    ("now", np.float64, 3),  # readings of it, sum and sum of squares of their deviations
    ("before", np.float64, 3),  # the same of the beat before
    ("of_beat", np.int64, KEPT),  # which beats are remembered,
    ("mean", np.float64, KEPT),  # how far the pool stood above what is usual,
    ("unlike", np.float64, KEPT),  # and how much sensors differed in that
)
"""What is kept of a pool, as fields of a row."""

Floats = NDArray[np.float64]
Row = Any  # of sensors or of pools


def newborn_sensor() -> NDArray[np.void]:
    """Return the row of a sensor that was never heard."""
    row = np.zeros(1, SENSOR)
    row["past"] = np.nan
    return row


@compiled
def count_in(s: Row, pool: Row, beat: int, now: float) -> None:
    """Take a reading into the beat of a sensor, and into its pool's if that goes on."""
    off = now - s.mean
    s.past[beat % KEPT], s.off[beat % KEPT] = now, off
    if pool.beat == beat:
        pool.now[0] += 1.0
        pool.now[1] += off
        pool.now[2] += off * off


@compiled
def open_beat(s: Row, beat: int, now: float) -> None:
    """Begin a beat of a sensor; beats without a reading leave a gap."""
    last = s.past[s.beat % KEPT] if s.beat > 0 else now
    s.beats += 1.0
    s.mean += max(MEAN_RATE, 1.0 / s.beats) * (last - s.mean)
    for gone in range(max(s.beat + 1, beat - KEPT + 1), beat + 1):
        s.past[gone % KEPT] = np.nan
    s.beat = beat


@compiled
def close_beat(pool: Row, beat: int) -> None:
    """End the beat of a pool; another begins."""
    if pool.beat > 0:
        at = pool.beat % KEPT
        pool.of_beat[at] = pool.beat
        pool.mean[at], pool.unlike[at] = _standing(pool)
    for i in range(3):
        pool.before[i] = pool.now[i] if pool.beat + 1 == beat else 0.0
        pool.now[i] = 0.0
    pool.beat = beat


@compiled
def _standing(pool: Row) -> tuple[float, float]:
    """Return how far a pool stands above what is usual, and how much its sensors differ.

    Who has not spoken yet in this beat is taken to be as the pool was in the one before.
    """
    missing = max(pool.before[0] - pool.now[0], 0.0) / max(pool.before[0], 1.0)
    count = pool.now[0] + missing * pool.before[0]
    if count == 0.0:
        return 0.0, 0.0
    mean = (pool.now[1] + missing * pool.before[1]) / count
    square = (pool.now[2] + missing * pool.before[2]) / count
    return mean, math.sqrt(max(square - mean * mean, 0.0))


@compiled
def _remembered(pool: Row, beat: int) -> float:
    """Return how far a pool stood above what is usual; NaN where nobody knows."""
    if beat == pool.beat:
        return _standing(pool)[0]
    return pool.mean[beat % KEPT] if pool.of_beat[beat % KEPT] == beat else np.nan


@compiled
def describe(s: Row, pool: Row, beat: int, f: Floats) -> None:
    """Put the features of a moment into ``f``: all but its horizon and the level asked for."""
    now = float(s.past[beat % KEPT])
    # As it was then: with what is usual now, its distance from the pool would tell the future.
    f[0], f[1] = 1.0, float(s.off[beat % KEPT])
    shared = _remembered(pool, beat)
    f[_SHARED] = 0.0 if math.isnan(shared) else shared - f[1]
    highest = lowest = now
    for back in range(1, LONGEST + 1):
        before = float(s.past[(beat - back) % KEPT])
        if before > highest:
            highest = before
        if before < lowest:
            lowest = before
    for i in range(len(BACK)):
        before = float(s.past[(beat - BACK[i]) % KEPT])
        f[_OWN + i] = 0.0 if math.isnan(before) else now - before
        of_all = shared - _remembered(pool, beat - BACK[i])
        f[_SHARED + 2 + i] = 0.0 if math.isnan(of_all) else of_all
    f[_OWN + len(BACK)], f[_OWN + len(BACK) + 1] = highest - now, now - lowest
    f[_SHARED + 1] = 0.0
    if beat == pool.beat:
        f[_SHARED + 1] = _standing(pool)[1]
    elif pool.of_beat[beat % KEPT] == beat:
        f[_SHARED + 1] = pool.unlike[beat % KEPT]


@compiled
def aim(beat: int, ahead: int, f: Floats) -> None:
    """Add the hour of the day at which a horizon ends."""
    turn = 2.0 * math.pi * ((beat + ahead) % DAY) / DAY
    f[HOUR], f[HOUR + 1] = math.sin(turn), math.cos(turn)
    f[HOUR + 2], f[HOUR + 3] = math.sin(2.0 * turn), math.cos(2.0 * turn)
