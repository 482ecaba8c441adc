"""Flood, cloudburst and a burst main: too much water, from three sides."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulators.clock import HOUR_MS, MINUTE_MS
from simulators.happenings import Happening, Outcry, Scene, hump, truth_event, worst_level
from simulators.layout import Ints, Sites
from simulators.noise import Floats
from simulators.rivers import Pulse, Rivers
from simulators.water import StreetWater
from simulators.weather import RainCell, Weather
from simulators.world import Times, World

__all__ = ["RIVER_LEVELS", "STREET_LEVELS", "burst_main", "cloudburst", "flood"]

RIVER_LEVELS = {4: 0.42, 3: 0.62, 2: 0.85, 1: 1.12}
"""Official levels, in ordinary depths above the ordinary stage."""
STREET_LEVELS = {4: 10.0, 3: 15.0, 2: 27.0, 1: 40.0}
"""Official levels of water in a street, centimetres."""
_STEP_MS = 10 * MINUTE_MS
_WET_CM = 4.0
_FAR_KM = 8.0  # no cloudburst reaches further
_NORMAL = 0.16  # depths a river may rise without anybody looking up


def flood(scene: Scene) -> Happening:
    """Return heavy rain upstream and the wave it sends through the city."""
    river = 0 if scene.draw.uniform() < 0.6 else 1
    worst = scene.draw.uniform(0.7, 1.35)  # of the ordinary depth, at the highest gauge
    hours = scene.draw.uniform(3.0, 5.5)
    shape, offset = _calibrated(scene.world, river, worst, hours, scene.sites("river_level"))
    begin = scene.when_ms - offset.first_ms
    pulse = Pulse(river, begin, hours, shape)
    path = scene.world.layout.rivers[river]
    head = path.xy[0] * 0.62
    # The clouds come down the valley: they reach the city's edge not long before the water does.
    over = max(begin, scene.when_ms - 90 * MINUTE_MS)
    clouds = RainCell(
        over, hours, float(head[0]), float(head[1]), 1.5, 0.5, 6.0, scene.draw.uniform(18, 38)
    )
    reach = _reach(scene, river)
    at, radius = _around(reach)
    span = (scene.when_ms, begin + offset.peak_ms, begin + offset.last_ms)
    level = worst_level(RIVER_LEVELS, worst)
    return Happening(
        begin,
        span[2] + 6 * HOUR_MS,
        (truth_event(scene, "flood", span, at, radius, level),),
        rain=(clouds,),
        pulses=(pulse,),
        outcries=(
            Outcry(
                "flood",
                span[0] + 40 * MINUTE_MS,
                span[1],
                span[2],
                70.0 / level,
                tuple((float(a), float(b)) for a, b in reach),
                0.5,
            ),
        ),
    )


@dataclass(frozen=True)
class _Wave:
    """When a wave is first seen, highest and gone, after the rain began."""

    first_ms: int
    peak_ms: int
    last_ms: int


def _reach(scene: Scene, river: int) -> Floats:
    """Return the gauges of a river, and of the main river below where it joins."""
    sites, joins = scene.sites("river_level"), scene.world.rivers.joins_km[river]
    below = (sites.path == 0) & (sites.path_km > joins) & (river > 0)
    rows = below | (sites.path == river)
    gauges: Floats = np.c_[sites.x, sites.y][rows]
    return gauges if len(gauges) else scene.world.layout.rivers[river].xy


def _around(points: Floats) -> tuple[tuple[float, float], float]:
    """Return the middle of the points' extent and the radius that covers them, km."""
    x, y = (points.min(axis=0) + points.max(axis=0)) / 2
    return (float(x), float(y)), float(np.hypot(*(points - (x, y)).T).max()) + 0.5


def _calibrated(
    world: World, river: int, worst: float, hours: float, sites: Sites
) -> tuple[float, _Wave]:
    """Return the rain that lifts a river's highest gauge by so many depths, and its timing."""
    km = sites.path_km[sites.path == river]
    if not len(km):  # a city of few sensors: judge by the river's middle
        km = np.array([world.rivers.paths[river].length_km / 2])
    dry = Weather(world.noise, ordinary=False)
    base = Rivers(world.rivers.paths, dry, (Pulse(river, 0, hours, 10.0),))
    times = np.arange(0, 40 * HOUR_MS, _STEP_MS)
    depth = base.depth(river)
    rises = np.stack([np.interp(km, base.nodes_km[river], base.rise(river, int(t))) for t in times])
    # Discharge is proportional to rain; stage goes with its power 0.6.
    extra = (1 + rises / depth) ** (1 / 0.6) - 1
    rain = 10.0 * ((1 + worst) ** (1 / 0.6) - 1) / float(extra.max())
    relative = (1 + extra * rain / 10.0) ** 0.6 - 1
    up = np.flatnonzero(relative.max(axis=1) > _NORMAL)
    # The peak is when most gauges have had theirs: the wave is halfway down the city.
    peak = int(times[int(np.median(relative.argmax(axis=0)))])
    gone = np.flatnonzero(relative.max(axis=1) > RIVER_LEVELS[4])
    last = int(times[gone[-1]]) if len(gone) else peak + HOUR_MS
    return rain, _Wave(int(times[up[0]]), peak, max(last, peak + HOUR_MS))


def cloudburst(scene: Scene) -> Happening:
    """Return rain the drains cannot take, and the streets under water after it."""
    x, y = scene.spot("street_water", 1.6, 6)
    first, second = _two_cells(scene.draw, x, y)
    sites = scene.sites("street_water")
    rows = _sample(np.flatnonzero(sites.away_km(x, y) < _FAR_KM))
    depths, times = _puddles(scene.world, (first, second), rows)
    depth = depths.max(axis=1)
    under = np.flatnonzero(depth > _WET_CM)
    begins, ends = (int(times[under[0]]), int(times[under[-1]])) if len(under) else (0, HOUR_MS)
    moved = tuple(replace(c, start_ms=c.start_ms + scene.when_ms - begins) for c in (first, second))
    peak = scene.when_ms - begins + int(times[int(depth.argmax())])
    span = (scene.when_ms, peak, scene.when_ms - begins + ends)
    level = worst_level(STREET_LEVELS, float(depth.max()))
    wet = np.c_[sites.x, sites.y][rows[depths.max(axis=0) > _WET_CM]]
    middle, extent = _around(wet) if len(wet) else ((x, y), first.radius_km)
    return Cloudburst(
        moved[0].start_ms,
        span[2] + HOUR_MS,
        (truth_event(scene, "waterlogging", span, middle, extent, level),),
        rain=moved,
        outcries=(
            Outcry(
                "waterlogging",
                span[0] + 6 * MINUTE_MS,
                span[1] + 10 * MINUTE_MS,
                span[2],
                130.0 / level,
                ((x, y),),
                first.radius_km * 0.55,
            ),
        ),
        at=(x, y),
        radius_km=first.radius_km,
        span=span,
    )


def _two_cells(draw: np.random.Generator, x: float, y: float) -> tuple[RainCell, RainCell]:
    """Return a violent rain cell that passes over a place, and a weaker one beside it."""
    drift = draw.normal(0, 2.5, 2)
    hours, radius = draw.uniform(1.0, 1.9), draw.uniform(1.6, 3.0)
    first = RainCell(
        0, hours, x - drift[0] * hours / 2, y - drift[1] * hours / 2, drift[0], drift[1],
        radius, draw.uniform(60, 125),
    )  # fmt: skip
    turn = draw.uniform(0, 2 * np.pi)
    second = replace(
        first,
        start_ms=int(0.25 * HOUR_MS),
        x=first.x + 1.3 * radius * np.cos(turn),
        y=first.y + 1.3 * radius * np.sin(turn),
        peak_mm_h=first.peak_mm_h * draw.uniform(0.4, 0.8),
    )
    return first, second


def _sample(rows: Ints) -> Ints:
    """Return at most a thousand of the rows, evenly."""
    return rows[:: 1 + len(rows) // 1000]


def _puddles(world: World, cells: tuple[RainCell, ...], rows: Ints) -> tuple[Floats, Times]:
    """Return street water (times by sensors) from the moment the first cell begins."""
    sites = world.layout.sites["street_water"]
    model = StreetWater(replace(world, weather=Weather(world.noise, cells, ordinary=False)), sites)
    times = np.arange(0, 8 * HOUR_MS, 5 * MINUTE_MS)
    moments = [np.full((len(rows), 1), t) for t in times.tolist()]
    depths = [model.standing(moment, rows)[:, 0] for moment in moments]
    return np.stack(depths), times


@dataclass
class Cloudburst(Happening):
    """Flooded streets slow the traffic through them; the rest follows from the rain."""

    at: tuple[float, float] = (0.0, 0.0)
    radius_km: float = 1.0
    span: tuple[int, int, int] = (0, 0, 0)

    def traffic(
        self, sites: Sites, times_ms: Times, speed: Floats, flow: Floats, lanes: Floats
    ) -> tuple[Floats, Floats]:
        """Return speed and flow on wet and flooded roads."""
        near = np.exp(-((sites.away_km(*self.at) / self.radius_km) ** 2))[:, None]
        wet = hump(times_ms, self.span[0], 20 * MINUTE_MS, self.span[2], 20 * MINUTE_MS)
        return speed * (1 - 0.5 * near * wet), flow * (1 - 0.3 * near * wet)


def burst_main(scene: Scene) -> Happening:
    """Return a main that bursts: pressure falls around it, water comes up nearby."""
    draw = scene.draw
    at = scene.spot("water_pressure", 1.5, 5, beside="street_water")
    drop, reach = draw.uniform(110, 250), draw.uniform(0.9, 1.6)
    shut = scene.when_ms + scene.minutes(80, 200)
    end = shut + scene.minutes(20, 40)
    peak = scene.when_ms + 25 * MINUTE_MS
    level = 1 if drop > 220 else 2 if drop > 165 else 3
    span = (scene.when_ms, peak, end)
    # Felt, that is down by 15 kPa, as far as this.
    felt_km = reach * float(np.log(drop / 15))
    return BurstMain(
        scene.when_ms,
        end + 2 * HOUR_MS,
        (truth_event(scene, "water_supply", span, at, felt_km, level),),
        outcries=(
            Outcry(
                "water_supply",
                scene.when_ms + 4 * MINUTE_MS,
                peak + 15 * MINUTE_MS,
                end,
                90.0 / level,
                (at,),
                reach * 0.6,
            ),
        ),
        at=at,
        drop_kpa=drop,
        reach_km=reach,
        shut_ms=shut,
    )


@dataclass
class BurstMain(Happening):
    """Pressure lost with distance along the net; water in the street until the valves close."""

    at: tuple[float, float] = (0.0, 0.0)
    drop_kpa: float = 0.0
    reach_km: float = 1.0
    shut_ms: int = 0

    def change(self, sites: Sites, times_ms: Times, values: Floats) -> Floats:
        """Return pressures and depths with the break."""
        away = sites.away_km(*self.at)[:, None]
        if sites.kind == "water_pressure":
            lost = hump(times_ms, self.start_ms, 5 * MINUTE_MS, self.shut_ms, 15 * MINUTE_MS)
            drop = self.drop_kpa * np.exp(-away / self.reach_km) * lost
            return np.maximum(values - drop, 5)
        if sites.kind == "street_water":
            up = hump(times_ms, self.start_ms, 18 * MINUTE_MS, self.shut_ms, 30 * MINUTE_MS)
            # Puddles, not a flood: they stay below the official levels of a street.
            return values + 0.036 * self.drop_kpa * np.exp(-((away / 0.45) ** 2)) * up
        return values

    def traffic(
        self, sites: Sites, times_ms: Times, speed: Floats, flow: Floats, lanes: Floats
    ) -> tuple[Floats, Floats]:
        """Return traffic around the hole in the road."""
        near = np.exp(-((sites.away_km(*self.at) / 0.4) ** 2))[:, None]
        dug = hump(times_ms, self.start_ms, 15 * MINUTE_MS, self.shut_ms, 30 * MINUTE_MS)
        return speed * (1 - 0.55 * near * dug), flow * (1 - 0.4 * near * dug)
