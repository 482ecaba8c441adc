"""Gas leak, fire and smog: what the wind carries, and what it fails to carry away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.air import usual_dust
from simulators.clock import HOUR_MS, MINUTE_MS
from simulators.happenings import Happening, Outcry, Scene, hump, plume, truth_event, worst_level
from simulators.layout import Sites
from simulators.noise import Floats
from simulators.weather import Weather
from simulators.world import Times

__all__ = ["DUST_LEVELS", "fire", "gas_leak", "smog"]

DUST_LEVELS = {4: 75.0, 3: 115.0, 2: 150.0, 1: 250.0}
"""Official levels of PM2.5, ug/m3."""


def gas_leak(scene: Scene) -> Happening:
    """Return a leak: gas creeps through the ground about it and drifts off with the wind."""
    at = scene.spot("gas_ch4", 0.4, 4)
    strength = scene.draw.uniform(22, 90)
    shut = scene.when_ms + scene.minutes(60, 190)
    span = (scene.when_ms, scene.when_ms + 30 * MINUTE_MS, shut + 20 * MINUTE_MS)
    level = 1 if strength > 65 else 2 if strength > 42 else 3
    return GasLeak(
        scene.when_ms,
        shut + 2 * HOUR_MS,
        (truth_event(scene, "gas_leak", span, at, 0.5 + 0.007 * strength, level),),
        outcries=(
            Outcry("gas_leak", span[0] + 3 * MINUTE_MS, span[1], span[2], 55.0 / level, (at,), 0.3),
        ),
        at=at,
        strength=strength,
        shut_ms=shut,
        weather=scene.world.weather,
    )


@dataclass
class GasLeak(Happening):
    """Methane in percent of the lower explosive limit around a leak."""

    at: tuple[float, float] = (0.0, 0.0)
    strength: float = 0.0
    shut_ms: int = 0
    weather: Weather | None = None

    def change(self, sites: Sites, times_ms: Times, values: Floats) -> Floats:
        """Return methane with the leak."""
        if sites.kind != "gas_ch4" or self.weather is None:
            return values
        age_h = np.maximum(times_ms - self.start_ms, 0) / HOUR_MS
        wind = self.weather.wind(times_ms)
        seep = 0.55 * np.exp(-((sites.away_km(*self.at)[:, None] / 0.2) ** 2))
        drift = plume(sites, self.at, wind, age_h, 0.12, 0.22, thinning=1.7)
        grown = hump(times_ms, self.start_ms, 7 * MINUTE_MS, self.shut_ms, 12 * MINUTE_MS)
        dense = self.strength * (seep + drift) * grown
        return np.minimum(values + dense * _gusts(values), 100)


def _gusts(values: Floats) -> Floats:
    """Return turbulence at each head, from the noise of what it would have read anyway."""
    usual = np.maximum(values.mean(axis=1, keepdims=True), 0.02)
    gusts: Floats = np.clip(values / usual, 0.5, 1.6)
    return gusts


def fire(scene: Scene) -> Happening:
    """Return a fire that grows with the square of time, burns and is put out."""
    at = scene.spot("smoke", 0.35, 4)
    strength = scene.draw.uniform(5, 24)
    grown = scene.when_ms + scene.minutes(12, 35)
    out = grown + scene.minutes(40, 150)
    level = 1 if strength > 17 else 2 if strength > 10 else 3
    span = (scene.when_ms, grown, out + 20 * MINUTE_MS)
    return Fire(
        scene.when_ms,
        out + 3 * HOUR_MS,
        (truth_event(scene, "fire", span, at, 0.45 + 0.02 * strength, level),),
        outcries=(
            Outcry("fire", span[0] + 4 * MINUTE_MS, grown, span[2], 90.0 / level, (at,), 0.45),
        ),
        at=at,
        strength=strength,
        grown_ms=grown,
        out_ms=out,
        weather=scene.world.weather,
    )


@dataclass
class Fire(Happening):
    """Smoke near and downwind, dust further downwind, heat close by, feeders cut."""

    at: tuple[float, float] = (0.0, 0.0)
    strength: float = 0.0
    grown_ms: int = 0
    out_ms: int = 0
    weather: Weather | None = None

    def burning(self, times_ms: Times) -> Floats:
        """Return its heat, 0 to 1: t squared, then full, then dying."""
        growth = np.clip((times_ms - self.start_ms) / (self.grown_ms - self.start_ms), 0, 1) ** 2
        dying: Floats = growth * np.exp(-np.maximum(times_ms - self.out_ms, 0) / (15 * MINUTE_MS))
        return dying

    def change(self, sites: Sites, times_ms: Times, values: Floats) -> Floats:
        """Return smoke, dust, warmth and load with the fire."""
        heat, away = self.burning(times_ms), sites.away_km(*self.at)[:, None]
        if sites.kind == "smoke":
            near = np.exp(-((away / 0.2) ** 2)) + self._downwind(sites, times_ms, 1.6)
            return np.minimum(values + self.strength * heat * near * _gusts(values), 100)
        if sites.kind == "pm25":
            return values + 6 * self.strength * heat * self._downwind(sites, times_ms, 1.1)
        if sites.kind == "temperature":
            return values + 1.2 * self.strength * heat * np.exp(-((away / 0.15) ** 2))
        if sites.kind == "power_load":
            return values * (1 - 0.5 * np.sqrt(heat) * np.exp(-((away / 0.35) ** 2)))
        return values

    def _downwind(self, sites: Sites, times_ms: Times, thinning: float) -> Floats:
        assert self.weather is not None
        age_h = np.maximum(times_ms - self.start_ms, 0) / HOUR_MS
        wind = self.weather.wind(times_ms)
        return plume(sites, self.at, wind, age_h, 0.25, 0.2, thinning)

    def traffic(
        self, sites: Sites, times_ms: Times, speed: Floats, flow: Floats, lanes: Floats
    ) -> tuple[Floats, Floats]:
        """Return traffic past the fire engines."""
        held = self.burning(times_ms) * np.exp(-((sites.away_km(*self.at)[:, None] / 0.35) ** 2))
        return speed * (1 - 0.5 * held), flow * (1 - 0.4 * held)


def smog(scene: Scene) -> Happening:
    """Return still air over many districts: what is emitted stays."""
    draw = scene.draw
    at = (float(draw.normal(0.8, 3)), float(draw.normal(0.5, 3)))
    # Drawn evenly in the logarithm: bad air is common, the worst is rare.
    dust = float(np.exp(draw.uniform(np.log(110), np.log(340))))
    peak = scene.when_ms + scene.minutes(240, 420)
    peak = min(peak, scene.when_ms + int(0.7 * (scene.until_ms - scene.when_ms)))
    end = peak + scene.minutes(120, 240)
    level = worst_level(DUST_LEVELS, dust)
    radius = draw.uniform(7.5, 11)
    ring = tuple((at[0] + 5 * np.cos(a), at[1] + 5 * np.sin(a)) for a in (0.0, 2.1, 4.2))
    span = (scene.when_ms, peak, end)
    return Smog(
        scene.when_ms,
        end + 5 * HOUR_MS,
        (truth_event(scene, "air_pollution", span, at, 1.25 * radius, level),),
        calm=((scene.when_ms - HOUR_MS, end, 0.8),),
        outcries=(
            Outcry(
                "air_pollution",
                span[0] + 90 * MINUTE_MS,
                peak,
                end,
                45.0 / level,
                (at, *ring),
                3.0,
            ),
        ),
        at=at,
        radius_km=radius,
        worst=dust / usual_dust(scene.world.noise),
        peak_ms=peak,
        lifts_ms=end,
    )


@dataclass
class Smog(Happening):
    """A box of still air fills towards emission over ventilation, then is blown out."""

    at: tuple[float, float] = (0.0, 0.0)
    radius_km: float = 8.0
    worst: float = 1.0
    """How many times its usual dust the middle breathes."""
    peak_ms: int = 0
    lifts_ms: int = 0

    def change(self, sites: Sites, times_ms: Times, values: Floats) -> Floats:
        """Return dust and nitrogen dioxide in still air."""
        share = {"pm25": 1.0, "no2": 0.3}.get(sites.kind)
        if share is None:
            return values
        tau = (self.peak_ms - self.start_ms) / 2
        filled = hump(times_ms, self.start_ms, tau, self.lifts_ms, 1.3 * HOUR_MS) / (1 - np.exp(-2))
        # Flat in the middle, gone beyond the rim.
        away = sites.away_km(*self.at)[:, None] / self.radius_km
        inside = 1 / (1 + np.exp(7 * (away - 1)))
        more: Floats = share * (self.worst - 1) * np.minimum(filled, 1.0) * inside
        return values * (1 + more)
