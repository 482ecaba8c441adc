"""Say what is wrong with a configuration or a feed, before it is used."""

from __future__ import annotations

from pathlib import Path

from flows.feeds import DirectoryFeed, FeedError
from flows.replay import read_city
from flows.settings import ConfigError, load_settings
from operators.codec import (
    Rejected,
    decode_commands,
    decode_readings,
    decode_reports,
    decode_truth,
)
from operators.events import City
from operators.intake import FeedName
from operators.kinds import KINDS
from operators.name_index import NameIndex
from operators.registry import LONGEST_S, SHORTEST_S

__all__ = ["check_config", "check_feed"]

SHOWN = 20
"""Problems told per file; beyond it only their number."""


def check_config(config: Path | None) -> list[str]:
    """Return the problems of a configuration, one a line."""
    try:
        load_settings(config)
    except ConfigError as error:
        return str(error).splitlines()
    return []


def check_feed(directory: Path) -> list[str]:
    """Return the problems of a feed directory, one a line: file, line, what, got, expected."""
    problems: list[str] = []
    try:
        city = read_city(directory)
        feed = DirectoryFeed(directory)
    except FeedError as error:
        return [str(error)]
    problems += _check_city(directory / "city.json", city)
    truth = directory / "truth.json"
    if truth.exists():
        try:
            decode_truth(truth.read_bytes())
        except ValueError as error:
            problems.append(f"{truth}: {error}")
    for name in feed.names:
        problems += _check_messages(feed, name, NameIndex([sensor.id for sensor in city.sensors]))
    feed.close()
    return problems


def _check_city(path: Path, city: City) -> list[str]:
    seen: set[str] = set()
    problems = []
    for number, sensor in enumerate(city.sensors):
        where = f"{path}: sensors[{number}]"
        if sensor.id in seen:
            problems.append(f"{where}: id {sensor.id!r} is there twice")
        seen.add(sensor.id)
        kind = KINDS.get(sensor.kind)
        if kind is not None and sensor.unit not in ("", kind.unit):
            problems.append(f"{where}: unit: expected {kind.unit!r}, got {sensor.unit!r}")
        if not SHORTEST_S <= sensor.interval_s <= LONGEST_S:
            expected = f"{SHORTEST_S:g} to {LONGEST_S:g}"
            problems.append(f"{where}: interval_s: expected {expected}, got {sensor.interval_s:g}")
        if not (-180 <= sensor.lon <= 180 and -90 <= sensor.lat <= 90):
            problems.append(f"{where}: lon, lat: expected degrees, got {sensor.lon}, {sensor.lat}")
    return problems


def _check_messages(feed: DirectoryFeed, name: FeedName, known: NameIndex) -> list[str]:
    problems: list[str] = []
    total = 0
    while (chunk := feed.read(name)) is not None:
        rejected = _rejected(name, chunk.lines, known)
        total += len(rejected)
        for line, reason in rejected[: max(0, SHOWN - len(problems))]:
            problems.append(f"{feed.path(name)}:{chunk.offset + line + 1}: {reason}")
    if total > SHOWN:
        problems.append(f"{feed.path(name)}: {total - SHOWN} more like these")
    return problems


def _rejected(name: FeedName, lines: list[bytes], known: NameIndex) -> list[Rejected]:
    if name == "reports":
        return decode_reports(lines).rejected
    if name == "commands":
        return decode_commands(lines).rejected
    rows = decode_readings(lines, known)
    unknown = [
        Rejected(
            int(rows.line[row]),
            f"sensor: {sensor!r} is not in city.json, and its message has no place",
        )
        for row, sensor in rows.unknown.items()
        if sensor not in rows.introduced
    ]
    return sorted(rows.rejected + unknown)
