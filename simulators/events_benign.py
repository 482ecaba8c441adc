"""A football match, a holiday, roadworks: unusual, expected, and no emergency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operators.events import TruthBenign
from simulators.clock import DAY_MS, HOUR_MS, MINUTE_MS, Calendar
from simulators.events_street import Gathering
from simulators.happenings import Happening, Outcry, Scene, lonlat
from simulators.layout import Sites
from simulators.noise import Floats
from simulators.world import Times

__all__ = ["football", "holiday", "roadworks"]


def football(scene: Scene) -> Happening:
    """Return a match at the stadium, kicked off at the scene's time."""
    stadium = next(p for p in scene.world.layout.places if p.kind == "stadium")
    begin = scene.when_ms - 100 * MINUTE_MS
    end = scene.when_ms + 170 * MINUTE_MS
    lon, lat = lonlat(stadium.x, stadium.y)
    return Gathering(
        begin,
        end + HOUR_MS,
        benign=TruthBenign("football match", begin, end, lon, lat, 1500),
        outcries=(
            Outcry("parking", begin, scene.when_ms, end, 10.0, ((stadium.x, stadium.y),), 0.8),
        ),
        at=(stadium.x, stadium.y),
        people=2600,
        full_ms=scene.when_ms,
        leaves_ms=scene.when_ms + 115 * MINUTE_MS,
        reach_km=0.5,
    )


def holiday(scene: Scene) -> Happening:
    """Return a public holiday on the scene's day: a Sunday in the middle of the week."""
    day = Calendar.day(scene.when_ms)
    begin = scene.when_ms
    lon, lat = lonlat(0.8, 0.5)
    return Happening(
        begin,
        begin + DAY_MS,
        benign=TruthBenign("public holiday", begin, begin + DAY_MS, lon, lat, 17_000),
        free_days=frozenset({day}),
    )


def roadworks(scene: Scene) -> Happening:
    """Return a lane closed by plan, for eight hours from the scene's time."""
    sites = scene.sites("traffic_speed")
    i = int(scene.draw.integers(len(sites)))
    x, y = float(sites.x[i]), float(sites.y[i])
    end = scene.when_ms + 8 * HOUR_MS
    lon, lat = lonlat(x, y)
    return Roadworks(
        scene.when_ms,
        end,
        benign=TruthBenign("roadworks", scene.when_ms, end, lon, lat, 900),
        at=(x, y),
        path=int(sites.path[i]),
    )


@dataclass
class Roadworks(Happening):
    """Traffic of one road crawls past, and it is loud."""

    at: tuple[float, float] = (0.0, 0.0)
    path: int = 0
    reach_km: float = 0.6

    def _near(self, sites: Sites) -> Floats:
        near: Floats = np.exp(-((sites.away_km(*self.at)[:, None] / self.reach_km) ** 2))
        return near

    def _going_on(self, times_ms: Times) -> Floats:
        return ((times_ms >= self.start_ms) & (times_ms < self.end_ms)).astype(float)

    def change(self, sites: Sites, times_ms: Times, values: Floats) -> Floats:
        """Return decibels: a compressor, a saw."""
        if sites.kind != "noise":
            return values
        louder: Floats = values + 8.0 * self._near(sites) * self._going_on(times_ms)
        return louder

    def traffic(
        self, sites: Sites, times_ms: Times, speed: Floats, flow: Floats, lanes: Floats
    ) -> tuple[Floats, Floats]:
        """Return half the speed and two thirds of the flow at the place, on this road alone."""
        there = (sites.path == self.path)[:, None] * self._near(sites) * self._going_on(times_ms)
        return speed * (1 - 0.5 * there), flow * (1 - 0.35 * there)
