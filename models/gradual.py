"""Let a number follow its aim, but only so far a day.

What people teach is applied slowly: a mistaken click that is taken back within the hour has moved
next to nothing, and nobody finds another system in the morning than the evening before.
"""

from __future__ import annotations

__all__ = ["DAY_MS", "Gradual"]

DAY_MS = 86_400_000


class Gradual:
    """A number on its way.

    Parameters
    ----------
    a_day
        How far it moves in a day at most.
    since_ms
        From when on it may move; it starts at 0.

    Notes
    -----
    State: two numbers. Cost: a comparison. Asking changes nothing, so how often it is asked makes
    no difference; an earlier time than one already settled counts as that one.

    Examples
    --------
    >>> shift = Gradual(0.2)
    >>> shift.at(DAY_MS // 2, aim=1.0), shift.at(10 * DAY_MS, aim=1.0)
    (0.1, 1.0)
    >>> shift.settle(DAY_MS, aim=1.0)
    >>> shift.at(2 * DAY_MS, aim=0.0)
    0.0
    """

    def __init__(self, a_day: float, since_ms: int = 0) -> None:
        self.a_day = a_day
        self.value = 0.0
        self.since_ms = since_ms

    def at(self, time_ms: int, aim: float) -> float:
        """Return where it has come to, if that has been its aim since it was settled."""
        reach = self.a_day * max(0, time_ms - self.since_ms) / DAY_MS
        return min(max(aim, self.value - reach), self.value + reach)

    def settle(self, time_ms: int, aim: float) -> None:
        """Take note of where it has come to: from now on it may have another aim."""
        self.value = self.at(time_ms, aim)
        self.since_ms = max(self.since_ms, time_ms)
