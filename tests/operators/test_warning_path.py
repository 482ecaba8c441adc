"""Warnings follow from what is told, message by message, and from nothing else."""

from typing import Any

import numpy as np
import pytest

from operators.counters import Counters
from operators.event_clock import FOREVER, NEVER
from operators.events import HAZARDS, Alert, CellState, Command, Evidence, FeedHealth
from operators.evidence import Found
from operators.intake import CommandRows, Poll
from operators.meter import Meter
from operators.reading_path import ReadingPath, readings_origin
from operators.registry import Registry
from operators.triage import Triaged, TriagedReport
from operators.warning_path import Told, WarningPath
from operators.windows import WINDOW_MS, CellSums, ShardWindow
from tests.operators import feed
from tests.operators.town import (
    HOUR,
    LAT,
    LON,
    MINUTE,
    T0,
    evidence,
    halves,
    paced,
    polls,
    sensor,
    town,
)

pytestmark = pytest.mark.slow

MADE = feed.make(sensors=24, days=0.8)
SHARDS = (0, 1, 2)
SENSORS = [sensor(name, "street_water") for name in "ab"]


def path(*, shards: Any = (0,), **more: Any) -> WarningPath:
    known = Registry(town(SENSORS))
    return WarningPath(known, Counters(), shards, **({"reports": False, "commands": False} | more))


def alerts(step: WarningPath, *told: Told) -> list[Alert]:
    return [said for said in step.on_batch(told) if isinstance(said, Alert)]


def crossing(key: str, minute: float, level: int = 2, **more: Any) -> Evidence:
    """Two such are a warning of that level."""
    at = T0 + int(minute * MINUTE)
    fields: dict[str, Any] = {"source": "level", "level": level, "graded": True}
    return evidence(key, at, 6.0, **(fields | more))


def said(*told: Evidence, until: float = 0, shard: int = 0, **more: Any) -> Found:
    return Found(readings_origin(shard), told, T0 + int(until * MINUTE), **more)


# --- one after the other ---------------------------------------------------------------------


def test_evidence_that_agrees_becomes_a_warning_when_time_has_passed_it() -> None:
    step = path()
    assert alerts(step, said(crossing("a", 1), crossing("b", 1), until=1)) == []
    (alert,) = alerts(step, said(until=1.1))
    assert (alert.version, alert.status, alert.level, alert.time) == (1, "active", 2, T0 + MINUTE)
    assert {e["key"] for e in alert.evidence} == {"a", "b"}


def test_promptly_it_does_not_wait() -> None:
    (alert,) = alerts(path(prompt=True), said(crossing("a", 1), crossing("b", 1), until=-5))
    assert (alert.version, alert.level) == (1, 2)


def test_promptly_it_waits_for_its_turn_while_some_shard_is_behind() -> None:
    # shard 0   a b ...live.............................. c
    # shard 1   ---- behind, at 0 ------- at 1.5 --- live
    step = path(shards=(0, 1), prompt=True)
    list(step.on_batch([said(shard=1, live=False)]))
    assert not step.incidents.live
    assert not step.overview.live
    assert alerts(step, said(crossing("a", 1), crossing("b", 1), until=9)) == []
    (alert,) = alerts(step, said(until=1.5, shard=1, live=False))
    assert alert.time == T0 + MINUTE
    assert alerts(step, said(crossing("a", 2, 1), crossing("b", 2, 1), until=9)) == []
    (worse,) = alerts(step, said(until=1.5, shard=1))
    assert (worse.id, worse.version, worse.level) == (alert.id, 2, 1)
    assert step.overview.live
    fire = [crossing(key, 3, 1, hazard="fire") for key in "cd"]
    assert [(a.version, a.hazard) for a in alerts(step, said(*fire, until=9))][-1] == (1, "fire")


@pytest.mark.parametrize("prompt", [False, True])
def test_a_shard_nobody_knew_of_is_heard_and_waited_for(prompt: bool) -> None:
    """Partitions were added since, and a process that has them has been started already."""
    step = path(prompt=prompt)
    told = said(crossing("a", 1), crossing("b", 1), shard=7, until=2, live=False)
    assert alerts(step, told, said(until=1)) == []
    (alert,) = alerts(step, said(until=2))
    assert (alert.version, alert.level) == (1, 2)
    again = path(shards=(0, 7), prompt=prompt)
    again.restore(step.snapshot())
    assert alerts(again, told) == []


def test_a_person_is_obeyed() -> None:
    step = path(commands=True, prompt=True)
    (alert,) = alerts(step, said(crossing("a", 1), crossing("b", 1)))
    ack = Command("c-1", T0 + 2 * MINUTE, "op-7", alert.id, 1, "ack")
    (seen,) = alerts(step, CommandRows([ack], T0))
    assert (seen.version, seen.marks and seen.marks.acknowledged) == (2, "op-7")
    assert alerts(step, CommandRows([ack], T0)) == []


@pytest.mark.parametrize("feeds", [{"reports": True}, {"commands": True}])
def test_time_waits_for_the_feeds_there_are(feeds: dict[str, bool]) -> None:
    step = path(**feeds)
    told = said(crossing("a", 1), crossing("b", 1), until=5)
    assert alerts(step, told) == []
    reached = T0 + 2 * MINUTE
    waiting: list[Told] = [CommandRows([], reached)]
    if "reports" in feeds:
        waiting = [Triaged((), reached), Found("bursts", (), reached, 0)]
    assert len(alerts(step, *waiting)) == 1


def test_a_feed_that_is_gone_since_the_snapshot_is_not_waited_for() -> None:
    before = path(reports=True, commands=True)
    list(before.on_batch([CommandRows([], T0), Triaged((), T0), Found("bursts", (), T0, 0)]))
    step = path()
    step.restore(before.snapshot())
    told = said(crossing("a", 1), crossing("b", 1), until=5)
    windows = [Found(name, (), T0 + 5 * MINUTE) for name in ("cells", "outages")]
    assert len(alerts(step, told, *windows)) == 1


def report(number: int) -> TriagedReport:
    cell = evidence().cell
    return TriagedReport(f"r-{number}", T0 + number, "fire", cell, LON, LAT, "east", False)


@pytest.mark.parametrize("same", [True, False])
def test_windows_of_another_city_file_are_left_out_and_warnings_go_on(same: bool) -> None:
    step = path(prompt=True)
    (alert,) = alerts(step, said(crossing("a", 1), crossing("b", 1), until=9))
    known = Registry(town(SENSORS if same else SENSORS[1:]))
    again = WarningPath(known, Counters(), (0,), reports=False, commands=False, prompt=True)
    fresh = again.merge.snapshot()
    again.restore(step.snapshot())
    assert again.merge.snapshot() == (step.merge.snapshot() if same else fresh)
    assert step.merge.snapshot() != fresh
    later = alerts(again, said(crossing("a", 10, 1), crossing("b", 10, 1), until=12))
    assert [(worse.id, worse.version) for worse in later] == [(alert.id, 2)]


def test_what_was_learnt_goes_on_with_another_city_file() -> None:
    step = path(prompt=True)
    alerts(step, said(crossing("a", 1), crossing("b", 1), until=9))
    for _ in range(1500):
        step.cells.model.learn_one({"unusual": 0.0, "mean": 0.1, "worst": 0.1, "reports": 0.0})
    known = Registry(town([sensor("first", "noise"), *SENSORS]))
    again = WarningPath(known, Counters(), (0,), reports=False, commands=False, prompt=True)
    again.restore(step.snapshot())
    odd = {"unusual": 1.0, "mean": 1.0, "worst": 1.0, "reports": 0.0}
    assert again.cells.model.score_one(odd) == step.cells.model.score_one(odd) is not None
    assert again.overview._active == step.overview._active != set()
    assert again.overview._curves == step.overview._curves


def test_windows_of_sensors_that_have_moved_are_left_out() -> None:
    step = path(prompt=True)
    alerts(step, said(crossing("a", 1), crossing("b", 1), until=9))
    moved = [SENSORS[0], sensor("b", "street_water", at_m=(9000, 0))]
    known = Registry(town(moved))
    again = WarningPath(known, Counters(), (0,), reports=False, commands=False, prompt=True)
    fresh = again.merge.snapshot()
    again.restore(step.snapshot())
    assert again.merge.snapshot() == fresh


@pytest.mark.parametrize("gone", [False, True])
def test_windows_are_kept_only_where_strangers_get_the_same_numbers(gone: bool) -> None:
    step = path(prompt=True)
    if gone:  # what is left of it takes a number, and does not the next time
        step.registry.places_of(["gone"])
    list(step.on_batch([sensor("new", "noise")]))
    alerts(step, said(crossing("a", 1), crossing("b", 1), until=9))
    again = path(prompt=True)
    fresh = again.merge.snapshot()
    again.restore(step.snapshot())
    assert again.merge.snapshot() == (fresh if gone else step.merge.snapshot())


def test_reports_told_again_are_not_counted_again() -> None:
    """Nor are those of before when whoever tells them lost all it knew and counts anew."""

    def reports(*told: Triaged, restart: bool = False) -> float | None:
        step = path(reports=True)
        none = ShardWindow(0, T0 + WINDOW_MS, T0 + WINDOW_MS, None)
        for each in told:
            list(step.on_batch([each]))
            if restart:
                before, step = step, path(reports=True)
                step.restore(before.snapshot())
        end = Triaged((), T0 + HOUR, sum(len(each.reports) for each in told))
        found = list(step.on_batch([_summary(step), said(until=60), end, none]))
        health = [f for f in found if isinstance(f, FeedHealth) and f.feed == "reports"]
        return health[0].rate if health else None

    one, two, three = (report(n) for n in range(3))
    once = reports(Triaged((one, two), T0 + 1, 0, begun=7), Triaged((three,), T0 + 2, 2, begun=7))
    assert once is not None
    for told in (
        [Triaged((one, two), T0, 0, begun=7), Triaged((one, two, three), T0, 0, begun=7)],
        [Triaged((one, two), T0, 0, begun=7), Triaged((two, three), T0, 1, begun=7)],
        [Triaged((one, two), T0, 0, begun=7), Triaged((three,), T0, 0, begun=9)],
    ):
        assert reports(*told) == once
        assert reports(*told, restart=True) == once


def test_a_cell_that_shows_something_is_told_of() -> None:
    step = path(reports=True)
    flat = [np.array([n], np.int64) for n in (0, HAZARDS.index("waterlogging"), 2, 2, 6000, 4000)]
    end = T0 + WINDOW_MS
    summary = ShardWindow(0, end, end, CellSums(*flat))
    states = [each for each in step.on_batch([summary]) if isinstance(each, CellState)]
    assert states == [], "reports of its time may still come"
    told = step.on_batch([Triaged((), T0 + HOUR)])
    (state,) = [each for each in told if isinstance(each, CellState)]
    assert (state.cell, state.sensors, state.unusual) == (step.registry.cells[0], 2, 2)


def _summary(step: WarningPath) -> ShardWindow:
    """A window of the only shard, as its path says it."""
    readings = ReadingPath(step.registry, Counters(), prompt=True)
    lines = [b'{"sensor":"a","time":%d,"value":1}' % T0]
    told = paced(polls({"readings": lines}, 9), [0], behind_ms=HOUR)
    return next(s for s in readings.on_batch(told) if isinstance(s, ShardWindow))


def test_who_introduced_itself_elsewhere_is_known_here() -> None:
    step, new = path(), sensor("new", "rain", at_m=(9000, 0))
    assert list(step.on_batch([new])) == []
    assert step.registry.sensors[-1] == new
    twin = path()
    twin.restore(step.snapshot())
    assert twin.registry.sensors == step.registry.sensors


def test_it_is_over_when_nobody_will_say_anything_any_more() -> None:
    step = path(shards=(0, 1), reports=True)
    told: list[Told] = [
        said(until=5, shard=0, last=True),
        said(until=3, shard=1, last=True),
        Triaged((), T0, last=True),
        Found("bursts", (), T0, 0, last=True),
    ]
    for each in told:
        assert not step.over
        list(step.on_batch([each]))
    assert step.over


def test_without_readings_time_is_told_by_nobody() -> None:
    step = path(reports=True, commands=True)
    found = list(step.on_batch([Triaged((), FOREVER), CommandRows([], FOREVER)]))
    assert [type(each) for each in found] == []


# --- how long it took ------------------------------------------------------------------------


def test_a_version_that_a_reading_called_for_says_how_long_each_hop_took() -> None:
    times = iter(range(1_000_000, 2_000_000, 100))
    step = path(prompt=True, meter=Meter(times.__next__))
    stamps = 900_000, 950_000, 999_000
    (alert,) = alerts(step, said(crossing("a", 1), crossing("b", 1, stamps=stamps)))
    took = alert.latency_us
    assert took is not None
    assert (took["source"], took["screened"]) == (50_000, 49_000)
    assert took["decided"] == took["at"] - 999_000 > 0
    assert set(step.meter.steps) == {"incidents", "alerting", "cells"}


def test_a_version_that_time_called_for_does_not() -> None:
    step = path(prompt=True)
    told = crossing("a", 0.5, stamps=(1, 2, 3)), crossing("b", 1)
    *_, alert = alerts(step, said(*told))
    assert alert.latency_us is None, "the evidence that called for it was not measured"
    later = alerts(step, said(crossing("c", 90, hazard="fire", stamps=(1, 2, 3)), until=90))
    assert {a.latency_us is None for a in later if a.id == alert.id} == {True}
    assert any(a.latency_us for a in later), "the fire's does"


# --- a town's day ----------------------------------------------------------------------------


class Town:
    """Readings of a day by three shards, told to the path of warnings."""

    def __init__(self, prompt: bool) -> None:
        self.prompt = prompt
        self.registry = Registry(MADE.city)
        self.readings = self.new_readings()
        self.warnings = WarningPath(
            self.registry, Counters(), SHARDS, reports=False, commands=False, prompt=prompt
        )
        told = polls({"readings": list(MADE.readings)}, 60, shards=len(SHARDS))
        self.polls = paced(told, range(len(SHARDS))) if prompt else told

    def new_readings(self) -> ReadingPath:
        return ReadingPath(self.registry, Counters(), SHARDS, prompt=self.prompt)

    def tell(self, told: list[Poll]) -> list[Any]:
        return [
            out
            for each in told
            for item in self.readings.on_batch([each])
            if isinstance(item, Found | ShardWindow)
            for out in self.warnings.on_batch([item])
        ]


@pytest.mark.parametrize("prompt", [False, True])
def test_a_readings_process_that_died_tells_again_and_nothing_changes(prompt: bool) -> None:
    """From an older snapshot, in other polls, up to where it was; then it goes on."""
    whole = Town(prompt)
    expected = [alert for alert in whole.tell(whole.polls) if isinstance(alert, Alert)]
    assert len(expected) > 5
    first = next(n for n, each in enumerate(whole.polls) if _time_of(each) > expected[1].time)
    died = Town(prompt)
    start, stop = first - 4, first + 6
    before = died.tell(died.polls[:start])
    state = died.readings.snapshot()
    before += died.tell(died.polls[start:stop])
    died.readings = died.new_readings()
    died.readings.restore(state)
    again = [part for each in died.polls[start:stop] for part in _in_two(each, prompt)]
    said_again = died.tell(again)
    assert [a for a in said_again if isinstance(a, Alert)] == []
    after = died.tell(died.polls[stop:])
    assert [a for a in (*before, *after) if isinstance(a, Alert)] == expected
    account = died.warnings.incidents.counters.account("incidents")
    assert account.balanced
    assert account.reasons["told before"] > 0


def _time_of(told: Poll) -> int:
    return max((int(raw.split(b'"time": ')[1].split(b",")[0]) for raw in told.lines), default=NEVER)


def _in_two(told: Poll, prompt: bool) -> list[Poll]:
    first, second = halves(told)
    return [first._replace(clock_ms=None) if prompt else first, second]


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize("lost", ["snapshot", "everything"])
def test_a_readings_process_may_lose_what_it_knew(lost: str, prompt: bool) -> None:
    """It begins anew at a later message: what it says from then on is heard."""
    made = Town(prompt)
    half = len(made.polls) // 2
    made.tell(made.polls[:half])
    if lost == "everything":
        made.readings = made.new_readings()
    said_later = made.tell(made.polls[half:])
    account = made.warnings.incidents.counters.account("incidents")
    assert account.balanced
    assert account.reasons.get("never arrived", 0) == 0
    assert {a.hazard for a in said_later if isinstance(a, Alert)} & feed.HAPPENED


@pytest.mark.parametrize("prompt", [False, True])
def test_what_the_room_is_told_covers_the_warnings(prompt: bool) -> None:
    made = Town(prompt)
    told = made.tell(made.polls)
    active: dict[str, Alert] = {}
    levels: dict[str, int] = {}
    for out in told:
        if isinstance(out, Alert):
            active[out.id] = out
        elif isinstance(out, CellState):
            levels[out.cell] = out.level
    still = {cell for a in active.values() if a.status == "active" for cell in a.cells}
    assert {cell for cell, level in levels.items() if level < 5} == still
    assert min(a.level for a in active.values()) <= 2
