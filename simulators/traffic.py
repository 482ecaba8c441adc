"""Traffic: demand over the day, and the speed, flow and occupancy that come of it.

The state of a road is its flow and its speed; occupancy follows from both (density is flow over
speed), so the three kinds of sensors tell one story.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from simulators.layout import Sites
from simulators.noise import Floats
from simulators.world import Times, World

__all__ = ["DEMAND", "DEMAND_FREE", "Disturbance", "Traffic"]

# Share of the busiest hour, at each full hour.
DEMAND = (
    0.12, 0.08, 0.06, 0.06, 0.08, 0.18, 0.46, 0.86, 1.00, 0.80, 0.66, 0.66,
    0.68, 0.66, 0.66, 0.70, 0.80, 0.96, 1.00, 0.78, 0.58, 0.46, 0.34, 0.20,
)  # fmt: skip
DEMAND_FREE = (
    0.18, 0.12, 0.09, 0.07, 0.07, 0.10, 0.18, 0.30, 0.44, 0.58, 0.68, 0.72,
    0.70, 0.68, 0.70, 0.72, 0.74, 0.74, 0.70, 0.64, 0.56, 0.48, 0.38, 0.26,
)  # fmt: skip
_OCCUPANCY = 0.6  # % per vehicle and km: a vehicle covers six metres of loop and road


class Disturbance(Protocol):
    """Something that changes the traffic of a road."""

    def traffic(
        self, sites: Sites, times_ms: Times, speed: Floats, flow: Floats, lanes: Floats
    ) -> tuple[Floats, Floats]:
        """Return speed (km/h) and flow (vehicles/h, all lanes) with it."""
        ...


class Traffic:
    """Sensors at the roadside, of one of the three kinds."""

    def __init__(self, world: World, sites: Sites, disturbances: Sequence[Disturbance]) -> None:
        self._world, self._sites = world, sites
        self._disturbances = disturbances
        draw = world.noise.draws(f"gain/{sites.kind}")
        n, express = len(sites), sites.path < world.layout.expressways
        self._lanes = np.where(express, 3.0, 1.0 + (sites.path < 60))
        self._free = np.where(express, 82.0, 46.0) * draw.normal(1, 0.06, n)
        self._lane_capacity = np.where(express, 1700.0, 800.0)
        self._busy = draw.uniform(0.55, 1.05, n)
        self._shift_h = draw.normal(0, 0.25, n)
        # Roads have their own luck: a broken-down lorry here, a school run there.
        self._luck = world.field("traffic/luck", sites, 1.6, 1800)
        self._tide = world.field("traffic/tide", sites, 7.0, 7200)

    def at(self, times_ms: Times) -> Floats:
        """Return km/h, vehicles/h or %, as the kind of the sensors asks."""
        speed, flow = self._state(times_ms)
        for disturbance in self._disturbances:
            speed, flow = disturbance.traffic(
                self._sites, times_ms, speed, flow, self._lanes[:, None]
            )
        noise = self._world.white(self._sites, times_ms)
        if self._sites.kind == "traffic_speed":
            shown: Floats = np.maximum(speed * (1 + 0.035 * noise), 1.0)
            return shown
        if self._sites.kind == "traffic_flow":
            # Counting five minutes of arrivals scatters as a Poisson count does.
            counted: Floats = flow + np.sqrt(12 * np.maximum(flow, 1)) * noise
            return np.maximum(counted, 0)
        density = flow / self._lanes[:, None] / np.maximum(speed, 2)
        share: Floats = _OCCUPANCY * density * (1 + 0.08 * noise) + 0.15 * abs(noise)
        return np.clip(share, 0, 100)

    def _state(self, times_ms: Times) -> tuple[Floats, Floats]:
        wish = self._world.calendar.profile(
            times_ms, DEMAND, DEMAND_FREE, shift_h=self._shift_h[:, None]
        )
        load = self._busy[:, None] * wish
        load = load * (1 + 0.05 * self._luck.at(times_ms) + 0.05 * self._tide.at(times_ms))
        rain = self._world.weather.rain(self._sites.x, self._sites.y, times_ms)
        slow = 1 - 0.16 * (1 - np.exp(-rain / 8))
        # The Bureau of Public Roads' curve: travel time grows with the fourth power of load.
        own = 1 + 0.03 * self._world.noise.smooth(f"own/{self._sites.kind}", times_ms, 1200)
        speed = self._free[:, None] * slow * own / (1 + 0.5 * (load / slow) ** 4)
        flow = np.minimum(load, 1.02) * self._lane_capacity[:, None] * self._lanes[:, None]
        return speed, flow
