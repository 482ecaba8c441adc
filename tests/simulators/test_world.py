"""The undisturbed world: neighbours share its noise, and the same time has the same noise."""

import numpy as np

from simulators.clock import default_start
from simulators.simulation import Simulation


def test_white_noise_is_addressed_by_time_and_independent_between_sensors() -> None:
    simulation = Simulation("quiet", 3, default_start(3), 1, 300)
    sites = simulation.layout.sites["noise"]
    times = simulation.start_ms + sites.phase_ms[:, None] + np.arange(50) * sites.interval_ms
    once = simulation.world.white(sites, times)
    assert np.array_equal(once, simulation.world.white(sites, times))
    assert not np.array_equal(once, simulation.world.white(sites, times + 600_000))
    assert 0.8 < once.std() < 1.2
    assert len({row.tobytes() for row in once}) == len(sites)
