"""How soon after a crash warnings come again, and what snapshots cost meanwhile.

``python -m benchmarks.recovery`` runs production under an open-loop load of 20,000 readings a
second of 100,000 sensors (``benchmarks.deployment``), kills the process that has the readings with
``kill -9`` every few seconds and starts it again at once: once the readings flow, once all flows in
one process. Ten times a second a reading calls for a warning:
the time from the kill to the first one on the screen that was due after it counts starting the
process, restoring the state of all shards, reading what came since each shard's snapshot, and
coming up with the present. In between, how long taking the state of a shard holds up the flow, from
its metrics; a thread of its own writes it. ``--quick`` is for seeing that it runs.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.deployment import TOGETHER, Deployment, Feed, Load, write_city
from benchmarks.report import arguments, chosen, measured, publish, spread, table
from benchmarks.rig import Rig, rig
from flows.kafka import Topics
from flows.progress import Bar

__all__ = ["FULL", "QUICK", "main"]

SEED = 1
PACKAGES = ("bytewax", "confluent-kafka", "numba", "numpy", "redis")
PARTITIONS = 32
BETWEEN_S = 15.0
FULL = {
    "R1-100k-sensors": Load(20_000, 21 * BETWEEN_S, 20, 100_000),
    "R2-100k-together": Load(20_000, 21 * BETWEEN_S, 20, 100_000, flows=TOGETHER),
}
QUICK = {"R2-100k-together": Load(5_000, 3 * BETWEEN_S, 2, 10_000, flows=TOGETHER)}
"""Scenario ids are for good; ``rounds`` is how often the process is killed."""


def _run(bench: Rig, name: str, load: Load, bar: Bar) -> dict[str, Any]:
    topics = Topics(name)
    bench.place.create(topics, PARTITIONS)
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory(prefix="citywatch-") as scratch:
        data, feed = Path(scratch), Feed(bench, topics, load)
        write_city(load, data)
        with Deployment(bench, topics, data, load.flows) as deployed:
            feed.warm()
            deployed.wait_until_live()
            deployed.watch()
            publishing = threading.Thread(target=feed.run)
            publishing.start()
            kills, stalls, counts = [], [], []
            for number in range(load.rounds):
                time.sleep(BETWEEN_S * (0.8 + 0.4 * rng.random()))
                mean_ms, count = _snapshot_stall(deployed.metrics(load.flows[-1]))
                stalls.append(mean_ms)
                counts.append(count)
                kills.append(time.time_ns() // 1000)
                deployed.kill(load.flows[-1])
                deployed.start(load.flows[-1])
                bar.show((number + 1) / load.rounds)
            publishing.join()
            time.sleep(5.0)
            seen = deployed.seen()
    came = sorted((seen[key][0], due) for key, due in feed.due_us.items() if key in seen)
    waits = [
        min((at - kill) / 1e6 for at, due in came if due > kill) for kill in kills[: load.rounds]
    ]
    return {
        "first_warning_s": spread(waits, 2),
        "kills": len(kills),
        "warnings": len(came),
        "missing": len(feed.due_us) - len(came),
        "snapshot_ms_a_shard": spread(stalls, 2),
        "snapshots_taken": int(sum(counts)),
    }


def _snapshot_stall(page: str) -> tuple[float, float]:
    """Return how long taking a shard's state took on average, in ms, and how often it was taken."""
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.labels.get("step") == "snapshot" and sample.labels.get("flow") == "readings"
    }
    count = found.get("citywatch_step_seconds_count", 0.0)
    return 1000 * found.get("citywatch_step_seconds_sum", 0.0) / max(1.0, count), count


def _measure(options: Any) -> dict[str, Any]:
    loads, found = chosen(QUICK if options.quick else FULL, options), {}
    if options.rounds:
        loads = {
            name: load._replace(rounds=options.rounds, seconds=(options.rounds + 1) * BETWEEN_S)
            for name, load in loads.items()
        }
    with rig() as bench:
        for name, load in loads.items():
            with Bar(f"measuring {name}") as bar:
                found[name] = _run(bench, f"{bench.prefix}-{name.lower()}", load, bar)
    workloads = {name: load._asdict() for name, load in loads.items()}
    return {"workload": {"seed": SEED, **workloads}, "scenarios": found}


def _row(name: str, figures: dict[str, Any]) -> tuple[str, ...]:
    first, stall = figures["first_warning_s"], figures["snapshot_ms_a_shard"]
    return (
        name,
        str(figures["kills"]),
        f"{first['median']:.1f}",
        f"{first['highest']:.1f}",
        f"{figures['missing']} of {figures['missing'] + figures['warnings']}",
        f"{stall['median']:.1f}",
    )


def main(given: list[str] | None = None) -> int:
    """Measure, print; return 0."""
    options = arguments("recovery", __doc__, given)
    result = measured(lambda: _measure(options), PACKAGES)
    heads = ("scenario", "kills", "first warning, s", "worst, s", "missing", "snapshot, ms a shard")
    rows = [_row(name, figures) for name, figures in result["scenarios"].items()]
    publish(
        result,
        options.json,
        [table("After kill -9 of the process that has the readings", heads, rows)],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
