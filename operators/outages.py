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
FIRST_GAP_MS = 1_200_000.0
"""Interval of a sensor heard only once, if the city file names a shorter one: it may be wrong."""
GAP_RATE = 0.2
SLOWER = 4.0
"""A longer gap teaches at most this many times the usual one: it may be an outage."""
NEVER = -1


class OutageWatch:
    """Last time each sensor of one shard was heard, and how long it usually takes.

    Notes
    -----
    State: three columns, 17 bytes a sensor. Cost: one comparison a sensor and tick. An outage is
    reported once, and its end once. A sensor slower than the city file says is believed.

    Examples
    --------
    >>> watch = OutageWatch()
    >>> for time in (0, 60_000):
    ...     _ = watch.heard(np.array([0, 1]), np.array([time, time]))
    >>> _ = watch.heard(np.array([1]), np.array([260_000]))
    >>> watch.tick(300_000, np.array([60_000, 60_000])).tolist()
    [0]
    >>> watch.heard(np.array([0]), np.array([310_000])).tolist()
    [0]
    """

    def __init__(self) -> None:
        self.last_ms = np.empty(0, np.int64)
        self.gap_ms = np.empty(0)
        self.quiet = np.empty(0, np.bool_)

    def heard(self, sensors: NDArray[np.intp], times_ms: NDArray[np.int64]) -> NDArray[np.intp]:
        """Note readings; return the sensors whose outage just ended."""
        if len(sensors) and int(sensors.max()) >= len(self.last_ms):
            more = int(sensors.max()) + 1 - len(self.last_ms)
            self.last_ms = np.append(self.last_ms, np.full(more, NEVER, np.int64))
            self.gap_ms = np.append(self.gap_ms, np.full(more, np.nan))
            self.quiet = np.append(self.quiet, np.zeros(more, np.bool_))
        before = self.last_ms.copy()
        # maximum.at, not assignment: a batch may hold one sensor twice, out of order.
        np.maximum.at(self.last_ms, sensors, times_ms)
        self._learn(before, np.bincount(sensors, minlength=len(before)))
        back = np.unique(sensors[self.quiet[sensors]])
        self.quiet[back] = False
        return back

    def _learn(self, before: NDArray[np.int64], readings: NDArray[np.intp]) -> None:
        known = (before != NEVER) & (readings > 0)
        gap = (self.last_ms - before)[known] / readings[known]
        usual = self.gap_ms[known]
        step = GAP_RATE * (np.minimum(gap, SLOWER * usual) - usual)
        self.gap_ms[known] = np.where(np.isnan(usual), gap, usual + step)

    def tick(self, now_ms: int, interval_ms: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the sensors that went quiet since the last tick.

        Parameters
        ----------
        interval_ms
            How often each sensor is said to report; as many as sensors ever heard, or more.
        """
        said = interval_ms[: len(self.last_ms)]
        usual = np.maximum(said, np.where(np.isnan(self.gap_ms), FIRST_GAP_MS, self.gap_ms))
        overdue = now_ms - self.last_ms > GRACE * usual
        new = overdue & ~self.quiet & (self.last_ms != NEVER)
        self.quiet |= new
        return np.flatnonzero(new)
