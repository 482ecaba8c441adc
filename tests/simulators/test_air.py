from collections.abc import Callable

import numpy as np

from simulators.simulation import Simulation


def day(sim: Simulation, kind: str) -> np.ndarray:
    return np.hstack([sim.values(kind, k)[1] for k in range(0, 144, 3)])


def test_neighbouring_dust_sensors_agree_more_than_distant_ones(
    run: Callable[..., Simulation],
) -> None:
    sim = run("quiet")
    sites = sim.layout.sites["pm25"]
    away = np.hypot(sites.x[:, None] - sites.x, sites.y[:, None] - sites.y)
    # What a sensor has beyond what the whole city has, at that moment.
    values = np.log(day(sim, "pm25"))
    own = values - values.mean(axis=0)
    alike = np.corrcoef(own)
    near, far = (away > 0) & (away < 2), away > 12
    assert alike[near].mean() > alike[far].mean() + 0.2


def test_nitrogen_dioxide_follows_the_traffic(run: Callable[..., Simulation]) -> None:
    sim = run("quiet")
    rush, night = (sim.values("no2", hour * 6)[1].mean() for hour in (8, 3))
    assert rush > 1.3 * night


def test_the_city_is_warmer_in_its_middle(run: Callable[..., Simulation]) -> None:
    sim = run("quiet")
    away = sim.layout.sites["temperature"].away_km(0, 0)
    warm = day(sim, "temperature").mean(axis=1)
    assert warm[away < 4].mean() > warm[away > 12].mean() + 0.5


def test_gas_and_smoke_heads_read_next_to_nothing(run: Callable[..., Simulation]) -> None:
    sim = run("quiet")
    assert np.median(day(sim, "gas_ch4")) < 1
    assert np.median(day(sim, "smoke")) < 0.3
    assert (day(sim, "gas_ch4") > 5).mean() < 1e-4
