"""What every step of ``operators/`` promises, whatever it does.

A ``Bench`` says how a step is made, what it is fed and what of its output matters; a law is a
function of a bench. The input is recorded from one run of a small town through all steps.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import msgspec
import pytest

import operators.intake
from operators.alerting.cover import CoverCells
from operators.alerting.step import IssueWarnings
from operators.bursts import NoticeBursts
from operators.cells import JudgeCells
from operators.command_path import CommandPath
from operators.counters import Counters
from operators.event_clock import NEVER
from operators.events import (
    NO_LEVEL,
    Alert,
    BadMessage,
    CellState,
    Command,
    FeedHealth,
    Sensor,
    SeriesPoints,
)
from operators.evidence import Found
from operators.evidence_log import encode_log
from operators.incident import IncidentView
from operators.incidents import JoinIncidents, Progress
from operators.intake import CommandRows, FeedName, Poll, ReportRows
from operators.log_path import LogPath
from operators.merging import CityWindow, MergeWindows
from operators.overview import DescribeCity
from operators.quiet_places import NoticeQuietPlaces
from operators.reading_path import ReadingPath, readings_origin
from operators.registry import Registry
from operators.report_path import ReportPath
from operators.series import Watch
from operators.surroundings import Surroundings
from operators.triage import Triaged, TriageReports
from operators.warning_path import WarningPath
from operators.windows import ShardWindow
from tests.operators import feed, town
from tests.operators.town import MINUTE, cut, line, paced, polls

RESTARTS = 12
"""How often a step with much state is restarted during its input; others are at every item."""
MUCH = 50_000
SHARDS = (2, 5, 7)
ORIGINS = (*map(readings_origin, SHARDS), "cells", "bursts", "outages")
Make = Callable[[Registry, Counters, bool], Any]
STEPS: dict[str, Make] = {
    "readings": lambda r, c, prompt: ReadingPath(r, c, SHARDS, prompt=prompt, where="town"),
    "reports": lambda r, c, prompt: ReportPath(r, c, prompt=prompt, where="town"),
    "commands": lambda r, c, prompt: CommandPath(c, where="town"),
    "warnings": lambda r, c, prompt: WarningPath(r, c, SHARDS, prompt=prompt),
    "log": lambda r, c, prompt: LogPath(WarningPath(r, c, SHARDS, prompt=prompt), r, "town"),
    "merge": lambda r, c, prompt: MergeWindows(SHARDS),
    "triage": TriageReports,
    "bursts": lambda r, c, prompt: NoticeBursts(r),
    "cells": lambda r, c, prompt: JudgeCells(r),
    "outages": lambda r, c, prompt: NoticeQuietPlaces(r),
    "incidents": lambda r, c, prompt: JoinIncidents(Surroundings(r), ORIGINS, c, prompt),
    "alerting": IssueWarnings,
    "cover": lambda r, c, prompt: CoverCells(),
    "overview": lambda r, c, prompt: DescribeCity(r, c),
}
ACCOUNTS = {
    "readings": {"intake", "order", "screen"},
    "reports": {"intake", "triage"},
    "commands": {"intake"},
    "warnings": {"incidents", "alerting"},
    "log": {"incidents", "alerting"},
    "triage": {"triage"},
    "incidents": {"incidents"},
    "alerting": {"alerting"},
}
"""Which accounts each keeps."""
MEETS = {"readings", "warnings", "log"}
"""Who is told of sensors that the city file does not know; the others are after them."""
TWO_WAYS = {"readings", "reports", "warnings", "log", "triage", "incidents", "alerting"}
"""Those for which it makes a difference whether they are prompt."""


def town_feed() -> feed.Feed:
    return feed.make(sensors=24, days=0.8)


def make(name: str, registry: Registry, counters: Counters, prompt: bool) -> Any:
    """Return a step whose clocks step often, so that time goes on in a short feed too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operators.intake, "BLOCKS", {"readings": 64, "reports": 1, "commands": 1})
        return STEPS[name](registry, counters, prompt)


# --- what each step is fed -------------------------------------------------------------------


class _Chain:
    """All paths one after the other, as the flow wires them; notes what each step was fed."""

    def __init__(self, prompt: bool) -> None:
        self.registry, counters = Registry(town_feed().city), Counters()
        self.fed: dict[str, list[Any]] = {name: [] for name in STEPS}
        self.paths = {
            name: make(name, self.registry, counters, prompt)
            for name in ("readings", "reports", "commands", "warnings")
        }
        for path in self.paths.values():
            for name in STEPS.keys() & vars(path).keys():
                self._listen(name, getattr(path, name))

    def _listen(self, name: str, step: Any) -> None:
        said = step.on_batch

        def on_batch(items: Iterable[Any]) -> Any:
            told = list(items)
            self.fed[name] += told
            return said(told)

        step.on_batch = on_batch

    def feed(self, item: Poll | Watch) -> list[Alert]:
        name = item.feed if isinstance(item, Poll) else "readings"
        self.fed[name].append(item)
        said = list(self.paths[name].on_batch([item]))
        alerts = []
        for told in said:
            if isinstance(told, Found | ShardWindow | Triaged | CommandRows | Sensor):
                self.fed["warnings"].append(told)
                raw = encode_log(told, self.registry)
                self.fed["log"].append(town.poll("evidence", raw, offset=len(self.fed["log"])))  # type: ignore[arg-type]
                alerts += self.paths["warnings"].on_batch([told])
        return [alert for alert in alerts if isinstance(alert, Alert)]


@cache
def recorded(prompt: bool) -> dict[str, list[Any]]:
    """Return what each step was fed."""
    made = town_feed()
    readings, reports = feed.troubled(made), list(made.reports)

    def run(commands: list[bytes]) -> tuple[_Chain, list[Alert]]:
        chain = _Chain(prompt)
        feeds: dict[FeedName, list[bytes]] = {
            "readings": readings,
            "reports": reports,
            "commands": commands,
        }
        # Paced, a poll is no longer than a clock is believed.
        told: list[Any] = polls(feeds, 50 if prompt else 300, shards=len(SHARDS))
        if prompt:
            told = paced(told, live=range(len(SHARDS)))
        told.insert(len(told) // 2, Watch(tuple(sensor.id for sensor in made.city.sensors[:8])))
        return chain, [alert for each in told for alert in chain.feed(each)]

    _, alerts = run([])
    first = next(a for a in alerts if a.hazard in feed.HAPPENED)
    ops: tuple[Any, ...] = ("ack", "shelve", "note", "unshelve", "confirm")
    asked = [
        Command(f"c-{n}", first.time + (n + 1) * MINUTE, "op-7", first.id, 1, op)
        for n, op in enumerate(ops)
    ]
    chain, _ = run([line(command) for command in [*asked, asked[0]]])
    return chain.fed


# --- what of its output matters --------------------------------------------------------------


def essence(name: str, outputs: Iterable[Any]) -> str:
    """Return what must be equal however the input was cut: not how time was told."""
    told: dict[str, list[Any]] = {}
    last: dict[Any, Any] = {}
    for out in outputs:
        match out:
            case Found():
                first = out.number or 0
                numbers = (out.number if out.number is None else first + n for n in range(10**6))
                told.setdefault(f"evidence {out.origin}", []).extend(
                    zip(numbers, out.evidence, strict=False)
                )
            case ReportRows():
                told.setdefault("reports", []).extend(out.reports)
            case Triaged():
                told.setdefault("reports", []).extend(enumerate(out.reports, out.number))
            case CommandRows():
                told.setdefault("commands", []).extend(out.commands)
            case ShardWindow() if out.cells is not None:
                told.setdefault(f"windows {out.shard}", []).append(_plain(out))
            case CityWindow() if out.shards:
                told.setdefault("windows", []).append((out.end, [_plain(s) for s in out.shards]))
            case CellState() if name != "cells":
                # Of a calm cell nothing is remembered: not since when it is calm either.
                calm = out.level == NO_LEVEL and out.surprisal == 0
                last[out.cell] = msgspec.structs.replace(out, time=0) if calm else out
            case dict():
                last |= {k: v for k, v in out.items() if k not in ("clock", "mode")}
            case SeriesPoints():
                told.setdefault(f"series {out.sensor}", []).extend(out.points)
            case FeedHealth() if last.get(("health", out.feed)) == out:
                pass  # told again, because it still is so
            case FeedHealth():
                last["health", out.feed] = out
                told.setdefault(f"health {out.feed}", []).append(out)
            case BadMessage() | IncidentView() | Alert() | CellState() | Sensor():
                told.setdefault(type(out).__name__, []).append(out)
            case _:
                assert isinstance(out, Progress | ShardWindow | CityWindow)
    if "BadMessage" in told:
        told["BadMessage"].sort(key=lambda bad: (bad.source, bad.partition, bad.offset, bad.reason))
    return repr(
        (
            sorted((key, value) for key, value in told.items() if value),
            sorted(last.items(), key=repr),
        )
    )


def _plain(window: ShardWindow) -> tuple[Any, ...]:
    assert window.cells is not None
    columns = [column.tolist() for column in window.cells]
    quiet = window.quiet.tolist(), window.newly_quiet.tolist()
    none = window.quiet[:0]
    return columns, quiet, window._replace(cells=None, quiet=none, newly_quiet=none)


@cache
def _all_known(prompt: bool) -> Registry:
    """The registry once all sensors have introduced themselves; no inner step changes it."""
    known = Registry(town_feed().city)
    known.register_all([item for item in recorded(prompt)["warnings"] if isinstance(item, Sensor)])
    assert [sensor.id for sensor in known.strangers] == ["newcomer", "stranger"]
    return known


# --- benches ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bench:
    name: str
    prompt: bool = False

    def new(self) -> tuple[Any, Counters]:
        counters = Counters()
        meets = self.name in MEETS
        registry = Registry(town_feed().city) if meets else _all_known(self.prompt)
        return make(self.name, registry, counters, self.prompt), counters

    def __str__(self) -> str:
        return f"{self.name} promptly" if self.prompt else self.name

    @property
    def items(self) -> list[Any]:
        return recorded(self.prompt)[self.name]

    def said(self, batches: Iterable[Sequence[Any]], step: Any = None) -> list[Any]:
        step = self.new()[0] if step is None else step
        return [out for batch in batches for out in step.on_batch(batch)]

    def said_one_by_one(self, items: Iterable[Any], step: Any = None) -> list[Any]:
        return self.said([[item] for item in items], step)

    def essence(self, outputs: Iterable[Any]) -> str:
        return essence(self.name, outputs)

    @property
    def undisturbed(self) -> Ran:
        """What it says to its input, item by item."""
        return _undisturbed(self)


class Ran(NamedTuple):
    outputs: list[list[Any]]
    """By item of the input."""
    counters: Counters
    essence: str

    @property
    def said(self) -> list[Any]:
        return [out for outputs in self.outputs for out in outputs]


@cache
def _undisturbed(bench: Bench) -> Ran:
    step, counters = bench.new()
    outputs = [list(step.on_batch([item])) for item in bench.items]
    return Ran(outputs, counters, bench.essence(out for each in outputs for out in each))


BENCHES = [
    *(Bench(name) for name in STEPS if name != "log"),  # its own part is small: promptly is enough
    *(Bench(name, True) for name in STEPS if name in TWO_WAYS),
]


def halves(items: Sequence[Any]) -> list[Any]:
    """The same input in twice as many items; time is told with the second half of each."""
    reached: dict[Any, Any] = {}
    cut_up: list[Any] = []
    for item in items:
        cut_up += _halves(item, reached.get(_key(item)))
        reached[_key(item)] = _told_time(item)
    return cut_up


def _told_time(item: Any) -> Any:
    return item.clock_ms if isinstance(item, Poll) else getattr(item, "watermark", None)


def _halves(item: Any, before: Any) -> list[Any]:
    match item:
        case Poll():
            first, second = town.halves(item)
            return [first._replace(clock_ms=before), second]
        case Found() | ReportRows() | Triaged() | CommandRows():
            name = "evidence" if isinstance(item, Found) else item._fields[0]
        case _:
            return [item]
    told = getattr(item, name)
    middle = len(told) // 2
    reached = NEVER if before is None else before
    first = item._replace(**{name: told[:middle]}, watermark=reached, last=False)
    number = getattr(item, "number", None)
    numbered = {} if number is None else {"number": number + middle}
    return [first, item._replace(**{name: told[middle:]}, **numbered)]


# --- laws ------------------------------------------------------------------------------------


def says_something(bench: Bench) -> None:
    """The input is lively enough for the other laws to mean anything."""
    said = bench.undisturbed.said
    assert bench.undisturbed.essence != bench.essence([])
    of_it = {type(out).__name__ for out in said}
    assert of_it >= LIVELY.get(bench.name, set())
    if bench.name == "readings":
        told = [out for out in said if isinstance(out, Found)]
        assert all(any(f.evidence for f in told if f.origin == name) for name in ORIGINS[:3])
        assert {e.source for f in told for e in f.evidence} == {"sensor", "level"}
        assert any(e.onset is not None for f in told for e in f.evidence), "a forecast too"


LIVELY = {
    "readings": {"Found", "ShardWindow", "SeriesPoints", "BadMessage", "Sensor"},
    "reports": {"Found", "Triaged"},
    "warnings": {"Alert", "CellState", "FeedHealth", "dict"},
    "log": {"Alert", "CellState", "FeedHealth", "dict"},
    "cells": {"Found", "CellState"},
}


def the_cut_changes_nothing(bench: Bench) -> None:
    whole = bench.undisturbed.essence
    rng = random.Random(5)
    sizes = [rng.randint(1, 9) for _ in bench.items]
    cuts: dict[str, Iterable[Sequence[Any]]] = {
        "all at once": [bench.items],
        "in batches": cut(bench.items, sizes),
    }
    if not (bench.prompt and bench.name in WHOLE):
        cuts["by halves"] = [[item] for item in halves(bench.items)]
        cuts["by quarters, in batches"] = cut(halves(halves(bench.items)), sizes)
    for how, batches in cuts.items():
        assert bench.essence(bench.said(batches)) == whole, how


WHOLE = {"warnings", "log"}
"""Those for which, promptly, what is told at one time is what it comes to: one version of it."""


def restarts_change_nothing(bench: Bench) -> None:
    step, _ = bench.new()
    often = -(-len(bench.items) // RESTARTS)
    state = b""
    told = zip(bench.items, bench.undisturbed.outputs, strict=True)
    for number, (item, expected) in enumerate(told):
        if number % often == 0 or len(state) < MUCH:
            fresh, _ = bench.new()
            state = step.snapshot()
            fresh.restore(state)
            step = fresh
        assert repr(_kept(step.on_batch([item]))) == repr(_kept(expected))


def _kept(outputs: Iterable[Any]) -> list[Any]:
    """Without series: what they hold is for looking at; they start empty, and say so."""
    return [out for out in outputs if not isinstance(out, SeriesPoints)]


def a_snapshot_shares_no_memory(bench: Bench) -> None:
    step, _ = bench.new()
    middle = len(bench.items) // 2
    bench.said_one_by_one(bench.items[:middle], step)
    snapshot = step.snapshot()
    assert isinstance(snapshot, bytes)
    twin, counters = bench.new()
    twin.restore(snapshot)
    rest = bench.items[middle:]
    bench.said_one_by_one(rest, step)
    outputs = bench.undisturbed.outputs[middle:]
    expected = repr(_kept(out for each in outputs for out in each))
    assert repr(_kept(bench.said_one_by_one(rest, twin))) == expected
    other, _ = bench.new()
    other.restore(snapshot)
    assert repr(_kept(bench.said_one_by_one(rest, other))) == expected
    assert all(account.balanced for account in counters.accounts()), counters.accounts()


def counters_balance(bench: Bench) -> None:
    accounts = bench.undisturbed.counters.accounts()
    assert all(account.balanced for account in accounts), accounts
    assert {account.step for account in accounts} == ACCOUNTS.get(bench.name, set())


def nothing_is_harmless(bench: Bench) -> None:
    padded, reached = list[Any](), dict[Any, Any]()
    for item in bench.items:
        padded += [_emptied(item, reached.get(_key(item))), item]
        reached[_key(item)] = _told_time(item)
    said = bench.essence(bench.said_one_by_one(item for item in padded if item is not None))
    assert said == bench.undisturbed.essence


def _emptied(item: Any, before: Any) -> Any:
    """Nothing, of the same sort, which tells no new time; None where there is no such thing."""
    reached = NEVER if before is None else before
    match item:
        case Poll():
            return item._replace(lines=[], stretches=(), ended=frozenset(), clock_ms=before)
        case ReportRows() | CommandRows():
            return type(item)([], reached)
        case Triaged():
            return item._replace(reports=(), watermark=reached, last=False)
        case Found():
            return item._replace(evidence=(), watermark=reached, last=False)
        case ShardWindow():
            return ShardWindow(item.shard, reached, reached)
        case CityWindow():
            return CityWindow(reached, reached)
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
    for out in bench.undisturbed.said:
        if hasattr(out, "watermark"):
            assert out.watermark >= reached.get(_key(out), NEVER)
            reached[_key(out)] = out.watermark


def nothing_is_told_of_times_that_are_over(bench: Bench) -> None:
    if bench.prompt:
        pytest.skip("promptly, what arrives is applied, whatever its time")
    reached: dict[Any, int] = {}
    for out in bench.undisturbed.said:
        told = _events(out)
        assert all(each.time >= reached.get(_key(out), NEVER) for each in told)
        reached[_key(out)] = getattr(out, "watermark", NEVER)


def _events(out: Any) -> Sequence[Any]:
    return out[1] if isinstance(out, Found) else out[0] if isinstance(out, Triaged) else ()


def nothing_follows_the_last(bench: Bench) -> None:
    over: set[Any] = set()
    for out in bench.undisturbed.said:
        told = _events(out)
        assert not (told and _key(out) in over)
        if getattr(out, "last", False):
            over.add(_key(out))
    kinds = {key[0] for key in over}
    assert kinds == {kind for name, kind in ENDING if name == bench.name}
    assert {key[1] for key in over if key[0] is Found and bench.name == "readings"} in (
        set(),
        set(ORIGINS[:3]),
    )


ENDING = {
    ("readings", Found),
    ("reports", Found),
    ("reports", Triaged),
    ("commands", CommandRows),
    ("merge", CityWindow),
    ("triage", Triaged),
    ("bursts", Found),
    ("cells", Found),
    ("outages", Found),
    ("incidents", Progress),
}
"""Who says at the end that it is the end, in what."""


def what_is_told_is_numbered(bench: Bench) -> None:
    """So that who hears it again knows."""
    count: dict[Any, int] = {}
    begun: dict[Any, int] = {}
    for out in bench.undisturbed.said:
        number = getattr(out, "number", None)
        if number is not None:
            assert number == count.get(_key(out), 0)
            count[_key(out)] = number + len(_events(out))
            assert out.begun == begun.setdefault(_key(out), out.begun)


def what_is_told_again_is_left_out(bench: Bench) -> None:
    """Whoever tells it was restarted, and goes on from an older snapshot, in other parts."""
    if bench.name not in REPLAYED:
        pytest.skip("what it is told comes from the same process: both are restarted together")
    step, counters = bench.new()
    items = bench.items
    start, stop = len(items) // 3, 3 * len(items) // 4
    again = items[start:stop] if bench.name == "log" else halves(items[start:stop])
    said = bench.said_one_by_one([*items[:stop], *again, *items[stop:]], step)
    assert bench.essence(said) == bench.undisturbed.essence
    assert all(account.balanced for account in counters.accounts())
    if "incidents" in ACCOUNTS.get(bench.name, ()):
        assert counters.account("incidents").reasons["told before"] > 0


REPLAYED = {"warnings", "log", "merge"}

LAWS = [
    says_something,
    the_cut_changes_nothing,
    restarts_change_nothing,
    a_snapshot_shares_no_memory,
    counters_balance,
    nothing_is_harmless,
    the_input_is_left_alone,
    time_never_recedes,
    nothing_is_told_of_times_that_are_over,
    nothing_follows_the_last,
    what_is_told_is_numbered,
    what_is_told_again_is_left_out,
]
EXEMPT = {
    # Promptly, all changes of one instant that are told together make one version.
    ("alerting promptly", "the_cut_changes_nothing"),
}
