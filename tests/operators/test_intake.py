"""Whatever a feed does, every message is accounted for, and time goes on."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.counters import Counters
from operators.event_clock import ALLOWED_LATENESS_MS, NEVER
from operators.events import LONGEST_ID, BadMessage, Command
from operators.intake import (
    BLOCKS,
    PROMPT_LATENESS_MS,
    CommandRows,
    FeedName,
    Poll,
    ReportRows,
    Stretch,
    TakeEvents,
    TakeReadings,
)
from operators.registry import Registry
from tests.operators.town import (
    DAY,
    HOUR,
    LAT,
    LON,
    MINUTE,
    T0,
    line,
    poll,
    polls,
    reading,
    report,
    sensor,
    town,
)

TOWN = town([sensor(f"s-{n}") for n in range(4)])


class Taken:
    """What the readings of some polls came to."""

    def __init__(self, *names: int) -> None:
        self.registry = Registry(TOWN)
        self.counters = Counters()
        self.intake = TakeReadings(self.registry, self.counters, names or (0,), "town")
        self.rows: list[tuple[str, int, float]] = []
        self.shards: list[int] = []
        self.bad: list[BadMessage] = []
        self.met: list[str] = []
        self.watermarks: list[list[int]] = []
        self.ended: list[set[int]] = []

    def take(self, *told: Poll) -> "Taken":
        for each in told:
            batch, bad, met = self.intake.accept(each)
            rows = batch.rows
            names = [self.registry.sensors[s].id for s in rows.sensor]
            self.rows += zip(names, rows.time.tolist(), rows.value.tolist(), strict=True)
            self.shards += rows.shard.tolist()
            self.watermarks.append(batch.watermarks.tolist())
            self.ended.append(set(batch.ended))
            self.bad += bad
            self.met += [known.id for known in met]
        return self

    def readings(self, *lines: bytes, **more: Any) -> "Taken":
        return self.take(poll("readings", *lines, **more))

    @property
    def reasons(self) -> list[str]:
        return [bad.reason for bad in self.bad]

    @property
    def reached(self) -> int:
        return self.watermarks[-1][0]


class Told:
    """What the reports or commands of some polls came to."""

    def __init__(self, feed: FeedName, *names: int) -> None:
        self.counters = Counters()
        self.intake = TakeEvents(feed, self.counters, names or (0,), "town")
        self.ids: list[str] = []
        self.bad: list[BadMessage] = []
        self.watermarks: list[int] = []
        self.last: list[bool] = []

    def take(self, *told: Poll) -> "Told":
        for each in told:
            out, bad = self.intake.accept(each)
            events: Sequence[Any] = out.reports if isinstance(out, ReportRows) else out.commands
            self.ids += [event.id for event in events]
            self.watermarks.append(out.watermark)
            self.last.append(out.last)
            self.bad += bad
        return self


# --- accounting ------------------------------------------------------------------------------


def test_a_bad_message_costs_itself_and_says_where_it_stood() -> None:
    taken = Taken().readings(
        reading("s-0", T0, 1),
        b"{broken",
        reading("s-1", T0, "x"),
        reading("s-1", T0, 2),
        offset=500,
    )
    assert taken.rows == [("s-0", T0, 1.0), ("s-1", T0, 2.0)]
    assert [(bad.source, bad.partition, bad.offset) for bad in taken.bad] == [
        ("town/readings", 0, 501),
        ("town/readings", 0, 502),
    ]
    assert base64.b64decode(taken.bad[0].payload) == b"{broken"
    assert taken.counters.account("intake") == ("intake", 4, 2, 0, 2, {"readings": 2})


def test_a_bad_message_says_which_partition_it_came_by() -> None:
    lines = [reading("s-0", T0, 1), b"{", b"[", reading("s-1", T0, 2), b"}", b"]"]
    stretches = (Stretch(1, 70, 2), Stretch(0, 5, 3), Stretch(1, 72, 1))
    taken = Taken(4, 9).take(Poll("readings", lines, stretches))
    assert [(bad.partition, bad.offset) for bad in taken.bad] == [(9, 71), (4, 5), (4, 7), (9, 72)]
    assert [base64.b64decode(bad.payload) for bad in taken.bad] == [b"{", b"[", b"}", b"]"]
    assert taken.shards == [1, 0]


def gateway(names: list[str], times: list[int], values: list[Any]) -> bytes:
    return json.dumps({"sensor": names, "time": times, "value": values}).encode()


def test_a_gateway_is_counted_by_its_readings() -> None:
    told = gateway(["s-0", "s-1", "s-2"], [T0, T0, T0], [1, "x", 3])
    taken = Taken().readings(told, offset=9)
    assert [row[0] for row in taken.rows] == ["s-0", "s-2"]
    assert taken.bad[0].offset == 9
    assert taken.counters.account("intake")[:5] == ("intake", 3, 2, 0, 1)


def test_reports_and_commands_are_decoded_too() -> None:
    ack = Command("c-1", T0, "op-7", "wl-1", 1, "ack")
    reports = Told("reports").take(
        poll("reports", line(report("r-1", T0, "water")), b"?", offset=7)
    )
    commands = Told("commands").take(poll("commands", b"[]", line(ack)))
    assert (reports.ids, commands.ids) == (["r-1"], ["c-1"])
    assert [(bad.source, bad.offset) for bad in (*reports.bad, *commands.bad)] == [
        ("town/reports", 8),
        ("town/commands", 0),
    ]
    assert reports.counters.account("intake") == ("intake", 2, 1, 0, 1, {"reports": 1})
    assert commands.counters.account("intake") == ("intake", 2, 1, 0, 1, {"commands": 1})


_time = st.one_of(st.integers(T0, T0 + HOUR), st.just(T0 + 40 * DAY))
_line = st.one_of(
    st.builds(
        reading,
        st.sampled_from(["s-0", "s-1", "new", "nobody"]),
        _time,
        st.integers(0, 9),
    ),
    st.builds(
        lambda time: reading("new", time, 1, lon=LON, lat=LAT, kind="noise"),
        _time,
    ),
    st.sampled_from([b"", b"{", b"[]", reading("s-0", -5, 1), reading("s-0", T0, "x")]),
)


@given(
    st.lists(_line, max_size=150),
    st.lists(st.integers(1, 60), min_size=1, max_size=6),
    st.sampled_from([1, 3]),
    st.booleans(),
)
def test_nothing_disappears_and_the_cut_changes_nothing(
    lines: list[bytes], sizes: list[int], shards: int, ahead: bool
) -> None:
    names = tuple(range(shards))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("operators.intake.BLOCKS", dict.fromkeys(BLOCKS, 8))
        whole = Taken(*names).take(*polls({"readings": lines}, 1000, shards=shards))
        cut, parts = polls({"readings": lines}, *sizes, shards=shards), Taken(*names)
        if ahead:
            cut = [each._replace(decoded=parts.intake.decode(each.lines)) for each in cut]
        parts.take(*cut)
    assert parts.rows == whole.rows
    assert parts.shards == whole.shards
    assert parts.bad == whole.bad
    assert parts.met == whole.met
    assert parts.counters.accounts() == whole.counters.accounts()
    account = whole.counters.account("intake")
    assert account.balanced
    assert account.received == len(lines)
    assert account.rejected == len(whole.bad)
    for reached in zip(*parts.watermarks, strict=True):
        assert list(reached) == sorted(reached)
    assert parts.watermarks[-1] == whole.watermarks[-1]
    assert [s.id for s in parts.registry.sensors] == [s.id for s in whole.registry.sensors]


# --- shards ----------------------------------------------------------------------------------


def test_readings_are_of_the_shard_they_came_by() -> None:
    lines = [reading(f"s-{n % 4}", T0 + n, n) for n in range(9)]
    stretches = (Stretch(2, 0, 4), Stretch(0, 90, 1), Stretch(2, 4, 2), Stretch(1, 7, 2))
    taken = Taken(0, 1, 2).take(Poll("readings", lines, stretches))
    assert taken.shards == [2, 2, 2, 2, 0, 2, 2, 1, 1]


def test_all_readings_of_a_gateway_are_of_its_shard() -> None:
    two, none = gateway(["s-0", "s-1"], [T0, T0], [1, 2]), gateway([], [], [])
    stretches = (Stretch(1, 0, 1), Stretch(0, 0, 1))
    # As many readings as messages, all the same.
    taken = Taken(0, 1).take(Poll("readings", [two, none], stretches))
    assert taken.shards == [1, 1]
    taken.take(Poll("readings", [two, reading("s-2", T0, 1)], stretches))
    assert taken.shards[2:] == [1, 1, 0]


def test_every_shard_has_a_clock_of_its_own() -> None:
    taken = Taken(0, 1)
    ahead, behind = block(T0 + HOUR), block(T0)
    taken.take(Poll("readings", [*ahead, *behind], (Stretch(0, 0, 64), Stretch(1, 0, 64))))
    assert taken.watermarks == [[T0 + HOUR - ALLOWED_LATENESS_MS, T0 - ALLOWED_LATENESS_MS]]
    assert taken.counters.account("intake").late == 0
    old = [reading("s-1", T0, 1), reading("s-2", T0, 1)]
    taken.take(Poll("readings", old, (Stretch(0, 64, 1), Stretch(1, 64, 1))))
    assert taken.rows[-1] == ("s-2", T0, 1.0)
    assert taken.counters.account("intake").late == 1


def test_a_shard_ends_by_itself_and_once() -> None:
    taken = Taken(0, 1)
    told = Poll("readings", [reading("s-0", T0, 1)], (Stretch(0, 0, 1),), frozenset({0}))
    taken.take(told, Poll("readings", [], (), frozenset({0, 1})))
    assert taken.ended == [{0}, {1}]
    assert taken.watermarks == [[T0 + 1, NEVER], [T0 + 1, NEVER + 1]]


def test_a_shards_clock_goes_on_elsewhere() -> None:
    there, here = Taken(7), Taken(3, 7)
    there.readings(*block(T0 + HOUR), clock_ms=T0 + 2 * HOUR, live=True)
    here.intake.clocks.put(1, there.intake.clocks.take(0))
    old = reading("s-1", T0, 1)
    here.take(Poll("readings", [old, old], (Stretch(0, 0, 1), Stretch(1, 64, 1))))
    assert here.rows == [("s-1", T0, 1.0)]
    assert here.watermarks == [[NEVER, T0 + 2 * HOUR - PROMPT_LATENESS_MS]]


# --- strangers -------------------------------------------------------------------------------


def test_a_stranger_without_a_place_is_refused_by_name() -> None:
    taken = Taken().readings(reading("who", T0, 1))
    assert taken.rows == []
    (reason,) = taken.reasons
    assert reason == "sensor: 'who' is not in the city file, and tells no lon and lat in degrees"
    assert taken.counters.account("intake").balanced


def test_a_stranger_with_a_name_without_end_is_refused_by_its_beginning() -> None:
    taken = Taken().readings(
        reading("n" * 900_000, T0, 1),
        reading("m" * (LONGEST_ID + 1), T0, 1, lon=LON, lat=LAT),
        reading("o" * LONGEST_ID, T0, 1, lon=LON, lat=LAT),
    )
    endless, long = taken.reasons
    assert endless.startswith("sensor: 'nnnn")
    assert endless.endswith("nn…' is not in the city file, and has 900000 characters, not 1 to 512")
    assert long.endswith("mm…' is not in the city file, and has 513 characters, not 1 to 512")
    assert len(endless) < 120
    assert len(taken.rows) == 1


@pytest.mark.parametrize("size", [1, 2])
def test_a_place_that_is_none_does_not_stand_in_for_one_that_is(size: int) -> None:
    lines = [reading("new", T0, 1, lon=181.0, lat=LAT), reading("new", T0 + 1, 2, lon=LON, lat=LAT)]
    taken = Taken().take(*polls({"readings": lines}, size))
    assert [row[2] for row in taken.rows] == [2.0]
    assert len(taken.reasons) == 1


def test_a_stranger_for_whom_there_is_no_room_is_told_so() -> None:
    taken = Taken()
    taken.registry.limit = len(taken.registry)
    taken.readings(reading("new", T0, 1, lon=LON, lat=LAT))
    assert taken.reasons == ["sensor: 'new' is not in the city file, and there is no room for it"]


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_stranger_is_known_from_its_first_place_on(size: int, ahead: bool) -> None:
    lines = [
        reading("new", T0, 1),
        reading("new", T0 + 1, 2, kind="pm25", lon=LON + 0.1, lat=LAT),
        reading("new", T0 + 2, 3, kind="noise", lon=LON - 0.1, lat=LAT),
        reading("new", T0 + 3, 4),
    ]
    cut, taken = polls({"readings": lines}, size), Taken()
    if ahead:
        cut = [each._replace(decoded=taken.intake.decode(each.lines)) for each in cut]
    taken.take(*cut)
    assert [row[2] for row in taken.rows] == [2.0, 3.0, 4.0]
    assert (taken.registry.sensors[4].kind, taken.registry.districts[4]) == ("pm25", "east")
    assert taken.met == ["new"], "told once"


def test_several_strangers_of_a_poll_are_told_in_the_order_of_their_places() -> None:
    taken = Taken().readings(
        *(reading(name, T0, 1, lon=LON, lat=LAT) for name in ("new-b", "new-a", "new-b"))
    )
    assert taken.met == ["new-b", "new-a"]
    assert [known.id for known in taken.registry.strangers] == taken.met


# --- time ------------------------------------------------------------------------------------


def block(time: int, name: str = "s-0") -> list[bytes]:
    return [reading(name, time, 1)] * BLOCKS["readings"]


def test_a_late_reading_is_counted_and_left_out() -> None:
    taken = Taken().readings(*block(T0 + HOUR), offset=0)
    edge = T0 + HOUR - ALLOWED_LATENESS_MS
    rows = taken.readings(reading("s-1", edge - 1, 5), reading("s-1", edge, 6)).rows
    assert rows[-1] == ("s-1", edge, 6.0)
    assert taken.counters.account("intake").late == 1
    assert taken.counters.account("intake").balanced
    assert taken.bad == []


def test_reports_wait_for_the_slowest_of_their_shards_until_it_ends() -> None:
    told = Told("reports", 0, 1)
    ahead = [line(report(f"r-{n}", T0 + HOUR, "water")) for n in range(BLOCKS["reports"])]
    behind = [line(report(f"r-{n}", T0, "water")) for n in range(BLOCKS["reports"])]
    told.take(Poll("reports", ahead, (Stretch(0, 0, len(ahead)),)))
    told.take(Poll("reports", behind, (Stretch(1, 0, len(behind)),)))
    told.take(Poll("reports", [], (), frozenset({1})))
    told.take(Poll("reports", [], (), frozenset({0})))
    edge = T0 - ALLOWED_LATENESS_MS
    assert told.watermarks == [NEVER, edge, T0 + 1, T0 + 1]
    assert told.last == [False, False, False, True]


def test_the_end_is_told_once_it_is_the_end() -> None:
    taken = Taken().readings(reading("s-0", T0, 1)).readings(ended=True).readings(ended=True)
    assert taken.ended == [set(), {0}, set()]
    assert taken.reached == T0 + 1


@pytest.mark.parametrize("feed", ["reports", "commands"])
def test_a_feed_that_says_nothing_at_all_ends_quietly(feed: FeedName) -> None:
    told = Told(feed).take(poll(feed), poll(feed, ended=True))
    assert (told.ids, told.watermarks, told.last) == ([], [NEVER, NEVER + 1], [False, True])
    taken = Taken().readings(ended=True)
    assert (taken.rows, taken.watermarks) == ([], [[NEVER + 1]])


def test_paced_time_does_not_wait_for_messages() -> None:
    taken = Taken()
    taken.readings(reading("s-0", T0, 1), clock_ms=T0, live=True)
    assert taken.reached == T0 - PROMPT_LATENESS_MS
    taken.readings(clock_ms=T0 + HOUR, live=True)
    assert taken.reached == T0 + HOUR - PROMPT_LATENESS_MS
    taken.readings(clock_ms=T0, live=True)
    taken.readings(ended=True)
    assert taken.reached == T0 + HOUR - PROMPT_LATENESS_MS
    assert taken.watermarks == sorted(taken.watermarks)


def test_the_clock_speaks_only_for_shards_that_are_up_with_the_present() -> None:
    taken = Taken(0, 1)
    taken.take(Poll("readings", [], (), clock_ms=T0, live=frozenset({1})))
    assert taken.watermarks == [[NEVER, T0 - PROMPT_LATENESS_MS]]
    taken.take(Poll("readings", [], (), clock_ms=T0 + HOUR, live=frozenset({0})))
    later = T0 + HOUR - PROMPT_LATENESS_MS
    assert taken.watermarks[-1] == [later, T0 - PROMPT_LATENESS_MS], "it does not go back"


@pytest.mark.parametrize("live", [True, False])
def test_paced_a_sensor_whose_clock_is_years_ahead_is_refused(live: bool) -> None:
    taken = Taken().readings(
        reading("s-0", T0, 1), reading("s-1", T0 + 70 * 365 * DAY, 1), clock_ms=T0, live=live
    )
    assert taken.rows == [("s-0", T0, 1.0)]
    assert taken.bad[0].offset == 1
    assert "ahead" in taken.reasons[0]
    assert taken.counters.account("intake").balanced


def test_paced_a_stranger_from_years_ahead_is_refused_once() -> None:
    taken = Taken().readings(reading("nobody", T0 + 70 * 365 * DAY, 1), clock_ms=T0, live=True)
    assert len(taken.bad) == 1
    assert taken.counters.account("intake") == ("intake", 1, 0, 0, 1, {"readings": 1})


def test_paced_an_event_from_after_now_is_refused_too() -> None:
    lines = [line(report(f"r-{n}", T0 + n * DAY, "water")) for n in range(2)]
    told = Told("reports").take(poll("reports", *lines, offset=5, clock_ms=T0, live=True))
    assert told.ids == ["r-0"]
    assert [bad.offset for bad in told.bad] == [6]
    assert told.counters.account("intake") == ("intake", 2, 1, 0, 1, {"reports": 1})


def sent(*at: int, live: bool = False, **more: Any) -> dict[str, Any]:
    """When messages were sent that are read a week later."""
    return {"clock_ms": T0 + 7 * DAY, "live": live, "sent_ms": np.array(at, np.int64), **more}


@pytest.mark.parametrize("feed", ["readings", "reports"])
def test_how_far_ahead_a_time_may_be_is_told_by_when_it_was_sent(feed: FeedName) -> None:
    """Else one clock of a backlog moves everybody's time, and a crash another's numbers."""
    times = [T0, T0 + MINUTE, T0 + 8 * HOUR, T0 + 2 * MINUTE, T0 + DAY]
    made = [
        reading(f"s-{n % 4}", at, n) if feed == "readings" else line(report(f"{n}", at, "water"))
        for n, at in enumerate(times)
    ]
    told: Taken | Told = Taken() if feed == "readings" else Told("reports")
    told.take(poll(feed, *made, **sent(T0, T0, T0, T0, -1)))
    assert [bad.offset for bad in told.bad] == [2], "of the last nobody knows when it was sent"
    kept = [at for _, at, _ in told.rows] if isinstance(told, Taken) else told.ids
    assert len(kept) == 4


def test_a_producer_whose_clock_is_behind_costs_nothing_while_it_is_live() -> None:
    now = T0 + 7 * DAY
    for live, count in ((True, 2), (False, 0)):
        lines = reading("s-0", now, 1), reading("s-1", now + MINUTE, 1)
        assert len(Taken().readings(*lines, **sent(0, 0, live=live)).rows) == count


def test_a_producer_whose_clock_is_ahead_makes_nothing_right() -> None:
    now = T0 + 7 * DAY
    taken = Taken().readings(reading("s-0", now + DAY, 1), **sent(now + DAY, live=True))
    assert len(taken.bad) == 1


@pytest.mark.parametrize("gap", [MINUTE, 7 * HOUR, DAY, 30 * DAY])
def test_a_feed_that_says_little_is_believed(gap: int) -> None:
    makers: dict[FeedName, Callable[[int, int], bytes]] = {
        "readings": lambda n, at: reading("s-0", at, n),
        "reports": lambda n, at: line(report(f"r-{n}", at, "water")),
        "commands": lambda n, at: line(Command(f"c-{n}", at, "op-7", "wl-1", 1, "ack")),
    }
    for feed, make in makers.items():
        lines = [make(n, T0 + n * gap) for n in range(12)]
        taken: Taken | Told = Taken() if feed == "readings" else Told(feed)
        taken.take(*polls({feed: lines}, 5))
        assert taken.counters.account("intake") == ("intake", 12, 12, 0, 0, {})


@given(st.lists(st.integers(T0, T0 + HOUR), max_size=60), st.integers(0, 60))
def test_events_go_on_elsewhere_where_they_were(times: list[int], at: int) -> None:
    lines = [line(report(f"r-{n}", time, "x")) for n, time in enumerate(times)]
    shards = tuple(Stretch(n % 2, n // 2, 1) for n in range(len(lines)))
    whole = Told("reports", 0, 1).take(Poll("reports", lines, shards))
    first = Told("reports", 0, 1).take(Poll("reports", lines[:at], shards[:at]))
    rest = Told("reports", 0, 1)
    rest.intake.put(first.intake.take())
    rest.take(Poll("reports", lines[at:], shards[at:]))
    assert first.ids + rest.ids == whole.ids
    assert rest.watermarks == whole.watermarks
    assert isinstance(first.intake.accept(Poll("reports", [], ()))[0], ReportRows)
    assert isinstance(Told("commands").intake.accept(poll("commands"))[0], CommandRows)
