"""Stories made by hand, so that a test knows every point of the picture it asks for."""

from __future__ import annotations

from typing import Any

import numpy as np

from flows.story import Story, Track
from operators.events import (
    NO_LEVEL,
    Alert,
    City,
    Evidence,
    Levels,
    Sensor,
    Text,
    Truth,
    TruthBenign,
    TruthEvent,
)

MINUTE = 60_000
START = 1_750_000_200_000
"""2025-06-15 23:10 in Chongqing, 15:10 UTC."""
LON, LAT = 106.55, 29.56
KM = 1 / 111.195
"""A kilometre to the north, in degrees."""


def at(minutes: float) -> int:
    return START + round(minutes * MINUTE)


def sensor(ident: str = "rl-1", kind: str = "river_level", **more: Any) -> Sensor:
    given = {"unit": "m", "levels": Levels(blue=3, yellow=4, orange=5, red=60), **more}
    return Sensor(ident, kind, given.pop("lon", LON), given.pop("lat", LAT), **given)


def track(of: Sensor, values: list[float], minutes: list[float] | None = None) -> Track:
    """Readings every five minutes, of which the first two teach only."""
    when = minutes if minutes is not None else [5.0 * i for i in range(len(values))]
    surprisal = np.where(np.arange(len(values)) < 2, np.nan, 0.5)
    return Track(
        of,
        np.array([at(minute) for minute in when], np.int64),
        np.array(values, np.float64),
        np.ones(len(values)),
        np.full(len(values), 0.1),
        surprisal,
        (),
        (),
    )


def evidence(minute: float, of: Sensor, source: Any = "sensor", **more: Any) -> Evidence:
    given = {"value": 2.0, "expected": 1.0, "surprisal": 4.2, "channel": "jump", **more}
    return Evidence(source, of.id, of.kind, "", at(minute), **given)


def version(
    name: str, number: int, minute: float, level: int = 4, *, of: Sensor, **more: Any
) -> Alert:
    """A version of a warning at a sensor's place; cleared where the level is ``NO_LEVEL``."""
    given: dict[str, Any] = {"evidence": (), "reason": f"version {number}", **more}
    return Alert(
        name,
        number,
        at(minute),
        "cleared" if level == NO_LEVEL else "active",
        min(level, 4),
        "flood",
        "city",
        (),
        of.lon,
        of.lat,
        at(minute),
        at(minute),
        "Immediate",
        "Observed",
        7.0,
        given["reason"],
        given["evidence"],
    )


def named_by(of: Sensor, minute: float, source: str = "sensor") -> tuple[dict[str, Any], ...]:
    return ({"source": source, "key": of.id, "time": at(minute)},)


def story(*tracks: Track, alerts: tuple[Alert, ...] = (), truth: Truth | None = None) -> Story:
    sensors = tuple(t.sensor for t in tracks)
    city = City("Town", "Asia/Chongqing", sensors=sensors)
    return Story("town", city, {t.sensor.id: t for t in tracks}, alerts, truth or Truth(()))


def flood(start: float, end: float, **more: Any) -> TruthEvent:
    given = {"lon": LON, "lat": LAT, "radius_m": 500, "level": 2, "peak": at(start + 5), **more}
    return TruthEvent("e1", "flood", at(start), at(end), **given)


def match(start: float, end: float, **more: Any) -> TruthBenign:
    given = {"lon": LON, "lat": LAT, "radius_m": 500, **more}
    return TruthBenign("football match", at(start), at(end), **given)


CHINESE = Text("", "岚江清河码头")
