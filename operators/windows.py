"""Sum up the readings of each shard per window of event time.

A window closes when the watermark passes its end; its summary depends on the readings in it and
on nothing else, so it is the same at any poll size. What a whole city needs to know (its cells,
its feeds, its curves) is built downstream from these summaries, not from readings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, compiled_with_arrays
from operators.event_clock import FOREVER, NEVER
from operators.events import HAZARDS, Readings
from operators.homes import Homes
from operators.maintenance import FaultItem
from operators.open_window import TOP, KindSums, OpenWindow, Top
from operators.ordering import RowBatch
from operators.outages import OutageWatch
from operators.registry import Registry
from operators.screening import Screened

__all__ = [
    "MILLI",
    "TOP",
    "WINDOW_MS",
    "CellSums",
    "KindSums",
    "ShardWindow",
    "SummariseShards",
    "Top",
]

WINDOW_MS = 300_000
SILENT = 12
"""Windows without any reading that are summed up one after another: an hour of silence."""
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
    last: bool = False
    """Nothing will follow of this shard."""
    faults: tuple[FaultItem, ...] = ()
    """Sensors to be looked at, the latest first."""
    faulty: dict[str, int] = {}  # noqa: RUF012 (as above)
    """How many there are, by what is wrong."""
    landmark: dict[str, Any] | None = None
    """Value, unit, name and trend of the gauge that stands for the river, if it is here."""


class SummariseShards:
    """Windows of a process's shards.

    Notes
    -----
    State: 8 bytes a sensor and open window, of which there are two or three, and that of
    ``OutageWatch``. Cost: 10 ns a reading; some 50 us a shard and window, and 30 ns a sensor. A
    reading that comes after its window was closed counts in the next. Silent windows are summed up
    too, up to ``SILENT`` in a row: silence is a finding.
    """

    def __init__(self, registry: Registry, homes: Homes) -> None:
        self.registry = registry
        self.homes = homes
        self.outages = OutageWatch()
        shards = len(homes.changes)
        self._open: dict[int, OpenWindow] = {}
        self._next = np.full(shards, NEVER, np.int64)  # first window that is not closed
        self._last = np.full(shards, NEVER, np.int64)  # last one that held readings
        self._rejected = [Counter[str]() for _ in range(shards)]
        # Impossible values by shard and window, those of each kind: no window has their readings.
        self._impossible: dict[tuple[int, int], Counter[str]] = {}
        self._places: dict[int, tuple[int, _Places]] = {}

    def sum_up(self, screened: Screened, batch: RowBatch) -> Iterator[ShardWindow]:
        """Take scored readings; return the summaries of all windows that closed."""
        rows = screened.rows
        if len(rows.sensor):
            self._add(screened)
        if len(screened.impossible.sensor):
            self._refuse(screened.impossible)
        for shard in _ended(batch.watermarks, self._next):
            reached = int(batch.watermarks[shard]) // WINDOW_MS
            yield from self._close(int(shard), reached, int(batch.reached[shard]))

    def _add(self, screened: Screened) -> None:
        rows, known = screened.rows, self.registry.columns
        numbers = np.empty(len(rows.sensor), np.int64)
        first, last = _number(rows, self._next, numbers)
        scores = screened.surprisal, screened.expected, screened.spread
        columns = (rows.sensor, rows.time, rows.value, rows.shard, *scores)
        milli, gauge = _milli(screened.surprisal), (rows.sensor == known.landmark).nonzero()[0]
        for number in [first] if first == last else _distinct(numbers, first, last):
            window = self._open.get(number)
            if window is None:
                window = self._open[number] = OpenWindow(len(self._next))
            whole = first == last
            part = np.arange(len(numbers)) if whole else np.flatnonzero(numbers == number)
            start_ms = number * WINDOW_MS
            window.add(part, columns, milli, known.kind, len(known.kind_names), start_ms)
            for row in gauge if whole else gauge[numbers[gauge] == number]:
                window.landmark = int(rows.shard[row]), float(rows.value[row])

    def _refuse(self, rows: Readings) -> None:
        """Count impossible values. A shard that tells nothing else is heard all the same."""
        kinds = self.registry.columns.kind_names
        columns = rows.shard, rows.time // WINDOW_MS, self.registry.columns.kind[rows.sensor]
        each, counts = np.unique(np.stack(columns), axis=1, return_counts=True)
        for (shard, number, kind), count in zip(each.T.tolist(), counts.tolist(), strict=True):
            if self._next[shard] == NEVER:
                self._next[shard] = number
            self._impossible.setdefault((shard, number), Counter())[kinds[kind]] += count

    def _close(self, shard: int, reached: int, silent_until: int) -> Iterator[ShardWindow]:
        for number in self._due(shard, reached):
            yield self._sum_up(shard, number, silent_until)
        self._next[shard] = reached

    def _due(self, shard: int, reached: int) -> list[int]:
        """Return the windows to close: all that were heard of, and some silent ones after them."""
        begun = int(self._next[shard])
        known = [int(self._last[shard])]
        known += [n for n, w in self._open.items() if n < reached and w.rows[shard]]
        known += [n for heard, n in self._impossible if n < reached and heard == shard]
        self._last[shard] = max(known)
        spans = (range(max(n, begun), min(n + SILENT + 1, reached)) for n in known)
        return sorted({number for span in spans for number in span})

    def _sum_up(self, shard: int, number: int, silent_until: int) -> ShardWindow:
        end = (number + 1) * WINDOW_MS
        columns, sensors = self.registry.columns, self.homes.sensors(shard)
        window = self._open.get(number) or OpenWindow(len(self._next))
        heard = window.heard(sensors)
        latest_ms = np.int64(number * WINDOW_MS) + heard["last_ms"]
        self.outages.heard(sensors, latest_ms, heard["readings"])
        # Where a feed ends, its last windows go further than its sensors have come together.
        now = min(end, silent_until)
        newly_quiet = self.outages.tick(now, sensors, columns.interval_ms)
        # One that was heard once may report once a day: that it is quiet is no news yet.
        newly_quiet = newly_quiet[np.isfinite(self.outages.gap_ms[newly_quiet])]
        summary = ShardWindow(
            shard,
            end,
            end,
            self._cells(shard, sensors, heard),
            window.kinds(shard, columns.kind_names),
            window.top(shard),
            sensors[self.outages.quiet[sensors]],
            newly_quiet,
            int(np.count_nonzero(self.outages.last_ms[sensors] >= 0)),
            self._count_impossible(shard, number),
            landmark=self._landmark(window, shard),
        )
        window.rows[shard] = 0
        if not window.rows.any():
            self._open.pop(number, None)
        return summary

    def _count_impossible(self, shard: int, number: int) -> dict[str, int]:
        for due in [(s, n) for s, n in self._impossible if s == shard and n <= number]:
            self._rejected[shard] += self._impossible.pop(due)
        return dict(sorted(self._rejected[shard].items()))

    def _landmark(self, window: OpenWindow, shard: int) -> dict[str, Any] | None:
        if window.landmark is None or window.landmark[0] != shard:
            return None
        sensor = self.registry.sensors[self.registry.columns.landmark]
        value = window.landmark[1]
        return {"value": value, "unit": sensor.unit, "name": sensor.name, "trend": None}

    def _cells(
        self,
        shard: int,
        sensors: NDArray[np.intp],
        heard: NDArray[np.void],
    ) -> CellSums:
        places = self._places_of(shard, sensors)
        columns = np.zeros((6, len(places.cell)), np.int64)
        columns[0], columns[1] = places.cell, places.hazard
        _gather(places.which, heard, columns)
        return CellSums(*columns[:, columns[2] > 0])

    def _places_of(self, shard: int, sensors: NDArray[np.intp]) -> _Places:
        """Return cell and hazard of a shard's sensors; looked up anew only when they changed."""
        change, places = self._places.get(shard, (-1, None))
        if places is None or change != self.homes.changes[shard]:
            columns = self.registry.columns
            flat = columns.cell[sensors] * len(HAZARDS) + columns.hazard[sensors]
            found, which = np.unique(flat, return_inverse=True)
            places = _Places(found // len(HAZARDS), found % len(HAZARDS), which)
            self._places[shard] = self.homes.changes[shard], places
        return places

    def waiting(self, shard: int) -> NDArray[np.intp]:
        """Return the sensors of which something waits for the end of its window by name."""
        tops = [top.sensor for window in self._open.values() for top in window.top(shard)]
        return np.array(tops, np.intp)

    def take(self, shard: int, sensors: NDArray[np.intp], named: NDArray[np.intp]) -> Any:
        """Return one shard's state.

        Parameters
        ----------
        sensors
            Those of the shard.
        named
            These and those that are ``waiting``, ascending: the state names them by their place.
        """
        names = self.registry.columns.kind_names
        return (
            int(self._next[shard]),
            int(self._last[shard]),
            [
                (number, window.take(shard, sensors, named, names))
                for number, window in self._open.items()
                if window.rows[shard]
            ],
            self._rejected[shard],
            [(n, counts) for (each, n), counts in self._impossible.items() if each == shard],
            self.outages.take(sensors),
        )

    def put(
        self, shard: int, sensors: NDArray[np.intp], named: NDArray[np.intp], state: Any
    ) -> None:
        """Continue one shard from what ``take`` returned for the same sensors in the same order."""
        self._next[shard], self._last[shard], opened, rejected, bad, outages = state
        positions = {name: n for n, name in enumerate(self.registry.columns.kind_names)}
        for number, part in opened:
            window = self._open.setdefault(number, OpenWindow(len(self._next)))
            window.put(shard, sensors, named, part, positions)
        self._rejected[shard] = Counter(rejected)
        self._impossible |= {(shard, number): Counter(counts) for number, counts in bad}
        self.outages.put(sensors, outages)


class _Places(NamedTuple):
    """Cells and hazards of a shard's sensors, and which of them each sensor counts in."""

    cell: NDArray[np.intp]
    hazard: NDArray[np.intp]
    which: NDArray[np.intp]


@compiled_with_arrays
def _ended(watermarks: NDArray[np.int64], following: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the shards whose first window that is not closed has ended."""
    ended = np.zeros(len(following), np.bool_)
    for shard in range(len(following)):
        begun = following[shard] != NEVER
        ended[shard] = begun and following[shard] < watermarks[shard] // WINDOW_MS
    return np.flatnonzero(ended)


@compiled
def _number(
    rows: Readings, following: NDArray[np.int64], numbers: NDArray[np.int64]
) -> tuple[int, int]:
    """Say in which window each row counts: its own, or the first that is not closed.

    A shard's windows begin with that of its first row. Returns the first and the last of them.
    """
    first, last = FOREVER, NEVER
    for row in range(len(numbers)):
        shard, number = rows.shard[row], rows.time[row] // WINDOW_MS
        if following[shard] == NEVER:
            following[shard] = number
        number = max(number, following[shard])
        numbers[row] = number
        first, last = min(first, number), max(last, number)
    return first, last


def _distinct(numbers: NDArray[np.int64], first: int, last: int) -> list[int]:
    """Return which windows there are, in their order, without sorting where they are near."""
    if last - first < len(numbers):
        return [first + int(at) for at in np.flatnonzero(np.bincount(numbers - first))]
    return [int(number) for number in np.unique(numbers)]


@compiled
def _gather(which: NDArray[np.intp], heard: NDArray[np.void], sums: NDArray[np.int64]) -> None:
    """Add up what each place's sensors came to, in the rows of ``CellSums``."""
    for sensor in range(len(which)):
        place, surprisal = which[sensor], np.int64(heard[sensor].milli)
        if heard[sensor].readings:
            sums[2, place] += 1
            sums[3, place] += surprisal >= ODD * MILLI
            sums[4, place] += surprisal
            sums[5, place] = max(sums[5, place], surprisal)


@compiled_with_arrays
def _milli(surprisal: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return surprisals in whole thousandths, 0 where there is none."""
    milli = np.zeros(len(surprisal), np.int64)
    for row in range(len(surprisal)):
        if surprisal[row] > 0:
            milli[row] = round(min(surprisal[row], MOST_SURPRISAL) * MILLI)
    return milli
