"""What a sensor notices in its first readings, in a city that is known, beside known sensors.

    python benchmarks/detection.py new_sensors
    python benchmarks/detection.py new_sensors --seeds 103,104 --size 16

In a quiet simulated city a fifth of the sensors send nothing for two days, and then begin. Half of
them are shifted, for eight readings, towards what threatens, after 40 to 140 readings; so are as
many others, known since the start, at the same time. Found is a shift during which there is
evidence; wrong is evidence of sensors that were not shifted, in the readings 30 to 150 from when
the new ones began. A sensor's own jumps, from reading to reading, are the measure of its shift.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.report import table
from flows.progress import Bar
from models.rules import RULES
from operators.counters import Counters
from operators.events import Readings
from operators.evidence import UNUSUAL
from operators.intake import Poll, Stretch
from operators.ordering import RowBatch
from operators.reading_path import ReadingPath
from operators.registry import Registry
from simulators.clock import HOUR_MS, default_start
from simulators.simulation import Simulation

__all__ = ["Found", "main", "measure"]

SEEDS = (101, 102, 103, 104)
SENSORS = 1500
KNOWN_H, HOURS = 48.0, 66.0
SHARE = 0.2
"""Of the sensors that are new, and of known ones they are held against."""
LASTS = 8
"""Readings a shift lasts."""
SIZES = (8.0, 16.0, 30.0)
"""Mean jumps a sensor is shifted by."""


class Found(NamedTuple):
    """What was noticed of some sensors."""

    shifts: int
    found: int
    readings: int
    """Of those that were not shifted."""
    wrong: int


class _Sensors:
    """Who is new, who is shifted when, and how many readings each has sent since it counts."""

    def __init__(self, registry: Registry, start_ms: int, size: float, seed: int) -> None:
        rng, n = np.random.default_rng(seed), len(registry)
        part = rng.random(n)
        self.new, self.known = part < SHARE, (part >= SHARE) & (part < 2 * SHARE)
        self.begins = start_ms + (KNOWN_H * HOUR_MS + rng.uniform(0, 4 * HOUR_MS, n)).astype(int)
        self.shifted = (rng.random(n) < 0.5) & (self.new | self.known)
        self.first = rng.integers(40, 140, n)
        self._size, self._columns = size, registry.columns
        self._sent = np.zeros(n, int)
        self._last = np.full(n, np.nan)
        self._jumps, self._count = np.zeros(n), np.zeros(n)

    def pass_on(self, rows: Readings) -> tuple[Readings, NDArray[np.intp]]:
        """Return the readings that are sent, shifted where they are, and which each one is.

        The number of a reading counts from when its sensor, if it were new, began.
        """
        number, value = np.empty(len(rows.sensor), int), rows.value.copy()
        for row, sensor in enumerate(rows.sensor.tolist()):
            jump = abs(rows.value[row] - self._last[sensor])
            self._last[sensor] = rows.value[row]
            if not np.isnan(jump):
                self._jumps[sensor] += jump
                self._count[sensor] += 1
            number[row] = self._sent[sensor]
            self._sent[sensor] += rows.time[row] >= self.begins[sensor]
            if self.shifted[sensor] and 0 <= number[row] - self.first[sensor] < LASTS:
                value[row] += self._shift(sensor)
        low, high = self._columns.low[rows.sensor], self._columns.high[rows.sensor]
        sent = ~self.new[rows.sensor] | (rows.time >= self.begins[rows.sensor])
        return rows._replace(value=np.clip(value, low, high)).take(sent), number[sent]

    def _shift(self, sensor: int) -> float:
        side = self._columns.sign[sensor] or 1
        return float(side * self._size * self._jumps[sensor] / max(self._count[sensor], 1))


def measure(seed: int, size: float, sensors: int = SENSORS) -> dict[str, Found]:
    """Return what was noticed of new sensors and of known ones, in one city."""
    sim = Simulation("quiet", seed, default_start(seed), HOURS, sensors)
    registry = Registry(sim.city)
    path, plan = ReadingPath(registry, Counters()), _Sensors(registry, sim.start_ms, size, seed)
    seen = list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]]()
    with Bar(f"seed {seed}, {size:g} jumps") as bar:
        for block, batch in enumerate(_batches(sim, path)):
            sent, number = plan.pass_on(batch.rows)
            scores = path.screen.score(batch._replace(rows=sent))
            seen.append((scores.rows.sensor, number, scores.surprisal >= UNUSUAL))
            bar.show((block + 1) / sim.blocks)
    sensor, number, unusual = (np.concatenate(column) for column in zip(*seen, strict=True))
    return {
        "new": _found(plan, plan.new, sensor, number, unusual),
        "known": _found(plan, plan.known, sensor, number, unusual),
    }


def _batches(sim: Simulation, path: ReadingPath) -> Iterator[RowBatch]:
    offset = 0
    for k in range(sim.blocks):
        lines = sim.block(k).lines()
        poll = Poll("readings", lines, (Stretch(0, offset, len(lines)),), frozenset())
        offset += len(lines)
        batch, _, _ = path.intake.accept(poll)
        path.homes.note(batch.rows.sensor, batch.rows.shard)
        yield path.order.pass_on(batch)


def _found(
    plan: _Sensors,
    whom: NDArray[np.bool_],
    sensor: NDArray[np.intp],
    number: NDArray[np.intp],
    unusual: NDArray[np.bool_],
) -> Found:
    into = number - plan.first[sensor]
    during = whom[sensor] & plan.shifted[sensor] & (into >= 0) & (into < LASTS)
    early = (number >= RULES.few) & (number < RULES.warm_up)
    plain = whom[sensor] & ~plan.shifted[sensor] & early
    shifts, found = (len(np.unique(sensor[rows])) for rows in (during, during & unusual))
    return Found(shifts, found, int(plain.sum()), int((plain & unusual).sum()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found of each size, of new sensors and of known ones."""
    parser = argparse.ArgumentParser(prog="detection.py new_sensors", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), metavar="N,M,...")
    parser.add_argument("--size", type=float, action="append", help="in mean jumps (8, 16, 30)")
    parser.add_argument("--sensors", type=int, default=SENSORS)
    given = parser.parse_args(arguments)
    rows = []
    for size in given.size or SIZES:
        runs = [measure(int(seed), size, given.sensors) for seed in given.seeds.split(",")]
        for who in ("new", "known"):
            shifts, found, readings, wrong = np.sum([run[who] for run in runs], axis=0)
            share = f"{found / max(shifts, 1):.0%}"
            rows.append(
                (f"{size:g}", who, str(shifts), share, f"{1000 * wrong / max(readings, 1):.2f}")
            )
    heads = ("mean jumps", "sensors", "shifts", "found", "wrong, of 1,000 readings")
    Console().print(table("Shifts of eight readings in a known city", heads, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
