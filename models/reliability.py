"""Learn from people's verdicts how far each source is to be believed.

A source that spoke for a false warning is believed a little less, one that spoke for a true one
recovers. One bad verdict silences nobody, and nobody is ever believed less than half.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from models.gradual import DAY_MS, Gradual

__all__ = ["A_DAY", "LEAST", "Reliability", "left"]

LEAST = 0.5
"""What a source is worth at least."""
A_DAY = 0.025
"""What it loses or regains in a day at most: a strength of 8 changes by .2."""
GOOD, BAD = 9.0, 1.0
"""Verdicts everybody starts with, as if they had been given."""
HALF_LIFE_DAYS = 30.0
MOST = 4096


class _Source:
    """Verdicts on one source, faded to a time, and how much of its worth is lost so far."""

    def __init__(self, time_ms: int) -> None:
        self.good = self.bad = 0.0
        self.at_ms = time_ms
        self.lost = Gradual(A_DAY, time_ms)

    def faded(self, time_ms: int) -> float:
        return left(time_ms - self.at_ms)

    def aim(self, time_ms: int) -> float:
        faded = self.faded(time_ms)
        good, bad = GOOD + self.good * faded, BAD + self.bad * faded
        share = good / (good + bad) / (GOOD / (GOOD + BAD))
        return 1.0 - min(1.0, max(LEAST, share))


class Reliability:
    """What the word of each source is worth, ``LEAST`` to 1; 1 before any verdict.

    Notes
    -----
    The mean of a Beta posterior over the mean of its prior, ``Beta(GOOD, BAD)``, at most 1:
    ``(GOOD + g) / (GOOD + BAD + g + b) / (GOOD / (GOOD + BAD))``; the counts halve in
    ``HALF_LIFE_DAYS``. The worth follows it by at most ``A_DAY`` a day.
    State: 7 numbers a source, ``MOST`` sources; beyond that, who was judged longest ago is
    believed again. Cost: a look-up.

    Examples
    --------
    >>> known = Reliability()
    >>> known.learn_one("s-1", good=0.0, bad=1.0, time_ms=0)
    >>> [round(known.worth_one("s-1", day * DAY_MS), 3) for day in (0, 1, 10, 300)]
    [1.0, 0.975, 0.926, 1.0]

    References
    ----------
    Jøsang and Ismail 2002, The Beta Reputation System.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._known: OrderedDict[str, _Source] = OrderedDict()

    def learn_one(self, source: str, good: float, bad: float, time_ms: int) -> None:
        """Add a verdict, for or against, shared among those who spoke."""
        known = self._known.get(source)
        if known is None:
            known = self._known[source] = _Source(time_ms)
        known.lost.settle(time_ms, known.aim(time_ms))
        faded = known.faded(time_ms)
        known.good = max(0.0, known.good * faded + good)
        known.bad = max(0.0, known.bad * faded + bad)
        known.at_ms = max(known.at_ms, time_ms)
        self._known.move_to_end(source)
        if len(self._known) > self.most:
            self._known.popitem(last=False)

    def unlearn_one(
        self, source: str, good: float, bad: float, given_ms: int, time_ms: int
    ) -> None:
        """Take back what is left of a verdict that was given before."""
        faded = left(time_ms - given_ms)
        self.learn_one(source, -good * faded, -bad * faded, time_ms)

    def worth_one(self, source: str, time_ms: int) -> float:
        """Return what the word of a source is worth at a time."""
        known = self._known.get(source)
        return 1.0 if known is None else 1.0 - known.lost.at(time_ms, known.aim(time_ms))


def left(age_ms: int) -> float:
    """Return which share is left of what verdicts taught so long ago."""
    return math.pow(0.5, max(0, age_ms) / DAY_MS / HALF_LIFE_DAYS)
