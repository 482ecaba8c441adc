from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulators.simulation import BLOCK_MS

Compare = Callable[..., Any]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gas_is_found_by_several_heads_and_only_nearby(difference: Compare, seed: int) -> None:
    leak = difference("gas_leak", seed)
    most = leak.course("gas_ch4").max(axis=0)
    away = leak.away_km("gas_ch4")
    assert (most > 2).sum() >= 3
    assert away[most > 2].max() < leak.event.radius_m / 1000 + 1


def test_gas_is_denser_downwind_at_the_same_distance(difference: Compare) -> None:
    leak = difference("gas_leak")
    (happening,) = leak.sim.happenings
    sites = leak.sim.layout.sites["gas_ch4"]
    turn = np.linspace(0, 2 * np.pi, len(sites))
    x, y = happening.at
    ring = replace(sites, x=x + 0.3 * np.cos(turn), y=y + 0.3 * np.sin(turn))
    times = np.full((len(sites), 1), leak.event.start + 4 * BLOCK_MS)
    gas = happening.change(ring, times, np.full((len(sites), 1), 0.6))[:, 0]
    east, north = (float(w[0]) for w in leak.sim.world.weather.wind(times[:1, 0]))
    along = (np.cos(turn) * east + np.sin(turn) * north) / np.hypot(east, north)
    assert along[gas.argmax()] > 0.97
    assert gas[along > 0.9].mean() > 1.5 * gas[along < -0.9].mean()


def test_a_leak_ends_when_it_is_shut(difference: Compare) -> None:
    leak = difference("gas_leak")
    assert leak.at("gas_ch4", leak.event.end + 9 * BLOCK_MS).max() < 1


def test_a_fire_grows_faster_and_faster(difference: Compare) -> None:
    fire = difference("fire", 2)
    head = fire.course("smoke", before_h=0).max(axis=0).argmax()
    sim = fire.sim
    grown = np.hstack([sim.values("smoke", k)[1][head] for k in range(0, sim.blocks)])
    times = np.hstack([sim.values("smoke", k)[0][head] for k in range(0, sim.blocks)])
    half = fire.event.start + (fire.event.peak - fire.event.start) / 2
    at_half, at_peak = (grown[np.searchsorted(times, t)] for t in (half, fire.event.peak))
    assert at_half < 0.45 * at_peak
    assert at_peak > 3


def test_smoke_is_seen_by_several_heads(difference: Compare) -> None:
    for seed in (1, 2, 3):
        fire = difference("fire", seed)
        assert (fire.course("smoke").max(axis=0) > 0.8).sum() >= 3


def test_smog_builds_over_hours_and_many_districts(difference: Compare) -> None:
    smog = difference("smog")
    dust = smog.course("pm25", before_h=0)
    middle = dust.max(axis=0) > 40
    sites = smog.sim.layout.sites["pm25"]
    districts = smog.sim.layout.district_of(sites.x[middle], sites.y[middle])
    assert len(set(districts.tolist())) >= 5
    course = dust[:, middle].mean(axis=1)
    assert course[:3].max() < 0.35 * course.max()
    assert course.argmax() > 12


def test_smog_raises_nitrogen_dioxide_less_than_dust(difference: Compare) -> None:
    smog = difference("smog")
    peak = smog.event.peak
    k = (peak - smog.sim.start_ms) // BLOCK_MS
    dust, no2 = (
        1 + smog.at(kind, peak).mean() / smog.quiet.values(kind, k)[1].mean()
        for kind in ("pm25", "no2")
    )
    assert dust > no2 > 1.1
