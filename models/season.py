"""What is expected of a reading: the habit of its half hour of the day, or hour of the week.

Habits are running means of what a sensor showed at that time before, over some two visits however
often it reports. A half hour that was seen twice before it began is its own forecast; else the
level of late is: what a new sensor shows in an emergency is not what was to be expected of it. A
sensor that also keeps the week's habits is forecast by the week where that has erred less of late
than the day.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.compiled import inlined
from models.rules import Rules

__all__ = [
    "DAY_FIELDS",
    "HALF_HOURS",
    "HOURS_OF_WEEK",
    "WEEK_FIELDS",
    "expect",
    "expect_by_week",
    "hour_of_week",
]

HALF_HOURS = 48
HOURS_OF_WEEK = 168
ROUNDING = 5e-7  # share of a sensor's excursion that float32 habits cannot resolve
KNOWN = 2  # times an hour was seen, when it begins, from which it is its own forecast
MOST = (1 << 16) - 1  # readings that are counted
VISITS = 1 << 16  # after so many half hours, almost four years, their numbers come again
PACE = 6  # readings a half hour, beyond which a habit moves by the half hour, not by the reading
FIRM = 3  # times from which it is no longer believed whatever it shows
MANY = 15  # times that are told apart

_HALF_HOUR_S = 86_400.0 / HALF_HOURS
_HOUR_S = 604_800.0 / HOURS_OF_WEEK

# Habits are kept as offsets from the first value: float32 then loses nothing that matters.
DAY_FIELDS = [
    ("day", np.float32, HALF_HOURS),
    ("seen", np.uint8, HALF_HOURS // 2),  # how often each half hour was, two in a byte
    ("visit", np.uint16),  # the half hour it is in, of all there were
    ("heard", np.uint16),  # readings in it,
    ("before", np.uint16),  # and in the one before
    ("known", np.uint8),  # whether it was known when it began
]
WEEK_FIELDS = [
    ("day_error", np.float64),  # mean error of the day's habit; the week's is ``week_error``
    ("week", np.float32, HOURS_OF_WEEK),
    ("week_seen", np.uint8, HOURS_OF_WEEK // 2),
    ("week_visit", np.uint16),
    ("week_known", np.uint8),
    ("", np.uint8, 1),
]

Sensor = Any  # a row of ``models.peaks.SENSOR``, or ``WEEKLY``


@inlined
def hour_of_week(time_s: float) -> int:
    """Return the hour of the week of a local time, 0 to 167."""
    return math.floor(time_s / _HOUR_S) % HOURS_OF_WEEK


@inlined
def expect(s: Sensor, x: float, time_s: float, rules: Rules) -> tuple[float, float, float]:
    """Return what was expected, the residual and what is learnt; move the day's habit on."""
    half_hour = _half_hour(s, time_s)
    expected = s.base + s.day[half_hour] if s.known > 0 and rules.day > 0.0 else s.x20
    near, rate = _believed(s, x, expected, rules), rules.day * _share(s)
    _follow(s.day, s.seen, half_hour, near - s.base, _limit(s, rules), rate)
    return expected, _residual(s, x, expected), near


@inlined
def expect_by_week(s: Sensor, x: float, time_s: float, rules: Rules) -> tuple[float, float, float]:
    """Return what was expected, the residual and what is learnt; move both habits on."""
    half_hour, hour = _half_hour(s, time_s), _hour(s, time_s)
    by_day = s.base + s.day[half_hour] if s.known > 0 else s.x20
    by_week = s.base + s.week[hour] if s.week_known > 0 else by_day
    expected = by_week if s.week_error < s.day_error else by_day
    rate = max(rules.error, 1.0 / (s.age + 1.0))
    s.day_error += rate * (abs(x - by_day) - s.day_error)
    s.week_error += rate * (abs(x - by_week) - s.week_error)
    near, limit, share = _believed(s, x, expected, rules), _limit(s, rules), _share(s)
    _follow(s.day, s.seen, half_hour, near - s.base, limit, rules.day * share)
    _follow(s.week, s.week_seen, hour, near - s.base, limit, rules.week * share)
    return expected, _residual(s, x, expected), near


@inlined
def _half_hour(s: Sensor, time_s: float) -> int:
    """Return the half hour of the day; where it begins, note whether it is known."""
    visit = math.floor(time_s / _HALF_HOUR_S)
    half_hour = visit % HALF_HOURS
    if s.visit != visit % VISITS:
        s.visit, s.known = visit % VISITS, _times(s.seen, half_hour) >= KNOWN
        s.before, s.heard = s.heard, 0
    s.heard = min(s.heard + 1, MOST)
    return half_hour


@inlined
def _hour(s: Sensor, time_s: float) -> int:
    """Return the hour of the week; where it begins, note whether it is known."""
    visit = math.floor(time_s / _HOUR_S)
    hour = visit % HOURS_OF_WEEK
    if s.week_visit != visit % VISITS:
        s.week_visit, s.week_known = visit % VISITS, _times(s.week_seen, hour) >= KNOWN
    return hour


@inlined
def _share(s: Sensor) -> float:
    """Return how much one of its readings counts: a habit is not of a half hour's last minutes.

    It reports as often as it has so far, or did in the half hour before; one that suddenly does
    far more often still teaches that half hour more than its part.
    """
    return PACE / max(float(s.before), float(s.heard), float(PACE))


@inlined
def _times(seen: Any, at: int) -> int:
    """Return how often an hour was seen, up to ``MANY``."""
    return int(seen[at >> 1]) >> 4 * (at & 1) & MANY


@inlined
def _residual(s: Sensor, x: float, expected: float) -> float:
    """Return how far off the value is.

    Rounding is not news: without this a sensor dead for months would alarm on its last bits.
    """
    r = x - expected
    return 0.0 if abs(r) <= ROUNDING * abs(x - s.base) else r


@inlined
def _believed(s: Sensor, x: float, expected: float, rules: Rules) -> float:
    """Return the value that is learnt: one wild reading tells next to nothing of the usual.

    What persists is learnt all the same, for errors grow with it, by some 4 % a reading: where
    there was noise about as soon, of a sensor that had read the same for weeks in half as long
    again or, at five minutes a reading, two days later.
    """
    if s.age <= rules.few or s.error == 0.0:
        return x
    far: float = rules.wild * s.error
    return min(max(x, expected - far), expected + far)


@inlined
def _limit(s: Sensor, rules: Rules) -> float:
    """Return how far a firm habit follows one reading."""
    return rules.clip * s.error if s.age > rules.warm_up else math.inf


@inlined
def _follow(habits: Any, seen: Any, at: int, offset: float, limit: float, rate: float) -> None:
    times, habit = _times(seen, at), float(habits[at])
    delta = offset - habit
    if times >= FIRM:
        delta = min(max(delta, -limit), limit)
    habits[at] = habit + (max(1.0 / (times + 1.0), rate) if times < MANY else rate) * delta
    if times < MANY:
        seen[at >> 1] += 1 << 4 * (at & 1)
