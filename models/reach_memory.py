"""Remember what a gauge and those along its river measured, beat by beat, and describe a moment.

A *beat* is a quarter of an hour of event time, the same for all gauges. A gauge keeps of each beat
its own last reading and, beside it, what the others had said by then: so what is described later
is what could be known at that moment, and a gauge can be moved without the others.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled

__all__ = [
    "BACK",
    "BEAT_S",
    "FEATURES",
    "KEPT",
    "LONGEST",
    "MEMORY",
    "OTHERS",
    "describe",
    "look",
    "open_beat",
]

BEAT_S = 900.0
OTHERS = 4  # gauges along the river that one listens to, at the most
LONGEST = 48  # beats that are forecast
BACK = (0, 1, 2, 4, 8, 16, 32, 64)  # beats back between which changes are taken
STALE_S = 2.0 * BEAT_S  # age of another's reading that says nothing about now any more
BRIDGED = 8  # beats without a reading over which the last one is taken to hold

_S, _B = 1 + OTHERS, len(BACK) - 1
KEPT = LONGEST + BACK[-1] + 2  # beats remembered: at the end of a forecast, back from its beginning
FEATURES = _S * _B

MEMORY = (
    ("time_s", np.float64),  # of the last reading
    ("value", np.float64),
    ("home", np.int64),  # shard by which it came
    ("origin", np.float64),  # the first reading, so that small numbers hold the past
    ("beat", np.int64),  # now going on, 0 before the first
    ("past", np.float32, (KEPT, _S)),  # of each beat: own, the others', NaN where there is none
)
"""What is kept of one gauge, as fields of a row."""

Floats = NDArray[np.float64]
Row = Any  # of a gauge


@compiled
def open_beat(s: Row, beat: int) -> None:
    """Begin a beat of a gauge; short gaps are bridged, long ones stay open."""
    bridged = s.beat > 0 and beat - s.beat <= BRIDGED
    before = s.beat % KEPT
    for gone in range(max(s.beat + 1, beat - KEPT + 1), beat + 1):
        for i in range(_S):
            s.past[gone % KEPT, i] = s.past[before, i] if bridged else np.nan
    s.beat = beat


@compiled
def look(rows: NDArray[np.void], s: Row, others: NDArray[np.int32]) -> None:
    """Note a gauge's reading in its beat, and what those of its shard have said lately."""
    at = s.beat % KEPT
    s.past[at, 0] = s.value - s.origin
    for i in range(OTHERS):
        said = np.nan
        if others[i] >= 0:
            other = rows[others[i]]
            fresh = other.beat > 0 and s.time_s - other.time_s <= STALE_S
            if fresh and other.home == s.home:
                said = other.value - other.origin
        s.past[at, i + 1] = said


@compiled
def describe(s: Row, beat: int, unit: float, f: Floats) -> None:
    """Put the changes that led to a moment into ``f``, in units; 0 where one is not known."""
    for i in range(_S):
        later = float(s.past[beat % KEPT, i])
        for k in range(_B):
            before = float(s.past[(beat - BACK[k + 1]) % KEPT, i])
            change = later - before
            f[i * _B + k] = 0.0 if math.isnan(change) else change / unit
            later = before
