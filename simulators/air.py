"""Air: dust and nitrogen dioxide, warmth, and the gas and smoke heads that mostly read nothing."""

from __future__ import annotations

import numpy as np

from simulators.layout import Sites
from simulators.noise import Floats, Noise
from simulators.traffic import DEMAND, DEMAND_FREE
from simulators.world import Times, World

__all__ = ["Gas", "No2", "Pm25", "Smoke", "Temperature", "usual_dust"]


def usual_dust(noise: Noise) -> float:
    """Return the PM2.5 an ordinary day has in this season, ug/m3."""
    return float(noise.draws("season/pm25").uniform(20, 31))


class Pm25:
    """Fine dust: a slow regional level, a city field on it, evening and morning humps."""

    _DAY = (
        1.12, 1.10, 1.08, 1.06, 1.05, 1.06, 1.10, 1.16, 1.18, 1.12, 1.02, 0.94,
        0.88, 0.84, 0.82, 0.82, 0.84, 0.90, 0.98, 1.06, 1.12, 1.15, 1.16, 1.14,
    )  # fmt: skip

    def __init__(self, world: World, sites: Sites) -> None:
        self._world, self._sites = world, sites
        draw = world.noise.draws("gain/pm25")
        self._gain = np.exp(draw.normal(0, 0.12, len(sites)))
        self._mean = usual_dust(world.noise)
        self._field = world.field("pm25", sites, 7.0, 5400)

    def at(self, times_ms: Times) -> Floats:
        """Return ug/m3."""
        world = self._world
        regional = world.noise.common("pm25/regional", times_ms, 24 * 3600)
        rain = world.weather.rain(self._sites.x, self._sites.y, times_ms)
        washed = 1 - 0.35 * (1 - np.exp(-rain / 4))
        day = world.calendar.profile(times_ms, self._DAY)
        clean = (
            self._mean * np.exp(0.22 * regional + 0.09 * self._field.at(times_ms)) * day * washed
        )
        noise = 1 + 0.05 * world.white(self._sites, times_ms)
        return np.maximum(clean * self._gain[:, None] * noise, 1)


class No2:
    """Nitrogen dioxide: what traffic leaves in the air."""

    def __init__(self, world: World, sites: Sites) -> None:
        self._world, self._sites = world, sites
        draw = world.noise.draws("gain/no2")
        self._gain = np.exp(draw.normal(0, 0.2, len(sites)))
        self._field = world.field("no2", sites, 5.0, 5400)

    def at(self, times_ms: Times) -> Floats:
        """Return ug/m3."""
        world = self._world
        traffic = world.calendar.profile(times_ms, DEMAND, DEMAND_FREE)
        regional = world.noise.common("no2/regional", times_ms, 18 * 3600)
        clean = (14 + 26 * traffic) * np.exp(0.18 * regional + 0.10 * self._field.at(times_ms))
        noise = 1 + 0.06 * world.white(self._sites, times_ms)
        return np.maximum(clean * self._gain[:, None] * noise, 1)


class Temperature:
    """Warmth: the city's, an island of it in the middle, and a sensor's own corner."""

    def __init__(self, world: World, sites: Sites) -> None:
        self._world, self._sites = world, sites
        draw = world.noise.draws("gain/temperature")
        island = 1.6 * np.exp(-(sites.x**2 + sites.y**2) / 90)
        self._corner = island + draw.normal(0, 0.5, len(sites))
        self._field = world.field("temperature", sites, 8.0, 5400)

    def at(self, times_ms: Times) -> Floats:
        """Return degrees Celsius."""
        world = self._world
        rain = world.weather.rain(self._sites.x, self._sites.y, times_ms)
        air = world.weather.temperature(times_ms) + 0.35 * self._field.at(times_ms)
        cooled = air - 2.0 * (1 - np.exp(-rain / 5))
        return cooled + self._corner[:, None] + 0.12 * world.white(self._sites, times_ms)


class _Head:
    """A detector head: near zero, with rare harmless whiffs."""

    def __init__(self, world: World, sites: Sites, rest: float, whiff: float) -> None:
        self._world, self._sites, self._whiff = world, sites, whiff
        draw = world.noise.draws(f"gain/{sites.kind}")
        self._rest = rest * draw.uniform(0.5, 1.5, len(sites))
        self._noise = 0.12 * rest

    def at(self, times_ms: Times) -> Floats:
        """Return the reading."""
        world, kind = self._world, self._sites.kind
        drift = 0.25 * world.noise.smooth(f"{kind}/drift", times_ms, 7200)
        # Cooking, a passing lorry: rare peaks of a quick noise, one in ten heads a day.
        quick = world.noise.smooth(f"{kind}/whiff", times_ms, 420)
        whiff = self._whiff * np.maximum(quick - 3.3, 0)
        level = self._rest[:, None] * (1 + drift) + whiff
        return np.maximum(level + self._noise * world.white(self._sites, times_ms), 0)


class Gas(_Head):
    """Methane heads, percent of the lower explosive limit."""

    def __init__(self, world: World, sites: Sites) -> None:
        super().__init__(world, sites, rest=0.6, whiff=2.5)


class Smoke(_Head):
    """Smoke heads, percent of light lost in a metre."""

    def __init__(self, world: World, sites: Sites) -> None:
        super().__init__(world, sites, rest=0.12, whiff=1.2)
