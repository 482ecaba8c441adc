from collections.abc import Callable

import numpy as np

from simulators.simulation import Simulation

HOUR = 6  # blocks


def by_hour(sim: Simulation, kind: str, hour: int) -> np.ndarray:
    return sim.values(kind, hour * HOUR)[1].mean(axis=1)


def test_rush_hours_are_slower_fuller_and_denser_than_the_night(
    run: Callable[..., Simulation],
) -> None:
    sim = run("quiet")
    assert by_hour(sim, "traffic_speed", 8).mean() < 0.93 * by_hour(sim, "traffic_speed", 3).mean()
    assert by_hour(sim, "traffic_flow", 8).mean() > 5 * by_hour(sim, "traffic_flow", 3).mean()
    occupancy = "traffic_occupancy"
    assert by_hour(sim, occupancy, 8).mean() > 5 * by_hour(sim, occupancy, 3).mean()


def test_a_saturday_has_no_morning_rush(run: Callable[..., Simulation]) -> None:
    sim = run("quiet")
    saturday = by_hour(sim, "traffic_flow", 5 * 24 + 8).mean()
    assert saturday < 0.6 * by_hour(sim, "traffic_flow", 8).mean()


def test_expressways_are_faster_than_streets(run: Callable[..., Simulation]) -> None:
    sim = run("quiet")
    express = sim.layout.sites["traffic_speed"].path < sim.layout.expressways
    speeds = by_hour(sim, "traffic_speed", 12)
    assert speeds[express].mean() > 1.4 * speeds[~express].mean()
