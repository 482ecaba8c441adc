"""Remember the last readings of every sensor, for whoever asks to see one.

A person who looks at a warning wants the hours before it too, so every sensor's last readings are
kept with the range that was expected; only those of sensors somebody watches are sent on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from operators.events import SeriesPoints
from operators.growing import room_for
from operators.registry import Registry
from operators.screening import BAND, Screened

__all__ = ["KEPT", "LIMIT", "KeepSeries", "Watch"]

KEPT = 96
"""Readings kept per sensor: eight hours at five minutes."""
LIMIT = 50_000
"""Sensors kept for; beyond it a series starts when it is asked for."""

POINT = np.dtype([("time", "i8"), ("value", "f4"), ("low", "f4"), ("high", "f4")])

Point = tuple[int, float, float, float]


class Watch(NamedTuple):
    """Sensors whose series somebody wants from now on; all that are wanted, each time."""

    sensors: tuple[str, ...]


class KeepSeries:
    """Series of a process's sensors.

    Notes
    -----
    State: ``KEPT`` readings of 20 bytes for each of at most ``LIMIT`` sensors; it is for looking
    at, is not in a snapshot, and fills again by itself. Cost: 20 ns a reading.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        # Sensors lie beside each other, not a sensor's own points: what a batch writes is close
        # together, and a city's first readings after a start touch a hundred fresh pages of memory
        # instead of twenty thousand.
        self._points = np.empty((KEPT, 0), POINT)
        self._next = np.empty(0, np.int64)
        self._grow(len(registry))
        self._watched: frozenset[str] = frozenset()
        self._sensors = np.empty(0, np.intp)

    def keep(self, screened: Screened) -> Iterator[SeriesPoints]:
        """Remember scored readings; return new points of watched sensors."""
        rows = screened.rows
        if not len(rows.sensor):
            return
        self._grow(room_for(rows.sensor))
        _keep(
            rows.sensor,
            rows.time,
            rows.value,
            screened.expected,
            screened.spread,
            self._points,
            self._next,
        )
        if not self._watched:
            return
        for row in np.flatnonzero(np.isin(rows.sensor, self._sensors)):
            spread, expected = BAND * float(screened.spread[row]), float(screened.expected[row])
            band = round(expected - spread, 3), round(expected + spread, 3)
            point = (int(rows.time[row]), float(rows.value[row]), *band)
            yield SeriesPoints(self.registry.sensors[int(rows.sensor[row])].id, (point,))

    def watch(self, wanted: Watch) -> Iterator[SeriesPoints]:
        """Note what somebody watches from now on; return all that is kept of what is new."""
        names = frozenset(wanted.sensors)
        new, self._watched = names - self._watched, names
        known = (self.registry.index.get(name) for name in sorted(names))
        self._sensors = np.array([n for n in known if n is not None and n >= 0], np.intp)
        for name in sorted(new):
            position = self.registry.index.get(name)
            if position is not None and 0 <= position < len(self._next) and self._next[position]:
                yield SeriesPoints(name, self._kept(position))

    def _grow(self, sensors: int) -> None:
        known, size = len(self._next), min(sensors, LIMIT)
        if size <= known:
            return
        room = min(LIMIT, max(size, known + known // 2))
        points, following = np.zeros((KEPT, room), POINT), np.zeros(room, np.int64)
        points[:, :known], following[:known] = self._points, self._next
        self._points, self._next = points, following

    def _kept(self, sensor: int) -> tuple[Point, ...]:
        count = int(self._next[sensor])
        at = np.arange(max(0, count - KEPT), count) % KEPT
        return tuple(
            (int(time), round(float(value), 3), round(float(low), 3), round(float(high), 3))
            for time, value, low, high in self._points[at, sensor].tolist()
        )


@compiled
def _keep(
    sensors: NDArray[np.intp],
    times_ms: NDArray[np.int64],
    values: NDArray[np.float64],
    expected: NDArray[np.float64],
    spread: NDArray[np.float64],
    points: NDArray[np.void],
    following: NDArray[np.int64],
) -> None:
    for row in range(len(sensors)):
        sensor = sensors[row]
        if sensor < len(following):
            at = following[sensor] % KEPT
            following[sensor] += 1
            point = points[at, sensor]
            point.time, point.value = times_ms[row], values[row]
            point.low = expected[row] - BAND * spread[row]
            point.high = expected[row] + BAND * spread[row]
