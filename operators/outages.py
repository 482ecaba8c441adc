"""Notice sensors that stop reporting.

A detector judges the readings that arrive; only this module judges the ones that do not.
Time is the stream's: a tick says how far it has come, so a replay finds the same outages.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from operators.growing import grown, room_for

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
    """Last time each sensor was heard, and how long it usually takes.

    Notes
    -----
    State: three columns, 13 bytes a sensor. Cost: one comparison a sensor and tick. An outage is
    reported once, and its end once. A sensor slower than the city file says is believed.

    Examples
    --------
    >>> watch, both = OutageWatch(), np.array([0, 1])
    >>> for time in (0, 60_000):
    ...     _ = watch.heard(both, np.array([time, time]), np.array([1, 1]))
    >>> _ = watch.heard(np.array([1]), np.array([260_000]), np.array([1]))
    >>> watch.tick(300_000, both, np.array([60_000, 60_000])).tolist()
    [0]
    >>> watch.heard(np.array([0]), np.array([310_000]), np.array([1])).tolist()
    [0]
    """

    def __init__(self) -> None:
        self.last_ms = np.empty(0, np.int64)
        self.gap_ms = np.empty(0, np.float32)
        self.quiet = np.empty(0, np.bool_)

    def heard(
        self,
        sensors: NDArray[np.intp],
        latest_ms: NDArray[np.int64],
        readings: NDArray[np.integer[Any]],
    ) -> NDArray[np.intp]:
        """Note when sensors, each named once, were last heard, and how often, 0 where not at all.

        Returns
        -------
        The sensors whose outage just ended.
        """
        self._grow(sensors)
        back = np.zeros(len(sensors), np.bool_)
        _hear(sensors, latest_ms, readings, self.last_ms, self.gap_ms, self.quiet, back)
        return sensors[back]

    def tick(
        self, now_ms: int, sensors: NDArray[np.intp], interval_ms: NDArray[np.int64]
    ) -> NDArray[np.intp]:
        """Return those of the sensors that went quiet since the last tick.

        Parameters
        ----------
        interval_ms
            How often every sensor is said to report, by its number.
        """
        self._grow(sensors)
        new = np.zeros(len(sensors), np.bool_)
        _tick(now_ms, sensors, interval_ms, self.last_ms, self.gap_ms, self.quiet, new)
        return sensors[new]

    def _grow(self, sensors: NDArray[np.intp]) -> None:
        size = room_for(sensors)
        self.last_ms = grown(self.last_ms, size, NEVER)
        self.gap_ms = grown(self.gap_ms, size, np.nan)
        self.quiet = grown(self.quiet, size, False)

    def take(self, sensors: NDArray[np.intp]) -> Any:
        """Return the state of some sensors."""
        self._grow(sensors)
        return self.last_ms[sensors], self.gap_ms[sensors], self.quiet[sensors]

    def put(self, sensors: NDArray[np.intp], state: Any) -> None:
        """Continue some sensors from what ``take`` returned."""
        self._grow(sensors)
        self.last_ms[sensors], self.gap_ms[sensors], self.quiet[sensors] = state


@compiled
def _hear(
    sensors: NDArray[np.intp],
    latest_ms: NDArray[np.int64],
    readings: NDArray[np.integer[Any]],
    last_ms: NDArray[np.int64],
    gap_ms: NDArray[np.float32],
    quiet: NDArray[np.bool_],
    back: NDArray[np.bool_],
) -> None:
    for row in range(len(sensors)):
        sensor = sensors[row]
        if readings[row] == 0:
            continue
        before = last_ms[sensor]
        latest = max(before, latest_ms[row])
        if before != NEVER:
            gap = (latest - before) / readings[row]
            usual = np.float64(gap_ms[sensor])
            if np.isnan(usual):
                gap_ms[sensor] = gap
            else:
                gap_ms[sensor] = usual + GAP_RATE * (min(gap, SLOWER * usual) - usual)
        last_ms[sensor] = latest
        back[row], quiet[sensor] = quiet[sensor], False


@compiled
def _tick(
    now_ms: int,
    sensors: NDArray[np.intp],
    interval_ms: NDArray[np.int64],
    last_ms: NDArray[np.int64],
    gap_ms: NDArray[np.float32],
    quiet: NDArray[np.bool_],
    new: NDArray[np.bool_],
) -> None:
    for row in range(len(sensors)):
        sensor = sensors[row]
        if last_ms[sensor] == NEVER or quiet[sensor]:
            continue
        gap = np.float64(gap_ms[sensor])
        usual = max(np.float64(interval_ms[sensor]), FIRST_GAP_MS if np.isnan(gap) else gap)
        new[row] = quiet[sensor] = now_ms - last_ms[sensor] > GRACE * usual
