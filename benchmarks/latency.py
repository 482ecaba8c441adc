"""How long from a reading that should warn to the warning on a screen, under load.

``python -m benchmarks.latency`` starts a broker, a store, production (prompt mode; once all in one
process, once one of each flow), a hub and one screen, and publishes readings in an open loop: at
1,000, 20,000 and 50,000 a second, whatever the flow can take. Ten times a second one of them is a
second reading over an official level, of a sensor far from all others, and calls for a warning of
its own. Its latency counts from when it should have been sent, so a publisher, a broker or a flow
that falls behind shows. Detectors have been through 160 readings a sensor before, so that ordinary
noise makes evidence as it does in a city; snapshots go on.

The hops are the warning's own stamps, ``latency_us``: from the log's timestamp (milliseconds) to
polled, to screened, to decided, to stored, to sent by the hub. Everything runs on this machine, its
processes compete. ``--quick`` is for seeing that it runs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from benchmarks.deployment import ALARMS_PER_S, TOGETHER, Deployment, Feed, Load, write_city
from benchmarks.report import arguments, chosen, measured, publish, spread, table
from benchmarks.rig import Rig, rig
from flows.kafka import Topics
from flows.progress import Bar

__all__ = ["FULL", "QUICK", "main"]

SEED = 1
PACKAGES = ("bytewax", "confluent-kafka", "numba", "numpy", "redis", "websockets")
PARTITIONS = 2
"""One for some 4,000 sensors, as the README advises: producers send one request a partition."""
SETTLE_S = 3.0
GRACE_S = 5.0
HOPS = ("source", "screened", "decided", "stored", "sent")

FULL = {
    "L4-1k": Load(1_000, 30.0, 3),
    "L5-20k": Load(20_000, 30.0, 3),
    "L6-50k": Load(50_000, 30.0, 3),
    "L7-1k-together": Load(1_000, 30.0, 3, flows=TOGETHER),
    "L8-20k-together": Load(20_000, 30.0, 3, flows=TOGETHER),
    "L9-50k-together": Load(50_000, 30.0, 3, flows=TOGETHER),
}
QUICK = {"L8-20k-together": Load(20_000, 10.0, 1, 2_000, flows=TOGETHER)}
"""Scenario ids are for good: results of different commits are compared by them. L1 to L3 were the
loads of L4 to L6 over eight partitions."""


class Caught(NamedTuple):
    """What one run of one load came to; times in milliseconds."""

    total: list[float]
    hops: dict[str, list[float]]
    missing: int
    publisher_late: float


def _run(bench: Rig, name: str, load: Load) -> Caught:
    topics = Topics(name)
    bench.place.create(topics, PARTITIONS)
    with tempfile.TemporaryDirectory(prefix="citywatch-") as scratch:
        data, feed = Path(scratch), Feed(bench, topics, load)
        write_city(load, data)
        with Deployment(bench, topics, data, load.flows) as deployed:
            feed.warm()
            deployed.wait_until_live()
            deployed.watch()
            time.sleep(SETTLE_S)
            late = feed.run()
            time.sleep(GRACE_S)
            deployed.check()
            seen = deployed.seen()
    total = [(seen[key][0] - due) / 1000 for key, due in feed.due_us.items() if key in seen]
    stamps = [hops for _, hops in seen.values() if hops]
    hops = {hop: [each[hop] / 1000 for each in stamps if hop in each] for hop in HOPS}
    return Caught(total, hops, len(feed.due_us) - len(total), late / 1000)


def _measure(options: Any) -> dict[str, Any]:
    loads = chosen(QUICK if options.quick else FULL, options)
    if options.rounds:
        loads = {name: load._replace(rounds=options.rounds) for name, load in loads.items()}
    found = {}
    with rig() as bench:
        for name, load in loads.items():
            with Bar(f"measuring {name}") as bar:
                runs = []
                for number in range(load.rounds):
                    runs.append(_run(bench, f"{bench.prefix}-{name.lower()}-{number}", load))
                    bar.show((number + 1) / load.rounds)
            found[name] = _figures(runs)
    workloads = {name: load._asdict() for name, load in loads.items()}
    workload = {"seed": SEED, "alarms_per_s": ALARMS_PER_S, **workloads}
    return {"workload": workload, "scenarios": found}


def _figures(runs: list[Caught]) -> dict[str, Any]:
    parts = (("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9))
    figures: dict[str, Any] = {
        part: spread([float(np.percentile(run.total, at)) for run in runs], 2) for part, at in parts
    }
    figures["missing"] = sum(run.missing for run in runs)
    figures["warnings"] = sum(len(run.total) for run in runs)
    figures["publisher_late_ms"] = round(max(run.publisher_late for run in runs), 2)
    figures["hops_ms"] = {
        hop: {
            part: round(median(float(np.percentile(run.hops[hop], at)) for run in runs), 2)
            for part, at in parts[:2]
        }
        for hop in HOPS
        if all(run.hops[hop] for run in runs)
    }
    return figures


def _rows(result: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, figures in result["scenarios"].items():
        hops = figures["hops_ms"]
        yield (
            name,
            *(f"{figures[part]['median']:.1f}" for part in ("p50", "p99", "p99.9")),
            *(
                f"{hops[hop]['p50']:.1f} / {hops[hop]['p99']:.1f}" if hop in hops else ""
                for hop in HOPS
            ),
            str(figures["missing"]),
        )


def main(given: list[str] | None = None) -> int:
    """Measure, print; return 0."""
    options = arguments("latency", __doc__, given)
    result = measured(lambda: _measure(options), PACKAGES)
    heads = ("load", "p50", "p99", "p99.9", *(f"{hop} p50/p99" for hop in HOPS), "missing")
    shown = table("Reading to screen, milliseconds", heads, _rows(result))
    publish(result, options.json, [shown])
    return 0


if __name__ == "__main__":
    sys.exit(main())
