from collections.abc import Callable

import numpy as np

from simulators.simulation import Simulation


def day(sim: Simulation, kind: str) -> np.ndarray:
    return np.hstack([sim.values(kind, k)[1] for k in range(0, 144, 3)])


def test_on_a_quiet_day_streets_are_dry_and_rivers_near_their_ordinary_stage(
    run: Callable[..., Simulation],
) -> None:
    sim = run("quiet")
    assert day(sim, "street_water").max() < 4
    levels = day(sim, "river_level")
    blues = [s.levels.blue for s in sim.city.sensors if s.kind == "river_level" and s.levels]
    assert (levels.max(axis=1) < np.array(blues)).all()
    assert np.ptp(levels, axis=1).max() < 0.8


def test_pressure_is_lowest_when_everybody_washes(run: Callable[..., Simulation]) -> None:
    sim = run("quiet")
    evening, night = (sim.values("water_pressure", h * 6)[1].mean() for h in (19, 3))
    assert 15 < night - evening < 60


def test_slopes_barely_move(run: Callable[..., Simulation]) -> None:
    assert np.ptp(day(run("quiet"), "slope_tilt"), axis=1).max() < 1.5
