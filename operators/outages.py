"""Notice sensors that stop reporting.

A detector judges the readings that arrive; only this module judges the ones that do not.
Time is the stream's: a tick says how far it has come, so a replay finds the same outages.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["GRACE", "OutageWatch"]

GRACE = 3.0
"""Reporting intervals a sensor may miss before it counts as quiet."""
NEVER = -1


class OutageWatch:
    """Last time each sensor of one shard was heard.

    Notes
    -----
    State: two columns, 9 bytes a sensor. Cost: one comparison a sensor and tick.
    An outage is reported once, and its end once.

    Examples
    --------
    >>> watch = OutageWatch()
    >>> _ = watch.heard(np.array([0, 1]), np.array([0, 0]))
    >>> _ = watch.heard(np.array([1]), np.array([100_000]))
    >>> watch.tick(200_000, np.array([60_000, 60_000])).tolist()
    [0]
    >>> watch.heard(np.array([0]), np.array([200_000])).tolist()
    [0]
    """

    def __init__(self) -> None:
        self.last_ms = np.empty(0, np.int64)
        self.quiet = np.empty(0, np.bool_)

    def heard(self, sensors: NDArray[np.intp], times_ms: NDArray[np.int64]) -> NDArray[np.intp]:
        """Note readings; return the sensors whose outage just ended."""
        if len(sensors) and int(sensors.max()) >= len(self.last_ms):
            more = int(sensors.max()) + 1 - len(self.last_ms)
            self.last_ms = np.append(self.last_ms, np.full(more, NEVER, np.int64))
            self.quiet = np.append(self.quiet, np.zeros(more, np.bool_))
        # maximum.at, not assignment: a batch may hold one sensor twice, out of order.
        np.maximum.at(self.last_ms, sensors, times_ms)
        back = np.unique(sensors[self.quiet[sensors]])
        self.quiet[back] = False
        return back

    def tick(self, now_ms: int, interval_ms: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the sensors that went quiet since the last tick.

        Parameters
        ----------
        interval_ms
            How often each sensor reports; as many as sensors ever heard, or more.
        """
        overdue = now_ms - self.last_ms > GRACE * interval_ms[: len(self.last_ms)]
        new = overdue & ~self.quiet & (self.last_ms != NEVER)
        self.quiet |= new
        return np.flatnonzero(new)
