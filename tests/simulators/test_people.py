from collections.abc import Callable

import numpy as np

from simulators.simulation import Simulation


def at_hour(sim: Simulation, kind: str, hour: int) -> np.ndarray:
    return sim.values(kind, hour * 6)[1].mean(axis=1)


def test_crowds_gather_by_day_and_are_counted_whole(run: Callable[..., Simulation]) -> None:
    sim = run("quiet")
    assert at_hour(sim, "crowd_count", 18).mean() > 8 * at_hour(sim, "crowd_count", 3).mean()
    _, values = sim.values("crowd_count", 100)
    assert np.array_equal(values, np.round(values))


def test_nights_are_quieter(run: Callable[..., Simulation]) -> None:
    sim = run("quiet")
    assert at_hour(sim, "noise", 9).mean() > 7 + at_hour(sim, "noise", 3).mean()


def test_offices_draw_less_on_a_sunday(run: Callable[..., Simulation]) -> None:
    sim = run("quiet")
    sunday, monday = (at_hour(sim, "power_load", day * 24 + 10).sum() for day in (6, 0))
    assert 0.6 < sunday / monday < 0.95
