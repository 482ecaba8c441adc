"""The job that every peer does, and the alerts it must raise.

A topic holds single readings as JSON, keyed by sensor::

    {"sensor":"rl-0012","time":1763881200000,"value":37.5}

Per sensor, in the order of its partition, an exponentially weighted mean and variance are kept with
the fading factor ``FADING``; the first value is the first mean, and the first variance is 0. A
reading is scored before it is learnt: its z is ``|value - mean| / sd``. The first ``WARM_UP``
readings only teach. After them a reading whose z is over ``THRESHOLD`` raises one alert, an entry
of the Redis stream ``ALERTS`` with the fields ``sensor``, ``time`` and ``value``. Every reading is
learnt, also one that raised an alert. Peers are compared by the set of (sensor, time).

River's ``stats.EWMean`` and ``stats.EWVar`` are this arithmetic. Where a framework keeps the state
itself, and so wants it as plain numbers, its users would write `step`, and such peers import it.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

__all__ = ["ALERTS", "FADING", "THRESHOLD", "WARM_UP", "Reading", "State", "reference", "step"]

FADING = 0.04
WARM_UP = 30  # readings of a sensor that only teach
THRESHOLD = 6.0  # in standard deviations
ALERTS = "peers:alerts"

State = tuple[int, float, float]
"""How many readings a sensor had, their mean and their variance."""


class Reading(NamedTuple):
    """One measurement; ``time`` is in milliseconds."""

    sensor: str
    time: int
    value: float


def step(state: State | None, value: float) -> tuple[State, bool]:
    """Score a value, learn it; return the new state and whether the value raises an alert."""
    if state is None:
        return (1, value, 0.0), False
    count, mean, variance = state
    off = value - mean
    unusual = count >= WARM_UP and abs(off) > THRESHOLD * sqrt(variance)
    towards = FADING * off
    return (count + 1, mean + towards, (1.0 - FADING) * (variance + off * towards)), unusual


def reference(readings: Iterable[Reading]) -> tuple[set[tuple[str, int]], float, float]:
    """Return the alerts, and how clear they are: the lowest z that raises one, the highest else."""
    states: dict[str, State] = {}
    alerts: set[tuple[str, int]] = set()
    lowest, highest = float("inf"), 0.0
    for sensor, time, value in readings:
        before = states.get(sensor)
        states[sensor], unusual = step(before, value)
        if before is None or before[0] < WARM_UP:
            continue
        z = abs(value - before[1]) / sqrt(before[2])
        if unusual:
            alerts.add((sensor, time))
            lowest = min(lowest, z)
        else:
            highest = max(highest, z)
    return alerts, lowest, highest
