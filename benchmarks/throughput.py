"""How many readings a second from Kafka: the whole of citywatch beside flows that do less.

``python -m benchmarks.throughput`` starts a broker and a store, fills topics with seeded readings,
and reads them with, in turn, each in fresh processes:

* ``whole``: what ``citywatch run --flow readings`` and ``--flow warnings`` are. The first scores
  every reading and sums up cells; the second, in a process beside it, turns evidence into warnings
  and writes warnings and the state of cells to the store. Detectors are warm: every sensor has been
  through 160 readings. What is kept of sensors is there, as it is in a city that has been watched
  for a day.
* ``together``: what ``citywatch run`` is, the same in one process.
* ``pass-through``: the same source and sinks, and a step between them that does nothing.
* ``ceiling``: consume and decode, without a flow, as citywatch does it.
* ``client``: the same with confluent-kafka's consumer and its message objects, for comparison.

Scenarios: ``K1`` single readings, of 1,000, 100,000 and 1,000,000 sensors; ``K2`` the same in
gateways' messages of 100. Rounds are interleaved, each begins with another flow, and the broker has
been read from before: one that is new compiles itself on the cores that are measured. A rate is
readings by wall clock from the first poll to the last warning in the store; ``per core s`` by the
processor time of all our processes in that stretch, the Kafka client's threads included. Ratios are
taken within one round, then their median. State is what a snapshot of all shards holds; memory is
what the readings process grew by when it met its sensors. ``--quick`` is for seeing that it runs.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from confluent_kafka import Consumer, Message, TopicPartition

from benchmarks.report import arguments, chosen, measured, publish, spread, table
from benchmarks.rig import OwnLog, Rig, Workload, fill, made_city, rig
from benchmarks.warming import warm
from flows.city import one
from flows.kafka import KafkaPlace, Topics
from flows.kafka_client import DEFAULTS
from flows.production import FLOWS, FlowName, Part
from flows.progress import Bar
from flows.readings import readings
from flows.running import run_flow
from flows.together import together
from flows.warnings import warnings
from operators.reading_codec import decode_readings
from operators.registry import Registry
from operators.step import only, run_step
from sinks.redis import RedisSink

__all__ = ["FULL", "QUICK", "main"]

SEED = 1
PACKAGES = ("bytewax", "confluent-kafka", "numba", "numpy", "msgspec", "redis", "river")
FULL = {
    "K1-single-1k": Workload(1_000, 2_000_000, 1_000),
    "K1-single-100k": Workload(100_000, 2_000_000, 60_000),
    "K1-single-1m": Workload(1_000_000, 2_000_000, 300_000),
    "K2-gateway-100k": Workload(100_000, 4_000_000, 60_000, gateway=100),
}
QUICK = {
    "K1-single-1k": Workload(1_000, 200_000, 1_000),
    "K2-gateway-100k": Workload(100_000, 400_000, 60_000, gateway=100),
}
"""Scenario ids are for good: results of different commits are compared by them."""
ROUNDS = 3
WARM_UPS = 5
NOTHING_REPORTED = 2
"""Messages of the evidence log that are there before: that there are no reports."""


class Job(NamedTuple):
    """What one process does, handed over as JSON."""

    what: str
    kafka: str
    redis: str
    prefix: str
    sensors: int
    partitions: int
    start_ms: int
    """Event time of the first reading."""
    data: str


# --- in a process of its own -----------------------------------------------------------------


class _Watch:
    """Time from the first thing that happens to the end."""

    def __init__(self) -> None:
        self.begun: tuple[float, float] | None = None

    def begin(self) -> None:
        if self.begun is None:
            self.begun = time.time(), time.process_time()

    def figures(self) -> dict[str, float]:
        begun = self.begun or (time.time(), time.process_time())
        return {
            "began": begun[0],
            "ended": time.time(),
            "core_s": time.process_time() - begun[1],
        }


class _Watched:
    """A step that says when it is first given something, after what was there before it began."""

    def __init__(self, step: Any, watch: _Watch, before: int = 0) -> None:
        self._step = step
        self._watch = watch
        self._before = before
        self.snapshot, self.restore = step.snapshot, step.restore

    def on_batch(self, items: Any) -> Any:
        items = list(items)
        lines = sum(len(getattr(item, "lines", ())) for item in items)
        if lines > self._before:
            self._watch.begin()
        self._before = max(0, self._before - lines)
        return self._step.on_batch(items)


class _Nothing:
    """A step that does nothing but note that shards have ended."""

    def __init__(self) -> None:
        self.ended: set[int] = set()
        self.rows = 0

    def on_batch(self, items: Any) -> Any:
        for item in items:
            self.ended |= item.ended
            self.rows += len(item.lines)
        return items

    def snapshot(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> None:
        """There is no state."""


def _part(job: Job, flow: FlowName, topics: Topics | None = None) -> Part:
    part = Part(
        flow,
        KafkaPlace(job.kafka),
        topics or Topics(job.prefix),
        Registry(made_city(job.sensors)),
        Path(job.data),
        ends=True,
    )
    # From the beginning, whatever an earlier round has committed.
    part.starts.update(dict.fromkeys(part.partitions, 0))
    return part


def _whole(job: Job) -> dict[str, Any]:
    part = _part(job, "readings")
    return _of_readings(job, part, readings(part))


def _warnings(job: Job) -> dict[str, Any]:
    part, watch = _part(job, "warnings"), _Watch()
    part.store = RedisSink(job.redis, job.prefix, city=None)
    flow = warnings(part)
    assert part.kept is not None
    part.kept.path = _Watched(part.kept.path, watch, NOTHING_REPORTED)
    run_flow(flow, None, 0.5)
    return watch.figures() | _of_warnings(part)


def _together(job: Job) -> dict[str, Any]:
    topics = OwnLog(f"{job.prefix}-together", Topics(job.prefix))
    KafkaPlace(job.kafka).create(topics, job.partitions)
    part, reports, beside = (_part(job, flow, topics) for flow in FLOWS)
    beside.store = RedisSink(job.redis, job.prefix, city=None)
    figures = _of_readings(job, part, together(part, reports, beside))
    return figures | _of_warnings(beside)


def _of_readings(job: Job, part: Part, flow: Dataflow) -> dict[str, Any]:
    """Run a flow whose readings are warm to its end."""
    assert part.kept is not None
    path, watch, before = part.kept.path, _Watch(), _resident()
    warm(path, job.start_ms)
    part.kept.path = _Watched(path, watch)
    run_flow(flow, None, 0.5)
    return watch.figures() | {
        "memory": _resident() - before,
        "steps_ns": {name: 1000 * step.total_us for name, step in part.meter.steps.items()},
        "readings": part.counters.account("intake").received,
        "state": sum(len(path.take(shard)) for shard in range(len(part.partitions))),
    }


def _of_warnings(part: Part) -> dict[str, Any]:
    counters = part.counters
    received, sent = counters.account("incidents").received, counters.account("alerting").sent
    return {"evidence": received, "alerting": sent}


def _pass_through(job: Job) -> dict[str, Any]:
    part, watch, step = _part(job, "readings"), _Watch(), _Nothing()
    flow = Dataflow("pass_through")
    source = part.source("readings", lambda: len(step.ended) == len(part.partitions))
    polls = op.key_on("one_source", op.input("source", flow, source), one)
    found = run_step("nothing", polls, lambda: _Watched(step, watch))
    op.output("evidence", only("told", found, str, one), part.evidence_sink())
    run_flow(flow, None, 0.5)
    return watch.figures()


def _ceiling(job: Job) -> dict[str, Any]:
    part, watch, ended = _part(job, "readings"), _Watch(), set[int]()
    source = part.source("readings", lambda: len(ended) == len(part.partitions))
    consumer: Any = source.build_part("ceiling", "ceiling", None)  # type: ignore[attr-defined]
    names = part.registry.index
    decode_readings([], names)
    gc.collect()
    gc.freeze()  # as a flow does
    try:
        while True:
            for poll in consumer.next_batch():
                ended |= poll.ended
                if poll.lines:
                    watch.begin()
                    decode_readings(poll.lines, names)
    except StopIteration:
        return watch.figures()


def _client(job: Job) -> dict[str, Any]:
    part, watch, ended = _part(job, "readings"), _Watch(), 0
    consumer = Consumer({**DEFAULTS, **part.kafka.options(), "group.id": f"{job.prefix}-client"})
    consumer.assign([TopicPartition(part.topic, number, 0) for number in part.partitions])
    names, value = part.registry.index, Message.value
    decode_readings([], names)
    gc.collect()
    gc.freeze()
    while ended < len(part.partitions):
        messages = consumer.consume(part.poll_size, 0.01)
        if messages:
            watch.begin()
            lines: list[Any] = list(map(value, messages))
            ends = lines.count(None)
            ended += ends
            decode_readings([line for line in lines if line is not None] if ends else lines, names)
    figures = watch.figures()
    consumer.close()
    return figures


JOBS: dict[str, Callable[[Job], dict[str, Any]]] = {
    "whole": _whole,
    "together": _together,
    "warnings": _warnings,
    "pass-through": _pass_through,
    "ceiling": _ceiling,
    "client": _client,
}


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# --- the rounds ------------------------------------------------------------------------------


class Measured(NamedTuple):
    """One run of one scenario."""

    wall_s: float
    core_s: float
    more: dict[str, Any]


def _start(job: Job) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.throughput", "--job", json.dumps(job._asdict())]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def _result(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    said, _ = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(f"a measured process ended with {process.returncode}")
    result: dict[str, Any] = json.loads(said.splitlines()[-1])
    return result


def _run(what: str, bench: Rig, prefix: str, load: Workload, start_ms: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="citywatch-") as data:
        jobs = [what, *(["warnings"] if what == "whole" else [])]
        common = bench.kafka, bench.redis, prefix, load.sensors, load.partitions, start_ms, data
        started = [_start(Job(each, *common)) for each in jobs]
        results = [_result(process) for process in started]
    wall_s = max(result["ended"] for result in results) - results[0]["began"]
    core_s = sum(result["core_s"] for result in results)
    more = {name: value for result in reversed(results) for name, value in result.items()}
    return Measured(wall_s, core_s, more)


def _filled(bench: Rig, topics: Topics, load: Workload, seed: int) -> int:
    """Return when the readings begin that topics have been filled with."""
    # It ends about when it is read: what is silent at its end would else be looked for.
    lasts_ms = load.readings // load.sensors * load.interval_ms
    start_ms = int(time.time() * 1000) - lasts_ms
    fill(bench.place, topics, load, start_ms, seed)
    return start_ms


def _warm_up(bench: Rig, load: Workload) -> None:
    topics = Topics(f"{bench.prefix}-warm-up")
    start_ms = _filled(bench, topics, load, SEED)
    for _ in range(WARM_UPS):
        _run("ceiling", bench, topics.prefix, load, start_ms)


def _scenario(bench: Rig, name: str, load: Workload, rounds: int, bar: Bar) -> dict[str, Any]:
    runs: dict[str, list[Measured]] = {what: [] for what in JOBS if what != "warnings"}
    for number in range(rounds):
        # Topics of its own every round: the evidence log must be empty before it.
        topics = Topics(f"{bench.prefix}-{name}-{number}")
        start_ms = _filled(bench, topics, load, SEED + number)
        first = number % len(runs)
        for place, what in enumerate([*runs][first:] + [*runs][:first]):
            runs[what].append(_run(what, bench, topics.prefix, load, start_ms))
            bar.show((number + (place + 1) / len(runs)) / rounds)
    yardsticks = runs["ceiling"], runs["client"]
    return {what: _figures(found, *yardsticks, load) for what, found in runs.items()}


def _figures(
    runs: list[Measured], ceiling: list[Measured], client: list[Measured], load: Workload
) -> dict[str, Any]:
    rates = [load.readings / run.wall_s for run in runs]
    figures: dict[str, Any] = {
        "readings_per_s": spread(rates),
        "readings_per_core_s": spread([load.readings / run.core_s for run in runs]),
        "of_ceiling": round(
            median(c.wall_s / r.wall_s for r, c in zip(runs, ceiling, strict=True)), 3
        ),
        "of_ceiling_per_core": round(
            median(c.core_s / r.core_s for r, c in zip(runs, ceiling, strict=True)), 3
        ),
    }
    pairs = list(zip(runs, client, strict=True))
    figures["of_client"] = round(median(c.wall_s / r.wall_s for r, c in pairs), 3)
    last = runs[-1].more
    if "state" in last:
        figures["state_bytes_per_sensor"] = round(last["state"] / load.sensors)
        figures["memory_bytes_per_sensor"] = round(last["memory"] / load.sensors)
        figures["evidence"], figures["alerting"] = last["evidence"], last["alerting"]
        steps = last["steps_ns"].items()
        figures["steps_ns_per_reading"] = {n: round(ns / load.readings) for n, ns in steps}
    return figures


def _measure(options: Any) -> dict[str, Any]:
    loads = chosen(QUICK if options.quick else FULL, options)
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    found = {}
    with rig() as bench:
        _warm_up(bench, next(iter(loads.values())))
        for name, load in loads.items():
            with Bar(f"measuring {name}") as bar:
                found[name] = _scenario(bench, name, load, rounds, bar)
    workloads = {name: load._asdict() for name, load in loads.items()}
    return {"workload": {"seed": SEED, "rounds": rounds, **workloads}, "scenarios": found}


def _rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, flows in result["scenarios"].items():
        for what, figures in flows.items():
            rate, core = figures["readings_per_s"], figures["readings_per_core_s"]
            swing = (rate["highest"] - rate["lowest"]) / rate["median"]
            state = figures.get("state_bytes_per_sensor")
            rows.append(
                (
                    f"{name} {what}",
                    f"{rate['median']:,.0f}",
                    f"{swing:.0%}",
                    f"{core['median']:,.0f}",
                    f"{figures['of_ceiling']:.2f}",
                    f"{figures['of_client']:.2f}",
                    "" if state is None else f"{state:,}",
                )
            )
    return rows


def main(given: list[str] | None = None) -> int:
    """Measure, print; return 0."""
    words = sys.argv[1:] if given is None else given
    if words[:1] == ["--job"]:
        job = Job(**json.loads(words[1]))
        print(json.dumps(JOBS[job.what](job)), flush=True)
        return 0
    options = arguments("throughput", __doc__, words)
    result = measured(lambda: _measure(options), PACKAGES)
    heads = ("scenario", "readings/s", "spread", "per core s", "of ceiling", "of client", "state")
    publish(result, options.json, [table("Readings from Kafka", heads, _rows(result))])
    return 0


if __name__ == "__main__":
    sys.exit(main())
