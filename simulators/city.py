"""The city as a feed describes it: districts, lines, sensors with official levels, units."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from operators.events import City, District, Levels, Line, Sensor, Unit
from operators.kinds import KINDS
from simulators.clock import TIMEZONE
from simulators.events_air import DUST_LEVELS
from simulators.events_street import SLOPE_LEVELS
from simulators.events_water import RIVER_LEVELS, STREET_LEVELS
from simulators.geometry import DISTRICTS, Path, to_lonlat
from simulators.layout import Layout, Sites, lay_out, scattered
from simulators.noise import Floats, Noise
from simulators.rivers import Rivers
from simulators.water import RiverLevel
from simulators.weather import Weather

__all__ = ["build_city"]

_OWNERS: dict[str, str] = {
    "river_level": "hydrology bureau",
    "rain": "meteorological bureau",
    "street_water": "drainage company",
    "traffic_speed": "traffic police",
    "traffic_flow": "traffic police",
    "traffic_occupancy": "traffic police",
    "pm25": "environment bureau",
    "no2": "environment bureau",
    "gas_ch4": "gas company",
    "smoke": "fire brigade",
    "crowd_count": "culture and tourism bureau",
    "noise": "environment bureau",
    "slope_tilt": "geology institute",
    "water_pressure": "water company",
    "power_load": "power company",
    "temperature": "meteorological bureau",
}
_LEVELS: dict[str, Levels] = {
    "rain": Levels(20, 35, 50, 80),
    "street_water": Levels(*(STREET_LEVELS[level] for level in (4, 3, 2, 1))),
    "pm25": Levels(*(DUST_LEVELS[level] for level in (4, 3, 2, 1))),
    "gas_ch4": Levels(5, 10, 20, 40),
    "smoke": Levels(1.5, 3, 6, 12),
    "slope_tilt": Levels(*(SLOPE_LEVELS[level] for level in (4, 3, 2, 1))),
}
# Prefix, skills, how many.
_UNITS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("F", ("fire", "rescue"), 12),
    ("P", ("pump",), 8),
    ("B", ("boat", "rescue"), 4),
    ("M", ("medical",), 9),
    ("T", ("traffic", "police"), 9),
    ("C", ("crowd", "police"), 5),
    ("G", ("gas",), 4),
    ("W", ("water",), 4),
    ("E", ("power",), 4),
    ("S", ("slope", "rescue"), 2),
    ("A", ("air",), 2),
)


@lru_cache(maxsize=4)
def build_city(seed: int, sensors: int = 5000) -> City:
    """Return the city of a seed: its map is always the same, its sensors and streets are not."""
    layout = lay_out(seed, sensors)
    return City(
        "Lanjiang",
        TIMEZONE,
        _districts(layout),
        tuple(s for sites in layout.sites.values() for s in _sensors(layout, sites)),
        _lines(layout),
        _units(layout),
        "岚江",
    )


def _ring(xy: Floats) -> list[tuple[float, float]]:
    lon, lat = to_lonlat(xy[:, 0], xy[:, 1])
    return list(zip(lon.tolist(), lat.tolist(), strict=True))


def _districts(layout: Layout) -> tuple[District, ...]:
    return tuple(
        District(id_, en, zh, _ring(np.array(polygon.exterior.coords)))
        for (id_, en, zh, _), polygon in zip(DISTRICTS, layout.districts, strict=True)
    )


def _lines(layout: Layout) -> tuple[Line, ...]:
    def line(kind: str, path: Path) -> Line:
        return Line(kind, path.name, _ring(path.xy), path.width_m)

    return (
        *(line("river", path) for path in layout.rivers),
        *(line("road", path) for path in layout.roads),
        *(line("rail", path) for path in layout.rails),
    )


def _sensors(layout: Layout, sites: Sites) -> list[Sensor]:
    lon, lat = to_lonlat(sites.x, sites.y)
    owner = layout.district_of(sites.x, sites.y).tolist()
    kind, prefix = sites.kind, layout.prefixes[sites.kind]
    known, levels = KINDS[kind], _levels(layout, sites)
    rows = zip(lon.tolist(), lat.tolist(), owner, sites.names, levels, strict=True)
    return [
        Sensor(
            f"{prefix}-{i + 1:04d}",
            kind,
            x,
            y,
            known.unit,
            DISTRICTS[d][0],
            _OWNERS[kind],
            sites.interval_ms / 1000,
            level,
            None,
            name,
        )
        for i, (x, y, d, name, level) in enumerate(rows)
    ]


def _levels(layout: Layout, sites: Sites) -> list[Levels | None]:
    if sites.kind != "river_level":
        return [_LEVELS.get(sites.kind)] * len(sites)
    noise = Noise(layout.seed)
    rivers = Rivers(layout.rivers, Weather(noise, ordinary=False))
    ordinary = RiverLevel.ordinary_at(rivers, sites)
    depth = np.array([rivers.depth(r) for r in sites.path.tolist()])
    marks = [np.round(ordinary + RIVER_LEVELS[lv] * depth, 2).tolist() for lv in (4, 3, 2, 1)]
    return [Levels(*row) for row in zip(*marks, strict=True)]


def _units(layout: Layout) -> tuple[Unit, ...]:
    draw = Noise(layout.seed).draws("units")
    xy = scattered(draw, layout.area.buffer(-0.5), sum(n for *_, n in _UNITS), 0.6)
    draw.shuffle(xy)
    lon, lat = to_lonlat(xy[:, 0], xy[:, 1])
    owner = layout.district_of(xy[:, 0], xy[:, 1]).tolist()
    units, row = [], 0
    for prefix, skills, number in _UNITS:
        for i in range(number):
            units.append(
                Unit(
                    f"{prefix}-{i + 1:02d}",
                    skills,
                    float(lon[row]),
                    float(lat[row]),
                    DISTRICTS[owner[row]][0],
                )
            )
            row += 1
    return tuple(units)
