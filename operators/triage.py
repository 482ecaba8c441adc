"""Give every citizen's report a hazard and a place.

Reports are taken in event-time order. The category decides where it names a hazard; otherwise
the text does, through an online model that keeps learning from reports whose category is known.
Nearly the same words from the same place within minutes are one report told twice.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, TypeVar

from models.report_text import ReportText
from models.report_words import extended
from operators.counters import Counters
from operators.event_clock import NEVER
from operators.events import HAZARDS, Report
from operators.intake import ReportRows
from operators.ordering import BEYOND
from operators.registry import Registry, cell_of
from operators.retold import Retold

__all__ = ["TriageReports", "Triaged", "TriagedReport"]

REMEMBERED = 50_000
"""Ids remembered, to know one that comes again."""
CERTAIN = 0.5
"""Chance from which the text alone decides the hazard."""

K = TypeVar("K")
V = TypeVar("V")


class TriagedReport(NamedTuple):
    """One report with what it is about."""

    id: str
    time: int
    hazard: str
    cell: str
    lon: float
    lat: float
    district: str
    repeated: bool
    """Told before; kept, but not counted again."""


class Triaged(NamedTuple):
    """Reports in event-time order; none older than ``watermark`` will follow."""

    reports: tuple[TriagedReport, ...]
    watermark: int
    number: int = 0
    """How many reports were told before these: what comes again is known by it."""
    live: bool = True
    begun: int = 0
    """Message at which counting began: another one, and it was begun anew."""
    last: bool = False
    """Nothing will follow."""


class TriageReports:
    """Reports of a city.

    Parameters
    ----------
    prompt
        Let reports go on as they arrive; otherwise hold each until the watermark has passed it.
    vocabulary
        What this city says of a hazard beside the vocabulary that every city starts from; a model
        restored from a snapshot keeps what it was taught.

    Notes
    -----
    State: the text model, the last ``REMEMBERED`` ids, the texts of half an hour, and
    reports still held.
    """

    def __init__(
        self,
        registry: Registry,
        counters: Counters,
        prompt: bool = False,
        vocabulary: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.registry = registry
        self.counters = counters
        self.prompt = prompt
        self.vocabulary = vocabulary
        self._held: list[Report] = []
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._retold = Retold()
        self._watermark = NEVER
        self._number = 0

    @cached_property
    def model(self) -> ReportText:
        """What reads the texts; one restored need not be taught first."""
        return ReportText.taught(extended(self.vocabulary or {}))

    def get_ready(self) -> None:
        """Teach the model its vocabulary now, which takes a second, and not at the first poll."""
        _ = self.model

    def on_batch(self, items: Iterable[ReportRows]) -> Iterator[Triaged]:
        """Return the reports whose turn it is."""
        ended = False
        for item in items:
            ended = ended or item.last
            self._held.extend(item.reports)
            self._watermark = max(self._watermark, item.watermark)
            self.counters.add("triage", "received", len(item.reports))
        due = [r for r in self._held if self.prompt or r.time < self._watermark]
        self._held = [r for r in self._held if not (self.prompt or r.time < self._watermark)]
        if ended:
            self.counters.add("triage", "rejected", len(self._held), BEYOND)
            self._held = []
        if not self.prompt:
            due.sort(key=lambda report: (report.time, report.id))
        told = tuple(self._each(due, self.model))  # asked for at the first poll, before any report
        yield Triaged(told, self._watermark, self._number, last=ended)
        self._number += len(told)

    def _each(self, reports: list[Report], model: ReportText) -> Iterator[TriagedReport]:
        for report in reports:
            if _remember(self._ids, report.id, None):
                self.counters.add("triage", "rejected", 1, "id seen before")
                continue
            self.counters.add("triage", "sent")
            yield self._triage(report, _hazard(report, model))

    def _triage(self, report: Report, hazard: str) -> TriagedReport:
        cell = cell_of(report.lon, report.lat)
        return TriagedReport(
            report.id,
            report.time,
            hazard,
            cell,
            report.lon,
            report.lat,
            self.registry.district_of(report.lon, report.lat),
            self._retold.is_known(cell, report.text, report.time),
        )

    def snapshot(self) -> bytes:
        """Return the model and what is remembered."""
        return pickle.dumps(
            (
                self.model.snapshot(),
                self._held,
                self._ids,
                self._retold,
                self._watermark,
                self._number,
            )
        )

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        model, self._held, self._ids, self._retold, self._watermark, self._number = pickle.loads(
            state
        )
        self.model = ReportText.restore(model)
        self.counters.add("triage", "received", len(self._held))


def _hazard(report: Report, model: ReportText) -> str:
    if report.category in HAZARDS:
        if report.text:
            model.learn_one(report.text, str(report.category))
        return str(report.category)
    chances = model.predict_proba_one(f"{report.category or ''} {report.text}".strip())
    best = max(chances, key=lambda hazard: (chances[hazard], hazard))
    return best if chances[best] >= CERTAIN else "other"


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> bool:
    known = key in memory
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
    return known
