"""The lie of the land: an invented river city on a plane of kilometres.

East is x, north is y, the origin is the middle of the city. Nothing here is a real boundary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiPoint, Point, Polygon
from shapely.ops import split, unary_union, voronoi_diagram

from operators.events import Text
from simulators.noise import Floats

__all__ = [
    "DISTRICTS",
    "KM_PER_LAT",
    "KM_PER_LON",
    "Path",
    "district_polygons",
    "express_roads",
    "outline",
    "railways",
    "river_paths",
    "to_km",
    "to_lonlat",
]

_LON0, _LAT0 = 106.55, 29.56
KM_PER_LAT = 110.9
KM_PER_LON = 111.32 * math.cos(math.radians(_LAT0))


def to_lonlat(x_km: Floats, y_km: Floats) -> tuple[Floats, Floats]:
    """Return longitude and latitude, rounded to about a metre."""
    return np.round(_LON0 + x_km / KM_PER_LON, 5), np.round(_LAT0 + y_km / KM_PER_LAT, 5)


def to_km(lon: Floats | float, lat: Floats | float) -> tuple[Floats, Floats]:
    """Return the place on the plane."""
    x, y = (np.asarray(lon) - _LON0) * KM_PER_LON, (np.asarray(lat) - _LAT0) * KM_PER_LAT
    return x, y


@dataclass(frozen=True)
class Path:
    """A river, road or railway with distances along it."""

    name: Text
    xy: Floats
    width_m: float
    closed: bool = False
    along_km: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        steps = np.hypot(*np.diff(self.xy, axis=0).T)
        object.__setattr__(self, "along_km", np.r_[0.0, np.cumsum(steps)])

    @property
    def length_km(self) -> float:
        """Distance from its first to its last point, along it."""
        return float(self.along_km[-1])

    def at(self, km: Floats) -> tuple[Floats, Floats]:
        """Return the points so many kilometres from the start."""
        return np.interp(km, self.along_km, self.xy[:, 0]), np.interp(
            km, self.along_km, self.xy[:, 1]
        )

    def heading(self, km: Floats) -> Floats:
        """Return the direction of increasing distance, radians from east."""
        x0, y0 = self.at(km - 0.05)
        x1, y1 = self.at(km + 0.05)
        return np.arctan2(y1 - y0, x1 - x0)

    def nearest_km(self, x: float, y: float) -> float:
        """Return how far along the path its point nearest to a place lies."""
        return float(LineString(self.xy).project(Point(x, y)))

    def inside(self, area: Polygon) -> NDArray[np.bool_]:
        """Return which of its vertices lie in an area."""
        found: NDArray[np.bool_] = shapely.contains_xy(area, self.xy[:, 0], self.xy[:, 1])
        return found


_Points = list[tuple[float, float]]

# Drawn by hand, upstream to downstream: name, width and rough course, smoothed and bent below.
_RIVERS: list[tuple[str, str, float, _Points]] = [
    (
        "Lan River",
        "岚江",
        690,
        [
            (-26, -11),
            (-21, -8.5),
            (-17, -7.2),
            (-13, -9.6),
            (-9.3, -7.2),
            (-7.6, -2.6),
            (-4, -0.4),
            (-1, -3.2),
            (2.4, -4.4),
            (5.2, -1.6),
            (6.5, 2.0),
            (10, 3.6),
            (13.6, 1.2),
            (17.4, 1.6),
            (21, 4.6),
            (26, 4.2),
        ],
    ),
    (
        "Qing River",
        "青河",
        310,
        [(-8, 22), (-5.6, 14.6), (-7.4, 10.4), (-4, 7.4), (0.2, 6.2), (3.4, 4.6), (6.5, 2.1)],
    ),
    ("Wu Creek", "乌溪", 190, [(4.6, -23), (1.4, -15), (4.1, -11), (2.0, -7.6), (2.3, -4.3)]),
    ("Hua Creek", "花溪", 120, [(15.5, 20), (12.4, 11.2), (14.1, 6.7), (13.5, 1.3)]),
    ("Shi Creek", "石溪", 120, [(-22, 9), (-15, 4.2), (-12, -1), (-9.0, -5.6)]),
]

_ROADS: list[tuple[str, str, float, _Points]] = [
    (
        "Lanjiang Avenue",
        "岚江大道",
        34,
        [
            (-24, 3),
            (-16, 2.2),
            (-8, 1.0),
            (-2, 1.6),
            (1, 1.4),
            (3, -0.4),
            (8, -3),
            (14, -4.6),
            (24, -6),
        ],
    ),
    (
        "Zhongzhou Road",
        "中洲路",
        32,
        [(-1.5, 22), (-0.6, 14), (0.6, 8), (1, 1.4), (0.4, -4), (-1.4, -9), (-2, -16), (-4, -24)],
    ),
    (
        "Donggang Expressway",
        "东港快速路",
        30,
        [(18, 19), (12.5, 12), (8.4, 6.4), (3.6, 2.2), (1, 1.4)],
    ),
    (
        "Taiping Expressway",
        "太平快速路",
        30,
        [(-19, -20), (-12.5, -13), (-6.5, -8.6), (-2.2, -6.0), (0.4, -4)],
    ),
    (
        "Nanlin Expressway",
        "南林快速路",
        30,
        [(14, -21), (10, -13), (8.2, -8), (7.4, -3), (8.0, 0.4)],
    ),
]

_RINGS: list[tuple[str, str, float, tuple[float, float, float, float, float]]] = [
    ("Inner Ring", "内环", 34, (0.8, 0.2, 7.6, 6.6, 0.06)),
    ("Outer Ring", "外环", 38, (0.6, 0.1, 13.4, 12.6, 0.05)),
]

_RAILS: list[tuple[str, str, _Points]] = [
    (
        "Lanjiang Railway",
        "岚江铁路",
        [
            (-23, -3),
            (-15, -5.4),
            (-10.4, -1),
            (-5.4, 2.6),
            (-1, 3.6),
            (3, 2.6),
            (6, 5.4),
            (11, 6.4),
            (17, 5.0),
            (24, 8),
        ],
    ),
    (
        "Metro Line 1",
        "地铁1号线",
        [(-6, 17), (-3.4, 11), (-2.6, 6), (0.2, 2.2), (0.8, -2), (3.4, -6.6), (8, -9.4), (11, -16)],
    ),
]

DISTRICTS: list[tuple[str, str, str, tuple[float, float]]] = [
    ("gucheng", "Gucheng", "古城", (0.6, 1.4)),
    ("beitan", "Beitan", "北滩", (-7.2, 3.2)),
    ("qingxi", "Qingxi", "青溪", (-9.0, 9.6)),
    ("yunling", "Yunling", "云岭", (1.6, 11.4)),
    ("longwan", "Longwan", "龙湾", (9.6, 8.0)),
    ("donggang", "Donggang", "东港", (16, 7.5)),
    ("hekou", "Hekou", "河口", (11.4, -4.6)),
    ("nanlin", "Nanlin", "南林", (7.2, -10.6)),
    ("xiqiao", "Xiqiao", "西桥", (-3.6, -8.0)),
    ("taiping", "Taiping", "太平", (-11.6, -12.2)),
    ("shiyan", "Shiyan", "石堰", (-14, -3.4)),
]
"""Id, English name, Chinese name, a place inside it before the bending."""


def _curve(points: _Points, steps: int = 14) -> Floats:
    """Return a Catmull-Rom curve through the points."""
    p = np.array(points, dtype=np.float64)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    t = (np.arange(steps) / steps)[None, :, None]
    bends = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    return np.vstack([bends.reshape(-1, 2), p[-2]])


def _bend(xy: Floats) -> Floats:
    """Return the plane bent a little, so that nothing looks drawn with a ruler."""
    x, y = xy[:, 0], xy[:, 1]
    bent: Floats = np.c_[
        x + 0.32 * np.sin(y * 0.62 + 1) + 0.18 * np.sin(x * 0.9 + y * 1.3),
        y + 0.32 * np.sin(x * 0.55 + 2) + 0.18 * np.sin(y * 1.1 - x * 0.8),
    ]
    return bent


def _flat_outline() -> Polygon:
    a = np.linspace(0, 2 * np.pi, 160, endpoint=False)
    r = 15.6 + 1.5 * np.sin(2 * a + 0.6) + 1.1 * np.sin(3 * a + 2.1)
    r += 0.7 * np.sin(5 * a + 0.4) + 0.4 * np.sin(9 * a)
    return Polygon(np.c_[r * np.cos(a) * 1.05 + 0.6, r * np.sin(a)])


def outline() -> Polygon:
    """Return the edge of the city."""
    return shapely.transform(_flat_outline().segmentize(0.4), _bend)


def river_paths() -> list[Path]:
    """Return the main river, then its tributaries, each from upstream to downstream."""
    return [Path(Text(en, zh), _bend(_curve(p)), width) for en, zh, width, p in _RIVERS]


def _ring(cx: float, cy: float, rx: float, ry: float, wobble: float) -> Floats:
    a = np.linspace(0, 2 * np.pi, 140)
    loop: Floats = np.c_[
        cx + rx * (1 + wobble * np.sin(3 * a + 1)) * np.cos(a),
        cy + ry * (1 + wobble * np.sin(2 * a)) * np.sin(a),
    ]
    return loop


def _clipped(xy: Floats, area: Polygon) -> Floats:
    kept = LineString(xy).segmentize(0.3).intersection(area)
    parts = getattr(kept, "geoms", [kept])
    return np.array(max(parts, key=lambda part: part.length).coords)


def express_roads() -> list[Path]:
    """Return the ring roads, then the radial ones."""
    view = outline().buffer(8)
    rings = [Path(Text(en, zh), _bend(_ring(*r)), w, True) for en, zh, w, r in _RINGS]
    radials = [Path(Text(en, zh), _clipped(_bend(_curve(p)), view), w) for en, zh, w, p in _ROADS]
    return rings + radials


def railways() -> list[Path]:
    """Return the railway and the metro."""
    view = outline().buffer(8)
    return [Path(Text(en, zh), _clipped(_bend(_curve(p)), view), 6) for en, zh, p in _RAILS]


def district_polygons() -> list[Polygon]:
    """Return one polygon a district, in their order: they tile the city, rivers part them."""
    city = _flat_outline()
    pieces = [city]
    for _, _, _, course in _RIVERS[:3]:
        line = _curve(course)
        # A tributary is drawn to the main river's bank: cut on to its middle and beyond.
        cut = LineString(np.vstack([line, line[-1] + 1.5 * (line[-1] - line[-8])]))
        pieces = [part for piece in pieces for part in split(piece, cut).geoms]
    tiles = _whole(_by_district([p for p in pieces if p.area > 0.4]))
    bent = [shapely.transform(tile.segmentize(0.4), _bend) for tile in tiles]
    return list(shapely.coverage_simplify(bent, 0.03))


def _by_district(pieces: list[Polygon]) -> list[list[Polygon]]:
    seeds = [Point(xy) for *_, xy in DISTRICTS]
    tiles: list[list[Polygon]] = [[] for _ in DISTRICTS]
    for piece in pieces:
        inside = [i for i, seed in enumerate(seeds) if piece.contains(seed)]
        if len(inside) < 2:
            nearest = min(range(len(seeds)), key=lambda i: float(piece.distance(seeds[i])))
            tiles[inside[0] if inside else nearest].append(piece)
            continue
        points = MultiPoint([seeds[i] for i in inside])
        for part in voronoi_diagram(points, envelope=piece.buffer(10)).geoms:
            owner = next(i for i in inside if part.contains(seeds[i]))
            cut = piece.intersection(part)
            tiles[owner].extend(g for g in getattr(cut, "geoms", [cut]) if g.area > 0)
    return tiles


def _whole(tiles: list[list[Polygon]]) -> list[Polygon]:
    """Return each district in one piece; a piece cut off from its own joins a neighbour."""
    merged = [unary_union(parts) for parts in tiles]
    parts = [sorted(getattr(m, "geoms", [m]), key=lambda g: -g.area) for m in merged]
    whole = [p[0] for p in parts]
    for stray in [s for p in parts for s in p[1:]]:
        shared = [float(w.intersection(stray).length) for w in whole]
        best = shared.index(max(shared))
        whole[best] = unary_union([whole[best], stray])
    return [Polygon(w.exterior) for w in whole]
