"""Sum up one shard's readings per window of event time.

A window closes when the watermark passes its end; its summary depends on the readings in it and
on nothing else, so it is the same at any poll size. What a whole city needs to know (its cells,
its feeds, its curves) is built downstream from these summaries, not from readings.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.events import HAZARDS, Readings
from operators.ordering import join_readings
from operators.outages import OutageWatch
from operators.registry import Registry
from operators.screening import Screened

__all__ = ["WINDOW_MS", "CellSums", "KindSums", "ShardWindow", "SummariseShard", "Top"]

WINDOW_MS = 300_000
SILENT = 12
"""Windows without any reading that are summed up one after another: an hour of silence."""
TOP = 6
"""How many of the most unusual readings a summary names."""
MILLI = 1000
"""Surprisals are summed as whole thousandths: exact in any order."""
MOST_SURPRISAL = 10.0
ODD = 2.0
"""Surprisal from which a sensor counts in its cell: a few odd ones together are unusual."""


class CellSums(NamedTuple):
    """One row per cell and hazard whose sensors were heard; each sensor counts once."""

    cell: NDArray[np.intp]
    hazard: NDArray[np.intp]
    sensors: NDArray[np.int64]
    unusual: NDArray[np.int64]
    milli: NDArray[np.int64]
    """Sum of surprisals, in thousandths."""
    worst: NDArray[np.int64]
    """Largest surprisal, in thousandths."""


class KindSums(NamedTuple):
    """One kind of sensor: what it measured, and what was expected."""

    readings: int
    last_ms: int
    value: float
    expected: float
    spread: float
    scored: int


class Top(NamedTuple):
    """One of the most unusual readings."""

    sensor: int
    value: float
    expected: float
    surprisal: float


class ShardWindow(NamedTuple):
    """Summary of one shard over ``[end - WINDOW_MS, end)``.

    One without a summary (``cells`` is None) only says how far the shard has come.
    """

    shard: int
    end: int
    watermark: int
    cells: CellSums | None = None
    kinds: dict[str, KindSums] = {}  # noqa: RUF012 (a NamedTuple's default; never changed)
    top: tuple[Top, ...] = ()
    quiet: NDArray[np.intp] = np.empty(0, np.intp)
    """Sensors that are quiet now."""
    newly_quiet: NDArray[np.intp] = np.empty(0, np.intp)
    heard: int = 0
    """Sensors ever heard."""
    rejected: dict[str, int] = {}  # noqa: RUF012 (as above)
    """Impossible values since the shard began, by kind."""
    landmark: dict[str, Any] | None = None
    """Value, unit, name and trend of the gauge that stands for the river, if it is here."""


class SummariseShard:
    """Windows of one shard.

    Notes
    -----
    State: the scored readings of the open window (40 bytes each) and 9 bytes a sensor. Silent
    windows are summed up too, up to ``SILENT`` in a row: silence is a finding.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.outages = OutageWatch()
        self._held: list[Screened] = []
        self._impossible = Readings.empty()
        self._rejected: Counter[str] = Counter()
        self._next: int | None = None
        self._last = 0
        self._sensors = np.empty(0, np.intp)

    def on_batch(self, items: Iterable[Screened]) -> Iterator[ShardWindow]:
        """Return the summaries of all windows that closed."""
        batch = list(items)
        self._held.extend(item for item in batch if len(item.rows.sensor))
        self._impossible = join_readings([self._impossible, *(i.impossible for i in batch)])
        shard, watermark = batch[-1].shard, batch[-1].watermark
        if self._next is None and self._held:
            first = min(int(item.rows.time.min()) for item in self._held)
            self._next = first // WINDOW_MS * WINDOW_MS + WINDOW_MS
        if self._next is not None and self._next <= watermark:
            yield from self._close(shard, watermark)
        yield ShardWindow(shard, watermark, watermark)

    def _close(self, shard: int, watermark: int) -> Iterator[ShardWindow]:
        assert self._next is not None
        held = _join(self._held, shard)
        # Stable: rows of one time keep the order in which they were scored.
        held = _take(held, np.argsort(held.rows.time, kind="stable"))
        ends = self._ends(held.rows.time, watermark)
        cuts = np.searchsorted(held.rows.time, np.array(ends), side="left")
        start = 0
        for end, cut in zip(ends, cuts, strict=True):
            yield self._sum_up(_take(held, slice(start, cut)), end)
            start = int(cut)
        self._held = [_take(held, slice(start, None))] if start < len(held.rows.sensor) else []
        self._next = watermark // WINDOW_MS * WINDOW_MS + WINDOW_MS

    def _ends(self, times: NDArray[np.int64], watermark: int) -> list[int]:
        """Return the windows to close: all that hold readings, and some silent ones after them."""
        assert self._next is not None
        full = np.unique(times[times < watermark // WINDOW_MS * WINDOW_MS] // WINDOW_MS) + 1
        silent = np.arange(SILENT + 1)
        known = np.r_[self._last // WINDOW_MS, full]
        ends = np.unique(known[:, None] + silent) * WINDOW_MS
        self._last = int(known[-1]) * WINDOW_MS
        return [int(end) for end in ends if self._next <= end <= watermark]

    def _sum_up(self, rows: Screened, end: int) -> ShardWindow:
        columns = self.registry.columns
        self._note(rows.rows, rows.shard)
        intervals = columns.interval_ms[self._sensors]
        newly_quiet = self.outages.tick(end, intervals)
        return ShardWindow(
            rows.shard,
            end,
            end,
            self._cells(rows),
            dict(self._kinds(rows)),
            self._top(rows),
            self._sensors[np.flatnonzero(self.outages.quiet)],
            self._sensors[newly_quiet],
            int((self.outages.last_ms >= 0).sum()),
            self._count_impossible(end),
            self._landmark(rows.rows),
        )

    def _count_impossible(self, end: int) -> dict[str, int]:
        columns = self.registry.columns
        due = self._impossible.time < end
        kinds = columns.kind[self._impossible.sensor[due]].tolist()
        self._rejected.update(columns.kind_names[kind] for kind in kinds)
        self._impossible = self._impossible.take(~due)
        return dict(sorted(self._rejected.items()))

    def _landmark(self, rows: Readings) -> dict[str, Any] | None:
        known = self.registry.columns.landmark
        values = rows.value[rows.sensor == known]
        if not len(values):
            return None
        sensor = self.registry.sensors[known]
        return {"value": float(values[-1]), "unit": sensor.unit, "name": sensor.name, "trend": None}

    def _note(self, rows: Readings, shard: int) -> None:
        columns = self.registry.columns
        slots = columns.slot[rows.sensor]
        self.outages.heard(slots, rows.time)
        if len(self._sensors) < len(self.outages.last_ms):
            self._sensors = np.flatnonzero(columns.shard == shard)

    def _cells(self, rows: Screened) -> CellSums:
        columns = self.registry.columns
        sensor = rows.rows.sensor
        surprisal = np.clip(np.nan_to_num(rows.surprisal), 0, MOST_SURPRISAL)
        # A sensor counts once, with its worst reading, however often it reports.
        sensor, row = np.unique(sensor, return_inverse=True)
        milli = np.zeros(len(sensor), np.int64)
        np.maximum.at(milli, row, np.rint(surprisal * MILLI).astype(np.int64))
        flat = columns.cell[sensor] * len(HAZARDS) + columns.hazard[sensor]
        places, which = np.unique(flat, return_inverse=True)
        worst = np.zeros(len(places), np.int64)
        np.maximum.at(worst, which, milli)
        return CellSums(
            places // len(HAZARDS),
            places % len(HAZARDS),
            np.bincount(which, minlength=len(places)),
            np.bincount(which[milli >= ODD * MILLI], minlength=len(places)),
            np.bincount(which, milli, minlength=len(places)).astype(np.int64),
            worst,
        )

    def _kinds(self, rows: Screened) -> Iterator[tuple[str, KindSums]]:
        columns = self.registry.columns
        kinds = columns.kind[rows.rows.sensor]
        scored = ~np.isnan(rows.surprisal)
        for kind in np.unique(kinds):
            mine = kinds == kind
            known = mine & scored
            yield (
                columns.kind_names[kind],
                KindSums(
                    int(mine.sum()),
                    int(rows.rows.time[mine].max()),
                    float(rows.rows.value[mine].sum()),
                    float(rows.expected[known].sum()),
                    float(rows.spread[known].sum()),
                    int(known.sum()),
                ),
            )

    def _top(self, rows: Screened) -> tuple[Top, ...]:
        surprisal = np.nan_to_num(rows.surprisal)
        order = np.lexsort((-surprisal, rows.rows.sensor))
        sensors = rows.rows.sensor[order]
        worst = order[np.flatnonzero(np.r_[True, np.diff(sensors) != 0])] if len(order) else order
        ranked = worst[np.lexsort((rows.rows.sensor[worst], -surprisal[worst]))][:TOP]
        return tuple(
            Top(
                int(rows.rows.sensor[row]),
                float(rows.rows.value[row]),
                float(rows.expected[row]),
                float(surprisal[row]),
            )
            for row in ranked
            if surprisal[row] > 0
        )

    def snapshot(self) -> bytes:
        """Return the open window and who was heard when."""
        held = [tuple(item) for item in self._held]
        bad = tuple(self._impossible), self._rejected
        return pickle.dumps((self.outages, held, bad, self._next, self._last, self._sensors))

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        self.outages, held, bad, self._next, self._last, self._sensors = pickle.loads(state)
        self._impossible, self._rejected = Readings(*bad[0]), bad[1]
        self._held = [Screened(*item) for item in held]


def _join(items: list[Screened], shard: int) -> Screened:
    rows = join_readings(item.rows for item in items)
    if not items:
        empty = np.empty(0)
        return Screened(shard, rows, empty, empty, empty, 0)
    return Screened(
        shard,
        rows,
        np.concatenate([item.surprisal for item in items]),
        np.concatenate([item.expected for item in items]),
        np.concatenate([item.spread for item in items]),
        items[-1].watermark,
    )


def _take(held: Screened, rows: Any) -> Screened:
    return held._replace(
        rows=held.rows.take(rows),
        surprisal=held.surprisal[rows],
        expected=held.expected[rows],
        spread=held.spread[rows],
    )
