"""Sensors that lie or fall silent: which, how and from when to when.

Each local day throws its own dice, so the faults of any moment are known without a history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulators.clock import DAY_MS, HOUR_MS, MINUTE_MS
from simulators.layout import Layout, Sites
from simulators.noise import Floats, Noise
from simulators.world import Times

__all__ = ["FAULTS", "Fault", "Faults", "distort"]

What = Literal["stuck", "drift", "spikes", "wrong_unit", "dead", "clock_off"]
FAULTS: tuple[What, ...] = ("stuck", "drift", "spikes", "wrong_unit", "dead", "clock_off")
_CHANCE = (0.26, 0.18, 0.20, 0.08, 0.16, 0.12)
_A_DAY = 0.006  # share of all sensors
_LONGEST_H = 18.0
_STICKS_MS = 2 * HOUR_MS

# What a drift or spike of a kind amounts to, and what its unit is mistaken for.
_SCALE: dict[str, tuple[float, float]] = {
    "river_level": (0.5, 100.0),
    "rain": (8.0, 0.1),
    "street_water": (8.0, 10.0),
    "traffic_speed": (20.0, 1 / 3.6),
    "traffic_flow": (700.0, 1 / 12),
    "traffic_occupancy": (14.0, 0.01),
    "pm25": (40.0, 0.001),
    "no2": (30.0, 0.53),
    "gas_ch4": (4.0, 500.0),
    "smoke": (0.8, 0.01),
    "crowd_count": (250.0, 12.0),
    "noise": (14.0, 0.1),
    "slope_tilt": (4.0, 0.1),
    "water_pressure": (50.0, 0.01),
    "power_load": (900.0, 0.001),
    "temperature": (7.0, 1.8),
}


@dataclass(frozen=True)
class Fault:
    """One sensor's fault; ``amount`` is its size in the sensor's unit, or milliseconds."""

    sensor: int
    what: What
    start_ms: int
    end_ms: int
    amount: float


class Faults:
    """All faults of all times."""

    def __init__(self, noise: Noise, layout: Layout) -> None:
        self._noise, self._sites = noise, list(layout.sites.values())
        self._count = sum(len(s) for s in self._sites)
        self._edges = np.array([s.first for s in self._sites])
        self._days: dict[int, list[Fault]] = {}

    def between(self, first_ms: int, last_ms: int) -> list[Fault]:
        """Return the faults that touch a stretch of time."""
        days = range(first_ms // DAY_MS - 1, (last_ms - 1) // DAY_MS + 1)
        every = [fault for day in days for fault in self._day(day)]
        return [f for f in every if f.start_ms < last_ms and first_ms < f.end_ms]

    def _day(self, day: int) -> list[Fault]:
        if day not in self._days:
            if len(self._days) > 8:
                self._days.clear()
            self._days[day] = self._thrown(day)
        return self._days[day]

    def _thrown(self, day: int) -> list[Fault]:
        draw = self._noise.draws("faults", day)
        number = int(draw.poisson(self._count * _A_DAY))
        sensors = draw.choice(self._count, min(number, self._count), replace=False)
        found = [self._one(draw, day, int(sensor)) for sensor in sensors]
        return sorted(found, key=lambda f: (f.start_ms, f.sensor))

    def _one(self, draw: np.random.Generator, day: int, sensor: int) -> Fault:
        what = FAULTS[int(draw.choice(len(FAULTS), p=_CHANCE))]
        start = day * DAY_MS + int(draw.integers(DAY_MS))
        if what == "stuck":
            # What it sticks at takes its kind's whole block: a few moments a day are enough.
            start -= start % _STICKS_MS
        lasts = int(draw.uniform(1.0, _LONGEST_H) * HOUR_MS)
        kind = self._sites[int(np.searchsorted(self._edges, sensor, side="right")) - 1].kind
        scale, factor = _SCALE[kind]
        sign = 1 if draw.uniform() < 0.5 else -1
        amount = {
            "wrong_unit": factor,
            "clock_off": sign * float(int(draw.uniform(2, 10) * MINUTE_MS)),
        }.get(what, sign * scale * float(draw.uniform(0.7, 2.0)))
        return Fault(sensor, what, start, start + lasts, amount)


def distort(
    fault: Fault, row: int, sites: Sites, times_ms: Times, values: Floats, draw: np.random.Generator
) -> Floats:
    """Return one sensor's values with its drift, spikes or wrong unit."""
    hit = (times_ms[row] >= fault.start_ms) & (times_ms[row] < fault.end_ms)
    true: Floats = values[row]
    if fault.what == "drift":
        progress = (times_ms[row] - fault.start_ms) / (fault.end_ms - fault.start_ms)
        return np.where(hit, true + 2 * fault.amount * progress, true)
    if fault.what == "spikes":
        spike = draw.uniform(size=len(hit)) < 0.06
        return np.where(hit & spike, true + 4 * fault.amount, true)
    return np.where(hit, true * fault.amount, true)
