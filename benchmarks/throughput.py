"""How many readings a second one core takes: the whole flow beside flows that do less.

``python -m benchmarks.throughput`` simulates six hours of 5,000 sensors with a seed, and replays
them through three flows in turn, each in a process of its own so that nothing carries over:

* ``T1-whole-flow``: decode, order, score, join, warn: what ``citywatch replay`` runs, with the
  warnings written to a file.
* ``T2-pass-through``: the same source and the same graph, but every step hands on what it is
  given and the sinks only count: what the engine and reading the file cost alone.
* ``T3-decode-only``: the source, and the first step that decodes, registers and deals out.

The rounds are interleaved, so a machine that becomes busy slows all three; the first is a warm-up.
A rate is readings by wall clock between the first poll and the last; ``core_s`` is the processor
time of the same stretch. Ratios are taken within one round, then their median: they can be compared
between machines, the rates cannot. ``--quick`` takes one hour of 1,000 sensors to see that it runs.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.operators import KeyedStream
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from rich.table import Table

from benchmarks.report import arguments, measured, publish, table
from flows import city as wiring
from flows.city import CITY, Run, city
from flows.feeds import DirectoryFeed
from flows.progress import Bar
from flows.replay import read_city
from flows.running import run_flow
from flows.sources import FeedSource
from operators.counters import Counters
from operators.intake import Intake
from operators.registry import Registry
from operators.step import only, run_step
from simulators.clock import default_start
from simulators.feed import write_feed
from simulators.simulation import Simulation
from sinks.alert_file import AlertFileSink

__all__ = ["SCENARIOS", "main", "measure"]

SEED = 1
EVENT = "cloudburst"
PACKAGES = ("bytewax", "msgspec", "numpy", "river", "scipy")


class Workload(NamedTuple):
    """What is replayed, and how often."""

    sensors: int
    hours: float
    rounds: int


FULL = Workload(5000, 6.0, 3)
QUICK = Workload(1000, 1.0, 3)


class CountingSink(DynamicSink[Any]):
    """A sink that counts what comes and forgets it."""

    def __init__(self) -> None:
        self.taken = 0

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Counting:
        """Return the one that counts."""
        return _Counting(self)


class _Counting(StatelessSinkPartition[Any]):
    def __init__(self, sink: CountingSink) -> None:
        self._sink = sink

    def write_batch(self, items: list[Any]) -> None:
        self._sink.taken += len(items)


class _HandOn:
    """A step that hands on what it is given."""

    def on_batch(self, items: Any) -> Any:
        return items

    def snapshot(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> None:
        """There is no state."""


def _source(feed: Path) -> FeedSource:
    return FeedSource(lambda: DirectoryFeed(feed))


def _whole(feed: Path, scratch: Path) -> Dataflow:
    run = Run(
        Registry(read_city(feed)),
        _source(feed),
        DirectoryFeed(feed).names,
        alerts=AlertFileSink(scratch / "alerts.jsonl"),
        dead_letters=CountingSink(),
    )
    return city(run)


def _pass_through(feed: Path, scratch: Path) -> Dataflow:
    sink = CountingSink()
    names = DirectoryFeed(feed).names
    run = Run(Registry(read_city(feed)), _source(feed), names, alerts=sink, dead_letters=sink)
    # The graph is whatever the city's is today: only what happens in its steps is replaced.
    with patch.object(wiring, "run_step", _hand_on), patch.object(wiring, "only", _keep_all):
        return city(run)


def _hand_on(step_id: str, up: KeyedStream[Any], build: object) -> KeyedStream[Any]:
    return run_step(step_id, up, _HandOn)


def _keep_all(step_id: str, up: Stream[Any], kind: object, key: object) -> KeyedStream[Any]:
    return only(step_id, up, object, lambda _: CITY)


def _decode_only(feed: Path, scratch: Path) -> Dataflow:
    registry, counters = Registry(read_city(feed)), Counters()
    names = DirectoryFeed(feed).names
    flow = Dataflow("decode_only")
    polls = op.key_on("key", op.input("source", flow, _source(feed)), lambda _: CITY)
    taken = run_step("intake", polls, lambda: Intake(registry, counters, names, "feed"))
    op.output("out", taken, CountingSink())
    return flow


SCENARIOS: dict[str, Callable[[Path, Path], Dataflow]] = {
    "T1-whole-flow": _whole,
    "T2-pass-through": _pass_through,
    "T3-decode-only": _decode_only,
}
"""Scenario ids are for good: results of different commits are compared by them."""


class Measured(NamedTuple):
    """One run of one scenario."""

    wall_s: float
    core_s: float


def measure(job: tuple[str, Path]) -> Measured:
    """Run one scenario in this process, which has run none before."""
    scenario, feed = job
    with tempfile.TemporaryDirectory(prefix="citywatch-") as scratch:
        flow = SCENARIOS[scenario](feed, Path(scratch))
        wall, core = time.perf_counter(), time.process_time()
        run_flow(flow)
        return Measured(time.perf_counter() - wall, time.process_time() - core)


def _in_a_fresh_process(scenario: str, feed: Path) -> Measured:
    # A pool of one, for one task: spawned, so that not even imports are shared.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, ((scenario, feed),))


def _rounds(feed: Path, rounds: int) -> list[dict[str, Measured]]:
    """Return the measurements of each round; the first round, a warm-up, is left out."""
    found = []
    with Bar("measuring") as bar:
        for number in range(rounds + 1):
            found.append({name: _in_a_fresh_process(name, feed) for name in SCENARIOS})
            bar.show((number + 1) / (rounds + 1))
    return found[1:]


def _summary(rounds: list[dict[str, Measured]], readings: int) -> dict[str, Any]:
    summary = {}
    for name in SCENARIOS:
        rates = [readings / each[name].wall_s for each in rounds]
        ratios = [each["T2-pass-through"].wall_s / each[name].wall_s for each in rounds]
        summary[name] = {
            "readings_per_s": round(median(rates)),
            "lowest": round(min(rates)),
            "highest": round(max(rates)),
            "readings_per_core_s": round(median(readings / each[name].core_s for each in rounds)),
            "share_of_pass_through": round(median(ratios), 4),
        }
    return summary


def _table(result: dict[str, Any]) -> Table:
    load = result["workload"]
    rows = []
    for name, figures in result["scenarios"].items():
        spread = (figures["highest"] - figures["lowest"]) / figures["readings_per_s"]
        wall, core = (f"{figures[r]:,}" for r in ("readings_per_s", "readings_per_core_s"))
        rows.append((name, wall, f"{spread:.0%}", core, f"{figures['share_of_pass_through']:.1%}"))
    title = f"{load['readings']:,} readings of {load['sensors']:,} sensors"
    return table(title, ("scenario", "readings/s", "spread", "per core s", "share"), rows)


def _run(workload: Workload) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="citywatch-") as scratch:
        feed = Path(scratch)
        with Bar("simulating") as bar:
            start = default_start(SEED)
            simulation = Simulation(EVENT, SEED, start, workload.hours, workload.sensors)
            write_feed(simulation, feed, bar.show)
        with (feed / "readings.jsonl").open("rb") as lines:
            readings = sum(1 for _ in lines)
        rounds = _rounds(feed, workload.rounds)
    return {
        "workload": {"scenario": EVENT, "seed": SEED, "readings": readings, **workload._asdict()},
        "scenarios": _summary(rounds, readings),
    }


def main(given: list[str] | None = None) -> int:
    """Simulate, measure, print; return 0."""
    asked = arguments("throughput", __doc__, given)
    result = measured(lambda: _run(QUICK if asked.quick else FULL), PACKAGES)
    publish(result, asked.json, [_table(result)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
