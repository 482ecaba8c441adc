"""A small town with known readings: short ways to say what the tests of the operators feed."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from operators.events import City, District, Evidence, Readings, Report, Sensor, kind_of
from operators.intake import FeedName, Poll
from operators.ordering import ShardRows
from operators.registry import cell_of

T0 = 1_763_856_000_000
"""2025-11-23 00:00 UTC: a whole window, hour and day."""
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LON, LAT = 106.55, 29.56
EAST = District(
    "east", "East Bank", "东岸", [(LON, 29.0), (107.0, 29.0), (107.0, 30.0), (LON, 30.0)]
)
WEST = District(
    "west", "West Bank", "西岸", [(106.0, 29.0), (LON, 29.0), (LON, 30.0), (106.0, 30.0)]
)
METRE = 1e-5
"""Degrees of latitude, about."""


def sensor(
    sensor_id: str, kind: str = "noise", /, *, at_m: tuple[float, float] = (10, 0), **more: Any
) -> Sensor:
    """A sensor so many metres east and north of the middle of the town."""
    lon, lat = LON + at_m[0] * METRE, LAT + at_m[1] * METRE
    return Sensor(sensor_id, kind, lon, lat, **({"unit": kind_of(kind).unit} | more))


def town(sensors: Sequence[Sensor] = (), **more: Any) -> City:
    fields: dict[str, Any] = {"timezone": "Asia/Chongqing", "districts": (WEST, EAST)}
    return City("Town", sensors=tuple(sensors), **(fields | more))


def reading(name: str, time: int, value: Any, **more: Any) -> bytes:
    return json.dumps({"sensor": name, "time": time, "value": value, **more}).encode()


def report(
    name: str, time: int, text: str = "", category: str | None = None, **more: Any
) -> Report:
    fields: dict[str, Any] = {"lon": LON + 10 * METRE, "lat": LAT}
    return Report(name, time, category=category, text=text, **(fields | more))


def line(event: msgspec.Struct) -> bytes:
    return msgspec.json.encode(event)


def rows(*triples: tuple[int, int, float]) -> Readings:
    """Readings from (sensor, time, value)."""
    if not triples:
        return Readings.empty()
    sensors, times, values = zip(*triples, strict=True)
    return Readings(
        np.array(sensors, np.intp), np.array(times, np.int64), np.array(values, np.float64)
    )


def shard_rows(readings: Readings, watermark: int, shard: int = 0) -> ShardRows:
    return ShardRows(shard, readings, watermark)


def evidence(key: str = "a", time: int = T0, surprisal: float = 5.0, **more: Any) -> Evidence:
    fields: dict[str, Any] = {
        "source": "sensor",
        "kind": "street_water",
        "cell": cell_of(LON, LAT),
        "value": 30.0,
        "expected": 2.0,
        "hazard": "waterlogging",
        "lon": LON,
        "lat": LAT,
        "district": "east",
    }
    return Evidence(key=key, time=time, surprisal=surprisal, **(fields | more))


def cut(lines: Sequence[Any], sizes: Iterable[int]) -> Iterator[Sequence[Any]]:
    """The same lines in parts of the given sizes; the last size goes on."""
    start, size = 0, 1
    following = iter(sizes)
    while start < len(lines):
        size = next(following, size)
        yield lines[start : start + size]
        start += size


def polls(feeds: dict[FeedName, list[bytes]], *sizes: int) -> list[Poll]:
    """A feed's polls, the sizes being those of its longest file; the others keep pace."""
    longest = max(map(len, feeds.values()))
    parts: list[tuple[float, Poll]] = []
    for name, lines in feeds.items():
        offset = 0
        for part in cut(lines, (-(-size * len(lines) // longest) for size in sizes)):
            offset += len(part)
            share = offset / len(lines)
            parts.append((share, Poll(name, offset - len(part), list(part))))
    parts.sort(key=lambda item: item[0])
    ends = [Poll(name, 0, [], True) for name in feeds]
    return [poll for _, poll in parts] + ends
