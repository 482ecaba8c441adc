"""What every step of ``operators/`` promises, whatever it does.

A ``Bench`` says how a step is made, what it is fed and what of its output matters; a law is a
function of a bench. The input is recorded from one run of a small town through all steps.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

import operators.intake
import operators.registry
from operators.alerting.cover import CoverCells
from operators.alerting.step import IssueWarnings
from operators.bursts import NoticeBursts
from operators.cells import JudgeCells
from operators.codec import Message
from operators.counters import MEANING, Counters
from operators.events import Alert, BadMessage, CellState, Command, FeedHealth, SeriesPoints
from operators.evidence import Found
from operators.incidents import IncidentView, JoinIncidents, Progress
from operators.intake import CommandRows, FeedName, Intake, Poll, ReportRows
from operators.levels import WatchLevels
from operators.merging import CityWindow, MergeWindows
from operators.ordering import NEVER, OrderReadings, ShardRows
from operators.overview import DescribeCity
from operators.quiet_places import NoticeQuietPlaces
from operators.registry import Registry
from operators.screening import Screened, ScreenReadings
from operators.series import KeepSeries, Watch
from operators.triage import Triaged, TriageReports
from operators.windows import ShardWindow, SummariseShard
from tests.operators import feed
from tests.operators.town import LAT, LON, MINUTE, cut, line, polls, reading

RESTARTS = 40
"""How often a step with much state is restarted during its input; others are at every item."""
MUCH = 50_000
Make = Callable[[Registry, Counters], Any]
FEEDS: tuple[FeedName, ...] = ("readings", "reports", "commands")
ORIGINS = ("screen:0", "screen:1", "levels:0", "levels:1", "cells", "bursts", "outages")
STEPS: dict[str, Make] = {
    "intake": lambda registry, counters: _lively_intake(registry, counters),  # noqa: PLW0108 (defined below)
    "order": lambda registry, counters: OrderReadings(counters),
    "order promptly": lambda registry, counters: OrderReadings(counters, prompt=True),
    "screen": ScreenReadings,
    "levels": lambda registry, counters: WatchLevels(registry),
    "windows": lambda registry, counters: SummariseShard(registry),
    "merge": lambda registry, counters: MergeWindows(registry.shards),
    "triage": TriageReports,
    "triage promptly": lambda registry, counters: TriageReports(registry, counters, prompt=True),
    "bursts": lambda registry, counters: NoticeBursts(registry),
    "cells": lambda registry, counters: JudgeCells(registry),
    "outages": lambda registry, counters: NoticeQuietPlaces(registry),
    "incidents": lambda registry, counters: JoinIncidents(ORIGINS, counters),
    "incidents promptly": lambda registry, counters: JoinIncidents(ORIGINS, counters, prompt=True),
    "alerting": IssueWarnings,
    "alerting promptly": lambda registry, counters: IssueWarnings(registry, counters, prompt=True),
    "cover": lambda registry, counters: CoverCells(),
    "overview": DescribeCity,
    "series": lambda registry, counters: KeepSeries(registry),
}
OBSERVED = 1
"""Of the two shards, the one whose input is recorded: it has gauges with official levels."""
FED_AS = {name: name.removesuffix(" promptly") for name in STEPS}


def _lively_intake(registry: Registry, counters: Counters) -> Intake:
    """An intake whose clocks step often, so that time goes on in a short feed too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operators.intake, "BLOCKS", {"readings": 64, "reports": 1, "commands": 1})
        return Intake(registry, counters, FEEDS, "town")


def town_feed() -> feed.Feed:
    return feed.make(sensors=28, days=0.8)


def two_shards() -> Registry:
    """The town's registry, its sensors dealt to two shards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operators.registry, "SENSORS_PER_SHARD", 14)
        return Registry(town_feed().city)


# --- what each step is fed -------------------------------------------------------------------


@dataclass
class _Chain:
    """All steps one after the other, as the flow wires them; notes what each was fed."""

    registry: Registry
    fed: dict[str, list[Any]] = field(default_factory=dict)
    steps: dict[str, Any] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)

    def run(self, name: str, items: Sequence[Any], shard: int | None = None) -> list[Any]:
        if not items:
            return []
        key = name if shard is None else f"{name}:{shard}"
        if key not in self.steps:
            self.steps[key] = STEPS[name](self.registry, self.counters)
        if shard in (None, OBSERVED):
            self.fed.setdefault(name, []).extend(items)
        return list(self.steps[key].on_batch(items))

    def each_shard(self, name: str, items: Iterable[Any]) -> list[Any]:
        told = list(items)
        return [
            out
            for shard in range(self.registry.shards)
            for out in self.run(name, [item for item in told if item.shard == shard], shard)
        ]

    def poll(self, poll: Poll) -> list[Alert]:
        taken = self.run("intake", [poll])
        ordered = self.each_shard("order", _only(taken, ShardRows))
        screened = self.each_shard("screen", ordered)
        levels = self.each_shard("levels", ordered)
        triaged = self.run("triage", _only(taken, ReportRows))
        bursts = self.run("bursts", triaged)
        scored = _only(screened, Screened)
        windows = self.run("merge", self.each_shard("windows", scored))
        cells = self.run("cells", [*windows, *triaged])
        outages = self.run("outages", windows)
        found = _only([*screened, *levels, *bursts, *cells, *outages], Found)
        incidents = self.run("incidents", found)
        commands = _only(taken, CommandRows)
        changes = [*incidents, *commands] if poll.offset % 2 else [*commands, *incidents]
        alerts = self.run("alerting", changes)
        self.run("cover", [*alerts, *_only(cells, CellState)])
        self.run("overview", [*windows, *triaged, *alerts])
        self.each_shard("series", scored)
        return alerts


def _only(items: Iterable[Any], kind: type) -> list[Any]:
    return [item for item in items if isinstance(item, kind)]


@cache
def recorded() -> dict[str, list[Any]]:
    """Return what each step was fed (of shards, what the first was)."""
    made = town_feed()
    readings, reports = _troubled(made), list(made.reports)

    def run(commands: list[bytes]) -> tuple[_Chain, list[Alert]]:
        chain = _Chain(two_shards())
        feeds = {"readings": readings, "reports": reports, "commands": commands}
        return chain, [a for poll in polls(feeds, 300) for a in chain.poll(poll)]  # type: ignore[arg-type]

    _, alerts = run([])
    first = next(a for a in alerts if a.hazard in feed.HAPPENED)
    ops: tuple[Any, ...] = ("ack", "shelve", "note", "unshelve", "confirm")
    asked = [
        Command(f"c-{n}", first.time + (n + 1) * MINUTE, "op-7", first.id, 1, op)
        for n, op in enumerate(ops)
    ]
    chain, _ = run([line(command) for command in [*asked, asked[0]]])
    names = tuple(sensor.id for sensor in made.city.sensors)
    series = chain.fed["series"]
    series[len(series) // 2 : len(series) // 2] = [Watch(names[:8])]
    return chain.fed


def _troubled(made: feed.Feed) -> list[bytes]:
    """Some readings double, late, broken or from a stranger."""
    rng, lines = random.Random(2), list[bytes]()
    for number, good in enumerate(made.readings):
        lines.append(good)
        if rng.random() < 0.05:
            lines.append(made.readings[max(0, number - rng.randint(0, 15))])
        if rng.random() < 0.005:
            lines.append(rng.choice([b"{", made.readings[number // 2], reading("nobody", 1, 1)]))
        if number % 200 == 100:
            time = made.event - (len(made.readings) - number) * MINUTE // 5
            lines.append(reading("stranger", time, 60.0, kind="noise", lon=LON, lat=LAT))
    return lines


# --- what of its output matters --------------------------------------------------------------


def essence(name: str, outputs: Iterable[Any]) -> str:
    """Return what must be equal however the input was cut: not how time was told."""
    told: dict[str, list[Any]] = {}
    last: dict[Any, Any] = {}
    for out in outputs:
        match out:
            case ShardRows():
                told.setdefault(f"rows {out.shard}", []).extend(_rows(out.rows))
            case Screened():
                columns = (out.surprisal, out.expected, out.spread)
                told.setdefault("scored", []).extend(
                    zip(_rows(out.rows), *(c.tolist() for c in columns), strict=True)
                )
            case Found():
                told.setdefault("evidence", []).extend(out.evidence)
            case ReportRows():
                told.setdefault("reports", []).extend(out.reports)
            case Triaged():
                told.setdefault("reports", []).extend(out.reports)
            case CommandRows():
                told.setdefault("commands", []).extend(out.commands)
            case ShardWindow() if out.cells is not None:
                told.setdefault("windows", []).append(_plain(out))
            case CityWindow() if out.shards:
                told.setdefault("windows", []).append((out.end, [_plain(s) for s in out.shards]))
            case CellState() if name == "cover":
                last[out.cell] = out
            case dict():
                last |= {k: v for k, v in out.items() if k not in ("clock", "mode")}
            case SeriesPoints():
                told.setdefault(f"series {out.sensor}", []).extend(out.points)
            case FeedHealth() | BadMessage() | IncidentView() | Alert() | CellState():
                told.setdefault(type(out).__name__, []).append(out)
            case _:
                assert isinstance(out, Progress | ShardWindow | CityWindow)
    if name == "levels":  # sensors of one time in any order
        told["evidence"] = sorted(told.get("evidence", []), key=lambda e: (e.time, e.key, e.level))
    if "BadMessage" in told:
        told["BadMessage"].sort(key=lambda bad: (bad.source, bad.offset, bad.reason))
    return repr(
        (sorted((key, value) for key, value in told.items() if value), sorted(last.items()))
    )


def _rows(rows: Any) -> list[tuple[Any, ...]]:
    return list(zip(*(column.tolist() for column in rows), strict=True))


def _plain(window: ShardWindow) -> tuple[Any, ...]:
    assert window.cells is not None
    columns = [column.tolist() for column in window.cells]
    quiet = window.quiet.tolist(), window.newly_quiet.tolist()
    none = window.quiet[:0]
    return columns, quiet, window._replace(cells=None, quiet=none, newly_quiet=none)


@cache
def _all_known() -> Registry:
    """The registry as it is once the intake has met the stranger; no other step changes it."""
    known = two_shards()
    stranger = Message("stranger", 0, 0.0, "noise", LON, LAT)
    assert known.introduce(stranger) == len(known) - 1
    return known


# --- benches ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bench:
    name: str

    def new(self) -> tuple[Any, Counters]:
        counters = Counters()
        registry = two_shards() if self.name == "intake" else _all_known()
        return STEPS[self.name](registry, counters), counters

    @property
    def items(self) -> list[Any]:
        return recorded()[FED_AS[self.name]]

    @property
    def prompt(self) -> bool:
        return self.name.endswith(" promptly")

    def said(self, batches: Iterable[Sequence[Any]], step: Any = None) -> list[Any]:
        step = self.new()[0] if step is None else step
        return [out for batch in batches for out in step.on_batch(batch)]

    def essence(self, outputs: Iterable[Any]) -> str:
        return essence(self.name, outputs)


BENCHES = [Bench(name) for name in STEPS]


def halves(items: Sequence[Any]) -> list[Any]:
    """The same input in twice as many items; time is told with the second half of each."""
    reached: dict[Any, int] = {}
    cut_up: list[Any] = []
    for item in items:
        before = reached.get(_key(item), NEVER)
        reached[_key(item)] = getattr(item, "watermark", NEVER)
        cut_up += _halves(item, before)
    return cut_up


def _halves(item: Any, before: int) -> list[Any]:
    told: Any
    match item:
        case Poll():
            told, name = item.lines, "lines"
        case ShardRows() | Screened():
            told, name = item.rows, "rows"
        case Found():
            told, name = item.evidence, "evidence"
        case ReportRows() | Triaged() | CommandRows():
            told, name = item[0], item._fields[0]
        case _:
            return [item]
    middle = len(told[0] if name == "rows" else told) // 2
    first, second = (_part(item, name, rows) for rows in (slice(middle), slice(middle, None)))
    if isinstance(item, Poll):
        return [first._replace(ended=False), second._replace(offset=item.offset + middle)]
    ended = {"last": False} if hasattr(item, "last") else {}
    return [first._replace(watermark=before, **ended), second]


def _part(item: Any, name: str, rows: slice) -> Any:
    told = getattr(item, name)
    part = {name: told.take(rows) if name == "rows" else told[rows]}
    if isinstance(item, Screened):
        part |= {n: getattr(item, n)[rows] for n in ("surprisal", "expected", "spread")}
    return item._replace(**part)


# --- laws ------------------------------------------------------------------------------------


def says_something(bench: Bench) -> None:
    """The input is lively enough for the other laws to mean anything."""
    nothing = bench.essence([])
    assert bench.essence(bench.said([bench.items])) != nothing


def the_cut_changes_nothing(bench: Bench) -> None:
    if bench.prompt:
        pytest.skip("promptly, the order of arrival is the order")
    whole = bench.essence(bench.said([[item] for item in bench.items]))
    rng = random.Random(5)
    cuts: dict[str, Iterable[Sequence[Any]]] = {
        "all at once": [bench.items],
        "by halves": [[item] for item in halves(bench.items)],
        "by quarters, in batches": cut(
            halves(halves(bench.items)), [rng.randint(1, 9) for _ in bench.items]
        ),
    }
    for how, batches in cuts.items():
        assert bench.essence(bench.said(batches)) == whole, how


def restarts_change_nothing(bench: Bench) -> None:
    step, _ = bench.new()
    outputs: list[list[Any]] = []
    often = -(-len(bench.items) // RESTARTS)
    state = b""
    for number, item in enumerate(bench.items):
        if number % often == 0 or len(state) < MUCH:
            fresh, _ = bench.new()
            state = step.snapshot()
            fresh.restore(state)
            step = fresh
        outputs.append(list(step.on_batch([item])))
    whole, _ = bench.new()
    assert repr(outputs) == repr([list(whole.on_batch([item])) for item in bench.items])


def a_snapshot_shares_no_memory(bench: Bench) -> None:
    step, _ = bench.new()
    middle = len(bench.items) // 2
    bench.said([[item] for item in bench.items[:middle]], step)
    snapshot = step.snapshot()
    assert isinstance(snapshot, bytes)
    twin, other = bench.new()[0], bench.new()[0]
    twin.restore(snapshot)
    rest = [[item] for item in bench.items[middle:]]
    expected = repr(bench.said(rest, step))
    other.restore(snapshot)
    assert repr(bench.said(rest, twin)) == expected
    assert repr(bench.said(rest, other)) == expected


def counters_balance(bench: Bench) -> None:
    step, counters = bench.new()
    bench.said([[item] for item in bench.items], step)
    accounts = counters.accounts()
    assert all(account.balanced for account in accounts), accounts
    assert bool(accounts) == (FED_AS[bench.name] in MEANING)


def nothing_is_harmless(bench: Bench) -> None:
    padded, reached = list[Any](), dict[Any, int]()
    for item in bench.items:
        padded += [_emptied(item, reached.get(_key(item), NEVER)), item]
        reached[_key(item)] = getattr(item, "watermark", NEVER)
    said = bench.essence(bench.said([[item] for item in padded if item is not None]))
    assert said == bench.essence(bench.said([[item] for item in bench.items]))


def _emptied(item: Any, before: int) -> Any:
    """Nothing, of the same sort, which tells no new time; None where there is no such thing."""
    match item:
        case Poll():
            return item._replace(lines=[], ended=False)
        case ShardRows():
            return ShardRows(item.shard, item.rows.take(slice(0)), before)
        case Screened():
            none = (item.surprisal[:0],) * 3
            return Screened(item.shard, item.rows.take(slice(0)), *none, before)
        case ReportRows() | CommandRows():
            return type(item)([], before)
        case Triaged():
            return Triaged((), before)
        case Found():
            return Found(item.origin, (), before)
        case CityWindow():
            return CityWindow(before, before)
    return None


def _key(item: Any) -> tuple[Any, ...]:
    """Whose time an item tells."""
    return type(item), getattr(item, "origin", getattr(item, "shard", None))


def the_input_is_left_alone(bench: Bench) -> None:
    before = pickle.dumps(bench.items)
    bench.said([bench.items])
    assert pickle.dumps(bench.items) == before


def time_never_recedes(bench: Bench) -> None:
    reached: dict[Any, int] = {}
    for out in bench.said([[item] for item in bench.items]):
        if hasattr(out, "watermark"):
            assert out.watermark >= reached.get(_key(out), NEVER)
            reached[_key(out)] = out.watermark


LAWS = [
    says_something,
    the_cut_changes_nothing,
    restarts_change_nothing,
    a_snapshot_shares_no_memory,
    counters_balance,
    nothing_is_harmless,
    the_input_is_left_alone,
    time_never_recedes,
]
EXEMPT = {
    # What a series holds is for looking at: it starts empty, and says so.
    ("series", "restarts_change_nothing"),
    ("series", "a_snapshot_shares_no_memory"),
}
