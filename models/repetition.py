"""Know a stuck sensor by its repetitions: more of them than it ever showed, far beyond chance.

What is ordinary differs from sensor to sensor: a coarse one repeats itself for hours, a rain gauge
shows nothing for weeks, a gate is closed. So each learns how often a value comes again, how often
one that came again does so once more, its longest run, and the one value at which it comes to rest.

The functions move on ``s``, a row of ``sensor_faults.FAULT``, and are part of its compiled loop.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.compiled import inlined

__all__ = ["intermittent", "repeated"]

CHANGES = 50  # changes of value before repetitions are judged: a constant sensor never is
BEYOND = 6.0  # decades of chance that a run must lie beyond, were repetitions independent
LONGER = 1.5  # times the longest run before that it must be besides
RATE = 1.0 / 200.0  # how fast the chances of repetition follow
LEAST_CHANCE = 0.02  # of a repetition: two values in fifty are equal by rounding alone
MANY = 65_535
IDLE = 24  # repetitions of 0 after which a sensor is one that mostly has nothing to measure


@inlined
def repeated(s: Any, x: float, moved: bool) -> bool:
    """Learn whether the value came again; return whether it has come again too often.

    Parameters
    ----------
    moved
        Whether the sensor leapt to where it is: only then is a 0 no rest.
    """
    if x == s.last:
        # What goes beyond all it did teaches nothing: it would explain itself.
        if s.run <= 2 * s.longest + 2:
            s.repeat += RATE * (1.0 - s.repeat)
            if s.run > 0:
                s.again += RATE * (1.0 - s.again)
        s.run, s.strange = min(s.run + 1, MANY), s.strange or moved
        if not s.stuck and _beyond(s, x, moved):
            s.stuck = 1
        return bool(s.stuck)
    s.repeat -= RATE * s.repeat
    if s.run > 0:
        _finish(s)
    s.changes = min(s.changes + 1, 255)
    s.run, s.stuck, s.strange = 0, 0, 0
    return False


@inlined
def intermittent(s: Any) -> bool:
    """Say whether a sensor rests at 0, as a rain gauge does: then it moves in bursts by nature."""
    return bool(s.rest == 0.0 and s.resting >= IDLE)


@inlined
def _beyond(s: Any, x: float, moved: bool) -> bool:
    """Say whether the run is far beyond what this sensor does."""
    if s.changes < CHANGES or s.run <= LONGER * s.longest + 2.0:
        return False
    if np.float32(x) == s.rest or (x == 0.0 and not moved):
        return False
    chance = max(s.repeat, s.again, LEAST_CHANCE)
    return bool(-float(s.run) * math.log10(chance) > BEYOND)


@inlined
def _finish(s: Any) -> None:
    """Remember a run that is over; a fault, or where it leapt to, teaches at most the double."""
    s.again -= RATE * s.again
    run = s.run
    if s.stuck or s.strange:
        s.longest = max(s.longest, min(run, 2 * s.longest + 2))
    elif np.float32(s.last) == s.rest:
        s.resting = max(s.resting, run)
    elif run > s.resting:
        # The value at which it stayed longest is its rest; the one before was a run like others.
        s.longest = max(s.longest, s.resting)
        s.rest, s.resting = s.last, run
    else:
        s.longest = max(s.longest, run)
