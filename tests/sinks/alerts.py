"""Short ways to say what the tests of the sinks write."""

import random
from typing import Any

from operators.events import Alert

T0 = 1_763_881_200_000


def alert(alert_id: str, version: int = 1, **fields: Any) -> Alert:
    values: dict[str, Any] = {
        "id": alert_id,
        "version": version,
        "time": T0 + 1000 * version,
        "status": "active",
        "level": 3,
        "hazard": "waterlogging",
        "district": "yuzhong",
        "cells": ("8840e1ad41fffff",),
        "lon": 106.55,
        "lat": 29.56,
        "onset": T0,
        "first": T0,
        "urgency": "Expected",
        "certainty": "Likely",
        "score": 5.5,
        "reason": "two sensors agree",
        "evidence": ({"source": "sensor", "key": "sw-1", "value": 12.0},),
    }
    return Alert(**(values | fields))


def history(count: int, seed: int, places: int = 12) -> list[Alert]:
    """Versions of several warnings in the order they are issued; a cleared one stays so."""
    rng = random.Random(seed)
    episode, version = [0] * places, [0] * places
    versions = []
    for _ in range(count):
        place = rng.randrange(places)
        version[place] += 1
        ends = version[place] > 2 and rng.random() < 0.2
        name = f"wl-{place:02d}{episode[place]:04d}"
        status = "cleared" if ends else "active"
        versions.append(alert(name, version[place], status=status, level=rng.randint(1, 4)))
        if ends:
            episode[place], version[place] = episode[place] + 1, 0
    return versions
