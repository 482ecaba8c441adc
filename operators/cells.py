"""Judge a place by all its sensors together.

One number a sensor is seldom enough; a cell in which several are a little unusual at once is. Per
window, every cell that shows something is scored by one river model of the whole city, which
learns from a rotating sample of all cells what they usually look like; and it is no more unusual
than so many of its sensors agreeing is, given how many of the other cells' are unusual.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import h3
import numpy as np
from numpy.typing import NDArray

from models.half_space import CellModel
from operators.event_clock import FOREVER, NEVER
from operators.events import HAZARDS, NO_LEVEL, CellState, Evidence
from operators.evidence import UNUSUAL, Found
from operators.incident import like
from operators.merging import WAIT_MS, CityWindow
from operators.registry import Registry
from operators.surroundings import agreement
from operators.triage import Triaged
from operators.windows import MILLI, WINDOW_MS, CellSums

__all__ = ["JudgeCells"]

SAMPLE = 4
"""Cells learnt from per window: the model needs a sample, not everything (40 us each)."""
SHOWN = 2.0
"""Surprisal from which a cell is worth showing."""

_ALIKE = np.array([[name in like(hazard) for hazard in HAZARDS] for name in HAZARDS], np.int64)
"""1 where a sensor of the one hazard may speak of the other."""


class _Cell(NamedTuple):
    name: str
    sensors: int
    unusual: int
    mean: float
    worst: float
    hazard: str
    """That of which the sensors agree most."""
    agreeing: int
    """Sensors of that hazard, or one that is hard to tell from it, that are unusual."""
    expected: float
    """How many would be, if they were as those of the other cells are."""
    agreement: float
    """Surprisal of so many."""
    reports: int

    def features(self) -> dict[str, float]:
        return {
            "unusual": self.unusual / self.sensors if self.sensors else 0.0,
            "mean": min(1.0, self.mean / 5),
            "worst": min(1.0, self.worst / 10),
            "reports": min(1.0, self.reports / 10),
        }


class JudgeCells:
    """Cells of a city, window by window.

    Notes
    -----
    State: one river model, the cells shown last time, and the windows and reports of which one
    waits for the other: a window is judged once the reports of its time are known too.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.model = CellModel()
        self._windows: list[CityWindow] = []
        self._reports: list[tuple[int, str]] = []
        self._reported = NEVER
        self._summed = NEVER
        self._ended = False
        self._shown: frozenset[str] = frozenset()
        self._turn = 0

    def on_batch(self, items: Iterable[CityWindow | Triaged]) -> Iterator[Found | CellState]:
        """Return evidence and the state of cells that changed, window by window."""
        for item in items:
            if isinstance(item, Triaged):
                new = (report for report in item.reports if not report.repeated)
                self._reports.extend((report.time, report.cell) for report in new)
                self._reported = max(self._reported, FOREVER if item.last else item.watermark)
            else:
                self._summed = max(self._summed, item.watermark)
                self._ended = self._ended or item.last
                if item.shards:
                    self._windows.append(item)
        found: list[Evidence] = []
        while self._windows and self._windows[0].end <= self._reported:
            window = self._windows.pop(0)
            shown, sample = self._cells(window)
            yield from self._states(shown, window.end)
            found.extend(self._judge(shown, sample, window.end))
        self._forget()
        last = self._ended and not self._windows
        yield Found("cells", tuple(found), min(self._summed, self._reported), last=last)

    def _forget(self) -> None:
        """Forget reports of a time that is over: not every one has a window."""
        if self._reports:
            since = (self._windows[0].end if self._windows else self._summed) - WINDOW_MS
            since = max(since, self._reports[-1][0] - WAIT_MS)
            self._reports = [report for report in self._reports if report[0] >= since]

    def _cells(self, window: CityWindow) -> tuple[list[_Cell], list[_Cell]]:
        """Return the cells that show something, and a rotating sample of all."""
        sums = _add([shard.cells for shard in window.shards if shard.cells is not None])
        told = self._reports_until(window.end)
        if not len(sums.cell):
            return [], []
        first = np.append(0, np.flatnonzero(sums.cell[1:] != sums.cell[:-1]) + 1)
        unusual = np.add.reduceat(sums.unusual, first)
        worst = np.maximum.reduceat(sums.worst, first)
        shows = (unusual >= 2) | (worst >= SHOWN * MILLI)
        sample = (self._turn + np.arange(min(SAMPLE, len(first)))) % len(first)
        self._turn += SAMPLE
        sensors, milli = (np.add.reduceat(each, first) for each in (sums.sensors, sums.milli))
        names = self.registry.columns.cell_names
        # Where no cell has two unusual sensors nobody agrees, and only who agrees is judged.
        agreed = _agreed(sums, first) if (unusual >= 2).any() else None

        def cell(n: int, agree: bool) -> _Cell:
            name, mean = names[sums.cell[first[n]]], float(milli[n]) / MILLI / int(sensors[n])
            counts = int(sensors[n]), int(unusual[n]), mean, float(worst[n]) / MILLI
            on = agreed.of(n) if agreed is not None and agree else ("other", 0, 0.0, 0.0)
            return _Cell(name, *counts, *on, told[name])

        shown = [cell(n, True) for n in np.flatnonzero(shows).tolist()]
        return shown, [cell(n, False) for n in sample.tolist()]

    def _reports_until(self, end: int) -> Counter[str]:
        if not self._reports:
            return Counter()
        due = Counter(cell for time, cell in self._reports if end - WINDOW_MS <= time < end)
        self._reports = [report for report in self._reports if report[0] >= end]
        return due

    def _judge(self, shown: list[_Cell], sample: list[_Cell], end: int) -> Iterator[Evidence]:
        """Return the cells whose mixture is unusual, by no more than their agreement is."""
        for cell in shown:
            if cell.agreement >= UNUSUAL:
                score = self.model.score_one(cell.features())
                if score is not None and score >= UNUSUAL:
                    yield self._say(cell, min(score, cell.agreement), end)
        for cell in sample:
            self.model.learn_one(cell.features())

    def _say(self, cell: _Cell, score: float, end: int) -> Evidence:
        lat, lon = h3.cell_to_latlng(cell.name)
        return Evidence(
            source="cell",
            key=cell.name,
            kind="cell",
            cell=cell.name,
            time=end - 1,
            value=float(cell.agreeing),
            expected=round(cell.expected, 2),
            surprisal=round(score, 2),
            hazard=cell.hazard,
            lon=round(lon, 6),
            lat=round(lat, 6),
            district=self.registry.district_of(lon, lat),
            count=cell.sensors,
            channel="cell",
        )

    def _states(self, cells: list[_Cell], end: int) -> Iterator[CellState]:
        shown = {cell.name: cell for cell in cells if cell.worst >= SHOWN}
        for name, cell in shown.items():
            yield CellState(
                name,
                NO_LEVEL,
                round(cell.worst, 2),
                end,
                cell.sensors,
                cell.unusual,
                cell.reports,
            )
        for name in sorted(self._shown - shown.keys()):
            yield CellState(name, NO_LEVEL, 0.0, end, 0, 0, 0)
        self._shown = frozenset(shown)

    def snapshot(self) -> bytes:
        """Return the model and what waits for its window."""
        return pickle.dumps(
            (
                self.model.snapshot(),
                self._windows,
                self._reports,
                self._reported,
                self._summed,
                self._ended,
                self._shown,
                self._turn,
            )
        )

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        (
            model,
            self._windows,
            self._reports,
            self._reported,
            self._summed,
            self._ended,
            self._shown,
            self._turn,
        ) = pickle.loads(state)
        self.model = CellModel.restore(model)

    def restore_learnt(self, state: bytes) -> None:
        """Continue without what numbers sensors and cells: the windows that wait."""
        self.restore(state)
        self._windows = []


class _Agreed(NamedTuple):
    """Of each cell, the hazard of which its sensors agree most."""

    hazard: NDArray[np.intp]
    sensors: NDArray[np.int64]
    """Sensors of it, or of one that is hard to tell from it, that are unusual here."""
    expected: NDArray[np.float64]
    surprisal: NDArray[np.float64]

    def of(self, n: int) -> tuple[str, int, float, float]:
        """Return it for one cell."""
        hazard, *rest = (each[n].item() for each in self)
        return (HAZARDS[hazard], *rest)


def _agreed(sums: CellSums, first: NDArray[np.intp]) -> _Agreed:
    """Say what the sensors of each cell agree on; rows begin where ``first`` says, cell by cell."""
    rows = np.arange(len(sums.cell))
    ends = np.append(first[1:], len(rows))
    which = np.repeat(np.arange(len(first)), ends - first)
    counts = np.zeros((2, len(first), len(HAZARDS)), np.int64)
    np.add.at(counts[0], (which, sums.hazard), sums.sensors)
    np.add.at(counts[1], (which, sums.hazard), sums.unusual)
    alike = counts @ _ALIKE
    here = alike[:, which, sums.hazard]
    others, elsewhere = alike.sum(axis=1)[:, sums.hazard] - here
    share = elsewhere / np.maximum(1, others)
    said = agreement(here[0], share, here[1])
    # Of equals the one with the worst reading, of these the first.
    most = np.lexsort((-rows, sums.worst, said, which))[ends - 1]
    return _Agreed(sums.hazard[most], here[1, most], (here[0] * share)[most], said[most])


def _add(parts: list[CellSums]) -> CellSums:
    if not parts:
        none: NDArray[np.int64] = np.empty(0, np.int64)
        return CellSums(none, none, none, none, none, none)
    if len(parts) == 1:
        whole = parts[0]
        flat = whole.cell * len(HAZARDS) + whole.hazard
        if (flat[1:] > flat[:-1]).all():
            return whole
    else:
        whole = CellSums(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    order = np.lexsort((whole.hazard, whole.cell))
    return CellSums(*(column[order] for column in whole))
