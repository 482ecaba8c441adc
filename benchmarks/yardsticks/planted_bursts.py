"""Bursts planted among recorded reports, and reports of a simulated city: places that are known.

What is planted is invented, and kinder than a city: it says whether the place of a burst is found
among real reports, not how often a city has one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from operators.counters import Counters
from operators.events import TruthEvent
from operators.intake import ReportRows
from operators.registry import Registry, cell_of
from operators.triage import TriagedReport, TriageReports
from simulators.clock import default_start
from simulators.scoring import ACCEPTED
from simulators.simulation import Simulation

__all__ = ["DAY_MS", "HOUR_MS", "Case", "Truth", "planted", "simulated", "storms", "swapped"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LEARNING_DAYS = 28
EVERY_MS = 18 * HOUR_MS
"""A burst is planted so often: every time of day comes in turn."""
REPORTS = 8
SPREAD_M = 200.0
ASTRAY, ASTRAY_M = 0.2, 2500.0
"""Share of planted reports that name a wrong place, and how far off."""
USUAL = 100
"""Reports of a hazard from which it is planted."""
STORM_EVERY_MS, STORM_MS = 3 * DAY_MS, 3 * HOUR_MS
STORM = 30.0
"""Reports an hour that a storm adds, from wherever its hazard is usually reported."""
METRE = 1 / 111_320


class Truth(NamedTuple):
    """A burst that is known."""

    hazards: frozenset[str]
    start: int
    end: int
    lon: float
    lat: float


class Case(NamedTuple):
    """Reports in order of time, and the bursts in them."""

    registry: Registry
    told: Sequence[TriagedReport]
    truths: Sequence[Truth]
    begin: int
    """Before that everything is learning."""
    storms: Sequence[tuple[str, int, int]] = ()
    """Hazard, start and end of what the whole city reports."""


def planted(registry: Registry, told: Sequence[TriagedReport], seed: int) -> Case:
    """Return reports with a burst of ``REPORTS`` in an hour planted every ``EVERY_MS``."""
    rng = np.random.default_rng(seed)
    begin = told[0].time + LEARNING_DAYS * DAY_MS
    truths, more = [], list[TriagedReport]()
    for start in range(begin, told[-1].time - HOUR_MS, EVERY_MS):
        truth = _truth(told, start, rng)
        truths.append(truth)
        more += _burst(truth, REPORTS, rng)
    return Case(registry, _in_order(told, more), truths, begin)


def storms(registry: Registry, told: Sequence[TriagedReport], seed: int) -> Case:
    """Return reports with storms over the whole city; one hour into each, a burst is planted."""
    rng = np.random.default_rng(seed)
    begin = told[0].time + LEARNING_DAYS * DAY_MS
    truths, over, more = list[Truth](), [], list[TriagedReport]()
    for start in range(begin, told[-1].time - STORM_MS, STORM_EVERY_MS):
        truth = _truth(told, start + HOUR_MS, rng)
        (hazard,) = truth.hazards
        usual = [report for report in told if report.hazard == hazard]
        for nth in range(int(rng.poisson(STORM * STORM_MS / HOUR_MS))):
            like = usual[int(rng.integers(len(usual)))]
            at = start + int(rng.integers(STORM_MS))
            more.append(like._replace(id=f"storm-{start}-{nth}", time=at))
        more += _burst(truth, REPORTS, rng)
        truths.append(truth)
        over.append((hazard, start, start + STORM_MS))
    return Case(registry, _in_order(told, more), truths, begin, over)


def simulated(scenario: str, seed: int, hours: float = 48.0) -> Case:
    """Return the triaged reports of a simulated city, in which one thing happens."""
    sim = Simulation(scenario, seed, default_start(seed), hours, sensors=200)
    registry = Registry(sim.city)
    triage = TriageReports(registry, Counters(), prompt=True)
    told = list[TriagedReport]()
    for nth in range(sim.blocks):
        reports = sim.block(nth).reports
        for triaged in triage.on_batch([ReportRows(reports, sim.start_ms + nth)]):
            told += triaged.reports
    return Case(registry, told, [_known(event) for event in sim.truth.events], sim.start_ms)


def swapped(case: Case, seed: int) -> Case:
    """Return the same bursts with places permuted among reports of the same hazard and day."""
    rng = np.random.default_rng(seed)
    rows: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row, report in enumerate(case.told):
        local_ms = case.registry.local_time.offset_s(report.time // HOUR_MS) * 1000
        rows[report.hazard, int(report.time + local_ms) // DAY_MS].append(row)
    moved = list(case.told)
    for same in rows.values():
        for row, other in zip(same, rng.permutation(same).tolist(), strict=True):
            place = case.told[other]
            moved[row] = case.told[row]._replace(cell=place.cell, lon=place.lon, lat=place.lat)
    return case._replace(told=moved)


def _known(event: TruthEvent) -> Truth:
    hazards = frozenset(ACCEPTED.get(event.hazard, {event.hazard}))
    return Truth(hazards, event.start, event.end, event.lon, event.lat)


def _truth(told: Sequence[TriagedReport], start: int, rng: np.random.Generator) -> Truth:
    """Return a burst of one of the usual hazards, where somebody has reported something."""
    counts = Counter(report.hazard for report in told)
    hazards = sorted(hazard for hazard, count in counts.items() if count >= USUAL)
    where = told[int(rng.integers(len(told)))]
    hazard = hazards[int(rng.integers(len(hazards)))]
    return Truth(frozenset({hazard}), start, start + HOUR_MS, where.lon, where.lat)


def _burst(truth: Truth, reports: int, rng: np.random.Generator) -> Iterator[TriagedReport]:
    (hazard,) = truth.hazards
    wide = np.cos(np.radians(truth.lat))
    for nth in range(reports):
        spread_m = ASTRAY_M if rng.random() < ASTRAY else SPREAD_M
        east, north = rng.normal(0.0, spread_m * METRE, 2)
        lon, lat = truth.lon + float(east / wide), truth.lat + float(north)
        at = int(rng.integers(truth.start, truth.end))
        name = f"planted-{truth.start}-{nth}"
        yield TriagedReport(name, at, hazard, cell_of(lon, lat), lon, lat, "city", False)


def _in_order(told: Sequence[TriagedReport], more: list[TriagedReport]) -> list[TriagedReport]:
    return sorted([*told, *more], key=lambda report: (report.time, report.id))
