"""Channels where only the latest value of each key matters: cells, feeds, the overview, series.

A client that is behind is owed the latest value of what changed since, never every value between:
that is how a slow one is conflated, without a queue.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from sinks.control_room.protocol import encode

__all__ = ["Latest", "Series"]

POINTS = 600  # remembered per series, a little more than the store keeps


class Latest:
    """The latest value of every key, and since when.

    Notes
    -----
    State: one value per key ever seen; a key that is gone keeps its name and null.
    """

    def __init__(self) -> None:
        self.change = 0
        """Grows with every change."""
        # In order of their last change, so what changed since is at the end.
        self._values: dict[str, tuple[int, bytes]] = {}

    def put(self, values: dict[str, bytes]) -> bool:
        """Note encoded values; return whether any of them is new."""
        fresh = {key: value for key, value in values.items() if self._now(key) != value}
        if fresh:
            self.change += 1
        for key, value in fresh.items():
            self._values.pop(key, None)
            self._values[key] = self.change, value
        return bool(fresh)

    def forget(self, keys: set[str]) -> bool:
        """Note that keys are gone; return whether any of them was there."""
        return self.put({key: b"null" for key in keys if self._now(key) not in (None, b"null")})

    def only(self, values: dict[str, bytes]) -> bool:
        """Note all values there are; return whether anything changed."""
        changed = self.put(values)
        return self.forget(set(self._values) - set(values)) or changed

    def get(self, key: str) -> bytes | None:
        """Return the value of a key; None when there is none."""
        value = self._now(key)
        return None if value == b"null" else value

    def _now(self, key: str) -> bytes | None:
        known = self._values.get(key)
        return None if known is None else known[1]

    def since(self, change: int | None) -> bytes:
        """Return what changed since, or all there is, as one encoded object."""
        rows = []
        for key, (when, value) in reversed(self._values.items()):
            if change is not None and when <= change:
                break
            if change is not None or value != b"null":
                rows.append(encode(key) + b":" + value)
        return b"{" + b",".join(rows) + b"}"


class Series:
    """The recent points of one sensor, oldest first.

    Notes
    -----
    State: up to twice `POINTS` points. A point not newer than the last is left out.
    """

    def __init__(self) -> None:
        self.loaded = False
        """Whether the store has been asked what it has."""
        self._points: list[list[Any]] = []

    @property
    def last(self) -> int:
        """Time of the last point."""
        return int(self._points[-1][0]) if self._points else 0

    def put(self, points: list[list[Any]]) -> bool:
        """Add points ``[time, value, low, high]``; return whether any is new."""
        fresh = [point for point in points if point[0] > self.last]
        self._points += fresh
        if len(self._points) > 2 * POINTS:
            del self._points[:-POINTS]
        return bool(fresh)

    def since(self, time: int) -> list[list[Any]]:
        """Return the points after a time."""
        return self._points[bisect_right(self._points, time, key=lambda point: point[0]) :]
