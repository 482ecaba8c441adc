"""What goes into a picture of a story: which panels, warnings and shades, from when to when.

Everything that draws takes a ``Scene``, so a file and a terminal show the same things. Times are
event milliseconds; who draws turns them into the city's local time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import h3
import numpy as np
from numpy.typing import NDArray

from flows.story import Story, Track
from operators.events import LEVEL_NAMES, NO_LEVEL, Alert, Sensor, TruthBenign, TruthEvent
from operators.kinds import kind_of
from operators.outages import GRACE
from operators.screening import BAND

__all__ = [
    "Panel",
    "Scene",
    "Shade",
    "WarningRow",
    "away_m",
    "expected_range",
    "gaps",
    "set_scene",
    "unit_of",
]

NEAR_M = 2000.0
"""How far from a sensor a warning is still shown beside it."""
TRUTH_MARGIN_M = 1000.0
"""What is added to an event's radius: that of the scorer."""
ROWS = 14
"""Warnings shown at most; how many more there are is said."""
_UNITS = {"ug/m3": "µg/m³", "%{LEL}": "% LEL", "Cel": "°C", "1": "", "1/h": "vehicles/h"}


class Panel(NamedTuple):
    """One sensor's part of the picture."""

    track: Track
    away_m: float | None
    """Distance from the sensor it is a neighbour of; None when it was asked for itself."""


class WarningRow(NamedTuple):
    """The life of one warning."""

    id: str
    hazard: str
    stretches: tuple[tuple[int, int, int], ...]
    """Start, end and level of each stretch of its life."""
    marks: tuple[tuple[int, str], ...]
    """When evidence spoke for it, and from which source."""
    named: bool
    """Whether a sensor of the picture is part of its evidence."""
    away_m: float
    reason: str
    """What was said when it became worst."""

    @property
    def worst(self) -> int:
        """Return the worst level it reached."""
        return min(level for _, _, level in self.stretches)


class Shade(NamedTuple):
    """Something that really happened near a sensor of the picture."""

    start: int
    end: int
    peak: int | None
    label: str
    benign: bool


class Scene(NamedTuple):
    """All that is drawn."""

    feed: str
    zone: ZoneInfo
    start: int
    end: int
    panels: tuple[Panel, ...]
    warnings: tuple[WarningRow, ...]
    left_out: int
    """Warnings near enough for which there was no room."""
    shades: tuple[Shade, ...]


def set_scene(
    story: Story, sensors: Sequence[str], neighbours: Sequence[str], start: int, end: int
) -> Scene:
    """Return what to draw of a story.

    Parameters
    ----------
    sensors
        Those the picture is about; warnings and events near them are shown.
    neighbours
        Those drawn beneath for comparison.
    start, end
        Window, in event milliseconds.
    """
    shown = [story.tracks[name].between(start, end) for name in sensors]
    places = [track.sensor for track in shown]
    panels = [Panel(track, None) for track in shown]
    for name in neighbours:
        if name in story.tracks:
            track = story.tracks[name].between(start, end)
            panels.append(Panel(track, min(away_m(track.sensor, place) for place in places)))
    named = {panel.track.sensor.id for panel in panels}
    rows = list(_warnings(story.alerts, places, named, start, end))
    # Those for which there is room are the nearest to the point; shown in order of their issue.
    best = sorted(rows, key=lambda row: (not row.named, row.worst, row.away_m))[:ROWS]
    return Scene(
        story.name,
        ZoneInfo(story.city.timezone),
        start,
        end,
        tuple(panels),
        tuple(row for row in rows if row in best),
        len(rows) - len(best),
        tuple(_shades(story, places, start, end)),
    )


def away_m(one: Sensor, other: Sensor | TruthEvent | TruthBenign) -> float:
    """Return the distance between two places in metres."""
    return float(h3.great_circle_distance((one.lat, one.lon), (other.lat, other.lon), unit="m"))


def gaps(track: Track) -> NDArray[np.intp]:
    """Return the positions of readings after which the sensor was quiet for too long.

    A sensor slower than the city file says is believed, as everywhere.
    """
    if len(track.time) < 2:
        return np.empty(0, np.intp)
    between = np.diff(track.time)
    usual = max(float(np.median(between)), track.sensor.interval_s * 1000.0)
    return np.flatnonzero(between > GRACE * usual)


def expected_range(track: Track) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both ends of what was expected, as far as such values can be measured at all."""
    kind, half = kind_of(track.sensor.kind), BAND * track.spread
    low, high = np.array([kind.low, kind.high])
    return np.maximum(track.expected - half, low), np.minimum(track.expected + half, high)


def unit_of(sensor: Sensor) -> str:
    """Return the unit as a person writes it."""
    unit = sensor.unit or kind_of(sensor.kind).unit
    return _UNITS.get(unit, unit)


def _warnings(
    alerts: Sequence[Alert], places: Sequence[Sensor], named: set[str], start: int, end: int
) -> Iterator[WarningRow]:
    """Return the warnings that name a sensor or are near one, in order of their issue."""
    versions: defaultdict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        versions[alert.id].append(alert)
    for told in versions.values():
        stretches = tuple(_stretches(told, end))
        if not any(begin <= end and until >= start for begin, until, _ in stretches):
            continue
        evidence = {(e["time"], e["source"], e["key"]) for alert in told for e in alert.evidence}
        naming = any(key in named for _, _, key in evidence)
        away = _away(told, places)
        if naming or away <= NEAR_M:
            worst = min(told, key=lambda alert: (alert.status != "active", alert.level))
            marks = tuple(sorted({(at, source) for at, source, _ in evidence}))
            yield WarningRow(
                told[0].id, told[0].hazard, stretches, marks, naming, away, worst.reason
            )


def _stretches(told: Sequence[Alert], end: int) -> Iterator[tuple[int, int, int]]:
    for alert, after in zip(told, [*told[1:], None], strict=True):
        if alert.status == "active":
            until = end if after is None else after.time
            yield alert.time, max(until, alert.time), min(alert.level, NO_LEVEL - 1)


def _away(told: Sequence[Alert], places: Sequence[Sensor]) -> float:
    """Return how near a warning ever came to one of the places, in metres."""
    spots = {(alert.lat, alert.lon) for alert in told}
    spots |= {h3.cell_to_latlng(cell) for cell in {c for alert in told for c in alert.cells}}
    return min(
        float(h3.great_circle_distance((place.lat, place.lon), spot, unit="m"))
        for place in places
        for spot in spots
    )


def _shades(story: Story, places: Sequence[Sensor], start: int, end: int) -> Iterator[Shade]:
    def near(thing: TruthEvent | TruthBenign) -> bool:
        reach = thing.radius_m + TRUTH_MARGIN_M
        timely = thing.start <= end and thing.end >= start
        return timely and any(away_m(place, thing) <= reach for place in places)

    for event in filter(near, story.truth.events):
        label = f"{event.hazard} {event.id} ({LEVEL_NAMES.get(event.level, 'blue')})"
        yield Shade(event.start, event.end, event.peak, label, benign=False)
    harmless: Callable[[TruthBenign], bool] = near
    for thing in filter(harmless, story.truth.benign):
        yield Shade(thing.start, thing.end, None, f"{thing.what} (harmless)", benign=True)
