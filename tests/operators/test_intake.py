"""Whatever a feed does, every message is accounted for, and time goes on."""

import base64
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import operators.registry
from operators.counters import Counters
from operators.events import BadMessage, Command
from operators.intake import (
    BLOCKS,
    PROMPT_LATENESS_MS,
    CommandRows,
    FeedName,
    Intake,
    Poll,
    ReportRows,
)
from operators.ordering import ALLOWED_LATENESS_MS, NEVER, ShardRows
from operators.registry import Registry
from tests.operators.town import (
    DAY,
    HOUR,
    LAT,
    LON,
    MINUTE,
    T0,
    line,
    polls,
    reading,
    report,
    sensor,
    town,
)

TOWN = town([sensor(f"s-{n}") for n in range(4)])


class Taken:
    """What an intake made of some polls."""

    def __init__(self, *feeds: FeedName, known: Registry | None = None) -> None:
        self.registry = known or Registry(TOWN)
        self.counters = Counters()
        self.intake = Intake(self.registry, self.counters, feeds or ("readings",), "town")
        self.rows: list[tuple[str, int, float]] = []
        self.reports: list[str] = []
        self.commands: list[str] = []
        self.bad: list[BadMessage] = []
        self.watermarks: list[int] = []

    def take(self, *polls: Poll) -> "Taken":
        for item in self.intake.on_batch(polls):
            match item:
                case ShardRows():
                    self.rows += [
                        (self.registry.sensors[s].id, t, v)
                        for s, t, v in zip(*(c.tolist() for c in item.rows), strict=True)
                    ]
                    self.watermarks.append(item.watermark)
                case ReportRows():
                    self.reports += [r.id for r in item.reports]
                case CommandRows():
                    self.commands += [c.id for c in item.commands]
                case _:
                    self.bad.append(item)
        return self

    def readings(self, *lines: bytes, offset: int = 0, **more: Any) -> "Taken":
        return self.take(Poll("readings", offset, list(lines), **more))

    @property
    def reasons(self) -> list[str]:
        return [bad.reason for bad in self.bad]


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


def test_a_gateway_is_counted_by_its_readings() -> None:
    gateway = reading(["s-0", "s-1", "s-2"], T0, 0).replace(  # type: ignore[arg-type]
        b'"time": %d, "value": 0' % T0, b'"time": [%d,%d,%d], "value": [1,"x",3]' % (T0, T0, T0)
    )
    taken = Taken().readings(gateway, offset=9)
    assert [row[0] for row in taken.rows] == ["s-0", "s-2"]
    assert taken.bad[0].offset == 9
    assert taken.counters.account("intake")[:5] == ("intake", 3, 2, 0, 1)


def test_reports_and_commands_are_decoded_too() -> None:
    ack = Command("c-1", T0, "op-7", "wl-1", 1, "ack")
    taken = Taken("reports", "commands").take(
        Poll("reports", 7, [line(report("r-1", T0, "water")), b"?"]),
        Poll("commands", 0, [b"[]", line(ack)]),
    )
    assert (taken.reports, taken.commands) == (["r-1"], ["c-1"])
    assert [(bad.source, bad.offset) for bad in taken.bad] == [
        ("town/reports", 8),
        ("town/commands", 0),
    ]
    assert taken.counters.account("intake").reasons == {"commands": 1, "reports": 1}


_time = st.one_of(st.integers(T0, T0 + HOUR), st.just(T0 + 40 * DAY))
_line = st.one_of(
    st.builds(
        reading,
        st.sampled_from(["s-0", "s-1", "nobody"]),
        _time,
        st.integers(0, 9),
    ),
    st.builds(
        lambda time: reading("new", time, 1, lon=LON, lat=LAT, kind="noise"),
        _time,
    ),
    st.sampled_from([b"", b"{", b"[]", reading("s-0", -5, 1), reading("s-0", T0, "x")]),
)


@given(st.lists(_line, max_size=150), st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_nothing_disappears_and_the_cut_changes_nothing(
    lines: list[bytes], sizes: list[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("operators.intake.BLOCKS", dict.fromkeys(BLOCKS, 8))
        whole = Taken().take(*polls({"readings": lines}, 1000))
        parts = Taken().take(*polls({"readings": lines}, *sizes))
    assert parts.rows == whole.rows
    assert sorted((b.offset, b.reason) for b in parts.bad) == sorted(
        (b.offset, b.reason) for b in whole.bad
    )
    assert parts.counters.accounts() == whole.counters.accounts()
    account = whole.counters.account("intake")
    assert account.balanced
    assert account.received == len(lines)
    assert account.rejected == len(whole.bad)
    assert parts.watermarks == sorted(parts.watermarks)
    assert [s.id for s in parts.registry.sensors] == [s.id for s in whole.registry.sensors]


# --- strangers -------------------------------------------------------------------------------


def test_a_stranger_without_a_place_is_refused_by_name() -> None:
    taken = Taken().readings(reading("who", T0, 1))
    assert taken.rows == []
    assert taken.reasons == ["sensor: 'who' is not in the city file, and its message has no place"]
    assert taken.counters.account("intake").balanced


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_stranger_is_known_from_its_first_place_on(size: int) -> None:
    lines = [
        reading("new", T0, 1),
        reading("new", T0 + 1, 2, kind="pm25", lon=LON + 0.1, lat=LAT),
        reading("new", T0 + 2, 3, kind="noise", lon=LON - 0.1, lat=LAT),
    ]
    taken = Taken().take(*polls({"readings": lines}, size))
    assert [row[2] for row in taken.rows] == [2.0, 3.0]
    assert (taken.registry.sensors[4].kind, taken.registry.districts[4]) == ("pm25", "east")


def test_a_resumed_intake_gives_strangers_their_old_index() -> None:
    before = Taken().readings(
        reading("new-b", T0, 1, lon=LON, lat=LAT, kind="pm25"),
        reading("new-a", T0, 1, lon=LON, lat=LAT, kind="rain"),
    )
    after = Taken()
    after.intake.restore(before.intake.snapshot())
    assert after.registry.index == before.registry.index
    assert after.registry.sensors == before.registry.sensors
    assert after.readings(reading("new-a", T0 + 1, 5)).rows == [("new-a", T0 + 1, 5.0)]
    again = Taken()
    again.intake.restore(after.intake.snapshot())
    assert again.registry.index == before.registry.index


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


def test_time_waits_for_the_slowest_feed_until_it_ends() -> None:
    taken = Taken("readings", "reports").readings(*block(T0 + HOUR))
    assert taken.intake.watermark == NEVER
    told = [line(report(f"r-{n}", T0, "water")) for n in range(BLOCKS["reports"])]
    taken.take(Poll("reports", 0, told))
    assert taken.intake.watermark == T0 - ALLOWED_LATENESS_MS
    taken.take(Poll("reports", 0, [], ended=True))
    assert taken.intake.watermark == T0 + HOUR - ALLOWED_LATENESS_MS
    taken.readings(ended=True)
    assert taken.intake.watermark == T0 + HOUR + 1
    assert taken.watermarks == sorted(taken.watermarks)


def test_the_end_is_told_once_and_to_everybody() -> None:
    taken = Taken("readings", "reports", "commands")
    end = [Poll(feed, 0, [], True) for feed in BLOCKS]  # type: ignore[arg-type]
    first = list(taken.intake.on_batch([Poll("readings", 0, [reading("s-0", T0, 1)]), *end]))
    kinds = {type(item) for item in first if item.watermark == T0 + 1}  # type: ignore[union-attr]
    assert kinds == {ShardRows, ReportRows, CommandRows}
    assert list(taken.intake.on_batch(end)) == []


def test_a_feed_that_says_nothing_at_all_ends_quietly() -> None:
    taken = Taken("readings", "reports")
    taken.take(Poll("readings", 0, [], True), Poll("reports", 0, [], True))
    assert taken.rows == []
    assert all(watermark <= NEVER + 1 for watermark in taken.watermarks)


def test_paced_time_does_not_wait_for_messages() -> None:
    taken = Taken("readings", "reports")
    taken.readings(reading("s-0", T0, 1), clock_ms=T0)
    assert taken.watermarks[-1] == T0 - PROMPT_LATENESS_MS
    taken.readings(clock_ms=T0 + HOUR)
    assert taken.watermarks[-1] == T0 + HOUR - PROMPT_LATENESS_MS
    taken.readings(clock_ms=T0)
    taken.take(Poll("readings", 0, [], True), Poll("reports", 0, [], True))
    assert taken.intake.watermark == T0 + HOUR - PROMPT_LATENESS_MS
    assert taken.watermarks == sorted(taken.watermarks)


def test_paced_a_sensor_whose_clock_is_years_ahead_is_refused() -> None:
    taken = Taken().readings(
        reading("s-0", T0, 1), reading("s-1", T0 + 70 * 365 * DAY, 1), clock_ms=T0
    )
    assert taken.rows == [("s-0", T0, 1.0)]
    assert taken.bad[0].offset == 1
    assert "ahead" in taken.reasons[0]
    assert taken.counters.account("intake").balanced


@pytest.mark.parametrize("gap", [MINUTE, 7 * HOUR, DAY, 30 * DAY])
@pytest.mark.parametrize("feed", ["readings", "reports", "commands"])
def test_a_feed_that_says_little_is_believed(feed: FeedName, gap: int) -> None:
    make: Callable[[int, int], bytes] = {
        "readings": lambda n, at: reading("s-0", at, n),
        "reports": lambda n, at: line(report(f"r-{n}", at, "water")),
        "commands": lambda n, at: line(Command(f"c-{n}", at, "op-7", "wl-1", 1, "ack")),
    }[feed]
    lines = [make(n, T0 + n * gap) for n in range(12)]
    taken = Taken(feed).take(*polls({feed: lines}, 5))
    assert taken.counters.account("intake") == ("intake", 12, 12, 0, 0, {})


def test_readings_are_dealt_to_their_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators.registry, "SENSORS_PER_SHARD", 3)
    known = Registry(town([sensor(f"s-{n}") for n in range(12)]))
    assert known.shards == 4
    intake = Intake(known, Counters(), ["readings"], "town")
    lines = [reading(f"s-{n % 12}", T0 + n, n) for n in range(100)]
    dealt: dict[int, list[int]] = {}
    for item in only_rows(intake.on_batch([Poll("readings", 0, lines)])):
        assert set(known.columns.shard[item.rows.sensor]) <= {item.shard}
        dealt.setdefault(item.shard, []).extend(item.rows.time.tolist())
    assert all(times == sorted(times) for times in dealt.values())
    assert sorted(time for times in dealt.values() for time in times) == [
        T0 + n for n in range(100)
    ]
    told = {item.shard for item in only_rows(intake.on_batch([Poll("readings", 0, [], True)]))}
    assert told == set(range(4))


def only_rows(items: Iterable[Any]) -> list[ShardRows]:
    return [item for item in items if isinstance(item, ShardRows)]
