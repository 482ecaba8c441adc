"""What can happen: the frame that every event, grave or benign, fills in.

A happening is a function of place and time like everything else: it changes what sensors would
have read, silences some, slows traffic, brings rain, makes people call; and it knows its truth.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from operators.events import Hazard, TruthBenign, TruthEvent
from simulators.clock import MINUTE_MS
from simulators.geometry import to_lonlat
from simulators.layout import Sites
from simulators.noise import Floats
from simulators.rivers import Pulse
from simulators.weather import RainCell
from simulators.world import Times, World

__all__ = ["Happening", "Outcry", "Scene", "hump", "lonlat", "plume", "truth_event", "worst_level"]


@dataclass(frozen=True)
class Outcry:
    """People who notice, and call: how many, where, about what."""

    topic: str
    """Which phrases they use."""
    start_ms: int
    peak_ms: int
    end_ms: int
    per_hour: float
    """At the peak."""
    centres: tuple[tuple[float, float], ...]
    spread_km: float

    def rate(self, time_ms: int) -> float:
        """Return calls per hour: climbing to the peak, thinning out to the end."""
        if not self.start_ms < time_ms < self.end_ms:
            return 0.0
        if time_ms < self.peak_ms:
            return self.per_hour * (time_ms - self.start_ms) / (self.peak_ms - self.start_ms)
        left = (self.end_ms - time_ms) / max(self.end_ms - self.peak_ms, 1)
        return self.per_hour * float(left**1.5)


@dataclass
class Happening:
    """One thing that happens; the default is nothing."""

    start_ms: int
    end_ms: int
    """Outside these its effects are nil."""
    events: tuple[TruthEvent, ...] = ()
    benign: TruthBenign | None = None
    outcries: tuple[Outcry, ...] = ()
    rain: tuple[RainCell, ...] = ()
    pulses: tuple[Pulse, ...] = ()
    calm: tuple[tuple[int, int, float], ...] = ()
    free_days: frozenset[int] = field(default_factory=frozenset)

    def change(self, sites: Sites, times_ms: Times, values: Floats) -> Floats:
        """Return what the sensors read because of it."""
        return values

    def traffic(
        self, sites: Sites, times_ms: Times, speed: Floats, flow: Floats, lanes: Floats
    ) -> tuple[Floats, Floats]:
        """Return speed (km/h) and flow (vehicles/h) because of it."""
        return speed, flow

    def silent(self, sites: Sites, times_ms: Times) -> NDArray[np.bool_] | None:
        """Return which readings are never sent because of it."""
        return None

    def during(self, first_ms: int, last_ms: int) -> bool:
        """Return whether it touches a stretch of time."""
        return self.start_ms < last_ms and first_ms < self.end_ms


@dataclass(frozen=True)
class Scene:
    """What the author of a happening works with."""

    world: World
    """The world without it."""
    draw: np.random.Generator
    id: str
    when_ms: int
    """When the threat is to begin."""
    until_ms: int
    """End of the run; truth stays inside it."""
    taken: tuple[tuple[float, float], ...] = ()
    """Where else something happens: keep away."""

    def sites(self, kind: str) -> Sites:
        """Return the sensors of a kind."""
        return self.world.layout.sites[kind]

    def minutes(self, low: float, high: float) -> int:
        """Return a duration in milliseconds, drawn between two numbers of minutes."""
        return int(self.draw.uniform(low, high) * MINUTE_MS)

    def spot(
        self, kind: str, reach_km: float, least: int, beside: str | None = None
    ) -> tuple[float, float]:
        """Return a place within reach of at least so many sensors of a kind, if there is one.

        It lies near one of them, or beside a sensor of another kind, and far from where else
        something happens.
        """
        sites, near_km = self.sites(kind), 0.35 * reach_km
        around = sites
        if beside is not None:
            around, near_km = self.sites(beside), 0.15
        best, most = (0.8, 0.5), -1.0
        for _ in range(60):
            i = int(self.draw.integers(len(around)))
            angle, far = self.draw.uniform(0, 2 * np.pi), near_km * self.draw.uniform()
            x = float(around.x[i] + far * np.cos(angle))
            y = float(around.y[i] + far * np.sin(angle))
            near = float((sites.away_km(x, y) < reach_km).sum())
            apart = min((np.hypot(x - a, y - b) for a, b in self.taken), default=99.0)
            score = min(near, least) + min(float(apart), 4.0)
            if near >= least and apart > 4.0:
                return x, y
            if score > most:
                best, most = (x, y), score
        return best


def lonlat(x: float, y: float) -> tuple[float, float]:
    """Return one place in degrees."""
    lon, lat = to_lonlat(np.array([x]), np.array([y]))
    return float(lon[0]), float(lat[0])


def truth_event(
    scene: Scene,
    hazard: Hazard,
    span: tuple[int, int, int],
    at: tuple[float, float],
    radius_km: float,
    level: int,
) -> TruthEvent:
    """Return the truth of an event: span is start, peak and end, kept inside the run."""
    start, peak, end = (min(t, scene.until_ms) for t in span)
    lon, lat = lonlat(*at)
    return TruthEvent(scene.id, hazard, start, end, lon, lat, round(radius_km * 1000), level, peak)


def worst_level(levels: dict[int, float], value: float) -> int:
    """Return the gravest of the official levels a value reaches; blue when it reaches none."""
    return min((level for level, least in levels.items() if value >= least), default=4)


def hump(times_ms: Times, start_ms: int, rise_ms: float, end_ms: int, fall_ms: float) -> Floats:
    """Return 0 before the start, nearing 1 with one time constant, leaving it with another."""
    up = 1 - np.exp(-np.maximum(times_ms - start_ms, 0) / rise_ms)
    down = np.exp(-np.maximum(times_ms - end_ms, 0) / fall_ms)
    shape: Floats = up * down
    return shape


def plume(
    sites: Sites,
    at: tuple[float, float],
    wind_ms: tuple[Floats, Floats],
    age_h: Floats,
    near_km: float,
    widening: float,
    thinning: float = 1.1,
) -> Floats:
    """Return how dense a plume is downwind of its source: 1 at ``near_km``, thinner beyond.

    Gaussian across the wind, with a width that grows with distance as in the open-country
    formulas; along it a power of distance thins it, a steep one where it also rises; it has come
    no further than the wind has carried it.
    """
    east, north = wind_ms
    speed = np.hypot(east, north)
    dx, dy = (sites.x - at[0])[:, None], (sites.y - at[1])[:, None]
    along = (dx * east + dy * north) / speed
    across = (dy * east - dx * north) / speed
    width = 0.05 + widening * np.maximum(along, 0)
    thin = np.minimum(near_km / np.maximum(along, 1e-3), 1.0) ** thinning
    arrived = np.clip((speed * 3.6 * age_h - along) / 0.2 + 1, 0, 1)
    dense: Floats = np.where(
        along > 0.02, thin * np.exp(-(across**2) / (2 * width**2)) * arrived, 0.0
    )
    return dense
