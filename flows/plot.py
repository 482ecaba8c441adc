"""Show what the engine thought of a sensor: people check detectors with their eyes.

Here a request is understood, and refused in one line where it cannot be met, before the feed is
replayed for it. What draws is loaded last: nothing else ever waits for it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import difflib
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from flows.feeds import DirectoryFeed, FeedError, feed_paths
from flows.replay import read_city
from flows.scene import Scene, away_m, set_scene
from flows.story import Story, tell_story
from operators.events import City, Sensor

__all__ = ["Plot", "PlotError", "plot"]

HOUR_MS = 3_600_000
LONGEST_H = 1_000_000.0
"""A century: calendars end not far beyond what longer windows would mean."""
SUGGESTED = 5
"""Ids named where the one asked for is not known."""
SPARE = 3
"""Times as many neighbours are followed as are asked for: some may have no readings."""
FORMATS = (".png", ".svg", ".pdf")
NAME_BYTES = 255
"""The longest name of a file."""


class PlotError(ValueError):
    """A picture that cannot be drawn: says what was asked, and what there is."""


@dataclass(frozen=True)
class Plot:
    """What to draw.

    Parameters
    ----------
    sensors
        Ids; several are drawn beneath each other.
    out
        File of the picture; None names it after the sensors, in the current directory.
    terminal
        Draw with characters instead of into a file.
    start, end
        Window: a local time of the city in ISO form, or hours from the start of the feed; None is
        all there is.
    neighbours
        How many of the nearest sensors of the first one's kind are drawn beneath.
    """

    feed: Path
    sensors: Sequence[str]
    out: Path | None = None
    terminal: bool = False
    start: str | None = None
    end: str | None = None
    neighbours: int = 0


def plot(plan: Plot) -> None:
    """Replay a feed and draw what became of some of its sensors.

    Raises
    ------
    FeedError
        When the directory does not hold a feed with readings.
    PlotError
        When a sensor is not known or said nothing, or the window is not one of this feed.
    """
    if "readings" not in feed_paths(plan.feed):
        raise FeedError(f"{plan.feed}: expected readings.jsonl (or .gz) in it: nothing to draw")
    known = read_city(plan.feed)
    sensors = list(dict.fromkeys(plan.sensors))
    _must_know(sensors, known, plan.feed)
    zone = ZoneInfo(known.timezone)
    for option, text in (("--from", plan.start), ("--to", plan.end)):
        if text is not None:
            _moment(option, text, 0, zone)
    out = plan.out or Path(_file_name(sensors))
    _must_be_a_picture(plan, out)
    near = _neighbours(known, sensors, SPARE * plan.neighbours)
    story = tell_story(plan.feed, [*sensors, *near])
    _must_have_spoken(sensors, story, plan.feed)
    near = [name for name in near if name in story.tracks][: plan.neighbours]
    start, end = _window(plan, story, sensors, zone)
    _draw(plan, set_scene(story, sensors, near, start, end), out)


def _draw(plan: Plot, scene: Scene, out: Path) -> None:
    if plan.terminal:
        from flows.sketch import sketch  # noqa: PLC0415 (plotext: only here)

        colour = sys.stdout.isatty()
        print(sketch(scene, shutil.get_terminal_size((110, 40)).columns, colour=colour))
        return
    from flows.picture import draw_picture  # noqa: PLC0415 (matplotlib, half a second: only here)

    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        draw_picture(scene, out)
    except OSError as error:  # of a full disk the system does not say where
        error.filename = error.filename or str(out)
        raise
    print(out)


def _file_name(sensors: Sequence[str]) -> str:
    first = "".join(c if c.isalnum() or c in "-_." else "_" for c in sensors[0])
    return f"{first}+{len(sensors) - 1}.png" if len(sensors) > 1 else f"{first}.png"


def _must_be_a_picture(plan: Plot, out: Path) -> None:
    if plan.terminal:
        if plan.out is not None:
            raise PlotError(f"--out: expected no --terminal beside it, got --out {plan.out}")
        return
    if out.suffix.lower() not in FORMATS:
        raise PlotError(f"--out: expected a file ending in {', '.join(FORMATS)}, got {out.name!r}")
    if (length := len(os.fsencode(out.name))) > NAME_BYTES:
        expected = f"a file with a name of at most {NAME_BYTES} bytes"
        raise PlotError(f"--out: expected {expected}, got {length}: {out.name[:40]}...")


def _must_know(sensors: Sequence[str], city: City, feed: Path) -> None:
    if not sensors:
        raise PlotError("--sensor: expected the id of a sensor, got nothing")
    ids = {sensor.id for sensor in city.sensors}
    for name in sensors:
        if name not in ids and not _introduces(feed, name):
            raise PlotError(f"--sensor: {feed} has no sensor {name!r}{_suggestion(name, ids)}")


def _suggestion(name: str, ids: set[str]) -> str:
    if not ids:
        return ": its city.json lists none"
    folded = {known.casefold(): known for known in sorted(ids)}
    like = difflib.get_close_matches(name.casefold(), folded, SUGGESTED, 0.5)
    return f", did you mean {', '.join(folded[i] for i in like)}?" if like else (
        f"; among its {len(ids):,} are {', '.join(sorted(ids)[:SUGGESTED])}"
    )  # fmt: skip


def _introduces(feed: Path, name: str) -> bool:
    """Say whether some reading names a sensor: it may introduce itself."""
    source, quoted = DirectoryFeed(feed), f'"{name}"'.encode(errors="surrogateescape")
    try:
        while (chunk := source.read("readings")) is not None:
            if any(quoted in line for line in chunk.lines):
                return True
    finally:
        source.close()
    return False


def _must_have_spoken(sensors: Sequence[str], story: Story, feed: Path) -> None:
    for name in sensors:
        if name not in story.tracks:
            raise PlotError(f"--sensor: {feed} has no reading of {name!r} that could be used")


def _neighbours(city: City, sensors: Sequence[str], count: int) -> list[str]:
    """Return the nearest sensors of the first one's kind, nearest first."""
    first = next((sensor for sensor in city.sensors if sensor.id == sensors[0]), None)
    if first is None or not count:
        return []

    def distance(other: Sensor) -> float:
        return away_m(first, other)

    others = [s for s in city.sensors if s.kind == first.kind and s.id not in sensors]
    return [sensor.id for sensor in sorted(others, key=distance)[:count]]


def _window(plan: Plot, story: Story, sensors: Sequence[str], zone: ZoneInfo) -> tuple[int, int]:
    """Return the window in event milliseconds; it must hold a reading of a sensor asked for."""
    tracks = [story.tracks[name] for name in sensors]
    heard = [track for track in tracks if len(track.time)]
    if not heard:
        raise PlotError(f"--sensor: all that {', '.join(sensors)} said is impossible to measure")
    first = min(int(track.time.min()) for track in heard)
    last = max(int(track.time.max()) for track in heard)
    start = first if plan.start is None else _moment("--from", plan.start, first, zone)
    end = last if plan.end is None else _moment("--to", plan.end, first, zone)
    if not any(((t.time >= start) & (t.time <= end)).any() for t in heard):
        span = f"{_local(first, zone)} to {_local(last, zone)}"
        asked = f"{plan.start or 'the beginning'} to {plan.end or 'the end'}"
        raise PlotError(f"--from, --to: no reading from {asked}; there are some from {span}")
    # Far beyond the readings there is nothing to see, and calendars end.
    return max(start, first - HOUR_MS), min(end, last + HOUR_MS)


def _moment(option: str, text: str, first: int, zone: ZoneInfo) -> int:
    """Return the moment that hours from the start, or a local time, mean."""
    with contextlib.suppress(ValueError):
        hours = float(text)
        if abs(hours) <= LONGEST_H:
            return first + int(hours * HOUR_MS)
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        expected = "hours from the start or a local time like 2025-06-24T16:30"
        raise PlotError(f"{option}: expected {expected}, got {text!r}") from None
    return int((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp() * 1000)


def _local(time_ms: int, zone: ZoneInfo) -> str:
    return f"{dt.datetime.fromtimestamp(time_ms / 1000, zone):%Y-%m-%dT%H:%M}"
