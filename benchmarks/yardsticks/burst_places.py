"""Hold the places of bursts of reports against where they are known to be.

    python -m benchmarks.yardsticks.burst_places --feed DIR [--seeds 101,102] [--json FILE]

Bursts are planted among the recorded reports of a feed (8 reports in an hour, one in five of them
astray), also during storms that the whole city reports, and taken from simulated gas leaks and
floods. A burst is found within 500 m or 1 km of its truth, or not. Beside ours stands what was
before: no city, and the place of a burst is its last report's. ``shuffled`` are the same reports
with places permuted among those of the same hazard and day: what is found there is chance.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h3
import numpy as np

from benchmarks.yardsticks.planted_bursts import (
    DAY_MS,
    HOUR_MS,
    Case,
    Truth,
    planted,
    simulated,
    storms,
    swapped,
)
from benchmarks.yardsticks.report_bursts import read_reports
from models.count_burst import CountBurst
from operators.bursts import LEAST, TWO_LOOKS, NoticeBursts
from operators.events import HAZARDS
from operators.evidence import CITY_WIDE, UNUSUAL
from operators.registry import Registry
from operators.triage import Triaged, TriagedReport

__all__ = ["WAYS", "Said", "judge", "main"]

WITHIN_M = (500, 1000)
AFTER_MS = HOUR_MS // 2
"""How long after its end a burst may still be found."""
ITS_OWN_M = 3000.0
"""What is said within this of a burst, until two hours after it, is not called false."""
EPISODE_MS = 2 * HOUR_MS


class Said(NamedTuple):
    """One piece of evidence."""

    hazard: str
    time: int
    lon: float
    lat: float
    city_wide: bool = False


def before(registry: Registry, told: Sequence[TriagedReport]) -> Iterator[Said]:
    """Return bursts by a place's own past, at the place of the last report."""
    fine, coarse = CountBurst(HAZARDS, places=1000), CountBurst(HAZARDS, places=150)
    for report in told:
        at_s = report.time / 1000 + registry.local_time.offset_s(report.time // HOUR_MS)
        looks = (
            fine.score_and_learn(report.hazard, report.cell, at_s),
            coarse.score_and_learn(report.hazard, h3.cell_to_parent(report.cell, 7), at_s),
        )
        scores = [look.surprisal for look in looks if look and look.reports >= LEAST]
        if max(scores, default=0.0) - TWO_LOOKS >= UNUSUAL:
            yield Said(report.hazard, report.time, report.lon, report.lat)


def now(registry: Registry, told: Sequence[TriagedReport]) -> Iterator[Said]:
    """Return what the flow says."""
    step = NoticeBursts(registry)
    for report in told:
        for found in step.on_batch([Triaged((report,), report.time)]):
            for e in found.evidence:
                yield Said(e.hazard, e.time, e.lon, e.lat, e.channel == CITY_WIDE)


WAYS: dict[str, Callable[[Registry, Sequence[TriagedReport]], Iterator[Said]]] = {
    "before": before,
    "now": now,
}


def judge(case: Case, said: Sequence[Said]) -> dict[str, Any]:
    """Return how many bursts were found how near and how soon, and what else was said."""
    local = [each for each in said if not each.city_wide and each.time >= case.begin]
    distances, delays = list[float](), list[float]()
    hits = dict.fromkeys(WITHIN_M, 0)
    for truth in case.truths:
        about = [
            (_distance_m(truth, each), each.time - truth.start)
            for each in local
            if each.hazard in truth.hazards and truth.start <= each.time <= truth.end + AFTER_MS
        ]
        for within_m in WITHIN_M:
            hits[within_m] += any(distance <= within_m for distance, _ in about)
        near = [pair for pair in about if pair[0] <= ITS_OWN_M]
        if near:
            distances.append(near[-1][0])
            delays += [min(after for _, after in near) / 60_000]
    others = [each for each in local if not any(_is_of(truth, each) for truth in case.truths)]
    weeks = (case.told[-1].time - case.begin) / (7 * DAY_MS)
    stormy = [each for each in others if _in_storm(case, each)]
    return {
        "bursts": len(case.truths),
        **{f"within_{within_m}_m": count for within_m, count in hits.items()},
        "last_m": float(np.median(distances)) if distances else None,
        "delay_min": float(np.median(delays)) if delays else None,
        "false": len(episodes([each for each in others if each not in stormy])),
        "weeks": weeks,
        "in_storms": len(stormy),
        "places_in_storms": len(episodes(stormy)),
        "city_wide": sum(each.city_wide for each in said),
        "storms_told": sum(
            any(each.city_wide and _over(storm, each) for each in said) for storm in case.storms
        ),
        "storms": len(case.storms),
    }


def episodes(said: Sequence[Said]) -> list[Said]:
    """Return the first of what is said of each hazard and place until two hours are silent."""
    last, first = dict[tuple[str, str], int](), []
    for each in said:
        place = each.hazard, str(h3.latlng_to_cell(each.lat, each.lon, 7))
        if each.time - last.get(place, -EPISODE_MS - 1) > EPISODE_MS:
            first.append(each)
        last[place] = each.time
    return first


def _distance_m(truth: Truth, said: Said) -> float:
    return float(h3.great_circle_distance((truth.lat, truth.lon), (said.lat, said.lon), unit="m"))


def _is_of(truth: Truth, said: Said) -> bool:
    return (
        said.hazard in truth.hazards
        and truth.start <= said.time <= truth.end + EPISODE_MS
        and _distance_m(truth, said) <= ITS_OWN_M
    )


def _in_storm(case: Case, said: Said) -> bool:
    return any(_over(storm, said) for storm in case.storms)


def _over(storm: tuple[str, int, int], said: Said) -> bool:
    hazard, start, end = storm
    return said.hazard == hazard and start <= said.time <= end + AFTER_MS


def _sum(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of several cities as those of one."""
    merged: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows if row[name] is not None]
        if name in ("last_m", "delay_min"):
            merged[name] = float(np.median(values)) if values else None
        else:
            merged[name] = sum(values)
    return merged


def _rows(name: str, cases: Sequence[Case], seed: int) -> Iterator[dict[str, Any]]:
    for reports in ("real", "shuffled"):
        used = [case if reports == "real" else swapped(case, seed) for case in cases]
        for way, bursts in WAYS.items():
            found = [judge(case, list(bursts(case.registry, case.told))) for case in used]
            yield {"set": name, "reports": reports, "way": way, **_sum(found)}


def _sets(given: argparse.Namespace) -> Iterator[tuple[str, list[Case]]]:
    if given.feed is not None:
        registry, told = read_reports(given.feed)
        yield "planted", [planted(registry, told, given.seed)]
        yield "in storms", [storms(registry, told, given.seed)]
    seeds = [int(seed) for seed in given.seeds.split(",") if seed]
    for scenario in ("gas_leak", "flood") if seeds else ():
        yield scenario, [simulated(scenario, seed) for seed in seeds]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures of every set, before and now, real and shuffled."""
    parser = argparse.ArgumentParser(prog="burst_places", description=__doc__.split("\n")[0])
    parser.add_argument("--feed", type=Path, help="feed directory with reports")
    parser.add_argument("--seeds", default="101,102,103", help="of the simulated cities")
    parser.add_argument("--seed", type=int, default=1, help="of what is planted and shuffled")
    parser.add_argument("--json", type=Path, help="file the figures are written to")
    given = parser.parse_args(arguments)
    heads = ("bursts", "500 m", "1 km", "last, m", "delay, min", "false a week", "in storms")
    print(f"{'set':11}{'reports':10}{'way':8}" + "".join(f"{head:>14}" for head in heads))
    rows = []
    for name, cases in _sets(given):
        for row in _rows(name, cases, given.seed):
            rows.append(row)
            shown = (
                f"{row['bursts']}",
                f"{row['within_500_m']}",
                f"{row['within_1000_m']}",
                f"{_or_nan(row['last_m']):.0f}",
                f"{_or_nan(row['delay_min']):.0f}",
                f"{row['false'] / row['weeks']:.1f}",
                f"{row['in_storms']} ({row['places_in_storms']})" if row["storms"] else "",
            )
            said = (
                f"  city-wide: {row['city_wide']}, {row['storms_told']} of {row['storms']} storms"
            )
            line = f"{name:11}{row['reports']:10}{row['way']:8}"
            line += "".join(f"{each:>14}" for each in shown)
            print(line + (said if row["way"] == "now" else ""), flush=True)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))
    return 0


def _or_nan(figure: float | None) -> float:
    return math.nan if figure is None else figure


if __name__ == "__main__":
    sys.exit(main())
