from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from simulators.clock import MINUTE_MS
from simulators.events_street import Crash, Landslide, _behind_km
from simulators.simulation import BLOCK_MS

Compare = Callable[..., Any]


def crash_of(event: Any) -> Crash:
    (happening,) = event.sim.happenings
    assert isinstance(happening, Crash)
    return happening


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_shock_wave_reaches_sensors_later_the_further_upstream(
    difference: Compare, seed: int
) -> None:
    crash = difference("crash", seed)
    happening = crash_of(crash)
    sites = crash.sim.layout.sites["traffic_speed"]
    assert happening.path is not None
    behind = _behind_km(sites, happening.path, happening.road, happening.km, happening.lane)
    times = happening.start_ms + np.arange(0, 120, 1) * MINUTE_MS
    free = np.full((len(sites), len(times)), 80.0)
    grid = np.tile(times, (len(sites), 1))
    speed, _ = happening.traffic(sites, grid, free, 30 * free, np.full((len(sites), 1), 3.0))
    slow = np.where(np.isnan(behind), False, (speed < 25).any(axis=1))
    first = (speed[slow] < 25).argmax(axis=1)
    order = np.argsort(behind[slow])
    assert slow.sum() >= 2
    assert (np.diff(first[order]) >= 0).all()
    # The wave begins at about 15 km/h, a kilometre in four minutes.
    assert happening.tail_km(np.array([happening.start_ms + 2 * MINUTE_MS]))[0] == pytest.approx(
        0.47, abs=0.05
    )


def test_a_second_wave_frees_the_queue_from_its_head(difference: Compare) -> None:
    happening = crash_of(difference("crash"))
    end = happening.dissolved_ms()
    assert end > happening.cleared_ms
    caught = happening.head_km(np.array([end])) - happening.tail_km(np.array([end]))
    assert 0 <= caught[0] < 0.5


@pytest.mark.slow
def test_a_queue_is_slow_dense_and_lets_less_through(difference: Compare) -> None:
    slower, denser, fewer = [], [], []
    for seed in range(1, 7):
        crash = difference("crash", seed)
        slower.append(crash.course("traffic_speed").min())
        denser.append(crash.course("traffic_occupancy").max())
        fewer.append(crash.course("traffic_flow").min())
    assert np.median(slower) < -30
    assert np.median(denser) > 8
    assert np.median(fewer) < -300


def test_a_crowd_is_counted_by_several_and_leaves(difference: Compare) -> None:
    crowd = difference("crowd", 2)
    most = crowd.course("crowd_count").max(axis=0)
    assert (most > 100).sum() >= 3
    assert crowd.away_km("crowd_count")[most > 100].max() < 1.7
    assert crowd.at("crowd_count", crowd.event.end + 9 * BLOCK_MS).max() < 60


def test_feeders_go_dark_together_and_come_back(difference: Compare) -> None:
    cut = difference("blackout")
    sim = cut.sim
    k = (cut.event.start - sim.start_ms) // BLOCK_MS + 2
    load, usual = (s.values("power_load", k)[1].mean(axis=1) for s in (sim, cut.quiet))
    dark = load < 0.05 * usual
    assert dark.sum() >= 4
    assert (cut.away_km("power_load")[dark] <= cut.event.radius_m / 1000).all()
    after = (cut.event.end - sim.start_ms) // BLOCK_MS + 2
    back = sim.values("power_load", after)[1].mean(axis=1)
    assert (back[dark] > 0.9 * cut.quiet.values("power_load", after)[1].mean(axis=1)[dark]).all()


def test_sensors_without_a_battery_fall_silent_in_a_blackout(difference: Compare) -> None:
    cut = difference("blackout")
    sim = cut.sim
    k = (cut.event.start - sim.start_ms) // BLOCK_MS + 2
    inside = {
        sim.city.sensors[sites.first + int(row)].id
        for sites in sim.layout.sites.values()
        for row in np.flatnonzero(
            (sites.away_km(cut.x, cut.y) < 0.95 * cut.event.radius_m / 1000) & ~sites.battery
        )
    }
    assert inside
    spoken = {line.split(b'"')[3].decode() for line in sim.block(k).lines()}
    before = {line.split(b'"')[3].decode() for line in sim.block(k - 12).lines()}
    assert not inside & spoken
    assert inside & before


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_a_slope_creeps_faster_and_faster(difference: Compare, seed: int) -> None:
    slide = difference("landslide", seed)
    (happening,) = slide.sim.happenings
    assert isinstance(happening, Landslide)
    lasts = happening.worst_ms - happening.start_ms
    shares = np.linspace(0.05, 0.95, 10)
    creep = happening.creep_mm((happening.start_ms + shares * lasts).astype(np.int64))
    velocity = np.diff(creep)
    assert (np.diff(velocity) > 0).all()
    # Fukuzono's law: inverse velocity falls along a straight line.
    assert np.corrcoef(shares[1:], 1 / velocity)[0, 1] < -0.99


def test_several_tiltmeters_see_the_slope_move(difference: Compare) -> None:
    slide = difference("landslide", 2)
    moved = slide.at("slope_tilt", slide.event.peak - BLOCK_MS)
    assert (moved > 3).sum() >= 4
    assert slide.away_km("slope_tilt")[moved > 3].max() < 1.2


def test_earth_that_has_moved_does_not_move_back(difference: Compare) -> None:
    slide = difference("landslide", 2)
    peak, later = (slide.at("slope_tilt", t).max() for t in (slide.event.peak, slide.event.end))
    assert later > 0.95 * peak
