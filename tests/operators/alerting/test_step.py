"""Changes and commands become versions in event-time order, each once."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from operators.alerting.lifecycle import CLEAR_AFTER_MS, FORGET_AFTER_MS
from operators.alerting.step import IssueWarnings
from operators.counters import Counters
from operators.events import Alert, Command
from operators.incident import IncidentView
from operators.incidents import Progress
from operators.intake import CommandRows
from operators.registry import Registry
from tests.operators.alerting.strands import at_level, strand, view
from tests.operators.town import HOUR, MINUTE, T0, cut, town

TOWN = Registry(town())
NAME = "wl-12345678"
Item = IncidentView | Progress | CommandRows


def change(minute: float, level: int | None, name: str = NAME) -> IncidentView:
    return view(*at_level(level), time=T0 + int(minute * MINUTE), id=name)


def command(minute: float, op: Any = "ack", name: str = NAME, number: int = 1) -> Command:
    return Command(f"c-{number}", T0 + int(minute * MINUTE), "op-7", name, 1, op)


def until(minute: float) -> list[Item]:
    at = T0 + int(minute * MINUTE)
    return [Progress(at), CommandRows([], at)]


class Desk:
    def __init__(self, prompt: bool = False) -> None:
        self.step = IssueWarnings(TOWN, Counters(), prompt)

    def tell(self, *items: Item) -> list[Alert]:
        return list(self.step.on_batch(items))

    def said(self, *items: Item) -> list[tuple[float, int, str]]:
        """Minute, version and the first word of the reason."""
        return [
            ((a.time - T0) / MINUTE, a.version, a.reason.split()[0].rstrip(":"))
            for a in self.tell(*items)
        ]


def test_a_change_waits_until_time_has_passed_it() -> None:
    desk = Desk()
    assert desk.said(change(1, 3), *until(1)) == []
    assert desk.said(*until(1.1)) == [(1, 1, "issued")]
    assert desk.said(*until(9)) == []


def test_time_waits_for_the_commands_too() -> None:
    desk = Desk()
    assert desk.said(change(1, 3), Progress(T0 + HOUR)) == []
    assert desk.said(CommandRows([], T0 + 2 * MINUTE)) == [(1, 1, "issued")]


def test_commands_take_their_place_among_the_changes() -> None:
    desk = Desk()
    rows = CommandRows([command(2), command(0, number=2)], T0 + HOUR)
    told = desk.said(rows, change(1, 3), change(3, 1), Progress(T0 + HOUR))
    assert told == [(1, 1, "issued"), (2, 2, "ack"), (3, 3, "escalated")]
    account = desk.step.counters.account("alerting")
    assert account == ("alerting", 4, 3, 0, 1, {"no such active warning": 1})


def test_a_hold_ends_at_its_time_between_the_changes() -> None:
    clear = CLEAR_AFTER_MS / MINUTE
    desk = Desk()
    told = desk.said(change(0, 4), change(1, None), change(60, 4), *until(100))
    assert told == [(0, 1, "issued"), (1 + clear, 2, "cleared"), (60, 3, "issued")]


def test_holds_of_several_warnings_end_in_the_order_of_time() -> None:
    desk = Desk()
    desk.tell(change(0, 4, "wl-late"), change(0, 4, "wl-early"), *until(1))
    desk.tell(change(2, None, "wl-early"), change(4, None, "wl-late"), *until(5))
    assert [a.id for a in desk.tell(*until(60))] == ["wl-early", "wl-late"]


def test_the_same_command_twice_is_one() -> None:
    desk = Desk()
    desk.tell(change(1, 3), *until(2))
    told = desk.said(
        CommandRows([command(3), command(3), command(4)], T0 + HOUR), Progress(T0 + HOUR)
    )
    assert told == [(3, 2, "ack")]
    assert desk.step.counters.account("alerting").reasons == {"command seen before": 2}


@pytest.mark.parametrize("arrival", [(1, 2), (2, 1)])
def test_commands_of_one_instant_are_obeyed_in_the_order_of_their_ids(
    arrival: tuple[int, int],
) -> None:
    desk = Desk()
    desk.tell(change(1, 3), *until(2), Progress(T0 + HOUR))
    ops = {1: "ack", 2: "note"}
    told = [
        word
        for number in arrival
        for *_, word in desk.said(
            CommandRows([command(3, ops[number], number=number)], T0 + 3 * MINUTE)
        )
    ]
    assert told == []
    assert desk.said(CommandRows([], T0 + HOUR)) == [(3, 2, "ack"), (3, 3, "note")]


def test_a_command_for_nobody_is_counted() -> None:
    desk = Desk()
    assert (
        desk.said(CommandRows([command(1, name="wl-none")], T0 + HOUR), Progress(T0 + HOUR)) == []
    )
    account = desk.step.counters.account("alerting")
    assert account.balanced
    assert account.reasons == {"no such active warning": 1}


def test_warnings_do_not_disturb_each_other() -> None:
    desk = Desk()
    told = desk.tell(change(0, 4), change(1, 2, "wl-other"), change(2, None), *until(60))
    assert [(a.id, a.version, a.level) for a in told] == [
        (NAME, 1, 4),
        ("wl-other", 1, 2),
        (NAME, 2, 4),
    ]


def test_prompt_changes_and_commands_do_not_wait() -> None:
    desk = Desk(prompt=True)
    assert desk.said(change(5, 3)) == [(5, 1, "issued")]
    assert desk.said(CommandRows([command(99)], T0)) == [(99, 2, "ack")]


def test_an_ended_life_is_forgotten() -> None:
    desk = Desk()
    empty = len(desk.step.snapshot())
    desk.tell(*(change(0, 4, f"wl-{n}") for n in range(20)), *until(1))
    desk.tell(*(change(2, None, f"wl-{n}") for n in range(20)), *until(30))
    assert len(desk.step.snapshot()) > 2 * empty
    desk.tell(*until(30 + (CLEAR_AFTER_MS + FORGET_AFTER_MS) / MINUTE))
    assert len(desk.step.snapshot()) < 2 * empty


def test_what_is_forgotten_is_so_in_its_turn_however_time_was_told() -> None:
    # minute 0 a speaks   1 nobody   130 b alone   131 nobody       a's life is over at 121
    lone = [_lone(0, "a", 3.5), change(1, None), _lone(130, "b", 8.0), change(131, None)]
    for minutes in ([200], [125, 200], range(1, 200)):
        desk, left = Desk(), list(lone)
        for minute in minutes:
            due = [v for v in left if v.time < T0 + minute * MINUTE]
            left = left[len(due) :]
            desk.tell(*due, *until(minute))
        doubted = desk.step._is_doubted("b", T0 + 200 * MINUTE)
        assert doubted, f"b was alone: a had been forgotten ({minutes})"


def _lone(minute: float, key: str, strength: float) -> IncidentView:
    return view(strand(key, strength), time=T0 + int(minute * MINUTE))


def test_an_open_incident_keeps_its_versions_however_long_ago_its_warning_ended() -> None:
    desk = Desk()
    first = desk.said(change(0, 2), CommandRows([command(1, "resolve")], T0 + HOUR), *until(2))
    assert first == [(0, 1, "issued"), (1, 2, "resolve")]
    speaks = [change(minute, 2) for minute in range(10, 300, 10)]
    assert desk.said(*speaks, change(300, None), *until(309)) == []
    assert desk.said(change(310, 1), *until(311)) == [(310, 3, "issued")]


def test_one_that_a_person_ended_is_issued_again_when_an_active_one_joins_it() -> None:
    desk = Desk()
    resolve = CommandRows([command(1, "resolve", "wl-a")], T0 + HOUR)
    desk.tell(change(0, 2, "wl-a"), change(0, 2, "wl-b"), resolve, *until(2))
    joins = view(time=T0 + 5 * MINUTE, id="wl-b")._replace(merged_into="wl-a")
    told = desk.tell(joins, change(5, 2, "wl-a"), *until(6))
    assert [(a.id, a.version, a.status) for a in told] == [
        ("wl-b", 2, "cleared"),
        ("wl-a", 3, "active"),
    ]


def test_promptly_a_clock_that_is_ahead_moves_nobody_elses_time() -> None:
    desk = Desk(prompt=True)
    desk.tell(change(0, 4), change(1, None), Progress(T0 + MINUTE))
    assert desk.said(CommandRows([command(99, "note", "wl-other")], T0)) == []
    assert desk.said(Progress(T0 + 12 * MINUTE)) == [(11, 2, "cleared")]


_changes = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from([None, 1, 2, 3, 4]), st.sampled_from("pqr")),
    max_size=20,
)
_commands = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from(["ack", "false_alarm", "confirm", "resolve", "note", "shelve"]),
        st.sampled_from("pqr"),
    ),
    max_size=6,
)


@given(_changes, _commands, st.lists(st.integers(1, 6), min_size=1, max_size=8), st.data())
def test_the_cut_changes_nothing(
    changes: list[tuple[int, int | None, str]],
    commands: list[tuple[int, str, str]],
    sizes: list[int],
    data: Any,
) -> None:
    views = [change(*told) for told in sorted(changes, key=lambda told: told[0])]
    # Of one minute the last id comes first: they are obeyed in the order of their ids all the same.
    asked = [command(*told, number=99 - n) for n, told in enumerate(sorted(commands))]
    whole = Desk().tell(*views, CommandRows(asked, T0 + 12 * HOUR), Progress(T0 + 12 * HOUR))

    desk, parts = Desk(), list[Alert]()
    streams: list[list[Item]] = [[], []]
    done = 0
    for part in cut(views, sizes):
        done += len(part)
        streams[0] += [*part, Progress(min((v.time for v in views[done:]), default=T0 + 12 * HOUR))]
    done = 0
    for part in cut(asked, sizes):
        done += len(part)
        behind = min((c.time for c in asked[done:]), default=T0 + 12 * HOUR)
        streams[1].append(CommandRows(list(part), behind))
    streams[0] = streams[0] or [Progress(T0 + 12 * HOUR)]
    streams[1] = streams[1] or [CommandRows([], T0 + 12 * HOUR)]
    while any(streams):
        stream = streams[data.draw(st.integers(0, 1))] or streams[0] or streams[1]
        parts += desk.tell(stream.pop(0))
    assert parts == whole
    assert [a.time for a in whole] == sorted(a.time for a in whole)
    assert desk.step.counters.account("alerting").balanced
    for name in "pqr":
        mine = [a for a in whole if a.id == name]
        assert [a.version for a in mine[:1]] in ([], [1])
        for one, other in pairwise(mine):
            forgotten = other.version == 1 and other.time - one.time > FORGET_AFTER_MS
            assert other.version == one.version + 1 or forgotten


# --- verdicts --------------------------------------------------------------------------------


def test_a_verdict_on_what_is_over_teaches_and_makes_no_version() -> None:
    desk = Desk()
    desk.tell(change(0, 4), change(1, None), *until(60))
    told = desk.said(CommandRows([command(61, "confirm"), command(62, number=2)], T0 + HOUR * 3))
    assert told == [] == desk.said(Progress(T0 + 3 * HOUR))
    assert desk.step.verdicts.taught(change(63, 4)).shift > 0
    account = desk.step.counters.account("alerting")
    assert account.balanced
    assert account.reasons == {"no such active warning": 1}, "the other one is no verdict"


def test_one_that_was_doubted_is_believed_again_when_it_was_real_after_all() -> None:
    for op, believed in (("confirm", True), ("false_alarm", False)):
        desk = Desk()
        desk.tell(_lone(0, "a", 8.0), change(1, None), *until(30))
        desk.tell(CommandRows([command(40, op)], T0 + HOUR), *until(50))
        assert desk.step._is_doubted("a", T0 + HOUR) != believed


def _weak(minute: float, name: str) -> IncidentView:
    heard = strand("a", 5.2, hazard="noise"), strand("c", 5.2, source="cell", hazard="noise")
    return view(*heard, time=T0 + int(minute * MINUTE), id=name, hazard="noise")


def _day_by_day(desk: Desk, days: range, op: str | None) -> list[Alert]:
    """A weak warning a day; somebody judges it half an hour later."""
    told = []
    for day in days:
        at = day * 24 * 60
        name = f"no-{day}"
        said = [] if op is None else [command(at + 30, op, name, number=day)]
        gone = view(time=T0 + (at + 40) * MINUTE, id=name, hazard="noise")
        end = T0 + (at + 600) * MINUTE
        told += desk.tell(_weak(at, name), gone, CommandRows(said, end), Progress(end))
    return told


def test_what_is_always_false_is_not_said_any_more_and_comes_back_when_confirmed() -> None:
    desk = Desk()
    first = [a.id for a in _day_by_day(desk, range(12), "false_alarm") if a.version == 1]
    assert first[:2] == ["no-0", "no-1"]
    assert "no-11" not in first
    kept = [a.id for a in _day_by_day(Desk(), range(12), "confirm") if a.version == 1]
    assert len(kept) == 12


@pytest.mark.parametrize("cut_at", [1, 5, 9])
def test_a_resumed_one_says_the_same_after_verdicts(cut_at: int) -> None:
    whole = _day_by_day(Desk(), range(14), "false_alarm")
    desk = Desk()
    told = _day_by_day(desk, range(cut_at), "false_alarm")
    resumed = Desk()
    resumed.step.restore(desk.step.snapshot())
    assert told + _day_by_day(resumed, range(cut_at, 14), "false_alarm") == whole
    assert any(a.confirmation is not UNSET for a in whole) or len(whole) < 14


def test_what_was_noted_of_a_warning_is_forgotten_with_it() -> None:
    desk = Desk()
    desk.tell(change(0, 4), change(1, None), *until(30))
    assert NAME in desk.step.verdicts._cases
    desk.tell(*until(30 + (CLEAR_AFTER_MS + FORGET_AFTER_MS) / MINUTE))
    assert desk.step.verdicts._cases == {}


@pytest.mark.parametrize("cut_at", [None, 6])
def test_at_the_end_of_a_hold_the_reading_of_that_moment_speaks_first(cut_at: int | None) -> None:
    desk = Desk()
    items = [change(0, 1), change(1, 2)]
    told = desk.said(*items, *(until(cut_at) if cut_at else ()), change(6, 1), *until(30))
    assert told == [(0, 1, "issued")], "one low reading eases nothing"


def test_one_that_is_joined_at_the_moment_it_begins_takes_over_too() -> None:
    desk = Desk()
    desk.tell(change(0, 3), CommandRows([command(1, "confirm")], T0 + 2 * MINUTE), *until(2))
    joined = change(5, 3)._replace(strands=(), merged_into="wl-new")
    begun, grown = (change(5, 3, "wl-new") for _ in range(2))
    told = desk.tell(begun, joined, grown, *until(6))
    (new,) = (alert for alert in told if alert.id == "wl-new")
    assert new.version == 1
    assert new.marks is not None
    assert new.marks.confirmed == "op-7"
