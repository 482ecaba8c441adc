"""A football match and a holiday: unusual, expected, and no emergency."""

from __future__ import annotations

from operators.events import TruthBenign
from simulators.clock import DAY_MS, HOUR_MS, MINUTE_MS, Calendar
from simulators.events_street import Gathering
from simulators.happenings import Happening, Outcry, Scene, lonlat

__all__ = ["football", "holiday"]


def football(scene: Scene) -> Happening:
    """Return a match at the stadium, kicked off at the scene's time."""
    stadium = next(p for p in scene.world.layout.places if p.kind == "stadium")
    begin = scene.when_ms - 100 * MINUTE_MS
    end = scene.when_ms + 170 * MINUTE_MS
    lon, lat = lonlat(stadium.x, stadium.y)
    return Gathering(
        begin,
        end + HOUR_MS,
        benign=TruthBenign("football match", begin, end, lon, lat, 1500),
        outcries=(
            Outcry("parking", begin, scene.when_ms, end, 10.0, ((stadium.x, stadium.y),), 0.8),
        ),
        at=(stadium.x, stadium.y),
        people=2600,
        full_ms=scene.when_ms,
        leaves_ms=scene.when_ms + 115 * MINUTE_MS,
        reach_km=0.5,
    )


def holiday(scene: Scene) -> Happening:
    """Return a public holiday on the scene's day: a Sunday in the middle of the week."""
    day = Calendar.day(scene.when_ms)
    begin = scene.when_ms
    lon, lat = lonlat(0.8, 0.5)
    return Happening(
        begin,
        begin + DAY_MS,
        benign=TruthBenign("public holiday", begin, begin + DAY_MS, lon, lat, 17_000),
        free_days=frozenset({day}),
    )
