"""How many of a simulated city's faulty sensors are recognised, how soon, and how many wrongly.

``python -m benchmarks.yardsticks.faults`` runs a scenario's readings through the path they take in
production and holds the maintenance items of every window against the faults the simulator made.
Faults that begin in the first ``--learn`` hours are left out. A fault counts as recognised when its
sensor is an item, whatever it is called, within three hours of the onset and before it is over;
an item is wrong when its sensor had no fault from three hours before it to its recognition.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from operators.counters import Counters
from operators.intake import Poll, Stretch
from operators.reading_path import ReadingPath
from operators.registry import Registry
from operators.windows import ShardWindow
from simulators.clock import HOUR_MS, default_start
from simulators.faults import FAULTS, Fault
from simulators.simulation import Simulation

__all__ = ["main", "measure"]

SOON_MS = 3 * HOUR_MS
MONTH_H = 730.0
CALLED = {"wrong_unit": "unit", "clock_off": "clock"}
"""What an item of a fault is called, where it has another name."""


class Seen(NamedTuple):
    """One maintenance item, and from when to when it was on the list."""

    kind: str
    first: int
    last: int


def measure(
    scenario: str, seed: int, hours: float, sensors: int = 5000, learn_h: float = 36.0
) -> dict[str, Any]:
    """Return what was recognised of the faults of one run, by kind, and what was wrong."""
    sim = Simulation(scenario, seed, default_start(seed), hours, sensors)
    seen = _watch(sim)
    begun = sim.start_ms + int(learn_h * HOUR_MS)
    end = sim.start_ms + int(hours * HOUR_MS)
    judged = [f for f in sim.faults if begun <= f.start_ms <= end - HOUR_MS]
    kinds: dict[str, Any] = {what: _kind(what, judged, seen, sim) for what in FAULTS}
    return {
        "scenario": scenario,
        "seed": seed,
        "hours": hours,
        "faults": kinds,
        "sensor_months": round(sensors * (hours - learn_h) / MONTH_H, 1),
        "wrong": _wrong(sim, seen, begun),
    }


def _watch(sim: Simulation) -> dict[int, list[Seen]]:
    """Run the readings through their path; return the items of each sensor."""
    path = ReadingPath(Registry(sim.city), Counters())
    seen: dict[tuple[int, str, int], Seen] = {}
    offset = 0
    for k in range(sim.blocks):
        lines = sim.block(k).lines()
        ended = frozenset({0}) if k == sim.blocks - 1 else frozenset[int]()
        poll = Poll("readings", lines, (Stretch(0, offset, len(lines)),), ended)
        offset += len(lines)
        for out in path.on_batch([poll]):
            if isinstance(out, ShardWindow):
                for item in out.faults:
                    key = item.sensor, item.kind, item.since
                    known = seen.get(key)
                    seen[key] = Seen(item.kind, known.first if known else out.end, out.end)
    items = defaultdict(list)
    for (sensor, _, _), each in seen.items():
        items[sensor].append(each)
    return items


def _kind(
    what: str, judged: list[Fault], seen: dict[int, list[Seen]], sim: Simulation
) -> dict[str, Any]:
    mine = [fault for fault in judged if fault.what == what]
    delays, named, covered, whole = [], 0, 0.0, 0.0
    for fault in mine:
        during = [
            item
            for item in seen.get(fault.sensor, ())
            if item.first < fault.end_ms and item.last > fault.start_ms
        ]
        whole += fault.end_ms - fault.start_ms
        covered += _covered(fault, during)
        if during:
            delays.append(max(0, min(item.first for item in during) - fault.start_ms))
            named += any(item.kind == CALLED.get(what, what) for item in during)
    soon = sum(delay <= SOON_MS for delay in delays)
    return {
        "faults": len(mine),
        "recognised": len(delays),
        "within_3h": soon,
        "named": named,
        "hours_covered": round(covered / whole, 3) if whole else None,
        "delay_min": round(median(delays) / 60_000) if delays else None,
        "missed": dict(
            Counter(
                sim.city.sensors[f.sensor].kind
                for f in mine
                if not any(
                    i.first < f.end_ms and i.last > f.start_ms for i in seen.get(f.sensor, ())
                )
            )
        ),
    }


def _covered(fault: Fault, during: list[Seen]) -> float:
    """Return how much of a fault's time its sensor was on the list."""
    told, until = 0.0, float(fault.start_ms)
    for item in sorted(during, key=lambda item: item.first):
        begin = max(item.first, until)
        until = max(until, min(item.last, fault.end_ms))
        told += max(0.0, until - begin)
    return told


def _wrong(sim: Simulation, seen: dict[int, list[Seen]], begun: int) -> dict[str, Any]:
    """Return how many items were of sensors without a fault, by what was said and by kind."""
    faulty = defaultdict(list)
    for fault in sim.faults:
        faulty[fault.sensor].append(fault)
    said: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for sensor, items in seen.items():
        for item in items:
            near = (
                f.start_ms < item.first and f.end_ms > item.first - SOON_MS for f in faulty[sensor]
            )
            if item.first >= begun and not any(near):
                said[item.kind] += 1
                of[f"{item.kind} {sim.city.sensors[sensor].kind}"] += 1
    return {"items": sum(said.values()), "said": dict(said), "of": dict(of.most_common())}


def main(arguments: list[str] | None = None) -> int:
    """Print a table of what was recognised."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.yardsticks.faults")
    parser.add_argument("--scenarios", default="quiet", metavar="A,B,...")
    parser.add_argument("--seeds", default="101", metavar="N,M,...")
    parser.add_argument("--hours", type=float, default=96.0)
    parser.add_argument("--learn", type=float, default=36.0, metavar="HOURS")
    parser.add_argument("--sensors", type=int, default=5000)
    parser.add_argument("--json", type=Path, help="write every figure here")
    given = parser.parse_args(arguments)
    results = [
        measure(scenario, int(seed), given.hours, given.sensors, given.learn)
        for scenario in given.scenarios.split(",")
        for seed in given.seeds.split(",")
    ]
    if given.json is not None:
        given.json.write_text(json.dumps(results, indent=1))
    Console(width=100).print(_table(results))
    return 0


def _table(results: list[dict[str, Any]]) -> Table:
    names = ("fault", "number", "recognised", "within 3 h", "named right", "median delay, min")
    table = Table(*names)
    for column in table.columns[1:]:
        column.justify = "right"
    for what in FAULTS:
        each = [result["faults"][what] for result in results]
        delays = [found["delay_min"] for found in each if found["delay_min"] is not None]
        counts = [sum(f[n] for f in each) for n in ("faults", "recognised", "within_3h", "named")]
        table.add_row(what, *map(str, counts), f"{median(delays):.0f}" if delays else "-")
    months = sum(result["sensor_months"] for result in results)
    wrong = sum(result["wrong"]["items"] for result in results)
    table.caption = f"{wrong} wrong items in {months:.0f} sensor-months: {wrong / months:.2f} each"
    return table


if __name__ == "__main__":
    sys.exit(main())
