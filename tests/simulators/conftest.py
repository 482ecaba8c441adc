"""A small city and short runs, made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest

from simulators.clock import HOUR_MS, default_start
from simulators.geometry import to_km
from simulators.simulation import BLOCK_MS, Simulation

SENSORS = 2000


@lru_cache(maxsize=24)
def _run(scenario: str, seed: int, hours: float, after: float | None) -> Simulation:
    return Simulation(scenario, seed, default_start(seed), hours, SENSORS, after)


@pytest.fixture(scope="session")
def run() -> Callable[..., Simulation]:
    """Return a function from a scenario's arguments to its run, cached."""

    def simulate(
        scenario: str, seed: int = 1, hours: float = 48, after: float | None = None
    ) -> Simulation:
        return _run(scenario, seed, hours, after)

    return simulate


class Difference:
    """What a scenario changed, against the same city on a quiet day."""

    def __init__(self, sim: Simulation, quiet: Simulation) -> None:
        self.sim, self.quiet = sim, quiet
        self.event = sim.truth.events[0]
        x, y = to_km(self.event.lon, self.event.lat)
        self.x, self.y = float(x), float(y)

    def at(self, kind: str, time_ms: int) -> np.ndarray:
        """Return what each sensor reads more than on the quiet day, in the block of a time."""
        k = (time_ms - self.sim.start_ms) // BLOCK_MS
        return (self.sim.values(kind, k)[1] - self.quiet.values(kind, k)[1]).mean(axis=1)

    def course(self, kind: str, before_h: float = 1, after_h: float = 1) -> np.ndarray:
        """Return the changes over the event: blocks by sensors."""
        first = self.event.start - int(before_h * HOUR_MS)
        last = self.event.end + int(after_h * HOUR_MS)
        return np.stack([self.at(kind, t) for t in range(first, last, BLOCK_MS)])

    def away_km(self, kind: str) -> np.ndarray:
        """Return the distance of every sensor of a kind from the event."""
        return self.sim.layout.sites[kind].away_km(self.x, self.y)


@pytest.fixture(scope="session")
def difference(run: Callable[..., Simulation]) -> Callable[..., Difference]:
    """Return a function from a scenario to what it changed."""

    def compare(scenario: str, seed: int = 1) -> Difference:
        return Difference(run(scenario, seed), run("quiet", seed))

    return compare
