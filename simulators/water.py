"""Water where it belongs and where it does not: rain gauges, rivers, streets, mains, slopes."""

from __future__ import annotations

import numpy as np

from simulators.clock import HOUR_MS, MINUTE_MS, local_hour
from simulators.layout import Ints, Sites
from simulators.noise import Floats
from simulators.rivers import Rivers
from simulators.world import Times, World

__all__ = ["Rain", "RiverLevel", "Slope", "StreetWater", "WaterPressure"]


class Rain:
    """Rain gauges: the rain above them, caught imperfectly."""

    def __init__(self, world: World, sites: Sites) -> None:
        self._world, self._sites = world, sites
        self._catch = world.noise.draws("gain/rain").normal(1, 0.05, len(sites))

    def at(self, times_ms: Times) -> Floats:
        """Return mm/h."""
        rain = self._world.weather.rain(self._sites.x, self._sites.y, times_ms)
        if not rain.any():
            return rain
        gust = np.exp(0.25 * self._world.white(self._sites, times_ms))
        caught = rain * self._catch[:, None] * gust
        dry: Floats = np.where(caught < 0.1, 0.0, caught)
        return dry


class RiverLevel:
    """Gauges: ordinary stage, the wave passing, a weir's daily play and ripples."""

    def __init__(self, world: World, sites: Sites) -> None:
        self._world, self._sites = world, sites
        rivers = world.rivers
        draw = world.noise.draws("gain/river_level")
        self._ordinary = self.ordinary_at(rivers, sites)
        depth = np.array([rivers.depth(r) for r in sites.path.tolist()])
        self._weir = 0.012 * depth * draw.uniform(0.5, 1.5, len(sites))

    @staticmethod
    def ordinary_at(rivers: Rivers, sites: Sites) -> Floats:
        """Return every gauge's ordinary stage."""
        stage = np.zeros(len(sites))
        for r in range(len(rivers.paths)):
            rows = sites.path == r
            stage[rows] = rivers.ordinary(r, sites.path_km[rows])
        return stage

    def at(self, times_ms: Times) -> Floats:
        """Return metres above the datum."""
        day = np.sin(2 * np.pi * (local_hour(times_ms) - 4) / 24)
        slow = self._world.noise.smooth("river/slow", times_ms, 3 * 3600)
        ripple = 0.008 * self._world.white(self._sites, times_ms)
        calm = self._weir[:, None] * (day + 0.6 * slow) + ripple
        return self._ordinary[:, None] + self._rise(times_ms) + calm

    def _rise(self, times_ms: Times) -> Floats:
        first = int(times_ms.min()) // (10 * MINUTE_MS) * (10 * MINUTE_MS)
        last = first + 10 * MINUTE_MS * max(
            1, -(-(int(times_ms.max()) - first) // (10 * MINUTE_MS))
        )
        share = (times_ms - first) / (last - first)
        out = np.zeros(times_ms.shape)
        for r in range(len(self._world.rivers.paths)):
            rows = self._sites.path == r
            if rows.any():
                ends = self._world.rivers.rise_between(r, self._sites.path_km[rows], first, last)
                out[rows] = ends[:, :1] + share[rows] * (ends[:, 1:] - ends[:, :1])
        return out


class StreetWater:
    """Low spots: rain the drains cannot take collects there and runs off slowly."""

    _STEPS, _STEP_MS = 36, 5 * MINUTE_MS

    def __init__(self, world: World, sites: Sites) -> None:
        self._world, self._sites = world, sites
        draw = world.noise.draws("gain/street_water")
        n = len(sites)
        self._drained = draw.uniform(14, 30, n)  # mm/h
        self._gathers = draw.uniform(2.5, 8.0, n)  # ground that drains to it, in its own areas
        self._empties_h = draw.uniform(0.4, 1.1, n)
        self._zero = draw.normal(0.0, 0.15, n)

    def at(self, times_ms: Times) -> Floats:
        """Return centimetres; a dry sensor hovers about zero."""
        wet = self.standing(times_ms)
        return np.maximum(
            wet + self._zero[:, None] + 0.12 * self._world.white(self._sites, times_ms), -0.5
        )

    def standing(self, times_ms: Times, rows: Ints | None = None) -> Floats:
        """Return the true depth in centimetres, of all sensors or of some."""
        pick = slice(None) if rows is None else rows
        x, y = self._sites.x[pick], self._sites.y[pick]
        drained, gathers = self._drained[pick, None], self._gathers[pick, None]
        span = self._STEPS * self._STEP_MS
        weather = self._world.weather
        if not weather.cells(int(times_ms.min()) - span, int(times_ms.max()) + 1):
            return np.zeros(times_ms.shape)
        ages = np.arange(self._STEPS) * self._STEP_MS
        # What fell so long ago, in centimetres per mm/h of five minutes.
        stays = np.exp(-ages / (self._empties_h[pick, None] * HOUR_MS)) / 12 / 10
        depth = np.zeros(times_ms.shape)
        for j in range(times_ms.shape[1]):
            rain = weather.rain(x, y, times_ms[:, j, None] - ages)
            over = np.maximum(rain - drained, 0) * gathers
            # A film stands while it rains.
            depth[:, j] = (over * stays).sum(axis=1) + 0.05 * np.minimum(rain[:, 0], 12)
        return depth


class WaterPressure:
    """Mains pressure: lower uphill and at the hours when everybody washes."""

    _USE = (3, 2, 2, 2, 3, 6, 14, 18, 15, 11, 10, 11, 13, 10, 8, 8, 9, 12, 16, 19, 18, 15, 10, 6)
    _USE_FREE = (
        4,
        3,
        2,
        2,
        2,
        3,
        7,
        12,
        16,
        17,
        15,
        14,
        15,
        12,
        10,
        9,
        10,
        13,
        16,
        18,
        17,
        15,
        11,
        7,
    )

    def __init__(self, world: World, sites: Sites) -> None:
        self._world, self._sites = world, sites
        draw = world.noise.draws("gain/water_pressure")
        high = 25 * np.sin(sites.x * 0.5) + 20 * np.cos(sites.y * 0.4)
        self._rest = 350 - high + draw.normal(0, 8, len(sites))
        self._thirst = draw.uniform(0.7, 1.5, len(sites))
        self._shared = world.field("pressure", sites, 4.0, 1800)

    def at(self, times_ms: Times) -> Floats:
        """Return kPa."""
        use = self._world.calendar.profile(times_ms, self._USE, self._USE_FREE)
        own = 1.2 * self._world.noise.smooth("pressure/own", times_ms, 900)
        noise = 0.8 * self._world.white(self._sites, times_ms)
        level: Floats = self._rest[:, None] - self._thirst[:, None] * 1.6 * use
        return level + 1.5 * self._shared.at(times_ms) + own + noise


class Slope:
    """Slopes creep by hundredths of a millimetre a day and breathe with the warmth."""

    def __init__(self, world: World, sites: Sites) -> None:
        self._world, self._sites = world, sites
        draw = world.noise.draws("gain/slope_tilt")
        self._offset = draw.uniform(0, 3, len(sites))
        self._breath = draw.uniform(0.05, 0.25, len(sites))

    def at(self, times_ms: Times) -> Floats:
        """Return millimetres of displacement."""
        warm = np.sin(2 * np.pi * (local_hour(times_ms) - 10) / 24)
        slow = 0.10 * self._world.noise.smooth("slope/slow", times_ms, 6 * 3600)
        noise = 0.06 * self._world.white(self._sites, times_ms)
        return self._offset[:, None] + self._breath[:, None] * warm + slow + noise
