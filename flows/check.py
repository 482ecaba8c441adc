"""Say what is wrong with a configuration or a feed, before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from flows.feeds import FILES, Chunk, DirectoryFeed, FeedError
from flows.field_names import misspelt
from flows.replay import read_city
from flows.settings import CONFIG, ConfigError, load_settings, where_is
from operators.codec import decode_truth
from operators.counters import Counters
from operators.events import City
from operators.intake import FeedName, Poll, Stretch, TakeEvents, TakeReadings
from operators.kinds import KINDS
from operators.registry import LONGEST_S, SHORTEST_S, Registry
from sinks.store import connect, without_secrets

__all__ = ["check_config", "check_feed"]

ALIKE = 0.85
"""Share of letters from which one name is taken for another that is misspelt."""
LINE_KINDS = ("river", "road", "rail")
NAMES = ("city.json", "truth.json", *FILES.values())
LATE = 0.05
"""Share of messages that may be late: some always are, and a feed in no order has most of them."""
SHOWN = 20
"""Problems told per file; beyond it only their number."""


def check_config(config: Path | None) -> list[str]:
    """Return the problems of a configuration, one a line."""
    try:
        url = load_settings(config).redis
    except ConfigError as error:
        return str(error).splitlines()
    try:
        if url is not None:
            connect(url).close()
    except ValueError:
        where = where_is(config or CONFIG, "redis")
        return [f"{where}: expected redis://HOST:PORT, got {without_secrets(url or '')!r}"]
    return []


def check_feed(directory: Path) -> list[str]:
    """Return the problems of a feed directory, one a line: file, line, what, got, expected."""
    problems: list[str] = []
    try:
        city = read_city(directory)
        feed = DirectoryFeed(directory)
    except FeedError as error:
        return [str(error)]
    problems += _some(directory / "city.json", [*_unread(directory), *_check_city(city)])
    problems += _check_names(directory)
    truth = directory / "truth.json"
    if truth.exists():
        try:
            decode_truth(truth.read_bytes())
        except ValueError as error:
            problems.append(f"{truth}: {error}")
    for name in feed.names:
        problems += _check_messages(feed, name, city)
    feed.close()
    return problems


def _some(path: Path, problems: list[str]) -> list[str]:
    """Return the first problems of a file, and how many more there are."""
    told = [f"{path}: {problem}" for problem in problems[:SHOWN]]
    more = len(problems) - len(told)
    return [*told, f"{path}: {more} more like these"] if more else told


def _unread(directory: Path) -> Iterator[str]:
    return misspelt((directory / "city.json").read_bytes(), City)


def _check_city(city: City) -> list[str]:
    problems = []
    districts = {district.id for district in city.districts}
    for number, sensor in enumerate(city.sensors):
        where = f"sensors[{number}]"
        kind = KINDS.get(sensor.kind)
        if kind is None and (meant := get_close_matches(sensor.kind, KINDS, 1, ALIKE)):
            problems.append(f"{where}: kind: expected {meant[0]!r}?, got {sensor.kind!r}")
        if districts and sensor.district is not None and sensor.district not in districts:
            problems.append(f"{where}: district: {sensor.district!r} is not in districts")
        if kind is not None and sensor.unit not in ("", kind.unit):
            problems.append(f"{where}: unit: expected {kind.unit!r}, got {sensor.unit!r}")
        if not SHORTEST_S <= sensor.interval_s <= LONGEST_S:
            expected = f"{SHORTEST_S:g} to {LONGEST_S:g}"
            problems.append(f"{where}: interval_s: expected {expected}, got {sensor.interval_s:g}")
        if not (-180 <= sensor.lon <= 180 and -90 <= sensor.lat <= 90):
            problems.append(f"{where}: lon, lat: expected degrees, got {sensor.lon}, {sensor.lat}")
    for number, line in enumerate(city.lines):
        where = f"lines[{number}]"
        if line.kind not in LINE_KINDS:
            problems.append(f"{where}: kind: expected {', '.join(LINE_KINDS)}, got {line.kind!r}")
        if (points := len(line.coordinates)) < 2:
            problems.append(f"{where}: coordinates: expected at least 2 points, got {points}")
    return problems


def _check_names(directory: Path) -> list[str]:
    """Return which files look as if they were part of the feed, and are not read."""
    problems = []
    for path in sorted(directory.iterdir()):
        plain = path.name.removesuffix(".gz")
        if plain in NAMES and plain != path.name and (directory / plain).exists():
            problems.append(f"{path}: is not read, for {plain} is there too")
        elif plain not in NAMES and (meant := get_close_matches(plain, NAMES, 1, ALIKE)):
            problems.append(f"{path}: is not read, expected {meant[0]}?")
    return problems


def _check_messages(feed: DirectoryFeed, name: FeedName, city: City) -> list[str]:
    """Return what the flow itself would not take, and why."""
    problems: list[str] = []
    total, counters = 0, Counters()
    take = _intake(name, city, counters)
    while (chunk := _next(feed, name, problems)) is not None:
        lines = chunk.lines
        _, bad, *_ = take.accept(Poll(name, lines, (Stretch(0, chunk.offset, len(lines)),)))
        total += len(bad)
        for message in bad[: max(0, SHOWN - len(problems))]:
            problems.append(f"{feed.path(name)}:{message.offset + 1}: {message.reason}")
    if total > SHOWN:
        problems.append(f"{feed.path(name)}: {total - SHOWN} more like these")
    account = counters.account("intake")
    if account.late > LATE * account.received:
        told = f"{account.late:,} of {account.received:,} messages come too late to count"
        problems.append(f"{feed.path(name)}: {told}: expected ascending times")
    return problems


def _next(feed: DirectoryFeed, name: FeedName, problems: list[str]) -> Chunk | None:
    try:
        return feed.read(name)
    except FeedError as error:
        problems.append(str(error))
        return None


def _intake(name: FeedName, city: City, counters: Counters) -> TakeReadings | TakeEvents:
    if name == "readings":
        return TakeReadings(Registry(city), counters, (0,), "")
    return TakeEvents(name, counters, (0,), "")
