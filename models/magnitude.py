"""How many times its usual size a value is.

A concentration, a flow or a crowd varies by factors: forty times as large, it also trembles and
leaps forty times as far, and nothing is wrong with its sensor. A level that is measured from
anywhere, far from 0, stays about as large as it is, and nothing is different.

The functions move on ``s``, a row of ``sensor_faults.FAULT``, and are part of its compiled loop.
"""

from __future__ import annotations

from typing import Any

from models.compiled import inlined

__all__ = ["learn_size", "times_larger"]

SLOW = 1.0 / 500.0
WARM_UP = 300  # readings: a night and a day at five minutes
MOST = 3.0  # times its usual size a value counts at most: hours of a plume are not usual
ORDINARY = 2.0  # times: a day's high and low


@inlined
def learn_size(s: Any, x: float) -> None:
    """Learn how large values are."""
    size = abs(x) if s.age < WARM_UP else min(abs(x), MOST * s.size)
    s.size += max(SLOW, 1.0 / (s.age + 1.0)) * (size - s.size)


@inlined
def times_larger(s: Any, x: float) -> float:
    """Return how many times larger a value is than one that is ordinary; 1 if it is not."""
    return max(1.0, abs(x) / (ORDINARY * s.size)) if s.size > 0.0 else 1.0
