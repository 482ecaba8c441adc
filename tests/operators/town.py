"""A small town with known readings: short ways to say what the tests of the operators feed."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any
from zlib import crc32

import msgspec
import numpy as np

from operators.event_clock import NEVER
from operators.events import City, District, Evidence, Readings, Report, Sensor
from operators.intake import FeedName, Poll, Stretch
from operators.kinds import kind_of
from operators.ordering import RowBatch
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


def rows(*triples: tuple[int, int, float], shard: int | Sequence[int] = 0) -> Readings:
    """Readings from (sensor, time, value), of one shard or a shard each."""
    if not triples:
        return Readings.empty()
    sensors, times, values = zip(*triples, strict=True)
    return Readings(
        np.array(sensors, np.intp),
        np.array(times, np.int64),
        np.array(values, np.float64),
        np.array(np.broadcast_to(shard, len(triples)), np.intp),
    )


def row_batch(readings: Readings, *watermarks: int, ended: Iterable[int] = ()) -> RowBatch:
    marks = np.array(watermarks or [NEVER], np.int64)
    return RowBatch(readings, marks, marks, frozenset(ended))


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


def poll(
    feed: FeedName = "readings",
    *lines: bytes,
    offset: int = 0,
    ended: bool = False,
    live: bool = False,
    **more: Any,
) -> Poll:
    """A poll of one shard."""
    all_of_it, none = frozenset({0}), frozenset[int]()
    return Poll(
        feed,
        list(lines),
        (Stretch(0, offset, len(lines)),),
        all_of_it if ended else none,
        live=all_of_it if live else none,
        **more,
    )


def shard_of(line: bytes, shards: int) -> int:
    """Where a producer puts a message: a sensor's all in one place."""
    named = re.search(rb'"sensor": ?"([^"]*)"', line)
    return crc32(named[1] if named else line) % shards


def polls(feeds: dict[FeedName, list[bytes]], *sizes: int, shards: int = 1) -> list[Poll]:
    """A feed's polls, the sizes being those of its longest file; the others keep pace.

    Readings come by so many shards, the other feeds by one.
    """
    longest = max(map(len, feeds.values()))
    parts: list[tuple[float, Poll]] = []
    for name, lines in feeds.items():
        offset, offsets = 0, Counter[int]()
        for part in cut(lines, (-(-size * len(lines) // longest) for size in sizes)):
            offset += len(part)
            at = [shard_of(raw, shards if name == "readings" else 1) for raw in part]
            told = Poll(name, list(part), tuple(_stretches(at, offsets)))
            parts.append((offset / len(lines), told))
    parts.sort(key=lambda item: item[0])
    all_of_it = {name: frozenset(range(shards if name == "readings" else 1)) for name in feeds}
    ends = [Poll(name, [], (), all_of_it[name]) for name in feeds]
    return [told for _, told in parts] + ends


def _stretches(shards: Sequence[int], offsets: Counter[int]) -> Iterator[Stretch]:
    for shard, run in groupby(shards):
        size = len(list(run))
        yield Stretch(shard, offsets[shard], size)
        offsets[shard] += size


def paced(told: Iterable[Poll], live: Iterable[int], behind_ms: int = MINUTE) -> list[Poll]:
    """The same polls as a clock paces them that is so far ahead of the latest reading."""
    made, clock = [], 0
    for each in told:
        times = [int(at) for raw in each.lines for at in re.findall(rb'"time": ?(\d+)', raw)]
        clock = max(clock, *times, 0)
        of_feed = frozenset(live) if each.feed == "readings" else frozenset({0})
        made.append(each._replace(clock_ms=clock + behind_ms, live=of_feed))
    return made


def part_of(told: Poll, mine: Sequence[int]) -> Poll:
    """What a process sees of a poll that has only some of the shards, numbered anew."""
    lines, stretches, start = list[bytes](), list[Stretch](), 0
    for stretch in told.stretches:
        if stretch.shard in mine:
            lines += told.lines[start : start + stretch.size]
            stretches.append(stretch._replace(shard=mine.index(stretch.shard)))
        start += stretch.size
    ended, live = (
        frozenset(mine.index(shard) for shard in of if shard in mine)
        for of in (told.ended, told.live)
    )
    return told._replace(lines=lines, stretches=tuple(stretches), ended=ended, live=live)


def halves(told: Poll) -> tuple[Poll, Poll]:
    """The two halves of a poll; that its shards end is told with the second."""
    middle = len(told.lines) // 2
    first, second, start = list[Stretch](), list[Stretch](), 0
    for stretch in told.stretches:
        size = min(stretch.size, max(0, middle - start))
        if size:
            first.append(stretch._replace(size=size))
        if size < stretch.size:
            rest = Stretch(stretch.shard, stretch.offset + size, stretch.size - size)
            second.append(rest._replace(sent_ms=stretch.sent_ms))
        start += stretch.size
    lines = told.lines
    return (
        told._replace(lines=lines[:middle], stretches=tuple(first), ended=frozenset()),
        told._replace(lines=lines[middle:], stretches=tuple(second)),
    )
