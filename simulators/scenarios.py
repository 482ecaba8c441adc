"""Which things happen when: the scenarios by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulators.clock import DAY_MS, HOUR_MS, local_hour
from simulators.events_air import fire, gas_leak, smog
from simulators.events_benign import football, holiday, roadworks
from simulators.events_street import blackout, crash, crowd, landslide
from simulators.events_water import burst_main, cloudburst, flood
from simulators.geometry import to_km
from simulators.happenings import Happening, Scene
from simulators.world import World

__all__ = ["SCENARIOS", "plan"]

_EVENTS: dict[str, Callable[[Scene], Happening]] = {
    "flood": flood,
    "cloudburst": cloudburst,
    "gas_leak": gas_leak,
    "fire": fire,
    "landslide": landslide,
    "crash": crash,
    "crowd": crowd,
    "smog": smog,
    "burst_main": burst_main,
    "blackout": blackout,
}
SCENARIOS: tuple[str, ...] = ("quiet", "benign", *_EVENTS, "day")
_BY_DAY = frozenset({"crash", "crowd"})  # nobody queues or gathers at four in the morning
_DAY_HOURS = (7.0, 21.0)
_A_DAY = 6


def plan(
    scenario: str, world: World, start_ms: int, hours: float, event_after_h: float | None
) -> list[Happening]:
    """Return what happens in a run of a scenario.

    Raises
    ------
    ValueError
        If there is no such scenario.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"scenario must be one of {', '.join(SCENARIOS)}, got {scenario!r}")
    until = start_ms + int(hours * HOUR_MS)
    if scenario == "quiet":
        return []
    if event_after_h is not None and not 0 <= event_after_h < hours:
        raise ValueError(f"event_after_h must be from 0 to below {hours:g}, got {event_after_h:g}")
    if scenario == "benign":
        return _benign(world, until)
    if scenario == "day":
        return _day(world, start_ms, until, event_after_h)
    draw = world.noise.draws(f"scenario/{scenario}")
    if event_after_h is None:
        when = _moment(scenario, draw, start_ms, until)
    else:
        when = start_ms + int(event_after_h * HOUR_MS)
    return [_EVENTS[scenario](Scene(world, draw, "e1", when, until))]


def _moment(name: str, draw: np.random.Generator, start_ms: int, until_ms: int) -> int:
    """Return a moment between 60 and 75 % of the run, in waking hours where it matters."""
    for _ in range(40):
        when = start_ms + int((until_ms - start_ms) * draw.uniform(0.60, 0.75))
        if name not in _BY_DAY or _DAY_HOURS[0] < local_hour(np.array([when]))[0] < _DAY_HOURS[1]:
            break
    return when


def _benign(world: World, until_ms: int) -> list[Happening]:
    """Return a last day that is a holiday, with a football match, and roadworks on the day before.

    All are unusual, none is an emergency.
    """
    draw = world.noise.draws("scenario/benign")
    midnight = _midnight(until_ms - 1)
    return [
        roadworks(Scene(world, draw, "", midnight - int(15 * HOUR_MS), until_ms)),
        holiday(Scene(world, draw, "", midnight, until_ms)),
        football(Scene(world, draw, "", midnight + int(15.5 * HOUR_MS), until_ms)),
    ]


def _midnight(time_ms: int) -> int:
    """Return when the local day of a time began."""
    return time_ms - int(float(local_hour(np.array([time_ms]))[0]) * HOUR_MS)


def _day(
    world: World, start_ms: int, until_ms: int, event_after_h: float | None
) -> list[Happening]:
    """Return six events over a day, on a holiday with a football match."""
    begin = max(start_ms, until_ms - DAY_MS)
    if event_after_h is not None:
        begin = start_ms + int(event_after_h * HOUR_MS)
    draw = world.noise.draws("scenario/day")
    midnight = _midnight(begin)
    benign = [
        holiday(Scene(world, draw, "", midnight, until_ms)),
        football(Scene(world, draw, "", midnight + int(15.5 * HOUR_MS), until_ms)),
    ]
    return benign + _six(world, draw, begin, until_ms, benign[1])


def _six(
    world: World, draw: np.random.Generator, begin: int, until_ms: int, match: Happening
) -> list[Happening]:
    scale = min(1.0, (until_ms - begin) / DAY_MS)  # a shorter run has its day in a hurry
    slots = begin + np.array([1.0, 4.5, 8.0, 11.5, 14.5, 17.5]) * scale * HOUR_MS
    names = draw.permutation(np.array(sorted(_EVENTS)))[:_A_DAY].tolist()
    # Those that need people come at noon, those that last longest come first.
    names.sort(key=lambda n: (n not in ("flood", "smog", "landslide"), n in _BY_DAY))
    assert match.benign is not None
    x, y = to_km(match.benign.lon, match.benign.lat)
    taken, found = [(float(x), float(y))], []
    for i, (name, slot) in enumerate(zip(names, slots.tolist(), strict=True)):
        when = int(slot) + int(draw.uniform(0, 1.5) * scale * HOUR_MS)
        happening = _EVENTS[name](Scene(world, draw, f"e{i + 1}", when, until_ms, tuple(taken)))
        a, b = to_km(happening.events[0].lon, happening.events[0].lat)
        taken.append((float(a), float(b)))
        found.append(happening)
    return found
