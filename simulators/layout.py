"""Where everything stands: places, roads, rivers and the sensors on them, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from operators.events import Text
from simulators import geometry
from simulators.geometry import Path
from simulators.names import Namer, compass
from simulators.noise import Floats, Noise
from simulators.streets import streets

__all__ = ["KIND_ORDER", "Ints", "Layout", "Place", "Sites", "lay_out", "scattered"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Spread:
    """How sensors of one kind are spread."""

    prefix: str
    share: int
    """Of 5,000 sensors."""
    interval_s: int
    at: str
    """``clustered`` at places, ``monitor`` stations, ``road``, ``river`` or ``spread``."""
    spread_km: float = 0.0
    places: tuple[str, ...] = ()
    battery: float = 1.0
    """Share of them that outlives a power cut."""


_KINDS: dict[str, _Spread] = {
    "river_level": _Spread("rl", 140, 300, "river"),
    "rain": _Spread("rg", 200, 300, "monitor"),
    "street_water": _Spread(
        "sw", 420, 300, "clustered", 0.30, ("underpass", "lane", "underpass", "market")
    ),
    "traffic_speed": _Spread("ts", 800, 300, "road", battery=0.5),
    "traffic_flow": _Spread("tf", 370, 300, "road", battery=0.5),
    "traffic_occupancy": _Spread("to", 370, 300, "road", battery=0.5),
    "pm25": _Spread("pm", 240, 600, "monitor", battery=0.6),
    "no2": _Spread("nd", 160, 600, "monitor", battery=0.6),
    "gas_ch4": _Spread("ch", 310, 120, "clustered", 0.22, ("estate", "works", "market", "estate")),
    "smoke": _Spread("sm", 330, 120, "clustered", 0.18, ("mall", "depot", "market", "lane")),
    "crowd_count": _Spread(
        "cc", 230, 300, "clustered", 0.20, ("square", "station", "mall", "park"), 0.5
    ),
    "noise": _Spread("ns", 270, 300, "clustered", 0.35, ("square", "estate", "station"), 0.5),
    "slope_tilt": _Spread("sl", 120, 600, "clustered", 0.14, ("slope",)),
    "water_pressure": _Spread("wp", 370, 300, "spread", 0.0, ("pumphouse", "tower", "estate")),
    "power_load": _Spread("pw", 400, 300, "clustered", 0.55, ("substation",)),
    "temperature": _Spread("tp", 270, 600, "monitor", battery=0.6),
}
KIND_ORDER: tuple[str, ...] = tuple(_KINDS)
_CLUSTER = 5
_CLUSTERS = {"slope_tilt": 8}
_MONITOR_PLACES = ("school", "hospital", "park", "library", "estate", "works")
_MONITOR_SPOTS = {
    "rain": Text("", ""),
    "pm25": Text(" gate", "大门"),
    "no2": Text(" roadside", "路侧"),
    "temperature": Text(" yard", "院内"),
}


@dataclass(frozen=True)
class Place:
    """Somewhere with a name; sensors cluster here and citizens speak of it."""

    kind: str
    name: Text
    x: float
    y: float


@dataclass(frozen=True)
class Sites:
    """The sensors of one kind, one row each; what does not apply is -1."""

    kind: str
    first: int
    """Index of its first sensor in the city."""
    interval_ms: int
    phase_ms: Ints
    x: Floats
    y: Floats
    place: Ints
    path: Ints
    """Index of its river or road."""
    path_km: Floats
    lane: Ints
    """1 or -1: whether its traffic goes with the road's drawing or against it."""
    battery: NDArray[np.bool_]
    names: list[Text]

    def __len__(self) -> int:
        return len(self.x)

    def away_km(self, x: float, y: float) -> Floats:
        """Return the distance of every sensor from a point."""
        return np.hypot(self.x - x, self.y - y)


@dataclass(frozen=True)
class Layout:
    """The whole city as the simulator sees it."""

    seed: int
    area: Polygon
    districts: list[Polygon]
    rivers: list[Path]
    roads: list[Path]
    expressways: int
    """How many of the roads, from the first, are ring or radial roads."""
    rails: list[Path]
    places: list[Place]
    sites: dict[str, Sites]
    prefixes: dict[str, str]

    def district_of(self, x: Floats, y: Floats) -> Ints:
        """Return the index of the district around each point, or of the nearest one."""
        owner = np.full(len(x), -1, dtype=np.int64)
        for i, polygon in enumerate(self.districts):
            shapely.prepare(polygon)
            owner[shapely.contains_xy(polygon, x, y)] = i
        lost = np.flatnonzero(owner < 0)
        if len(lost):
            points = shapely.points(x[lost], y[lost])
            gaps = np.stack([shapely.distance(p, points) for p in self.districts])
            owner[lost] = gaps.argmin(axis=0)
        return owner


def scattered(draw: np.random.Generator, area: Polygon, n: int, core: float) -> Floats:
    """Return n points spread evenly, denser towards the middle as ``core`` goes from 0 to 1.

    The points are a low-discrepancy sequence (additive recurrence on the plastic number) with a
    random start, so any first part of them is spread evenly as well.
    """
    plastic = 1.32471795724474602596
    x0, y0, x1, y1 = area.bounds
    shapely.prepare(area)
    start, found = draw.uniform(size=2), np.empty((0, 2))
    count = 0
    while len(found) < n:
        i = np.arange(count, count + 4 * n + 64)
        count += len(i)
        x = x0 + (x1 - x0) * ((start[0] + i / plastic) % 1)
        y = y0 + (y1 - y0) * ((start[1] + i / plastic**2) % 1)
        density = 1 - core + core * np.exp(-((x - 0.8) ** 2 + (y - 0.5) ** 2) / 80)
        kept = (draw.uniform(size=len(i)) < density) & shapely.contains_xy(area, x, y)
        found = np.vstack([found, np.c_[x, y][kept]])
    return found[:n]


@lru_cache(maxsize=4)
def lay_out(seed: int, sensors: int) -> Layout:
    """Return the city of a seed with so many sensors."""
    noise = Noise(seed)
    area = geometry.outline()
    rivers, express = geometry.river_paths(), geometry.express_roads()
    namer = Namer(noise.draws("names"))
    roads = express + streets(noise, namer, area, rivers)
    builder = _Builder(noise, namer, area, rivers, roads, len(express))
    counts = _counts(sensors)
    builder.monitors = builder.place_many("monitor", max(counts["rain"], counts["temperature"]))
    sites = {kind: builder.sites(kind, counts[kind]) for kind in KIND_ORDER}
    return Layout(
        seed,
        area,
        geometry.district_polygons(),
        rivers,
        roads,
        len(express),
        geometry.railways(),
        builder.places,
        sites,
        {kind: spec.prefix for kind, spec in _KINDS.items()},
    )


def _counts(sensors: int) -> dict[str, int]:
    """Return how many sensors of each kind; together exactly ``sensors``."""
    total = sum(spec.share for spec in _KINDS.values())
    edges = np.cumsum([0] + [spec.share for spec in _KINDS.values()]) * sensors // total
    return dict(zip(_KINDS, np.diff(edges).tolist(), strict=True))


class _Builder:
    """Places things one kind after another, remembering the places made."""

    def __init__(
        self,
        noise: Noise,
        namer: Namer,
        area: Polygon,
        rivers: list[Path],
        roads: list[Path],
        expressways: int,
    ) -> None:
        self.noise, self.namer, self.area = noise, namer, area
        self.rivers, self.roads, self.expressways = rivers, roads, expressways
        self.places: list[Place] = []
        self.first = 0
        self.monitors: list[int] = []
        self._crowded: list[int] = []

    def place_many(self, purpose: str, n: int) -> list[int]:
        """Make n places for a purpose; return their indexes."""
        draw = self.noise.draws(f"places/{purpose}")
        types = _MONITOR_PLACES if purpose == "monitor" else _KINDS[purpose].places
        core = {"monitor": 0.55, "slope_tilt": 0.0}.get(purpose, 0.85)
        area = self.area.buffer(-0.3) if purpose != "slope_tilt" else self._hills()
        points = scattered(draw, area, n, core)
        begin = len(self.places)
        for i, (x, y) in enumerate(points.tolist()):
            kind = "stadium" if purpose == "crowd_count" and i == 0 else types[i % len(types)]
            self.places.append(Place(kind, self.namer.place(kind), x, y))
        return list(range(begin, len(self.places)))

    def _hills(self) -> Polygon:
        """Return the hilly north of the city."""
        x0, _, x1, y1 = self.area.bounds
        return self.area.buffer(-0.6).intersection(shapely.box(x0, 6.5, x1, y1))

    def sites(self, kind: str, n: int) -> Sites:
        """Place the n sensors of one kind."""
        spec = _KINDS[kind]
        draw = self.noise.draws(f"sites/{kind}")
        xy, place, path, km, lane, names = getattr(self, f"_{spec.at}")(kind, n, draw)
        first, self.first = self.first, self.first + n
        return Sites(
            kind,
            first,
            spec.interval_s * 1000,
            draw.integers(0, spec.interval_s * 1000, n),
            xy[:, 0],
            xy[:, 1],
            place,
            path,
            km,
            lane,
            draw.uniform(size=n) < spec.battery,
            names,
        )

    def _clustered(self, kind: str, n: int, draw: np.random.Generator) -> _Placed:
        spec = _KINDS[kind]
        homes = self._homes(kind, max(1, n // _CLUSTERS.get(kind, _CLUSTER)))
        place = np.array(homes, dtype=np.int64)[np.arange(n) % len(homes)]
        spot = np.arange(n) // len(homes)
        middle = np.array([(self.places[i].x, self.places[i].y) for i in homes]).reshape(-1, 2)
        xy = middle[np.arange(n) % len(homes)] + _disc(draw, n, spec.spread_km)
        spots = zip(place.tolist(), spot.tolist(), strict=True)
        names = [self._numbered(home, number + 1) for home, number in spots]
        return _placed(xy, names, place=place)

    def _homes(self, kind: str, n: int) -> list[int]:
        """Return the places of a kind's clusters; half the noise is metered where crowds are."""
        shared = self._crowded[: n // 2] if kind == "noise" else []
        homes = shared + self.place_many(kind, n - len(shared))
        if kind == "crowd_count":
            self._crowded = homes
        return homes

    def _numbered(self, place: int, number: int) -> Text:
        name = self.places[place].name
        return Text(f"{name.en}, point {number}", f"{name.zh}{number}号点")

    def _monitor(self, kind: str, n: int, draw: np.random.Generator) -> _Placed:
        spot = _MONITOR_SPOTS[kind]
        place = np.array(self.monitors, dtype=np.int64)[np.arange(n) % len(self.monitors)]
        homes = [self.places[i] for i in place.tolist()]
        xy = np.array([(p.x, p.y) for p in homes]).reshape(-1, 2) + _disc(draw, n, 0.05)
        names = [Text(p.name.en + spot.en, p.name.zh + spot.zh) for p in homes]
        return _placed(xy, names, place=place)

    def _spread(self, kind: str, n: int, draw: np.random.Generator) -> _Placed:
        place = np.array(self.place_many(kind, n), dtype=np.int64)
        homes = [self.places[i] for i in place.tolist()]
        xy = np.array([(p.x, p.y) for p in homes]).reshape(-1, 2)
        return _placed(xy, [p.name for p in homes], place=place)

    def _river(self, kind: str, n: int, draw: np.random.Generator) -> _Placed:
        which, km = _along(draw, self.rivers, [1.0] * len(self.rivers), n, self.area.buffer(0.6))
        xy = _on(self.rivers, which, km)
        types = ("quay", "bridge", "landing")
        named = [(self.rivers[r].name, self.namer.place(types[i % 3])) for i, r in enumerate(which)]
        names = [Text(f"{r.en}, {p.en}", f"{r.zh}{p.zh}") for r, p in named]
        return _placed(xy, names, path=which, km=km)

    def _road(self, kind: str, n: int, draw: np.random.Generator) -> _Placed:
        weight = [2.6 if i < self.expressways else 1.0 for i in range(len(self.roads))]
        which, km = _along(draw, self.roads, weight, n, self.area)
        lane = draw.choice(np.array([-1, 1]), n)
        side = np.zeros(n)
        for i in range(len(self.roads)):
            side[which == i] = self.roads[i].heading(km[which == i])
        names = [self._milestone(*row) for row in zip(which.tolist(), km, side, lane, strict=True)]
        return _placed(_on(self.roads, which, km), names, path=which, km=km, lane=lane)

    def _milestone(self, road: int, km: float, heading: float, lane: int) -> Text:
        name = self.roads[road].name
        way = compass(heading + (np.pi if lane < 0 else 0.0))
        stone = f"K{int(km)}+{int(km * 1000) % 1000:03d}"
        return Text(f"{name.en} {stone} {way.en}", f"{name.zh}{stone}{way.zh}")


_Placed = tuple[Floats, Ints, Ints, Floats, Ints, list[Text]]


def _placed(
    xy: Floats,
    names: list[Text],
    place: Ints | None = None,
    path: Ints | None = None,
    km: Floats | None = None,
    lane: Ints | None = None,
) -> _Placed:
    nothing = np.full(len(xy), -1, dtype=np.int64)
    return (
        xy,
        nothing if place is None else place,
        nothing if path is None else path,
        nothing.astype(np.float64) if km is None else km,
        nothing if lane is None else lane,
        names,
    )


def _disc(draw: np.random.Generator, n: int, radius_km: float) -> Floats:
    angle, far = draw.uniform(0, 2 * np.pi, n), np.sqrt(draw.uniform(0, 1, n)) * radius_km
    offsets: Floats = np.c_[far * np.cos(angle), far * np.sin(angle)]
    return offsets


def _along(
    draw: np.random.Generator, paths: list[Path], weights: list[float], n: int, area: Polygon
) -> tuple[Ints, Floats]:
    """Return n positions along paths, evenly by weighted length, within an area."""
    spans = [_within(path, area) for path in paths]
    lengths = [(b - a) * w for (a, b), w in zip(spans, weights, strict=True)]
    edges = np.r_[0.0, np.cumsum(lengths)]
    even = (np.arange(n) + draw.uniform(0.25, 0.75, n)) * edges[-1] / max(n, 1)
    which = np.clip(np.searchsorted(edges, even, side="right") - 1, 0, len(paths) - 1)
    starts = np.array([a for a, _ in spans])
    km = starts[which] + (even - edges[which]) / np.array(weights)[which]
    return which.astype(np.int64), np.round(km, 3)


def _within(path: Path, area: Polygon) -> tuple[float, float]:
    inside = path.along_km[path.inside(area)]
    return (float(inside.min()), float(inside.max())) if len(inside) else (0.0, 0.0)


def _on(paths: list[Path], which: Ints, km: Floats) -> Floats:
    xy = np.empty((len(which), 2))
    for i, path in enumerate(paths):
        rows = which == i
        xy[rows, 0], xy[rows, 1] = path.at(km[rows])
    return xy
