"""What a poll costs the path of readings, by how many readings it has.

``python -m benchmarks.polls`` has no broker: it hands polls of 1 to 30,000 readings to the very
path of the readings flow and takes the time. A quiet city's polls are small, for nobody waits for
more, and a small one is all fixed cost: what every step does once. So many polls a second a
process can keep up with, and so long a reading waits at least.

Scenarios are sizes: ``S1-10`` polls of ten readings. Every sensor has been watched for a day
before. A figure is the median over rounds of the mean over a round's polls; rounds of all sizes
take turns. Of the steps, microseconds a poll. ``--quick`` is for seeing that it runs.
"""

from __future__ import annotations

import gc
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from benchmarks.report import arguments, chosen, measured, publish, spread, table
from benchmarks.rig import made_city, values
from benchmarks.warming import warm
from flows.progress import Bar
from operators.counters import Counters
from operators.intake import Poll, Stretch
from operators.lines import Lines
from operators.meter import Meter
from operators.reading_path import ReadingPath
from operators.registry import Registry

__all__ = ["FULL", "QUICK", "main"]

SEED = 1
SENSORS = 10_000
SHARDS = 2
PER_S = 20_000
"""Readings a second of event time."""
START_MS = 1_763_900_000_000
PACKAGES = ("numba", "numpy")


class Load(NamedTuple):
    """Polls of one size."""

    readings: int
    polls: int
    rounds: int = 7


FULL = {
    "S1-1": Load(1, 400),
    "S1-10": Load(10, 400),
    "S1-40": Load(40, 400),
    "S1-200": Load(200, 400),
    "S1-1000": Load(1_000, 200),
    "S1-30000": Load(30_000, 20),
}
QUICK = {"S1-10": Load(10, 50, 1), "S1-1000": Load(1_000, 10, 1)}
"""Scenario ids are for good: results of different commits are compared by them."""


class _City:
    """A path, and readings for it: every sensor in turn, as time goes on."""

    def __init__(self) -> None:
        registry = Registry(made_city(SENSORS))
        self.meter = Meter(lambda: time.perf_counter_ns() // 1000)
        shards = range(SHARDS)
        self.path = ReadingPath(registry, Counters(), shards, prompt=True, meter=self.meter)
        warm(self.path, START_MS)
        self._names = [sensor.id.encode() for sensor in registry.sensors]
        self._home = np.array([zlib.crc32(name) % SHARDS for name in self._names])
        self._rng = np.random.default_rng(SEED)
        self._offsets = [0] * SHARDS
        self._said = 0

    def polls(self, load: Load) -> Iterator[Poll]:
        """Return the next polls."""
        for _ in range(load.polls):
            number = self._said + np.arange(load.readings)
            self._said += load.readings
            who, times = number % SENSORS, START_MS + 1000 * number // PER_S
            order = np.argsort(self._home[who], kind="stable")
            rows = zip(who[order], times[order], values(self._rng, who[order]), strict=True)
            lines = [
                b'{"sensor":"%s","time":%d,"value":%.3f}' % (self._names[sensor], at, value)
                for sensor, at, value in rows
            ]
            now = int(times[-1])
            stretches = tuple(self._stretches(who, now))
            live = frozenset(range(SHARDS))
            yield Poll("readings", Lines.of(lines), stretches, frozenset(), now, live, 1000 * now)

    def _stretches(self, who: Any, now: int) -> Iterator[Stretch]:
        for shard, size in enumerate(np.bincount(self._home[who], minlength=SHARDS).tolist()):
            if size:
                yield Stretch(shard, self._offsets[shard], size, now)
                self._offsets[shard] += size


def _measure(options: Any) -> dict[str, Any]:
    loads = chosen(QUICK if options.quick else FULL, options)
    if options.rounds:
        loads = {name: load._replace(rounds=options.rounds) for name, load in loads.items()}
    city = _City()
    for load in loads.values():  # what is made at the first of its kind is no poll's cost
        _round(city, load._replace(polls=5))
    gc.collect()
    gc.freeze()  # as a flow does
    took: dict[str, list[float]] = defaultdict(list)
    steps: dict[str, list[dict[str, float]]] = defaultdict(list)
    rounds = max((load.rounds for load in loads.values()), default=0)
    with Bar("polls") as bar:
        for number in range(rounds):
            for name, load in loads.items():
                if number < load.rounds:
                    us, each = _round(city, load)
                    took[name].append(us)
                    steps[name].append(each)
            bar.show((number + 1) / rounds)
    gc.unfreeze()
    scenarios: dict[str, Any] = {
        name: {
            "us_per_poll": spread(took[name], 1),
            "ns_per_reading": round(1000 * median(took[name]) / load.readings),
            "steps_us_per_poll": {
                step: round(median(each[step] for each in steps[name]), 1)
                for step in steps[name][0]
            },
        }
        for name, load in loads.items()
    }
    workload: dict[str, Any] = {"seed": SEED, "sensors": SENSORS, "shards": SHARDS, "per_s": PER_S}
    workload |= {name: load._asdict() for name, load in loads.items()}
    return {"workload": workload, "scenarios": scenarios}


def _round(city: _City, load: Load) -> tuple[float, dict[str, float]]:
    """Return microseconds a poll, in all and by step."""
    polls = list(city.polls(load))
    before = defaultdict(int, {name: step.total_us for name, step in city.meter.steps.items()})
    begun = time.perf_counter()
    for poll in polls:
        for _ in city.path.on_batch([poll]):
            pass
    us = 1e6 * (time.perf_counter() - begun) / load.polls
    after = city.meter.steps.items()
    return us, {name: (step.total_us - before[name]) / load.polls for name, step in after}


def main(given: list[str] | None = None) -> int:
    """Measure, print; return 0."""
    options = arguments("polls", __doc__, given)
    result = measured(lambda: _measure(options), PACKAGES)
    steps = next(iter(result["scenarios"].values()))["steps_us_per_poll"]
    heads = ("polls", "us a poll", "lowest", "highest", "ns a reading", *steps)
    rows = [
        (
            name,
            *(f"{figures['us_per_poll'][which]:.0f}" for which in ("median", "lowest", "highest")),
            f"{figures['ns_per_reading']:,}",
            *(f"{us:.0f}" for us in figures["steps_us_per_poll"].values()),
        )
        for name, figures in result["scenarios"].items()
    ]
    publish(result, options.json, [table("What a poll costs", heads, rows)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
