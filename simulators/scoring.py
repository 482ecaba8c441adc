"""Judge warnings against what really happened.

Hit, miss, false warning, POD, FAR and CSI are the words of weather services' verification. An
event counts once however many warnings found it; a warning counts once however many versions it
had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Annotated, Any, TypeVar

import h3
import msgspec
import numpy as np

from operators.events import LEVEL_NAMES, Alert, Truth, TruthBenign, TruthEvent
from simulators.clock import HOUR_MS, MINUTE_MS
from simulators.geometry import KM_PER_LAT

__all__ = ["ACCEPTED", "Found", "Score", "Tally", "Version", "read_versions", "score"]

ACCEPTED: dict[str, frozenset[str]] = {
    "flood": frozenset({"flood", "waterlogging"}),
    "waterlogging": frozenset({"waterlogging", "flood"}),
    "traffic": frozenset({"traffic", "crowding"}),
    "crowding": frozenset({"crowding", "traffic"}),
}
"""Hazard of an event to the hazards of warnings that may hit it; any other accepts its own."""
STATUSES = ("active", "cleared")
_MARGIN_M = 1000.0
_EARLY_MS = 2 * HOUR_MS
_BLUE = 4
_Group = TypeVar("_Group", str, int)


class Version(msgspec.Struct):
    """What of an alert's version matters here."""

    id: str
    status: str
    level: Annotated[int, msgspec.Meta(ge=1, le=4)]
    hazard: str
    lon: float
    lat: float
    first: int
    cells: tuple[str, ...] = ()


@dataclass
class _Warning:
    """All versions of one warning while it was active."""

    id: str
    hazard: str
    first: int
    level: int
    """Its worst."""
    places: list[tuple[float, float]]


@dataclass(frozen=True)
class Found:
    """One event and the first warning that hit it, if any did."""

    event: TruthEvent
    warning: str | None = None
    issued: int | None = None
    level: int | None = None
    """The worst level among the warnings that hit it."""

    @property
    def lead_ms(self) -> int | None:
        """Return how long before the peak (or else the start) the first warning came."""
        if self.issued is None:
            return None
        worst = self.event.start if self.event.peak is None else self.event.peak
        return worst - self.issued


@dataclass(frozen=True)
class Tally:
    """Counts and what follows from them; None where nothing can be divided."""

    hits: int
    misses: int
    false: int
    leads_ms: tuple[int, ...] = ()

    @property
    def pod(self) -> float | None:
        """Probability of detection: hits among events."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def far(self) -> float | None:
        """False alarm ratio: false warnings among false warnings and hits."""
        return _share(self.false, self.hits + self.false)

    @property
    def csi(self) -> float | None:
        """Critical success index: hits among everything that was or was said to be."""
        return _share(self.hits, self.hits + self.misses + self.false)

    @property
    def lead_min(self) -> float | None:
        """Median lead time, minutes."""
        return median(self.leads_ms) / MINUTE_MS if self.leads_ms else None

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and ratios."""
        return {
            "events": self.hits + self.misses,
            "hits": self.hits,
            "misses": self.misses,
            "false": self.false,
            "pod": _short(self.pod),
            "far": _short(self.far),
            "csi": _short(self.csi),
            "lead_min": _short(self.lead_min),
        }


@dataclass(frozen=True)
class Score:
    """How a run's warnings compare with its truth."""

    hours_watched: float
    total: Tally
    by_hazard: dict[str, Tally]
    by_level: dict[int, Tally]
    """Events by their true level, false warnings by their worst."""
    found: tuple[Found, ...]
    false_ids: tuple[str, ...]
    warnings: int
    """Warnings above blue."""
    on_benign: int
    """False warnings where something unusual but harmless went on."""
    blue: int
    """Warnings that were never more than blue; they are not counted as false."""
    blue_false: int
    """Those of them that hit nothing."""
    blue_only: int = field(default=0)
    """Events hit by blue warnings alone; they count as hits."""

    @property
    def false_per_day(self) -> float | None:
        """False warnings in a day of watching."""
        return self.total.false / self.hours_watched * 24 if self.hours_watched > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON."""
        return {
            "events": len(self.found),
            "hours_watched": self.hours_watched,
            **self.total.to_dict(),
            "false_per_day": _short(self.false_per_day),
            "warnings": self.warnings,
            "on_benign": self.on_benign,
            "false_ids": list(self.false_ids),
            "blue": {
                "warnings": self.blue,
                "hit_nothing": self.blue_false,
                "events_hit_by_blue_only": self.blue_only,
            },
            "by_hazard": {name: tally.to_dict() for name, tally in self.by_hazard.items()},
            "by_level": {LEVEL_NAMES[lv]: tally.to_dict() for lv, tally in self.by_level.items()},
            "found": [_found_dict(found) for found in self.found],
        }


def score(
    alerts: Iterable[Version | Alert | Mapping[str, Any] | bytes | str],
    truth: Truth,
    hours_watched: float,
) -> Score:
    """Return how warnings compare with the truth.

    Parameters
    ----------
    alerts
        Versions of alerts in any order: as values, as decoded JSON or as lines of it.
    truth
        What really happened.
    hours_watched
        How long the warnings were given for; it only scales the false warnings per day.

    Examples
    --------
    >>> fire = TruthEvent("e1", "fire", 0, 7_200_000, 106.55, 29.56, 500, 2, 1_800_000)
    >>> line = (
    ...     b'{"id":"fi-1","status":"active","level":3,"hazard":"fire",'
    ...     b'"lon":106.551,"lat":29.561,"first":600000}'
    ... )
    >>> result = score([line], Truth((fire,)), hours_watched=24)
    >>> result.total.pod, result.total.lead_min
    (1.0, 20.0)
    """
    warnings = _gathered(alerts)
    hitters = [[w for w in warnings if _hits(w, event)] for event in truth.events]
    found = tuple(map(_found, truth.events, hitters))
    hitting = {w.id for hit in hitters for w in hit}
    idle = [w for w in warnings if w.id not in hitting]
    false = [w for w in idle if w.level < _BLUE]
    return Score(
        hours_watched,
        _tally(found, false),
        _grouped(found, false, lambda f: f.event.hazard, lambda w: w.hazard),
        _grouped(found, false, lambda f: f.event.level, lambda w: w.level),
        found,
        tuple(w.id for w in false),
        sum(w.level < _BLUE for w in warnings),
        sum(any(_near(w, b) and _timely(w, b) for b in truth.benign) for w in false),
        sum(w.level == _BLUE for w in warnings),
        sum(w.level == _BLUE for w in idle),
        sum(f.level == _BLUE for f in found),
    )


def read_versions(lines: Iterable[bytes]) -> Iterator[Version]:
    """Return the versions of an alert file, whose empty lines are left out.

    Raises
    ------
    ValueError
        When a line is none; the message says which, and what was expected.
    """
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                version = _version(line)
                if version.status not in STATUSES:
                    expected = " or ".join(STATUSES)
                    raise ValueError(f"status: expected {expected}, got {version.status!r}")
                for cell in version.cells:
                    if not h3.is_valid_cell(cell):
                        raise ValueError(f"cells: expected H3 cells, got {cell!r}")
                yield version
        except ValueError as error:  # msgspec's errors are such
            raise ValueError(f"line {number}: {error}") from None


def _gathered(
    alerts: Iterable[Version | Alert | Mapping[str, Any] | bytes | str],
) -> list[_Warning]:
    """Return the warnings whose versions these are, by time of issue."""
    warnings: dict[str, _Warning] = {}
    for alert in alerts:
        version = _version(alert)
        if version.status != "active":
            continue
        places = [(version.lon, version.lat), *(h3.cell_to_latlng(c)[::-1] for c in version.cells)]
        known = warnings.get(version.id)
        if known is None:
            warnings[version.id] = _Warning(
                version.id, version.hazard, version.first, version.level, places
            )
        else:
            known.first = min(known.first, version.first)
            known.level = min(known.level, version.level)
            known.places += places
    return sorted(warnings.values(), key=lambda w: (w.first, w.id))


def _version(alert: Version | Alert | Mapping[str, Any] | bytes | str) -> Version:
    if isinstance(alert, bytes | str):
        return msgspec.json.decode(alert, type=Version)
    return msgspec.convert(alert, type=Version, from_attributes=True)


def _hits(warning: _Warning, event: TruthEvent) -> bool:
    accepted = ACCEPTED.get(event.hazard, frozenset({event.hazard}))
    return warning.hazard in accepted and _timely(warning, event) and _near(warning, event)


def _timely(warning: _Warning, thing: TruthEvent | TruthBenign) -> bool:
    return thing.start - _EARLY_MS <= warning.first <= thing.end


def _near(warning: _Warning, thing: TruthEvent | TruthBenign) -> bool:
    lon, lat = np.array(warning.places).T
    north = (lat - thing.lat) * KM_PER_LAT
    # The earth is a plane over a city; a degree of longitude shrinks with the latitude.
    east = ((lon - thing.lon + 180) % 360 - 180) * 111.32 * np.cos(np.radians(thing.lat))
    away_m = 1000 * np.hypot(east, north)
    return bool((away_m <= thing.radius_m + _MARGIN_M).any())


def _found(event: TruthEvent, hitters: list[_Warning]) -> Found:
    if not hitters:
        return Found(event)
    first = hitters[0]
    return Found(event, first.id, first.first, min(w.level for w in hitters))


def _tally(found: Iterable[Found], false: Iterable[_Warning]) -> Tally:
    leads = [f.lead_ms for f in found]
    hits = tuple(lead for lead in leads if lead is not None)
    return Tally(len(hits), len(leads) - len(hits), len(list(false)), hits)


def _grouped(
    found: tuple[Found, ...],
    false: list[_Warning],
    of_event: Callable[[Found], _Group],
    of_warning: Callable[[_Warning], _Group],
) -> dict[_Group, Tally]:
    groups = sorted({of_event(f) for f in found} | {of_warning(w) for w in false})
    return {
        group: _tally(
            [f for f in found if of_event(f) == group],
            [w for w in false if of_warning(w) == group],
        )
        for group in groups
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _found_dict(found: Found) -> dict[str, Any]:
    lead = found.lead_ms
    return {
        "event": found.event.id,
        "hazard": found.event.hazard,
        "level": found.event.level,
        "hit": found.warning is not None,
        "warning": found.warning,
        "warned_level": found.level,
        "lead_min": None if lead is None else round(lead / MINUTE_MS, 1),
    }
