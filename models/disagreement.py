"""Know a drifting sensor by its neighbours: off for long, while those of its kind nearby are not.

An event moves the sensors around it; a drift moves one. Each sensor keeps a running mean of how
far it is from what is expected, in its own typical errors. Where that is large, its neighbours'
are looked at: too few of them off in the same direction, reading after reading, is disagreement.
A single series cannot tell a drift from an event, so without neighbours nothing is said. Spikes,
noise and a unit are believed without, but not where several neighbours are unsettled as well.

The functions move on ``s``, a row of ``sensor_faults.FAULT``, and are part of its compiled loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compiled import inlined

__all__ = ["accompanied", "disagrees"]

WARM_UP = 300  # readings before expectations are worth comparing: a day at five minutes
RATE = 1.0 / 12.0
OFF = 3.5  # mean distance from what is expected, in typical errors, that is looked into
AGREES = 1.0  # of the same, that a neighbour must be off in the same direction to agree
LEAST = 2  # neighbours that must be heard
UNSETTLED = 2.0  # mean distance at which a neighbour has something to tell as well
COMPANY = 2  # such neighbours, a third of those heard at least, make an event of a fault
MOST = 8.0  # errors one reading counts at most


@inlined
def disagrees(
    rows: NDArray[np.void],
    sensor: int,
    x: float,
    expected: float,
    spread: float,
    near: NDArray[np.int32],
    patience: int,
) -> bool:
    """Learn how far a reading is off; return whether its sensor has been off alone for long."""
    s = rows[sensor]
    if spread > 0.0:
        distance = (x - expected) / spread
        s.off += RATE * (min(max(distance, -MOST), MOST) - s.off)
    if s.age < WARM_UP or sensor >= len(near):
        return False
    if abs(s.off) < OFF:
        s.lone = max(s.lone - 2, 0)
    else:
        alone = _alone(rows, s, near[sensor])
        s.lone = min(s.lone + 1, patience + 12) if alone else max(s.lone - 2, 0)
    return bool(s.lone >= patience)


@inlined
def accompanied(rows: NDArray[np.void], sensor: int, near: NDArray[np.int32]) -> bool:
    """Say whether neighbours leap, tremble or are off as well: then it is not the sensor."""
    heard = unsettled = 0
    if sensor < len(near):
        for neighbour in near[sensor]:
            if 0 <= neighbour < len(rows):
                other = rows[neighbour]
                if other.age >= WARM_UP and other.group == rows[sensor].group:
                    heard += 1
                    moves = other.away > 0 or other.restless or other.spikes >= 1.0
                    unsettled += moves or abs(other.off) >= UNSETTLED
    return unsettled >= COMPANY and 3 * unsettled >= heard


@inlined
def _alone(rows: NDArray[np.void], s: Any, near: NDArray[np.int32]) -> bool:
    """Say whether fewer than a third of the neighbours are off in the same direction."""
    heard = agree = 0
    for neighbour in near:
        if 0 <= neighbour < len(rows):
            other = rows[neighbour]
            if other.age >= WARM_UP and other.group == s.group:
                heard += 1
                agree += other.off * s.off >= AGREES * abs(s.off)
    return heard >= LEAST and 3 * agree < heard
