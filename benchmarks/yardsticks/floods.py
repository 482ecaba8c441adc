"""How long before it a crossing at a gauge is told, in simulated floods, with and without river.

``python -m benchmarks.yardsticks.floods`` simulates gauges of a city through several floods, four
days apart, and gives their readings to the very step of the flow that watches official levels:
once with the rivers of the city file, and once without, where each gauge has its own trend and
what gauges learnt together. Crossings are judged gauge by gauge and level by level, in the first
flood, which a new city has not learnt from, and in later ones.

A crossing is *told* when a forecast of the level, or of a worse one, was evidence within 6 h before
it; its *lead* is from the first of those, with no gap longer than an hour, to the crossing. A
forecast is *false* when its level is not crossed within 3 h, the horizon. Seeds are from 101 on:
those of the frozen suite are never looked at.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from operators.events import City, Evidence, Readings
from operators.levels import WatchLevels
from operators.registry import Registry
from simulators.city import build_city
from simulators.clock import DAY_MS, HOUR_MS, MINUTE_MS, Calendar, default_start
from simulators.events_water import flood
from simulators.happenings import Scene
from simulators.layout import lay_out
from simulators.noise import Noise
from simulators.rivers import Rivers
from simulators.water import RiverLevel
from simulators.weather import Weather
from simulators.world import World

__all__ = ["main", "measure"]

APART_MS = 4 * DAY_MS
BLOCK_MS = 10 * MINUTE_MS
BEFORE_MS, GAP_MS, HORIZON_MS = 6 * HOUR_MS, HOUR_MS, 3 * HOUR_MS
SENSORS = 5000
EARLY_MIN = 15.0
LEVELS = 4
WAYS = ("alone", "river")


class Told(NamedTuple):
    """What the forecasts of one run came to."""

    leads_min: list[float]
    """Of each crossing, 0 where it was not told."""
    said: int
    false: int


def measure(seed: int, floods: int, sensors: int = SENSORS) -> dict[str, dict[str, Told]]:
    """Return what was told of a seed's first and later floods, with and without its rivers."""
    city = build_city(seed, sensors)
    start_ms = default_start(seed)
    rows = _readings(seed, sensors, start_ms, floods)
    return {
        way: _judged(city if way == "river" else _without(city), rows, start_ms) for way in WAYS
    }


def _without(city: City) -> City:
    return msgspec.structs.replace(city, lines=())


def _readings(seed: int, sensors: int, start_ms: int, floods: int) -> Readings:
    """Return what the gauges of a seed read, in the order of time."""
    noise, layout = Noise(seed), lay_out(seed, sensors)
    draw = noise.draws("yardstick/floods")
    until = start_ms + (floods + 1) * APART_MS

    def world(pulses: tuple[Any, ...]) -> World:
        rivers = Rivers(layout.rivers, Weather(noise), pulses)
        return World(noise, layout, Weather(noise), rivers, Calendar(frozenset()))

    plain = world(())
    starts = [start_ms + (n + 1) * APART_MS for n in range(floods)]
    waves = [flood(Scene(plain, draw, f"e{n}", at, until)) for n, at in enumerate(starts)]
    sites = layout.sites["river_level"]
    signal = RiverLevel(world(tuple(p for wave in waves for p in wave.pulses)), sites)
    steps = np.arange(BLOCK_MS // sites.interval_ms) * sites.interval_ms
    times, values = [], []
    for begin in range(start_ms, until, BLOCK_MS):
        times.append(begin + sites.phase_ms[:, None] + steps)
        values.append(np.round(signal.at(times[-1]), 3))
    time, value = np.concatenate(times, axis=1), np.concatenate(values, axis=1)
    sensor = np.broadcast_to(sites.first + np.arange(len(sites))[:, None], time.shape)
    order = np.argsort(time.ravel(), kind="stable")
    shard = np.zeros(len(order), np.intp)
    return Readings(
        sensor.ravel()[order].astype(np.intp), time.ravel()[order], value.ravel()[order], shard
    )


def _judged(city: City, rows: Readings, start_ms: int) -> dict[str, Told]:
    step = WatchLevels(Registry(city))
    told: dict[tuple[str, int], list[int]] = defaultdict(list)
    for said in _forecasts(step, rows):
        told[said.key, said.level].append(said.time)
    names = {sensor.id: n for n, sensor in enumerate(city.sensors)}
    crossed = _crossings(step.registry, rows)
    found = {"first": Told([], 0, 0), "later": Told([], 0, 0)}
    later_ms = start_ms + 2 * APART_MS - DAY_MS
    for (sensor, level), times in crossed.items():
        name = city.sensors[sensor].id
        warned = sorted(t for worse in range(1, level + 1) for t in told[name, worse])
        for at in times:
            found["later" if at >= later_ms else "first"].leads_min.append(_lead(warned, at))
    for (name, level), times in told.items():
        ends = np.array(sorted(crossed.get((names[name], level), [])))
        for at in times:
            which = "later" if at >= later_ms else "first"
            came = bool(((ends >= at) & (ends <= at + HORIZON_MS)).any())
            found[which] = found[which]._replace(
                said=found[which].said + 1, false=found[which].false + (not came)
            )
    return found


def _forecasts(step: WatchLevels, rows: Readings) -> Iterator[Evidence]:
    size = 20_000
    for first in range(0, len(rows.sensor), size):
        part = np.arange(first, min(first + size, len(rows.sensor)))
        for _, said in step.evidence(rows.take(part)):
            if said.onset is not None:
                yield said


def _crossings(registry: Registry, rows: Readings) -> dict[tuple[int, int], list[int]]:
    """Return when each gauge came over each level after hours below it."""
    levels = registry.columns.levels
    found: dict[tuple[int, int], list[int]] = {}
    for sensor in np.unique(rows.sensor).tolist():
        mine = rows.sensor == sensor
        time, value = rows.time[mine], rows.value[mine]
        for level in range(1, LEVELS + 1):
            over = time[value >= levels[sensor, level - 1]]
            before = np.diff(over, prepend=0)
            found[sensor, level] = over[before > BEFORE_MS].tolist()
    return found


def _lead(warned: Sequence[int], at: int) -> float:
    """Return minutes from the first forecast of the last unbroken row of them to the crossing."""
    begin = at
    for time in reversed([t for t in warned if at - BEFORE_MS <= t < at]):
        if begin - time > GAP_MS:
            break
        begin = time
    return (at - begin) / MINUTE_MS


def _figures(told: Sequence[Told]) -> dict[str, float]:
    leads = np.array([lead for each in told for lead in each.leads_min])
    said, false = sum(each.said for each in told), sum(each.false for each in told)
    early = leads >= EARLY_MIN
    return {
        "crossings": len(leads),
        "told": float((leads > 0.0).mean()) if len(leads) else 0.0,
        "told_15_min": float(early.mean()) if len(leads) else 0.0,
        "lead_min": float(np.median(leads)) if len(leads) else 0.0,
        "forecasts": said,
        "false": false / max(said, 1),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; write the figures as well where that is wanted."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.yardsticks.floods", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", default="101,102,103", metavar="N,M,...", help="from 101 on")
    parser.add_argument("--floods", type=int, default=6, help="of each seed (6)")
    parser.add_argument("--sensors", type=int, default=SENSORS, help=f"of the city ({SENSORS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    given = parser.parse_args(arguments)
    runs = [measure(int(n), given.floods, given.sensors) for n in given.seeds.split(",")]
    figures = {
        which: {way: _figures([run[way][which] for run in runs]) for way in WAYS}
        for which in ("first", "later")
    }
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    table = Table("flood", "gauges", title="crossings of official levels at simulated gauges")
    for head in ("crossings", "told", "15 min before", "lead, min", "forecasts", "false"):
        table.add_column(head, justify="right")
    for which, ways in figures.items():
        for way, found in ways.items():
            table.add_row(which, way, *_cells(found))
    Console(width=110).print(table)
    return 0


def _cells(found: dict[str, float]) -> Iterator[str]:
    yield f"{found['crossings']}"
    yield from (f"{found[name]:.1%}" for name in ("told", "told_15_min"))
    yield f"{found['lead_min']:.0f}"
    yield f"{found['forecasts']}"
    yield f"{found['false']:.1%}"


if __name__ == "__main__":
    sys.exit(main())
