"""A small invented city and the warnings of its pictures: what the screen's tests show."""

import math
from typing import Any

from operators.events import Alert, City, District, Forecast, Levels, Line, Marks, Sensor, Text

NOW = 1_781_245_927_000  # 14:32:07 in the city
MINUTE = 60_000
LON, LAT = 106.55, 29.56
RED = "fl-8c41d07e"

KINDS = {"sw": ("street_water", "cm"), "ra": ("rain", "mm/h"), "pm": ("pm25", "ug/m3")}
NAMES = [("east", "Donghe", "东河"), ("north", "Beishan", "北山"), ("west", "Xitang", "西塘")]
QUAY = Text("Gucheng quay", "古城码头")
CELLS = ("8840190117fffff", "8840190113fffff")


def _wedge(turn: int) -> list[tuple[float, float]]:
    """Return a third of a disc."""
    arc = [math.radians(120 * turn + 5 * step) for step in range(25)]
    return [(LON, LAT), *((LON + 0.06 * math.cos(a), LAT + 0.05 * math.sin(a)) for a in arc)]


def _sensors() -> list[Sensor]:
    made = [
        Sensor("rl-0001", "river_level", LON, LAT, "m", "east", name=QUAY, levels=LEVELS),
        Sensor("rl-0002", "river_level", LON - 0.03, LAT, "m", "west"),
    ]
    for i in range(90):
        prefix = ("sw", "ra", "pm")[i % 3]
        kind, unit = KINDS[prefix]
        reach, turn = 0.05 * math.sqrt(i / 90), 2.4 * i
        lon, lat = LON + reach * math.cos(turn), LAT + 0.8 * reach * math.sin(turn)
        made.append(Sensor(f"{prefix}-{i:04d}", kind, lon, lat, unit))
    return made


LEVELS = Levels(blue=181.0, yellow=182.0, orange=183.0, red=184.0)
CITY = City(
    "Lanjiang",
    "Asia/Chongqing",
    tuple(District(id_, en, zh, _wedge(i)) for i, (id_, en, zh) in enumerate(NAMES)),
    tuple(_sensors()),
    (
        Line(
            "river",
            Text("Lan River", "岚江"),
            [(LON + 0.01 * i, LAT + 0.006 * math.sin(i)) for i in range(-9, 10)],
            400.0,
        ),
        Line(
            "road", "Ring", [(LON + 0.03 * math.cos(a), LAT + 0.03 * math.sin(a)) for a in range(7)]
        ),
    ),
    name_zh="岚江市",
)

SERIES = tuple(
    (NOW + minute * MINUTE, 180.05 + max(0.0, minute + 60) * 0.0425, 179.8, 180.3)
    for minute in range(-120, 1, 5)
)


def evidence(
    source: str, key: str, kind: str, value: float, expected: float, surprisal: float
) -> Any:
    """Return one piece as an alert publishes it."""
    return {
        "source": source,
        "key": key,
        "kind": kind,
        "cell": CELLS[0],
        "time": NOW,
        "value": value,
        "expected": expected,
        "surprisal": surprisal,
    }


def warning(id_: str = RED, version: int = 1, **fields: Any) -> Alert:
    """Return a red flood warning, under way in 34 minutes, with other fields where given."""
    first = fields.get("first", NOW - 51 * MINUTE)
    values: dict[str, Any] = {
        "time": first + version * MINUTE,
        "status": "active",
        "level": 1,
        "hazard": "flood",
        "district": "east",
        "cells": CELLS,
        "lon": LON,
        "lat": LAT,
        "onset": NOW + 34 * MINUTE + 30_000,
        "first": first,
        "urgency": "Expected",
        "certainty": "Likely",
        "score": 9.4,
        "reason": "escalated at red: 3 sensors and 11 reports agree",
        "evidence": (
            evidence("sensor", "rl-0001", "river_level", 182.6, 180.05, 9.4),
            evidence("report", "flood@x", "reports", 11, 0.3, 5.2),
            evidence("sensor", "rl-0002", "river_level", 179.31, 179.2, 0.7),
        ),
        "place": QUAY,
        "headline": Text(
            "River level over the red level, 184.0 m, at about 15:06",
            "河道水位约 15:06 超红色线 184.0 米",
        ),
        "trend": "rising_fast",
        "confirmation": 0.85,
    }
    return Alert(id_, version, **(values | fields))


def forecast(made: int, level: int = 1) -> Forecast:
    """Return where the quay's level is going, two hours on from when it was told."""
    times = tuple(made + step * 10 * MINUTE for step in range(13))
    bands = (
        tuple(182.6 + 0.4 * step + side * 0.15 * step for step in range(13))
        for side in (-1.0, -0.4, 0.0, 0.4, 1.0)
    )
    return Forecast("rl-0001", level, 0.78, times, *bands)


def lesser(number: int, level: int, **fields: Any) -> Alert:
    """Return a warning of another place; numbers give places."""
    hazard = ("waterlogging", "traffic", "air_pollution", "crowding")[number % 4]
    turn = 0.7 * number
    return warning(
        f"xx-{number:08x}",
        level=level,
        hazard=hazard,
        district=NAMES[number % 3][0],
        cells=(),
        lon=LON + 0.04 * math.cos(turn),
        lat=LAT + 0.03 * math.sin(turn),
        onset=NOW - (5 + number) * MINUTE,
        first=NOW - (5 + number) * MINUTE,
        certainty="Observed",
        place=Text(f"Crossing {number}", f"{number} 号路口"),
        headline=Text(f"{20 + number} cm where 1 cm is expected", f"积水 {20 + number} 厘米"),
        reason="issued at yellow: 2 sensors agree",
        evidence=(evidence("sensor", f"sw-{3 * number:04d}", "street_water", 20 + number, 1, 6.1),),
        trend="steady",
        **fields,
    )


def storm() -> list[Alert]:
    """Return twelve warnings of all levels; two of them acknowledged, one shelved."""
    levels = (1, 2, 2, 2, 3, 3, 3, 3, 4, 4)
    taken = {2: Marks(acknowledged="op-7"), 5: Marks(confirmed="op-3")}
    others = [lesser(i, level, marks=taken.get(i)) for i, level in enumerate(levels)]
    put_away = lesser(20, 4, marks=Marks(shelved_until=NOW + 88 * MINUTE))
    return [warning(), *others, put_away]


def overview(**fields: Any) -> dict[str, Any]:
    """Return what the room wants to know when it is quiet."""
    points = [(NOW - (144 - i) * 10 * MINUTE, math.sin(i / 20), -1.2, 1.2) for i in range(144)]
    closest = ("sw-0003", "street_water", "waterlogging", 4.0, 1.0, 2.3)
    names = ("sensor", "kind", "hazard", "value", "expected", "surprisal")
    values: dict[str, Any] = {
        "clock": NOW,
        "speed": 1,
        "sensors": {"total": 92, "reporting": 91},
        "quiet_since": NOW - 192 * MINUTE,
        "closest": [dict(zip(names, closest, strict=True)) | {"name": None, "district": "east"}],
        "curves": {
            "river_level": {"name": QUAY, "unit": "m", "value": 179.92, "points": points},
            "rain": {"name": Text("Rain", "雨量"), "unit": "mm/h", "value": 0.0, "points": points},
        },
        "maintenance": {
            "counts": {"clock": 1, "stuck": 1},
            "items": [
                {
                    "sensor": "sw-0004",
                    "kind": "street_water",
                    "name": None,
                    "district": "east",
                    "owner": "Drainage",
                    "fault": fault,
                    "since": NOW - 95 * MINUTE,
                    "value": value,
                    "expected": 1.0,
                }
                for fault, value in (("stuck", 7.5), ("clock", 4.2))
            ],
        },
        "cleared": [
            {
                "id": "tr-1",
                "time": NOW - 192 * MINUTE,
                "level": 3,
                "hazard": "traffic",
                "district": "west",
                "place": None,
                "first": NOW - 218 * MINUTE,
            }
        ],
        "warnings_per_hour": 0.4,
    }
    return values | fields
