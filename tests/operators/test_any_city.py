"""Whatever is found in a city, and whatever people do: time decides, not how it was told.

Made-up evidence of a street ten cells long, many hazards at once, some of it faulty, with people
who judge what they have seen. Told at once, in any pieces, by restarts from snapshots: every byte
of every version is the same, versions count up, and nothing is left over in the end.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import h3
import msgspec
import pytest

from operators.counters import Counters
from operators.event_clock import NEVER
from operators.events import Alert, Command, Evidence
from operators.evidence import Found
from operators.intake import CommandRows
from operators.reading_path import readings_origin
from operators.registry import Registry, cell_of
from operators.triage import Triaged
from operators.warning_path import Told, WarningPath
from tests.operators.town import LAT, LON, MINUTE, T0, evidence, sensor, town

pytestmark = pytest.mark.slow

HERE = cell_of(LON, LAT)
STREET = h3.grid_path_cells(HERE, min(h3.grid_ring(HERE, 9)))
KINDS = {
    "street_water": "waterlogging",
    "traffic_speed": "traffic",
    "crowd_count": "crowding",
    "river_level": "flood",
}
SENSORS = [
    sensor(f"s-{n:02d}", list(KINDS)[n % len(KINDS)], at_m=(900 * (n // 4), 0)) for n in range(40)
]
END = 1000
BURSTS = "bursts"
ORIGINS = (readings_origin(0), readings_origin(1), BURSTS)
OPS = ("ack", "confirm", "false_alarm", "resolve", "shelve", "unshelve", "note")


class Day(NamedTuple):
    """What is found, by who finds it, and what people do."""

    found: dict[str, list[Evidence]]
    commands: list[Command]


@cache
def a_day(seed: int) -> Day:
    rng = random.Random(seed)
    found: dict[str, list[Evidence]] = {origin: [] for origin in ORIGINS}
    for _ in range(rng.choice([20, 60, 150])):
        n, at = rng.randrange(len(SENSORS)), T0 + rng.randrange(600) * MINUTE + rng.randrange(3)
        hazard, cell = KINDS[SENSORS[n].kind], STREET[n % len(STREET)]
        for again in range(rng.randrange(1, 4)):
            if rng.random() < 0.3:
                more = {"source": "level", "level": rng.randrange(1, 5), "graded": True}
            else:
                more = {"fault": "drift"} if rng.random() < 0.1 else {}
            said = evidence(
                SENSORS[n].id,
                at + 5 * again * MINUTE,
                rng.choice([4.0, 6.0, 9.0]),
                hazard=hazard,
                cell=cell,
                **more,
            )
            found[ORIGINS[n % 2]].append(said)
        if rng.random() < 0.1:
            burst = {"source": "report", "hazard": hazard, "count": rng.randrange(3, 9)}
            found[BURSTS].append(evidence(f"{hazard}@{cell}", at, 6.0, cell=cell, **burst))
    for said_by in found.values():
        said_by.sort(key=lambda said: (said.time, said.source, said.key))
    day = Day(found, [])
    return day._replace(commands=[_command(rng, n, a) for n, a in enumerate(whole(day))])


def _command(rng: random.Random, number: int, seen: Alert) -> Command:
    """What somebody does about a warning a while after having seen it."""
    at = seen.time + rng.randrange(200) * MINUTE
    op, until = rng.choice(OPS), at + rng.randrange(100) * MINUTE
    return Command(f"c-{number}", at, "op-7", seen.id, seen.version, op, until)  # type: ignore[arg-type]


def new() -> WarningPath:
    return WarningPath(Registry(town(SENSORS)), Counters(), (0, 1))


def whole(day: Day) -> list[Alert]:
    return told(day, [END * MINUTE])


def told(day: Day, cuts: Sequence[int], rng: random.Random | None = None) -> list[Alert]:
    """Return the versions when it is told up to each cut, in any order, perhaps with restarts."""
    path, before, numbers = new(), NEVER, defaultdict[str, int](int)
    said: list[Alert] = []
    for cut in cuts:
        until, last = T0 + cut, cut == cuts[-1]
        items: list[Told] = [Triaged((), until, last=last)]
        for name, each in day.found.items():
            part = tuple(one for one in each if before <= one.time < until)
            items.append(Found(name, part, until, numbers[name], last=last))
            numbers[name] += len(part)
        asked = [command for command in day.commands if before <= command.time < until]
        items.append(CommandRows(asked, until, last))
        if rng is not None:
            rng.shuffle(items)
        said += [out for out in path.on_batch(items) if isinstance(out, Alert)]
        if rng is not None and rng.random() < 0.2:
            state, counters = path.snapshot(), path.incidents.counters
            path = new()
            path.restore(state)
            assert counters.account("alerting").balanced
        before = until
    assert path.incidents.counters.account("incidents").balanced
    assert path.over
    left = path.alerting._lives, path.incidents._open, path.incidents._near
    assert not any(left)
    return said


@pytest.mark.parametrize("seed", range(12))
def test_time_decides_and_not_how_it_was_told(seed: int) -> None:
    day, rng = a_day(seed), random.Random(seed)
    expected = whole(day)
    assert len(expected) > 10
    assert {command.op for command in day.commands} >= {"confirm", "false_alarm", "shelve"}
    for cuts in (3, 30, 200):
        at = sorted({rng.randrange(END * MINUTE) for _ in range(cuts)})
        got = told(day, [*at, END * MINUTE], rng)
        assert list(map(msgspec.json.encode, got)) == list(map(msgspec.json.encode, expected))


@pytest.mark.parametrize("seed", range(12))
def test_versions_count_up_in_time(seed: int) -> None:
    versions, last = whole(a_day(seed)), dict[str, Alert]()
    assert [a.time for a in versions] == sorted(a.time for a in versions)
    for alert in versions:
        before = last.get(alert.id)
        assert alert.version == (before.version + 1 if before else 1)
        last[alert.id] = alert
    assert {alert.status for alert in last.values()} == {"cleared"}
