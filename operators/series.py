"""Remember the last readings of every sensor, for whoever asks to see one.

A person who looks at a warning wants the hours before it too, so every sensor's last readings are
kept with the range that was expected; only those of sensors somebody watches are sent on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from operators.events import SeriesPoints
from operators.registry import Registry
from operators.screening import BAND, Screened

__all__ = ["KEPT", "LIMIT", "KeepSeries", "Watch"]

KEPT = 96
"""Readings kept per sensor: eight hours at five minutes."""
LIMIT = 50_000
"""Sensors of a shard kept for; beyond it a series starts when it is asked for."""


class Watch(NamedTuple):
    """Sensors whose series somebody wants from now on; all that are wanted, each time."""

    sensors: tuple[str, ...]


class KeepSeries:
    """Series of one shard.

    Notes
    -----
    State: ``KEPT`` readings of 20 bytes for each of at most ``LIMIT`` sensors. Cost: a few numpy
    calls a batch.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._times = np.zeros((0, KEPT), np.int64)
        self._points = np.zeros((0, KEPT, 3), np.float32)
        self._next = np.zeros(0, np.int64)
        self._watched: frozenset[str] = frozenset()

    def on_batch(self, items: Iterable[Screened | Watch]) -> Iterator[SeriesPoints]:
        """Return new points of watched sensors; all that is kept of one newly watched."""
        for item in items:
            if isinstance(item, Watch):
                yield from self._watch(frozenset(item.sensors))
            elif len(item.rows.sensor):
                self._keep(item)
                yield from self._new_points(item)

    def _keep(self, item: Screened) -> None:
        slots = self.registry.columns.slot[item.rows.sensor]
        mine = slots < LIMIT
        if not mine.all():
            slots = slots[mine]
        if not len(slots):
            return
        self._grow(int(slots.max()) + 1)
        order = np.argsort(slots, kind="stable")
        ranked = slots[order]
        starts = np.flatnonzero(np.r_[True, np.diff(ranked) != 0])
        occurrence = np.arange(len(ranked)) - np.repeat(starts, np.diff(np.r_[starts, len(ranked)]))
        at = (self._next[ranked] + occurrence) % KEPT
        self._times[ranked, at] = item.rows.time[mine][order]
        spread = BAND * item.spread[mine][order]
        expected = item.expected[mine][order]
        self._points[ranked, at, 0] = item.rows.value[mine][order]
        self._points[ranked, at, 1] = expected - spread
        self._points[ranked, at, 2] = expected + spread
        self._next += np.bincount(ranked, minlength=len(self._next))

    def _watch(self, wanted: frozenset[str]) -> Iterator[SeriesPoints]:
        new, self._watched = wanted - self._watched, wanted
        for name in sorted(new):
            position = self.registry.index.get(name)
            if position is None:
                continue
            slot = int(self.registry.columns.slot[position])
            if slot < len(self._next) and self._next[slot]:
                yield SeriesPoints(name, self._kept(slot))

    def _kept(self, slot: int) -> tuple[tuple[int, float, float, float], ...]:
        count = int(self._next[slot])
        rows = np.arange(max(0, count - KEPT), count) % KEPT
        return tuple(
            (int(time), round(float(value), 3), round(float(low), 3), round(float(high), 3))
            for time, (value, low, high) in zip(
                self._times[slot, rows], self._points[slot, rows], strict=True
            )
        )

    def _new_points(self, item: Screened) -> Iterator[SeriesPoints]:
        if not self._watched:
            return
        watched = [
            self.registry.index[name] for name in self._watched if name in self.registry.index
        ]
        for row in np.flatnonzero(np.isin(item.rows.sensor, watched)):
            spread, expected = BAND * float(item.spread[row]), float(item.expected[row])
            point = (
                int(item.rows.time[row]),
                float(item.rows.value[row]),
                round(expected - spread, 3),
                round(expected + spread, 3),
            )
            yield SeriesPoints(self.registry.sensors[int(item.rows.sensor[row])].id, (point,))

    def _grow(self, size: int) -> None:
        if size > len(self._next):
            more = size - len(self._next)
            self._times = np.concatenate([self._times, np.zeros((more, KEPT), np.int64)])
            self._points = np.concatenate([self._points, np.zeros((more, KEPT, 3), np.float32)])
            self._next = np.concatenate([self._next, np.zeros(more, np.int64)])

    def snapshot(self) -> bytes:
        """Return nothing: a series is for looking at, and fills again by itself."""
        return b""

    def restore(self, state: bytes) -> None:
        """Start empty."""
