"""Rivers: rain on a catchment becomes a wave that travels downstream and flattens on its way.

Discharge is the catchment's rain through a unit hydrograph (a gamma curve) that is later and
flatter the further downstream; tributaries join at their mouths; stage follows discharge as
depth does in a wide channel, to the power 0.6; a swollen main river backs up into tributaries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.clock import HOUR_MS, MINUTE_MS
from simulators.geometry import Path
from simulators.noise import Floats
from simulators.weather import Weather

__all__ = ["Basin", "Pulse", "Rivers"]

_STEP_MS = 10 * MINUTE_MS
_MEMORY = 40 * 6  # steps: 40 hours of rain still matter
_NODE_KM = 0.5
_BACKWATER_KM = 1.2
_SOURCE_M = 184.6  # the main river's stage where it is first drawn


@dataclass(frozen=True)
class Basin:
    """What a river drains, and how it answers."""

    east_km: float
    north_km: float
    lag_h: float
    """From rain to the drawn river's beginning."""
    celerity_kmh: float
    scale_m: float
    """Depth of the river in ordinary times."""
    yield_: float
    """Discharge per mm/h of rain, in ordinary discharges."""
    fall_m_km: float
    joins: float = 0.0
    """How much of an ordinary discharge of the main river it brings."""


# In the order of geometry.river_paths.
_BASINS = (
    Basin(-34, -14, 1.6, 7.5, 3.2, 0.25, 0.11),
    Basin(-10, 30, 1.0, 6.5, 1.9, 0.3, 0.33, joins=0.30),
    Basin(6, -31, 0.7, 6.0, 1.2, 0.35, 0.42, joins=0.12),
    Basin(18, 27, 0.6, 5.5, 0.9, 0.35, 0.50, joins=0.08),
    Basin(-30, 13, 0.6, 5.5, 0.9, 0.35, 0.45, joins=0.08),
)


@dataclass(frozen=True)
class Pulse:
    """Heavy rain on one river's catchment, beyond the city's edge."""

    river: int
    start_ms: int
    hours: float
    mm_h: float

    def at(self, times_ms: Floats) -> Floats:
        """Return the catchment's mean rain, mm/h."""
        life = np.clip((times_ms - self.start_ms) / (self.hours * HOUR_MS), 0, 1)
        rain: Floats = self.mm_h * np.sin(np.pi * life) ** 2
        return rain


class Rivers:
    """Stages of all rivers as a function of time."""

    def __init__(self, paths: list[Path], weather: Weather, pulses: tuple[Pulse, ...] = ()) -> None:
        self.paths = paths
        self._weather = weather
        self._pulses = pulses
        self.nodes_km = [np.arange(0, p.length_km + _NODE_KM, _NODE_KM) for p in paths]
        mouths = [p.xy[-1] for p in paths]
        self.joins_km = [paths[0].nearest_km(float(x), float(y)) for x, y in mouths]
        self._kernels = [self._answers(r) for r in range(len(paths))]

    def ordinary(self, river: int, km: Floats) -> Floats:
        """Return the stage at ordinary discharge, metres above the datum."""
        basin = _BASINS[river]
        if river == 0:
            return _SOURCE_M - basin.fall_m_km * km
        # A tributary comes down to the main river's level.
        mouth = _SOURCE_M - _BASINS[0].fall_m_km * self.joins_km[river]
        return mouth + basin.fall_m_km * (self.paths[river].length_km - km)

    def depth(self, river: int) -> float:
        """Return the depth of a river in ordinary times, metres."""
        return _BASINS[river].scale_m

    def rise(self, river: int, time_ms: int) -> Floats:
        """Return how far every node of a river stands above ordinary, metres."""
        return self._rise_from(river, self._rain(time_ms))

    def rise_between(self, river: int, km: Floats, first_ms: int, last_ms: int) -> Floats:
        """Return the rise at some places for two moments, as two columns."""
        ends = [
            np.interp(km, self.nodes_km[river], self.rise(river, t)) for t in (first_ms, last_ms)
        ]
        return np.stack(ends, axis=1)

    def _rise_from(self, river: int, rain: Floats) -> Floats:
        own = self._swell(river, rain)
        if river == 0:
            return own
        main = np.interp(self.joins_km[river], self.nodes_km[0], self._swell(0, rain))
        to_mouth = self.paths[river].length_km - self.nodes_km[river]
        backed_up: Floats = main * np.exp(-np.maximum(to_mouth, 0) / _BACKWATER_KM)
        return np.maximum(own, backed_up)

    def _swell(self, river: int, rain: Floats) -> Floats:
        discharge = 1 + np.einsum("rnk,rk->n", self._kernels[river], rain)
        swell: Floats = _BASINS[river].scale_m * (discharge**0.6 - 1)
        return swell

    def _rain(self, time_ms: int) -> Floats:
        """Return the catchments' rain of the last hours, newest last: (rivers, steps)."""
        steps = time_ms + _STEP_MS * np.arange(-_MEMORY + 1, 1, dtype=np.int64)
        rain = np.stack([self._catchment(r, steps) for r in range(len(self.paths))])
        for pulse in self._pulses:
            rain[pulse.river] += pulse.at(steps.astype(np.float64))
        return rain

    def _catchment(self, river: int, times_ms: NDArray[np.int64]) -> Floats:
        """Return what ordinary weather rains on a catchment: the city's showers pass over it."""
        basin = _BASINS[river]
        x, y = np.array([basin.east_km * 0.5]), np.array([basin.north_km * 0.5])
        rain: Floats = 0.35 * self._weather.rain(x, y, times_ms[None, :])[0]
        return rain

    def _answers(self, river: int) -> Floats:
        """Return a river's unit hydrographs: (catchments, nodes, steps)."""
        kernels = np.zeros((len(self.paths), len(self.nodes_km[river]), _MEMORY))
        basin, km = _BASINS[river], self.nodes_km[river]
        kernels[river] = basin.yield_ * _gamma(basin.lag_h + km / basin.celerity_kmh, km)
        if river == 0:
            for other in range(1, len(self.paths)):
                below = km - self.joins_km[other]
                far = self.paths[other].length_km
                lag = _BASINS[other].lag_h + far / _BASINS[other].celerity_kmh
                late = lag + np.maximum(below, 0) / basin.celerity_kmh
                share = _BASINS[other].joins * _BASINS[other].yield_ * (below >= 0)
                kernels[other] = share[:, None] * _gamma(late, far + np.maximum(below, 0))
        return kernels


def _gamma(lag_h: Floats, far_km: Floats) -> Floats:
    """Return gamma-shaped weights over the memory, newest last, each row with sum 1 (or less)."""
    age = np.arange(_MEMORY - 1, -1, -1) / 6.0
    width = (0.55 + 0.012 * far_km)[:, None]  # hours; the wave flattens as it travels
    late = np.maximum(age[None, :] - lag_h[:, None], 0) / width
    weight: Floats = late**2 * np.exp(-late) / (2 * width) / 6.0
    return weight
