"""The arithmetic of the record of peaks: one reading of one sensor, compiled.

Every function here moves ``s`` on, the row of one sensor's state, or looks at it. They are called
row by row from a compiled loop, into which the compiler puts them all.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import inlined
from models.rules import Rules
from models.season import DAY_FIELDS, WEEK_FIELDS, expect, expect_by_week
from models.tails import learnt, surprisal_of

__all__ = ["FLOOR_OF_S", "SENSOR", "WEEKLY", "Step", "advance", "newborn"]

FLOOR_OF_S = 0.45  # a score this far below 0 is no surprise; a flat series stays below it

_FIELDS = [
    ("age", np.uint32),  # readings learnt
    ("hold", np.uint16),  # readings for which there is no second alarm
    ("armed", np.uint8),
    ("free", np.uint8, 7),  # readings that still belong to the current peak
    ("", np.uint8, 2),  # keeps what follows on multiples of eight
    ("base", np.float64),  # the first value
    ("last", np.float64),  # the one before
    ("x20", np.float64),  # smoothers, by what they follow and how slowly: x the value,
    ("x200", np.float64),
    # Sizes of differences: float32 is exact enough, and fewer lines of cache are fetched.
    ("r5", np.float32),  # r the residual,
    ("r80", np.float32),
    ("a80", np.float32),  # a the size of the jump from reading to reading
    ("a20", np.float32),
    ("a500", np.float32),
    ("error", np.float32),  # mean size of residuals
    ("shift", np.float32),  # mean size of short shifts, of what did not last for one reading only
    ("lasting", np.float32),  # r5 of the middle one of three residuals,
    ("lately", np.float32, 2),  # which are the new one and these
    ("record_quantile", np.float32),  # tail of S above its floor
    ("record_excess", np.float32),
    ("event_quantile", np.float32),  # tail of short shifts
    ("event_excess", np.float32),
    ("current", np.float32, 7),  # the peak of late, by feature
    ("other", np.float32, 7),  # and the other one remembered
    *DAY_FIELDS,
    ("", np.uint8, 1),  # six lines of cache in all
]
SENSOR = np.dtype(_FIELDS)
"""What is kept of one sensor."""
# The first field keeps it from being a SENSOR with more in it: compiled code would mix them up.
WEEKLY = np.dtype([("week_error", np.float64), *_FIELDS, *WEEK_FIELDS])
"""The same, with the habits of the week."""

_FLOOR = math.exp(-1.0)  # u = ln(ratio) is cut at -1
_UNKNOWN = math.exp(1.0)  # u = 1 for the first thing of its kind
_SMALL = 1e-30  # denormal numbers cost a hundred times as much
_surprisal_of, _learnt = inlined(surprisal_of), inlined(learnt)

Sensor = Any  # a row of ``SENSOR``
Seven = tuple[float, float, float, float, float, float, float]


class Step(NamedTuple):
    """What one reading said; scores are NaN in warm-up, of ``event`` the first 30 readings."""

    score: float
    strength: float
    channel: int
    expected: float
    scale: float
    record: float
    """Surprisal of a record."""
    event: float
    """Surprisal of a deviation this large from the time of day."""


def newborn(n: int, kind: np.dtype[np.void] = SENSOR) -> NDArray[np.void]:
    """Return the state of sensors never heard."""
    s = np.zeros(n, kind)
    s["armed"] = 1
    return s


@inlined
def advance(
    s: Sensor, weekly: Sensor | None, x: float, time_s: float, decay: float, rules: Rules
) -> Step:
    """Score one reading, then learn it.

    Parameters
    ----------
    weekly
        The same row where it keeps the week's habits too, else None.
    time_s
        Local time.
    decay
        What a peak is worth a reading later: ``0.5 ** (1 / rules.half_life)``.
    """
    if s.age == 0:
        s.base = s.last = s.x20 = s.x200 = x
    scale = s.error
    if weekly is None:
        expected, r, near = expect(s, x, time_s, rules)
    else:
        expected, r, near = expect_by_week(weekly, x, time_s, rules)
    features = _features(s, x, near, r, rules)
    rate = max(rules.error, 1.0 / (s.age + 1.0))
    s.error = _smooth(s.error, min(abs(r), abs(near - expected)), rate)
    score, channel = _compare(s, features, decay, rules)
    if s.age < rules.warm_up:
        score = -math.inf
    strength = _alarm(s, score, rules)
    record, event = _surprisals(s, score, features[1], _lasting(s, r, rules), rules)
    if s.age < rules.warm_up:
        score = record = math.nan
    s.age += 1
    return Step(score, strength, channel, expected, scale, record, event)


@inlined
def _features(s: Sensor, x: float, near: float, r: float, rules: Rules) -> Seven:
    """Move the smoothers on and return the seven features; ``near`` is what the level learns."""
    least, jump = 1.0 / (s.age + 2.0), abs(x - s.last)
    s.last = x
    s.x20 = _smooth(s.x20, near, max(rules.x20, least))
    s.x200 = _smooth(s.x200, x, max(rules.x200, least))
    s.r5 = _smooth(s.r5, r, max(rules.r5, least))
    s.r80 = _smooth(s.r80, r, max(rules.r80, least))
    s.a80 = _smooth(s.a80, jump, max(rules.a80, least))
    s.a20 = _smooth(s.a20, jump, max(rules.a20, least))
    s.a500 = _smooth(s.a500, jump, max(rules.a500, least))
    floor = 0.001 * s.a500 + 1e-12
    burst = (s.a20 + floor) / (s.a500 + floor)
    short, long = abs(_wide(s.r5)), abs(_wide(s.r80))
    return abs(r), short, long, jump, abs(s.x20 - s.x200), _wide(s.a80), burst


@inlined
def _smooth(old: float, to: float, rate: float) -> float:
    new = old + rate * (to - old)
    return new if abs(new) >= _SMALL else 0.0


@inlined
def _wide(number: Any) -> float:
    """Return a float32 as what everything is reckoned with."""
    return np.float64(number)


@inlined
def _faded(peak: float, decay: float) -> float:
    return peak * decay if peak >= _SMALL else 0.0


@inlined
def _compare(s: Sensor, features: Seven, decay: float, rules: Rules) -> tuple[float, int]:
    """Return S and its channel against the peaks remembered, then remember these."""
    first, second, third, channel = _FLOOR, _FLOOR, _FLOOR, 0
    for i in range(7):
        size, current, other = features[i] * rules.views[i], _wide(s.current[i]), _wide(s.other[i])
        low = min(current, other)
        ratio = size / low
        if not ratio < 1e9:  # nor when it is NaN
            ratio = _UNKNOWN if size > 0.0 else _FLOOR
        channel = i if ratio > first else channel
        third = max(third, min(second, ratio))
        second = max(second, min(first, ratio))
        first = max(first, ratio)
        left = int(s.free[i])
        if left > 0:
            current, left = max(current, size), left - 1
        elif size > low:
            current, other, left = size, max(current, other), rules.peak
        s.current[i], s.other[i], s.free[i] = _faded(current, decay), _faded(other, decay), left
    score = math.log(first) + rules.confirm * math.log(second * third)
    return score - rules.warm_up / (s.age + 1.0), channel


@inlined
def _alarm(s: Sensor, score: float, rules: Rules) -> float:
    """Return the strength of the alarm: once an episode, and not twice within the hold."""
    if s.hold > 0:
        s.hold -= 1
    if score < rules.threshold - rules.re_arm:
        s.armed = 1
    if not (score > rules.threshold and s.armed and s.hold == 0):
        return 0.0
    s.armed, s.hold = 0, math.ceil(min(rules.hold_most, rules.hold * s.age))
    return score - rules.threshold + 0.001


@inlined
def _lasting(s: Sensor, r: float, rules: Rules) -> float:
    """Return the short shift without what lasts for one reading only, however wild."""
    one, two = _wide(s.lately[0]), _wide(s.lately[1])
    middle = max(min(one, two), min(max(one, two), r))
    s.lately[s.age % 2] = r
    s.lasting = _smooth(s.lasting, middle, max(rules.r5, 1.0 / (s.age + 2.0)))
    return abs(_wide(s.lasting))


@inlined
def _surprisals(
    s: Sensor, score: float, shift: float, lasting: float, rules: Rules
) -> tuple[float, float]:
    """Return the surprisals of record and event, and learn their tails."""
    t, height = float(s.age), max(score + FLOOR_OF_S, 0.0)
    quantile, excess = _wide(s.record_quantile), _wide(s.record_excess)
    record = _surprisal_of(height, quantile, excess, t)
    quantile, excess = _learnt(height, quantile, excess, t)
    if s.age < rules.warm_up:
        # Until there are readings enough to tell: the tails of a quiet series with this mean.
        quantile, excess = 0.45, 0.2
    s.record_quantile, s.record_excess = max(quantile, 0.15), max(excess, 0.07)
    quantile, excess = _wide(s.event_quantile), _wide(s.event_excess)
    event = _surprisal_of(shift, quantile, excess, t)
    if s.age < rules.few or (s.age < rules.warm_up and quantile == 0.0):
        event = math.nan  # of who read the same so far any change would be as large as can be
    quantile, excess = _learnt(shift, quantile, excess, t)
    s.shift = _smooth(s.shift, lasting, max(0.0005, 1.0 / (t + 1.0)))
    if s.age < rules.warm_up:
        quantile, excess = 2.9 * s.shift, 0.5 * s.shift
    s.event_quantile = max(quantile, 1.2 * s.shift)
    s.event_excess = max(excess, 0.1 * s.shift)
    return record, event
