"""Know a noisy sensor by its reversals: up and down from reading to reading, more than it did.

What happens in a city moves a value somewhere; noise moves it there and back. The size of a
reversal is the smaller of two steps in opposite directions, 0 when it goes on the same way. What
varies by factors trembles more where it is large (``magnitude``): there, more is usual.

The functions move on ``s``, a row of ``sensor_faults.FAULT``, and are part of its compiled loop.
"""

from __future__ import annotations

from typing import Any

from models.compiled import inlined
from models.magnitude import times_larger
from models.repetition import intermittent

__all__ = ["noisy"]

WARM_UP = 300  # readings: a night and a day at five minutes
SLOW = 1.0 / 500.0
FAST = 1.0 / 16.0
TIMES = 8.0  # reversals so many times the usual are noise
CALMED = 5.0  # and it is over below so many
STEPS = 1.0  # and larger than its usual step: a smooth series reverses little
MOST = 10.0  # no reversal counts more: a spike is not noise
OFTEN = 0.5  # of readings that repeat: beyond it a sensor moves too seldom to be judged


@inlined
def noisy(s: Any, x: float, step: float) -> bool:
    """Learn a reversal; return whether they are many times the usual."""
    back = min(abs(step), abs(s.step)) if step * s.step < 0.0 else 0.0
    rate = max(SLOW, 1.0 / (s.age + 1.0))
    if s.age < WARM_UP:
        s.reversal += rate * (back - s.reversal)
        s.lately += FAST * (back - s.lately)
        return False
    usual = float(s.reversal)
    s.lately += FAST * (min(back / times_larger(s, x), MOST * max(usual, s.usual)) - s.lately)
    s.reversal += (0.25 * rate if s.restless else rate) * (min(back, 4.0 * s.usual) - usual)
    if s.repeat > OFTEN or intermittent(s):
        s.restless = 0
    else:
        bar = max((CALMED if s.restless else TIMES) * usual, STEPS * s.usual)
        s.restless = s.lately > bar and bar > 0.0
    return bool(s.restless)
