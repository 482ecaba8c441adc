from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from simulators.events_water import RIVER_LEVELS, STREET_LEVELS
from simulators.simulation import BLOCK_MS

pytestmark = pytest.mark.slow

Compare = Callable[..., Any]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_flood_peaks_later_and_later_downstream(difference: Compare, seed: int) -> None:
    flood = difference("flood", seed)
    sites = flood.sim.layout.sites["river_level"]
    course = flood.course("river_level")
    river = int(sites.path[course.max(axis=0).argmax()])
    rows = np.flatnonzero(sites.path == river)
    rows = rows[np.argsort(sites.path_km[rows])]
    peaks = course[:, rows].argmax(axis=0)
    assert np.corrcoef(np.arange(len(rows)), peaks)[0, 1] > 0.95
    assert peaks[-1] > peaks[0]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_flood_crosses_the_levels_its_truth_says(difference: Compare, seed: int) -> None:
    flood = difference("flood", seed)
    sites = flood.sim.layout.sites["river_level"]
    depth = np.array([flood.sim.world.rivers.depth(r) for r in sites.path.tolist()])
    worst = (flood.course("river_level").max(axis=0) / depth).max()
    reached = min(level for level, share in RIVER_LEVELS.items() if worst > share - 0.05)
    assert reached == flood.event.level


def test_a_flood_is_hardly_seen_when_its_truth_begins(difference: Compare) -> None:
    flood = difference("flood")
    course = flood.course("river_level", before_h=1)
    sites = flood.sim.layout.sites["river_level"]
    depth = np.array([flood.sim.world.rivers.depth(r) for r in sites.path.tolist()])
    share = (course / depth).max(axis=1)
    assert share[:5].max() < 0.2
    assert share.max() > 0.6


def test_it_rains_upstream_before_the_river_rises(difference: Compare) -> None:
    flood = difference("flood")
    rain = flood.course("rain", before_h=2).max(axis=1)
    assert rain[:12].max() > 5


def test_a_cloudburst_fills_low_spots_to_its_level(difference: Compare) -> None:
    burst = difference("cloudburst", 2)
    depth = burst.course("street_water").max(axis=0)
    assert (depth > 4).sum() >= 4
    assert depth.max() > 0.8 * STREET_LEVELS[burst.event.level]
    away = burst.away_km("street_water")
    assert away[depth > 4.5].max() <= burst.event.radius_m / 1000


def test_a_cloudburst_slows_the_traffic_through_it(difference: Compare) -> None:
    burst = difference("cloudburst", 2)
    assert burst.event.peak is not None
    slower, near = burst.at("traffic_speed", burst.event.peak), burst.away_km("traffic_speed")
    assert slower[near < 2].mean() < 4 * min(slower[near > 9].mean(), -0.5)


def test_streets_drain_after_the_rain(difference: Compare) -> None:
    burst = difference("cloudburst", 2)
    after = burst.at("street_water", burst.event.end + 12 * BLOCK_MS)
    assert after.max() < 2


def test_pressure_falls_about_a_burst_and_less_with_distance(difference: Compare) -> None:
    burst = difference("burst_main")
    assert burst.event.peak is not None
    drop = -burst.at("water_pressure", burst.event.peak)
    away = burst.away_km("water_pressure")
    near = [drop[(away >= a) & (away < b)].mean() for a, b in ((0, 1), (1, 2.5), (2.5, 6))]
    assert near[0] > near[1] > near[2] > -1
    assert drop.max() > 40


def test_a_burst_main_wets_the_street_without_flooding_it(difference: Compare) -> None:
    burst = difference("burst_main")
    assert 1.5 < burst.course("street_water").max() < STREET_LEVELS[4]
