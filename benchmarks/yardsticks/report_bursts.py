"""Hold the bursts found in a city's reports against the same reports shuffled.

    python -m benchmarks.yardsticks.report_bursts --feed DIR [--json FILE]

A feed without labels says nothing of hits, but what is found when the places are shuffled among
the reports, or the times among the places, is chance: only the rest is news of a place. A burst is
judged at 500 m: the share of its latest reports that lie within 500 m of the one that made it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import h3
import msgspec
import numpy as np

from flows.replay import read_city
from operators.bursts import NoticeBursts
from operators.events import HAZARDS, Evidence, Report
from operators.registry import Registry, cell_of
from operators.triage import Triaged, TriagedReport

__all__ = ["Episode", "episodes", "main", "read_reports", "shuffled"]

DAY_MS = 86_400_000
LEARNING_DAYS = 28
EPISODE_MS = 2 * 3_600_000
"""Bursts of one hazard and place less than this apart are one episode."""
NEAR_KM = 0.5


class Episode(NamedTuple):
    """A burst, as long as it lasts."""

    hazard: str
    cell: str
    time: int
    near: float
    """Share of the reports of its hazard, in the two hours before, within 500 m of it: of those
    within 2 km."""


def episodes(registry: Registry, told: Sequence[TriagedReport]) -> Iterator[Episode]:
    """Return the bursts in reports that are in order of time, after the days of learning."""
    step, last = NoticeBursts(registry), dict[tuple[str, str], int]()
    begin = told[0].time + LEARNING_DAYS * DAY_MS
    for nth, report in enumerate(told):
        for found in step.on_batch([Triaged((report,), report.time)]):
            for burst in found.evidence:
                place = burst.hazard, h3.cell_to_parent(burst.cell, 7)
                fresh = burst.time - last.get(place, 0) > EPISODE_MS
                last[place] = burst.time
                if fresh and burst.time >= begin:
                    yield Episode(burst.hazard, burst.cell, burst.time, _near(burst, told, nth))


def _near(burst: Evidence, told: Sequence[TriagedReport], nth: int) -> float:
    here, recent = (burst.lat, burst.lon), list[float]()
    while nth >= 0 and told[nth].time > burst.time - EPISODE_MS:
        if told[nth].hazard == burst.hazard:
            recent.append(h3.great_circle_distance(here, (told[nth].lat, told[nth].lon)))
        nth -= 1
    around = [distance for distance in recent[1:] if distance <= 4 * NEAR_KM]
    return sum(distance <= NEAR_KM for distance in around) / max(len(around), 1)


def shuffled(
    told: Sequence[TriagedReport], rng: np.random.Generator, what: str
) -> list[TriagedReport]:
    """Return the reports with their ``places`` or their ``times`` shuffled, or ``real`` ones.

    Places move within a hazard; times move among all days but keep hazard and place together.
    """
    if what == "real":
        return list(told)
    if what == "times":
        times = rng.permutation([report.time for report in told]).tolist()
        moved = [r._replace(time=time) for r, time in zip(told, times, strict=True)]
        return sorted(moved, key=lambda report: report.time)
    moved = list(told)
    for hazard in sorted({report.hazard for report in told}):
        rows = [n for n, report in enumerate(told) if report.hazard == hazard]
        for row, other in zip(rows, rng.permutation(rows).tolist(), strict=True):
            place = told[other]
            moved[row] = told[row]._replace(cell=place.cell, lon=place.lon, lat=place.lat)
    return moved


def read_reports(directory: Path) -> tuple[Registry, list[TriagedReport]]:
    """Return the reports of a feed in order of time, by category; other ones are "other"."""
    registry = Registry(read_city(directory))
    with gzip.open(directory / "reports.jsonl.gz", "rb") as lines:
        reports = [msgspec.json.decode(line, type=Report) for line in lines]
    told = []
    for each in reports:
        cell = cell_of(each.lon, each.lat)
        hazard = each.category if each.category in HAZARDS else "other"
        place = cell, each.lon, each.lat, "city"
        told.append(TriagedReport(each.id, each.time, str(hazard), *place, False))
    return registry, sorted(told, key=lambda report: report.time)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print bursts a day, real and shuffled."""
    parser = argparse.ArgumentParser(prog="report_bursts", description=__doc__.split("\n")[0])
    parser.add_argument("--feed", type=Path, required=True, help="feed directory with reports")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file the figures are written to")
    given = parser.parse_args(arguments)
    registry, told = read_reports(given.feed)
    days = (told[-1].time - told[0].time) / DAY_MS - LEARNING_DAYS
    rows = []
    print(f"{len(told)} reports, {days:.0f} days judged; bursts a day, share of 2 km within 500 m")
    for what in ("real", "places", "times"):
        found = list(episodes(registry, shuffled(told, np.random.default_rng(given.seed), what)))
        near = float(np.mean([each.near for each in found])) if found else 0.0
        rows.append({"reports": what, "bursts_a_day": len(found) / days, "near": near})
        print(f"{what:10}{len(found) / days:8.2f}{near:8.2f}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
