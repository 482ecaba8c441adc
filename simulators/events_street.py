"""Crash, crowd, blackout and landslide: what happens on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.clock import HOUR_MS, MINUTE_MS
from simulators.geometry import Path
from simulators.happenings import Happening, Outcry, Scene, truth_event, worst_level
from simulators.layout import Sites
from simulators.noise import Floats
from simulators.weather import RainCell
from simulators.world import Times

__all__ = ["SLOPE_LEVELS", "blackout", "crash", "crowd", "landslide"]

SLOPE_LEVELS = {4: 10.0, 3: 25.0, 2: 60.0, 1: 150.0}
"""Official levels of a slope's displacement, millimetres."""
_SHOCK_KMH = 15.0
_RECOVERY_KMH = 19.0
# Of its time to failing: how near a slope comes to it that fails, or comes to rest.
_NEAREST = {True: 0.004, False: 0.08}


def crash(scene: Scene) -> Happening:
    """Return lanes blocked on a main road and the queue that grows back from there."""
    road, km, lane = _crash_site(scene)
    path = scene.world.layout.roads[road]
    x, y = (float(v[0]) for v in path.at(np.array([km])))
    cleared = scene.when_ms + scene.minutes(30, 95)
    most = scene.draw.uniform(2.0, 5.5)
    happening = Crash(
        scene.when_ms,
        cleared + 3 * HOUR_MS,
        path=path,
        road=road,
        km=km,
        lane=lane,
        cleared_ms=cleared,
        most_km=most,
        discharge=scene.draw.uniform(0.25, 0.5),
    )
    dissolved = happening.dissolved_ms()
    back = path.at(np.array([km - lane * 0.5 * most]) % max(path.length_km, 1e-6))
    at = (float((x + back[0][0]) / 2), float((y + back[1][0]) / 2))
    level = 2 if most > 4.2 else 3 if most > 2.8 else 4
    span = (scene.when_ms, min(cleared, scene.when_ms + 50 * MINUTE_MS), dissolved)
    happening.events = (truth_event(scene, "traffic", span, at, 0.55 * most + 0.5, level),)
    happening.outcries = (
        Outcry(
            "traffic",
            scene.when_ms + 2 * MINUTE_MS,
            scene.when_ms + 15 * MINUTE_MS,
            cleared,
            110.0 / level,
            ((x, y),),
            0.3,
        ),
    )
    return happening


def _crash_site(scene: Scene) -> tuple[int, float, int]:
    """Return road, kilometre and lane with enough sensors of that lane upstream."""
    best, most = (0, 5.0, 1), -1
    for _ in range(60):
        sites = scene.sites("traffic_speed")
        i = int(scene.draw.integers(len(sites)))
        road, km, lane = int(sites.path[i]), float(sites.path_km[i]) + 0.1, int(sites.lane[i])
        path = scene.world.layout.roads[road]
        far = min(
            (float(np.hypot(sites.x[i] - a, sites.y[i] - b)) for a, b in scene.taken), default=99.0
        )
        if road >= scene.world.layout.expressways or far < 4:
            continue
        behind = sum(
            int(((gap > 0) & (gap < 2.5)).sum())
            for kind in ("traffic_speed", "traffic_flow", "traffic_occupancy")
            for gap in [_behind_km(scene.sites(kind), path, road, km, lane)]
        )
        if behind > most:
            best, most = (road, km, lane), behind
        if most >= 5:
            break
    return best


def _behind_km(sites: Sites, path: Path, road: int, km: float, lane: int) -> Floats:
    """Return how far behind a point, against the traffic, sensors are; others are nowhere."""
    gap = (km - sites.path_km) * lane
    if path.closed:
        half = path.length_km / 2
        gap = (gap + half) % path.length_km - half
    there = (sites.path == road) & (sites.lane == lane)
    nowhere: Floats = np.where(there, gap, np.nan)
    return nowhere


@dataclass
class Crash(Happening):
    """A kinematic wave: the queue's end runs back against the traffic, slower as drivers leave.

    After clearance a second wave runs back from the crash and frees the queue from its head.
    """

    path: Path | None = None
    road: int = 0
    km: float = 0.0
    lane: int = 1
    cleared_ms: int = 0
    most_km: float = 3.0
    discharge: float = 0.4
    """What still gets past, of a lane's capacity."""

    def tail_km(self, times_ms: Times) -> Floats:
        """Return how far back the queue's end is, had nobody cleared the road."""
        hours = np.maximum(times_ms - self.start_ms, 0) / HOUR_MS
        return self.most_km * (1 - np.exp(-_SHOCK_KMH * hours / self.most_km))

    def head_km(self, times_ms: Times) -> Floats:
        """Return how far back the queue has been freed."""
        freed: Floats = _RECOVERY_KMH * np.maximum(times_ms - self.cleared_ms, 0) / HOUR_MS
        return freed

    def dissolved_ms(self) -> int:
        """Return when the second wave has caught up with the first."""
        times = self.cleared_ms + np.arange(0, 3 * HOUR_MS, MINUTE_MS)
        return int(times[int((self.head_km(times) >= self.tail_km(times)).argmax())])

    def traffic(
        self, sites: Sites, times_ms: Times, speed: Floats, flow: Floats, lanes: Floats
    ) -> tuple[Floats, Floats]:
        """Return the queue behind, the trickle ahead, and the gaping on the other side."""
        if self.path is None:
            return speed, flow
        behind = _behind_km(sites, self.path, self.road, self.km, self.lane)[:, None]
        opposite = abs(_behind_km(sites, self.path, self.road, self.km, -self.lane))[:, None]
        on = times_ms > self.start_ms
        gone = self.head_km(times_ms) >= self.tail_km(times_ms)
        with np.errstate(invalid="ignore"):
            queued = on & ~gone & (behind >= 0)
            queued &= (behind <= self.tail_km(times_ms)) & (behind >= self.head_km(times_ms))
            starved = on & (times_ms < self.cleared_ms) & (behind < 0) & (behind > -4)
            gaping = on & (times_ms < self.cleared_ms) & (opposite < 0.8)
        trickle = np.minimum(flow, self.discharge * 1700 * lanes)
        crawl = np.clip(6 + 2.5 * np.nan_to_num(behind), 6, 18)
        speed = np.where(queued, np.minimum(speed, crawl), np.where(gaping, 0.75 * speed, speed))
        flow = np.where(queued | starved, trickle, flow)
        return speed, flow


def crowd(scene: Scene) -> Happening:
    """Return a crowd nobody announced."""
    at = scene.spot("crowd_count", 0.35, 4)
    factor = scene.draw.uniform(3.5, 10)
    full = scene.when_ms + scene.minutes(40, 75)
    leaves = full + scene.minutes(50, 130)
    level = 1 if factor > 8 else 2 if factor > 5.5 else 3
    span = (scene.when_ms, full, leaves + 30 * MINUTE_MS)
    return Gathering(
        scene.when_ms,
        leaves + 2 * HOUR_MS,
        (truth_event(scene, "crowding", span, at, 0.7, level),),
        outcries=(
            Outcry("crowding", span[0] + 15 * MINUTE_MS, full, span[2], 45.0 / level, (at,), 0.25),
        ),
        at=at,
        people=170 * factor,
        full_ms=full,
        leaves_ms=leaves,
        reach_km=0.45,
    )


@dataclass
class Gathering(Happening):
    """People come to a place, stay and go; it gets loud, and the roads around it slow."""

    at: tuple[float, float] = (0.0, 0.0)
    people: float = 0.0
    """Counted by a sensor in the middle."""
    full_ms: int = 0
    leaves_ms: int = 0
    reach_km: float = 0.4
    slows: float = 0.35

    def there(self, times_ms: Times) -> Floats:
        """Return the share of the crowd that is there: a logistic arrival, a quicker leaving."""
        middle = (self.start_ms + self.full_ms) / 2
        come = 1 / (1 + np.exp(-8 * (times_ms - middle) / (self.full_ms - self.start_ms)))
        gone = 1 / (1 + np.exp(-(times_ms - self.leaves_ms) / (8 * MINUTE_MS)))
        inside = (times_ms > self.start_ms) & (times_ms < self.end_ms)
        share: Floats = np.where(inside, come * (1 - gone), 0.0)
        return share

    def change(self, sites: Sites, times_ms: Times, values: Floats) -> Floats:
        """Return heads and decibels."""
        if sites.kind not in ("crowd_count", "noise"):
            return values
        near = np.exp(-((sites.away_km(*self.at)[:, None] / self.reach_km) ** 2))
        extra = self.people * near * self.there(times_ms)
        if sites.kind == "crowd_count":
            return values + extra
        # A hundred voices add about ten decibels, every tenfold ten more.
        louder: Floats = values + 5 * np.log10(1 + extra / 10)
        return louder

    def traffic(
        self, sites: Sites, times_ms: Times, speed: Floats, flow: Floats, lanes: Floats
    ) -> tuple[Floats, Floats]:
        """Return traffic around the crowd."""
        near = np.exp(-((sites.away_km(*self.at)[:, None] / (1.6 * self.reach_km)) ** 2))
        return speed * (1 - self.slows * near * self.there(times_ms)), flow


def blackout(scene: Scene) -> Happening:
    """Return an area without power, with what that takes down."""
    at = scene.spot("power_load", 1.0, 5)
    radius = scene.draw.uniform(1.1, 2.6)
    back = scene.when_ms + scene.minutes(50, 180)
    end = back + scene.minutes(10, 30)
    level = 1 if radius > 2.3 else 2 if radius > 1.7 else 3
    span = (scene.when_ms, scene.when_ms + 15 * MINUTE_MS, end)
    return Blackout(
        scene.when_ms,
        end + 2 * HOUR_MS,
        (truth_event(scene, "power", span, at, radius, level),),
        outcries=(
            Outcry(
                "power",
                span[0] + MINUTE_MS,
                span[0] + 15 * MINUTE_MS,
                end,
                150.0 / level,
                (at,),
                radius * 0.5,
            ),
        ),
        at=at,
        radius_km=radius,
        back_ms=back,
        restored_ms=end,
    )


@dataclass
class Blackout(Happening):
    """Feeders near nothing, signals dark, sensors without a battery silent; back in parts."""

    at: tuple[float, float] = (0.0, 0.0)
    radius_km: float = 1.5
    back_ms: int = 0
    restored_ms: int = 0

    def dark(self, sites: Sites, times_ms: Times) -> NDArray[np.bool_]:
        """Return where and when there is no power; the rim comes back first."""
        away = sites.away_km(*self.at)[:, None] / self.radius_km
        relit = self.back_ms + (self.restored_ms - self.back_ms) * (1 - away)
        return (away <= 1) & (times_ms >= self.start_ms) & (times_ms < relit)

    def change(self, sites: Sites, times_ms: Times, values: Floats) -> Floats:
        """Return loads; cold refrigerators all start at once when the power returns."""
        if sites.kind != "power_load":
            return values
        away = sites.away_km(*self.at)[:, None] / self.radius_km
        since = np.maximum(times_ms - self.restored_ms, 0)
        rebound = 1 + 0.15 * np.exp(-since / (25 * MINUTE_MS)) * (times_ms >= self.restored_ms)
        dark = self.dark(sites, times_ms)
        return np.where(dark, 0.01 * values, np.where(away <= 1, values * rebound, values))

    def traffic(
        self, sites: Sites, times_ms: Times, speed: Floats, flow: Floats, lanes: Floats
    ) -> tuple[Floats, Floats]:
        """Return traffic at crossings whose signals are dark."""
        dark = self.dark(sites, times_ms)
        return np.where(dark, 0.6 * speed, speed), np.where(dark, 0.75 * flow, flow)

    def silent(self, sites: Sites, times_ms: Times) -> NDArray[np.bool_] | None:
        """Return readings of sensors without a battery."""
        if sites.battery.all():
            return None
        return self.dark(sites, times_ms) & ~sites.battery[:, None]


def landslide(scene: Scene) -> Happening:
    """Return a wet slope that creeps, faster and faster, and fails or comes to rest."""
    draw = scene.draw
    at = scene.spot("slope_tilt", 0.25, 4)
    left = max(scene.until_ms - scene.when_ms, HOUR_MS)
    lasts = min(draw.uniform(4, 9) * HOUR_MS, 0.75 * left)
    fails = bool(draw.uniform() < 0.55)
    worst = scene.when_ms + int(lasts)
    end = worst + 90 * MINUTE_MS
    scale = draw.uniform(14, 26) if fails else draw.uniform(8, 34)
    moves = 900 if fails else scale * float(np.log(1 / _NEAREST[False]))
    level = worst_level(SLOPE_LEVELS, moves)
    begin = scene.when_ms - 9 * HOUR_MS
    soak = RainCell(begin, 11.0, at[0], at[1], 0.0, 0.0, 2.5, draw.uniform(5, 9))
    span = (scene.when_ms, worst, end)
    return Landslide(
        scene.when_ms,
        1 << 62,  # earth that has moved does not move back
        (truth_event(scene, "landslide", span, at, 0.7, level),),
        rain=(soak,),
        outcries=(
            Outcry(
                "landslide",
                scene.when_ms + int(0.5 * lasts),
                worst + 5 * MINUTE_MS,
                end,
                30.0 / level,
                (at,),
                0.3,
            ),
        ),
        at=at,
        worst_ms=worst,
        fails=fails,
        scale_mm=scale,
    )


@dataclass
class Landslide(Happening):
    """Inverse velocity: the time to failure over a constant, so displacement is a logarithm."""

    at: tuple[float, float] = (0.0, 0.0)
    worst_ms: int = 0
    fails: bool = True
    scale_mm: float = 15.0

    def creep_mm(self, times_ms: Times) -> Floats:
        """Return how far the middle of the slope has moved."""
        lasts = self.worst_ms - self.start_ms
        age = np.clip(times_ms - self.start_ms, 0, lasts)
        rest = _NEAREST[self.fails]
        moved: Floats = self.scale_mm * np.log(1 / (1 - age / lasts * (1 - rest)))
        return moved

    def change(self, sites: Sites, times_ms: Times, values: Floats) -> Floats:
        """Return displacements; the middle moves most."""
        if sites.kind != "slope_tilt":
            return values
        near: Floats = np.exp(-((sites.away_km(*self.at)[:, None] / 0.3) ** 2))
        gone = 900.0 * (times_ms >= self.worst_ms) * self.fails
        return values + near * (self.creep_mm(times_ms) + gone)

    def traffic(
        self, sites: Sites, times_ms: Times, speed: Floats, flow: Floats, lanes: Floats
    ) -> tuple[Floats, Floats]:
        """Return traffic on the road below, once earth lies on it; two days later it is clear."""
        lies = (times_ms >= self.worst_ms) & (times_ms < self.worst_ms + 48 * HOUR_MS) & self.fails
        near = sites.away_km(*self.at)[:, None] < 0.6
        blocked = lies & near
        return np.where(blocked, 0.25 * speed, speed), np.where(blocked, 0.2 * flow, flow)
