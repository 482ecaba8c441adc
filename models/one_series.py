"""The record of peaks for a single series, with River's contract.

The same rules as the bank's, one number at a time: to try on a series, to put in a River pipeline,
and to hold the bank to. It reads as the definition of the algorithm.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from river import base

from models.peaks import FLOOR_OF_S
from models.rules import Rules
from models.season import FIRM, HALF_HOURS, HOURS_OF_WEEK, KNOWN, MANY, PACE
from models.tails import Tail

__all__ = ["RecordOfPeaks", "is_number"]

_MEANS = ("x20", "x200", "r5", "r80", "a80", "a20", "a500")
_VALUES = _MEANS[:2]  # what starts from the first value, not from 0


def is_number(feature: Any) -> TypeGuard[float]:
    """Say whether a feature is a number: Python's, or numpy's, as streams of arrays yield them."""
    return isinstance(feature, int | float | np.integer | np.floating)


class _Habits:
    """What was usual at each hour of a cycle."""

    def __init__(self, cycle_s: float, hours: int, rate: float) -> None:
        self.hour_s, self.rate = cycle_s / hours, rate
        self.usual, self.seen = [0.0] * hours, [0] * hours
        self.visit: int | None = None
        self.known = False
        self.heard = self.before = 0

    def visited(self, time_s: float) -> int:
        """Return the number of the hour, of all there were."""
        return math.floor(time_s / self.hour_s)

    def guess(self, visit: int, otherwise: float) -> float:
        return self.usual[visit % len(self.usual)] if self._is_known(visit) else otherwise

    def enter(self, visit: int) -> None:
        if visit != self.visit:
            self.visit, self.known = visit, self._is_known(visit)
            self.before, self.heard = self.heard, 0
        self.heard += 1

    @property
    def share(self) -> float:
        """What one reading counts, by how many there are, or were in the hour before."""
        return PACE / max(PACE, self.before, self.heard)

    def follow(self, visit: int, x: float, limit: float, share: float) -> None:
        hour, rate = visit % len(self.usual), self.rate * share
        delta = x - self.usual[hour]
        if self.seen[hour] >= FIRM:
            delta = max(-limit, min(limit, delta))
        self.seen[hour] += 1
        few = self.seen[hour] <= MANY
        self.usual[hour] += (max(1.0 / self.seen[hour], rate) if few else rate) * delta

    def _is_known(self, visit: int) -> bool:
        """Say whether the hour was known when it began."""
        same = visit == self.visit
        return self.known if same else self.seen[visit % len(self.usual)] >= KNOWN


class _Look(NamedTuple):
    """A reading seen against the state, before anything is learnt."""

    x: float
    hours: list[tuple[_Habits, int]]
    """In which hour of each kind of habit it was."""
    guesses: list[float]
    """What the day, and the week, would have said."""
    residual: float
    near: float
    """What is learnt of it,"""
    error: float
    """and how far that is off."""
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
        Name of the local time in seconds. A reading without one is compared with the level of late
        in place of the habit of its half hour, and teaches no habit.
    threshold
        Score an alarm begins above: .26 is 30 % above the second largest peak.
    weekly
        Keep the habits of the hours of the week too.

    Notes
    -----
    ``score_one`` returns the surprisal of a record, NaN in warm-up (150 readings) and for a value
    that is missing or not finite, which is not learnt either. ``strength`` is that of the alarm
    the last reading learnt has raised, 0 when none.
    State: some 150 numbers, for ever. Cost: 12 us to score, 18 us to learn.
    Agrees with ``SensorBank``, or ``WeeklyBank``, to the precision of float32 habits.

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

    def __init__(
        self,
        feature: str = "value",
        time: str = "time",
        threshold: float = Rules().threshold,
        weekly: bool = False,
    ) -> None:
        self.feature = feature
        self.time = time
        self.threshold = threshold
        self.weekly = weekly
        self.strength = 0.0
        self._rules = Rules(threshold=threshold)
        self._age = 0
        self._last = 0.0
        self._smooth: dict[str, float] = {}
        self._error = 0.0
        self._habits = [_Habits(86_400.0, HALF_HOURS, self._rules.day)]
        if weekly:
            self._habits.append(_Habits(604_800.0, HOURS_OF_WEEK, self._rules.week))
        self._errors = [0.0, 0.0]
        self._current, self._other = [0.0] * 7, [0.0] * 7
        self._free = [-1.0] * 7
        self._hold, self._armed = 0.0, True
        self._lasting, self._lately = 0.0, [0.0, 0.0]
        self._shifts = Tail(warm_up=self._rules.warm_up, few=self._rules.few)
        self._tail = Tail(1.0, usual=(0.45, 0.2), least=(0.15, 0.07), warm_up=self._rules.warm_up)

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
        self._shifts.learn_one(look.features[1], self._last_long(look.residual))
        self._remember(look.features)
        rate = max(self._rules.error, 1 / (self._age + 1))
        firm = self._age > self._rules.warm_up
        limit = self._rules.clip * self._error if firm else math.inf
        for habits, hour in look.hours:
            habits.enter(hour)
        share = self._habits[0].share
        for habits, hour in look.hours:
            habits.follow(hour, look.near, limit, share)
        for i, guess in enumerate(look.guesses):
            self._errors[i] += rate * (abs(look.x - guess) - self._errors[i])
        self._error += rate * (look.error - self._error)
        self._smooth = look.smooth
        self._last = look.x
        self._age += 1

    def _look(self, features: dict[Hashable, Any]) -> _Look | None:
        """Return the reading seen against the state; None where there is no usable value."""
        x, time = features.get(self.feature), features.get(self.time)
        if not is_number(x) or not abs(x) < 1e30:
            return None
        x = float(x)
        hours: list[tuple[_Habits, int]] = []
        if is_number(time) and math.isfinite(time):
            hours = [(habits, habits.visited(float(time))) for habits in self._habits]
        old = self._smooth or {name: x if name in _VALUES else 0.0 for name in _MEANS}
        expected, guesses = old["x20"], list[float]()
        for habits, hour in hours:
            guesses.append(habits.guess(hour, guesses[-1] if guesses else expected))
        if guesses:
            by_week = self.weekly and self._errors[1] < self._errors[0]
            expected = guesses[1] if by_week else guesses[0]
        r, jump = x - expected, abs(x - self._last) if self._age else 0.0
        near = self._believed(x, expected)
        moved = {
            "x20": near,
            "x200": x,
            "r5": r,
            "r80": r,
            "a80": jump,
            "a20": jump,
            "a500": jump,
        }
        smooth = {
            name: old[name]
            + max(getattr(self._rules, name), 1 / (self._age + 2)) * (to - old[name])
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
        learnt = near, abs(near - expected)
        return _Look(x, hours, guesses, r, *learnt, smooth, seven, self._score(seven))

    def _believed(self, x: float, expected: float) -> float:
        """Return the value that is learnt: one wild reading tells next to nothing of the usual."""
        if self._age <= self._rules.few or self._error == 0.0:
            return x
        far = self._rules.wild * self._error
        return min(max(x, expected - far), expected + far)

    def _score(self, features: tuple[float, ...]) -> float:
        """Return u1 + (u2 + u3) / 4 less what a short memory is worth; -inf in warm-up."""
        warm_up = self._rules.warm_up
        if self._age < warm_up:
            return -math.inf
        u = []
        for size, *peaks in zip(features, self._current, self._other, strict=True):
            low = min(peaks)
            if low > 1e-9 * size:
                u.append(max(-1.0, math.log(max(size / low, 1e-300))))
            else:
                u.append(1.0 if size > 0.0 else -1.0)
        first, second, third = sorted(u, reverse=True)[:3]
        return first + self._rules.confirm * (second + third) - warm_up / (self._age + 1)

    def _alarm(self, score: float) -> float:
        """Return the strength of the alarm: once an episode, and not twice within the hold."""
        rules = self._rules
        if score < rules.threshold - rules.re_arm:
            self._armed = True
        if not (score > rules.threshold and self._armed and self._age >= self._hold):
            return 0.0
        self._hold = self._age + min(rules.hold_most, rules.hold * self._age)
        self._armed = False
        return score - rules.threshold + 0.001

    def _last_long(self, residual: float) -> float:
        """Return the short shift without what lasts for one reading only, however wild."""
        middle = sorted([*self._lately, residual])[1]
        self._lately[self._age % 2] = residual
        rate = max(self._rules.r5, 1 / (self._age + 2))
        self._lasting += rate * (middle - self._lasting)
        return abs(self._lasting)

    def _remember(self, features: tuple[float, ...]) -> None:
        """Keep the two largest independent peaks of each feature."""
        decay = 0.5 ** (1 / self._rules.half_life)
        for i, size in enumerate(features):
            current, other = self._current[i], self._other[i]
            if self._age <= self._free[i]:
                current = max(current, size)
            elif size > min(current, other):
                current, other = size, max(current, other)
                self._free[i] = self._age + self._rules.peak
            self._current[i], self._other[i] = current * decay, other * decay
