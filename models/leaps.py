"""Know a spike by its leap: out of all proportion to how the sensor moves, and back at once.

A leap is a step from one reading to the next that is twice the largest the sensor remembers and
many times its usual one, for a value as large as the one it leaps from. What follows tells what it
was: it leaps back within a few readings (a spike), or stays (a new level: an event, or a unit that
changed). A leap teaches little, so a sensor that spikes is noticed for long, but one that is spiky
by nature not for ever.

The functions move on ``s``, a row of ``sensor_faults.FAULT``, and are part of its compiled loop.
"""

from __future__ import annotations

from typing import Any

from models.compiled import compiled, inlined
from models.magnitude import times_larger
from models.repetition import intermittent

__all__ = ["leapt", "spiking"]

WARM_UP = 150  # readings before steps are judged, as in the record of peaks
USUAL = 1.0 / 200.0  # how fast the usual step follows
TIMES_USUAL = 8.0  # steps of a normal series stay below 6 times their mean
TIMES_LARGEST = 2.0
TEACHES = 1.1  # what a leap is at most remembered as: so many times what was believable
FORGET = 0.5 ** (1.0 / 6000.0)  # as the record of peaks forgets
BACK_WITHIN = 3  # readings within which a spike is over
STAYS = 12  # readings after which a new level is believed
SPIKES_FADE = 1.0 - 1.0 / 100.0
SPIKES = 1.6  # two within forty readings, three within eighty
CALMED = 0.8  # below it spiking is over: seventy readings after two


@inlined
def leapt(s: Any, x: float, step: float) -> bool:
    """Learn a step; return whether the sensor is where it leapt to, and not yet believed."""
    s.spikes *= SPIKES_FADE
    size, leap = abs(step), abs(s.leap)
    if s.away > 0:
        if _returned(s, x, step):
            if s.away <= BACK_WITHIN:
                s.spikes += 1.0
            s.away = 0
            return False
        s.away += 1
        # A level at which nothing has moved since the leap is not believed.
        if s.away > STAYS and not s.unit and s.run < s.away - 2:
            s.away = 0
        s.away = min(s.away, 250)
        if size < leap:
            _learn(s, size)
        return bool(s.away > 0)
    believable = max(TIMES_LARGEST * s.largest, TIMES_USUAL * s.usual) * times_larger(s, s.last)
    if s.age >= WARM_UP and size > believable and not intermittent(s):
        s.anchor, s.leap, s.away, s.ratio = s.last, step, 1, 0.0
        s.largest = max(s.largest, min(size, TEACHES * believable / TIMES_LARGEST))
        return True
    _learn(s, size)
    return False


@inlined
def spiking(s: Any) -> bool:
    """Say whether spikes come often."""
    s.spiky = s.spikes >= (CALMED if s.spiky else SPIKES)
    return bool(s.spiky)


@inlined
def _returned(s: Any, x: float, step: float) -> bool:
    """Say whether it is back near where it was, or has leapt back from where it is."""
    half = 0.5 * abs(s.leap)
    return bool(abs(x - s.anchor) <= half or (step * s.leap < 0.0 and abs(step) >= half))


@compiled
def _learn(s: Any, size: float) -> None:
    rate = max(USUAL, 1.0 / (s.age + 1.0))
    most = size if s.age < WARM_UP else min(size, 4.0 * s.usual + 1e-30)
    s.usual += rate * (most - s.usual)
    s.largest = max(s.largest * FORGET, size)
