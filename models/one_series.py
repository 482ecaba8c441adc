"""The record of peaks for a single series, with River's contract.

The same rules as the bank's, one number at a time: to try on a series, to put in a River pipeline,
and to hold the bank to. It reads as the definition of the algorithm.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any, NamedTuple

from river import base

from models.peaks import (
    DAY_RATE,
    FLOOR_OF_S,
    HALF_HOURS,
    HALF_LIFE,
    PEAK,
    RE_ARM,
    THRESHOLD,
    WARM_UP,
)
from models.tails import Tail

__all__ = ["RecordOfPeaks"]

_FOLLOWS = {
    "mu": 100,
    "x20": 20,
    "x200": 200,
    "r5": 5,
    "r80": 80,
    "a80": 80,
    "a20": 20,
    "a500": 500,
}
_DECAY = 0.5 ** (1 / HALF_LIFE)


class _Look(NamedTuple):
    """A reading seen against the state, before anything is learnt."""

    x: float
    half_hour: int | None
    residual: float
    smooth: dict[str, float]
    features: tuple[float, ...]
    score: float


class RecordOfPeaks(base.AnomalyDetector):
    """How unlike anything remembered a reading of one series is.

    Parameters
    ----------
    feature
        Name of the value among the features; the others, save the time, are not looked at.
    time
        Name of the local time in seconds. A reading without one is compared with the recent level
        in place of the habit of its half hour, and teaches no habit.

    Notes
    -----
    ``score_one`` returns the surprisal of a record, NaN in warm-up (150 readings) and for a value
    that is missing or not finite, which is not learnt either. ``strength`` is that of the alarm
    the last reading learnt has raised, 0 when none.
    State: some 150 numbers, for ever. Cost: 12 us to score, 18 us to learn.
    Agrees with ``SensorBank`` to the precision of its float32 habits, alarms alike.

    Examples
    --------
    >>> import random
    >>> rng = random.Random(4)
    >>> model = RecordOfPeaks()
    >>> for t in range(1000):
    ...     model.learn_one({"value": rng.gauss(20, 1), "time": 300.0 * t})
    >>> round(model.score_one({"value": 20.5, "time": 300_000.0}), 1)
    0.0
    >>> round(model.score_one({"value": 35.0, "time": 300_000.0}), 1)
    5.1
    """

    def __init__(self, feature: str = "value", time: str = "time") -> None:
        self.feature = feature
        self.time = time
        self.strength = 0.0
        self._age = 0
        self._last = 0.0
        self._smooth: dict[str, float] = {}
        self._error = 0.0
        self._day = [0.0] * HALF_HOURS
        self._seen = [0] * HALF_HOURS
        self._current, self._other = [0.0] * 7, [0.0] * 7
        self._free = [-1.0] * 7
        self._hold, self._armed = 0.0, True
        self._tail = Tail(1.0, usual=(0.45, 0.2), least=(0.15, 0.07), warm_up=WARM_UP)

    def score_one(self, x: dict[Hashable, Any]) -> float:
        """Return the surprisal of this reading; NaN in warm-up. Changes nothing."""
        look = self._look(x)
        surprisal = self._tail.surprisal_one(max(look.score + FLOOR_OF_S, 0.0)) if look else None
        return math.nan if surprisal is None else surprisal

    def learn_one(self, x: dict[Hashable, Any]) -> None:
        """Learn this reading, and raise an alarm if it is one."""
        look = self._look(x)
        if look is None:
            return
        self.strength = self._alarm(look.score)
        self._tail.learn_one(max(look.score + FLOOR_OF_S, 0.0))
        self._remember(look.features)
        if look.half_hour is not None:
            self._learn_habit(look.half_hour, look.x)
        rate = max(1 / 500, 1 / (self._age + 1))
        self._error += rate * (abs(look.residual) - self._error)
        self._smooth = look.smooth
        self._last = look.x
        self._age += 1

    def _look(self, features: dict[Hashable, Any]) -> _Look | None:
        """Return the reading seen against the state; None where there is no usable value."""
        x = features.get(self.feature)
        if not isinstance(x, int | float) or not abs(x) < 1e100:
            return None
        time = features.get(self.time)
        half_hour = None
        if isinstance(time, int | float) and math.isfinite(time):
            half_hour = int(time % 86_400.0 * (HALF_HOURS / 86_400.0))
        old = self._smooth or {
            name: x if name in ("mu", "x20", "x200") else 0.0 for name in _FOLLOWS
        }
        expected = old["mu"]
        if half_hour is not None and self._seen[half_hour] >= 2:
            expected = self._day[half_hour]
        r, jump = x - expected, abs(x - self._last) if self._age else 0.0
        moved = {
            "mu": x,
            "x20": x,
            "x200": x,
            "r5": r,
            "r80": r,
            "a80": jump,
            "a20": jump,
            "a500": jump,
        }
        smooth = {
            name: old[name] + max(1 / _FOLLOWS[name], 1 / (self._age + 2)) * (to - old[name])
            for name, to in moved.items()
        }
        floor = 0.001 * smooth["a500"] + 1e-12
        seven = (
            abs(r),
            abs(smooth["r5"]),
            abs(smooth["r80"]),
            jump,
            abs(smooth["x20"] - smooth["x200"]),
            smooth["a80"],
            (smooth["a20"] + floor) / (smooth["a500"] + floor),
        )
        return _Look(x, half_hour, r, smooth, seven, self._score(seven))

    def _score(self, features: tuple[float, ...]) -> float:
        """Return u1 + (u2 + u3) / 4 less what a short memory is worth; -inf in warm-up."""
        if self._age < WARM_UP:
            return -math.inf
        u = []
        for size, *peaks in zip(features, self._current, self._other, strict=True):
            low = min(peaks)
            if low > 1e-9 * size:
                u.append(max(-1.0, math.log(max(size / low, 1e-300))))
            else:
                u.append(1.0 if size > 0.0 else -1.0)
        first, second, third = sorted(u, reverse=True)[:3]
        return first + 0.25 * (second + third) - WARM_UP / (self._age + 1)

    def _alarm(self, score: float) -> float:
        """Return the strength of the alarm: once an episode, and not twice within the hold."""
        if score < THRESHOLD - RE_ARM:
            self._armed = True
        if not (score > THRESHOLD and self._armed and self._age >= self._hold):
            return 0.0
        self._hold = self._age + min(300.0, 0.05 * self._age)
        self._armed = False
        return score - THRESHOLD + 0.001

    def _remember(self, features: tuple[float, ...]) -> None:
        """Keep the two largest independent peaks of each feature."""
        for i, size in enumerate(features):
            current, other = self._current[i], self._other[i]
            if self._age <= self._free[i]:
                current = max(current, size)
            elif size > min(current, other):
                current, other = size, max(current, other)
                self._free[i] = self._age + PEAK
            self._current[i], self._other[i] = current * _DECAY, other * _DECAY

    def _learn_habit(self, half_hour: int, x: float) -> None:
        """Move the habit of this half hour on, by no more than five errors once it is known."""
        self._seen[half_hour] += 1
        delta = x - self._day[half_hour]
        if self._seen[half_hour] > 3 and self._age > WARM_UP:
            delta = max(-5.0 * self._error, min(5.0 * self._error, delta))
        self._day[half_hour] += max(1.0 / self._seen[half_hour], DAY_RATE) * delta
