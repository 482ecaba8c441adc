"""Evidence on its way to the incidents: who found it, and how far the finder has come."""

from __future__ import annotations

from typing import Any, NamedTuple

from operators.events import Evidence
from operators.registry import Registry

__all__ = ["CITY_WIDE", "FAULTY", "LASTS_AT_MOST_MS", "UNUSUAL", "Found", "sensor_evidence"]

CITY_WIDE = "city"
"""Channel of what the whole city reports: it is of no place, and agrees with none."""

UNUSUAL = 3.0
"""Surprisal from which something is evidence: one in a thousand."""

FAULTY = 0.25
"""What the surprisal of a faulty sensor is worth: the most surprising is still not evidence."""


class Found(NamedTuple):
    """What one finder saw; it will say nothing about times before ``watermark`` any more."""

    origin: str
    evidence: tuple[Evidence, ...]
    watermark: int
    number: int | None = None
    """How much evidence the finder had told before this, where it may tell the same again."""
    live: bool = True
    """Whether the finder is up with the present; what it says while it catches up waits."""
    begun: int = 0
    """Message at which the finder began to count: another one, and it counts anew."""
    last: bool = False
    """Whether it will say nothing more, ever: nobody waits for it."""


LASTS = 1.5
"""Intervals of its sensor for which a piece of evidence speaks: until the next reading has come."""

LASTS_AT_MOST_MS = 172_800_000
"""Two days: an interval in the city file may be wrong."""


def sensor_evidence(registry: Registry, sensor: int, source: Any, **fields: Any) -> Evidence:
    """Return evidence about one sensor, placed where the sensor is."""
    known = registry.sensors[sensor]
    return Evidence(
        source=source,
        key=known.id,
        kind=known.kind,
        cell=registry.cells[sensor],
        hazard=registry.kind(sensor).hazard,
        lon=known.lon,
        lat=known.lat,
        district=registry.districts[sensor],
        lasts_ms=min(round(LASTS * registry.columns.interval_ms[sensor]), LASTS_AT_MOST_MS),
        graded=bool(known.levels and known.levels.by_level()),
        **fields,
    )
