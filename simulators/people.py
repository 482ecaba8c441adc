"""What people do: crowds, noise and the power they draw."""

from __future__ import annotations

import numpy as np

from simulators.layout import Sites
from simulators.noise import Floats
from simulators.traffic import DEMAND, DEMAND_FREE
from simulators.world import Times, World

__all__ = ["Crowd", "Loudness", "PowerLoad"]

_COMMUTE = (
    0.05, 0.03, 0.02, 0.02, 0.03, 0.10, 0.40, 0.90, 1.00, 0.60, 0.45, 0.50,
    0.60, 0.50, 0.45, 0.50, 0.65, 0.95, 1.00, 0.70, 0.50, 0.40, 0.25, 0.12,
)  # fmt: skip
_LEISURE = (
    0.06, 0.03, 0.02, 0.02, 0.04, 0.10, 0.20, 0.25, 0.25, 0.28, 0.32, 0.40,
    0.45, 0.40, 0.38, 0.40, 0.45, 0.55, 0.75, 1.00, 1.00, 0.75, 0.40, 0.15,
)  # fmt: skip
_LEISURE_FREE = (
    0.10, 0.05, 0.03, 0.02, 0.04, 0.10, 0.25, 0.35, 0.50, 0.75, 0.95, 1.05,
    1.05, 1.05, 1.15, 1.25, 1.25, 1.20, 1.20, 1.30, 1.25, 0.95, 0.55, 0.25,
)  # fmt: skip
_POWER = (
    0.55, 0.50, 0.47, 0.46, 0.47, 0.52, 0.62, 0.75, 0.86, 0.93, 0.96, 0.98,
    0.95, 0.93, 0.95, 0.96, 0.96, 0.97, 1.00, 1.00, 0.97, 0.90, 0.78, 0.65,
)  # fmt: skip
_POWER_FREE = (
    0.57, 0.52, 0.49, 0.47, 0.47, 0.49, 0.54, 0.61, 0.69, 0.76, 0.80, 0.83,
    0.84, 0.82, 0.81, 0.81, 0.83, 0.88, 0.96, 0.99, 0.97, 0.90, 0.79, 0.67,
)  # fmt: skip


class Crowd:
    """People counted at squares, stations, malls and parks."""

    def __init__(self, world: World, sites: Sites) -> None:
        self._world, self._sites = world, sites
        draw = world.noise.draws("gain/crowd_count")
        kinds = [world.layout.places[i].kind for i in sites.place.tolist()]
        self._station = np.array([k == "station" for k in kinds])
        self.usual = np.exp(draw.normal(np.log(160), 0.5, len(sites)))
        self._field = world.field("crowd", sites, 3.0, 2700)

    def at(self, times_ms: Times) -> Floats:
        """Return a head count."""
        world = self._world
        commute = world.calendar.profile(times_ms, _COMMUTE, _LEISURE)
        leisure = world.calendar.profile(times_ms, _LEISURE, _LEISURE_FREE)
        share = np.where(self._station[:, None], commute, leisure)
        rain = world.weather.rain(self._sites.x, self._sites.y, times_ms)
        indoors = 1 - 0.4 * (1 - np.exp(-rain / 4))
        mood = 1 + 0.10 * self._field.at(times_ms)
        mood = mood + 0.08 * world.noise.smooth("crowd/own", times_ms, 1500)
        there = self.usual[:, None] * share * indoors * mood
        return np.maximum(there + np.sqrt(there + 1) * world.white(self._sites, times_ms), 0)


class Loudness:
    """Noise meters: traffic, people, rain on the roof."""

    def __init__(self, world: World, sites: Sites) -> None:
        self._world, self._sites = world, sites
        self._quiet = world.noise.draws("gain/noise").normal(44, 3.5, len(sites))
        self._field = world.field("noise", sites, 2.0, 1800)

    def at(self, times_ms: Times) -> Floats:
        """Return dB."""
        world = self._world
        day = world.calendar.profile(times_ms, DEMAND, DEMAND_FREE)
        rain = world.weather.rain(self._sites.x, self._sites.y, times_ms)
        level: Floats = self._quiet[:, None] + 16 * np.sqrt(day) + 4 * (1 - np.exp(-rain / 10))
        level = level + 0.8 * self._field.at(times_ms)
        return level + 1.0 * world.white(self._sites, times_ms)


class PowerLoad:
    """Feeders: homes and offices, more of both when it is hot."""

    def __init__(self, world: World, sites: Sites) -> None:
        self._world, self._sites = world, sites
        draw = world.noise.draws("gain/power_load")
        self._size = np.exp(draw.normal(np.log(2400), 0.5, len(sites)))
        self._cooling = draw.uniform(0.008, 0.025, len(sites))
        self._shift_h = draw.normal(0, 0.5, len(sites))
        self._field = world.field("power", sites, 5.0, 3600)

    def at(self, times_ms: Times) -> Floats:
        """Return kW."""
        world = self._world
        day = world.calendar.profile(times_ms, _POWER, _POWER_FREE, self._shift_h[:, None])
        heat = np.maximum(world.weather.temperature(times_ms) - 22, 0)
        load = day * (1 + self._cooling[:, None] * heat)
        load = load * (1 + 0.015 * self._field.at(times_ms))
        load = load * (1 + 0.02 * world.noise.smooth("power/own", times_ms, 1800))
        return self._size[:, None] * load * (1 + 0.008 * world.white(self._sites, times_ms))
