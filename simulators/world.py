"""What every signal needs to know of the world: the map, the sky, the rivers, the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulators.clock import Calendar
from simulators.layout import Layout, Sites
from simulators.noise import Field, Floats, Noise
from simulators.rivers import Rivers
from simulators.weather import Weather

__all__ = ["Signal", "Times", "World"]

Times = NDArray[np.int64]


class Signal(Protocol):
    """What the sensors of one kind would read if nothing happened."""

    def at(self, times_ms: Times) -> Floats:
        """Return values; one row a sensor, its times in the columns."""
        ...


@dataclass(frozen=True)
class World:
    """The undisturbed world of one simulation."""

    noise: Noise
    layout: Layout
    weather: Weather
    rivers: Rivers
    calendar: Calendar

    def field(self, stream: str, sites: Sites, scale_km: float, knot_s: float) -> Field:
        """Return noise that neighbouring sensors share."""
        return Field(self.noise, stream, sites.x, sites.y, scale_km, knot_s)

    def white(self, sites: Sites, times_ms: Times) -> Floats:
        """Return independent noise of unit variance, addressed by the earliest time asked for."""
        first = int(times_ms.min()) - int(sites.phase_ms.min())
        return self.noise.draws(f"white/{sites.kind}", first).standard_normal(times_ms.shape)
