"""The whole city in one process, on a real broker: its own log, applied at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.production import FLOWS, Part
from flows.run import make_parts, run_parts
from flows.together import Together
from operators.codec import bad_message, decode_alert, encode
from operators.events import Alert, Command, Levels
from operators.evidence import Found
from operators.evidence_log import LogItem
from operators.intake import CommandRows
from operators.registry import Registry
from operators.triage import Triaged
from operators.windows import ShardWindow
from sinks.kafka import SendError
from tests.broker import LocalBroker
from tests.flows.kafka_parts import City, Kept
from tests.kafka_fixture import Topics
from tests.kafka_tools import committed, read, send, values
from tests.operators.town import MINUTE, T0, line, reading, report, sensor, town

pytestmark = pytest.mark.system

END = {"citywatch-end": b"1"}
CITY = town([sensor("gas", "gas_ch4", levels=Levels(blue=5.0, yellow=10.0))])
MINUTES = 60


@pytest.fixture
def city(kafka_broker: LocalBroker, topics: Topics, tmp_path: Path) -> City:
    """A town with one sensor of gas."""
    (tmp_path / "city.json").write_bytes(encode(CITY))
    made = City(kafka_broker, topics, tmp_path, tmp_path / "data")
    made.place.create(made.names, 1)
    return made


def publish(city: City, *more: bytes, since: int = 0, until: int = MINUTES) -> None:
    """An hour of a sensor that goes over one level and then the next, and a report; or some of it.

    With its last minute both feeds are over.
    """
    said = [2.0] * 5 + [7.0] * 5 + [12.0] * 5 + [2.0] * (MINUTES - 15)
    lines = [reading("gas", T0 + n * MINUTE, value) for n, value in enumerate(said)]
    place, names = city.place.servers, city.names
    send(place, names.readings, [*lines[since:until], *more])
    if since == 0:
        send(place, names.reports, [line(report("r-1", T0 + 6 * MINUTE, "it smells of gas"))])
    if until == MINUTES:
        for topic in (names.readings, names.reports):
            send(place, topic, [None], headers=END)


class People(FixedPartitionedSource[Any, None]):
    """What people say, and then nothing; they end the flow when something holds."""

    def __init__(
        self, part: Part, said: Sequence[Any] = (), until: Callable[[], bool] = lambda: False
    ) -> None:
        self._part, self._said, self._until = part, list(said), until

    def list_parts(self) -> list[str]:
        return ["people"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _Said:
        return _Said(self._part, self._said, self._until)


class _Said(StatefulSourcePartition[Any, None]):
    def __init__(self, part: Part, said: list[Any], until: Callable[[], bool]) -> None:
        self._part, self._said, self._until = part, said, until

    def next_batch(self) -> list[Any]:
        self._part.stop.asked = self._part.stop.asked or self._until()
        if self._part.stop.asked:
            raise StopIteration
        said, self._said[:] = list(self._said), []
        return said

    def next_awake(self) -> datetime:
        return datetime.now(UTC) + timedelta(milliseconds=5)

    def snapshot(self) -> None:
        return None


def parts(city: City) -> list[Part]:
    return make_parts("city", city.settings(), prompt=False)


def log(city: City) -> list[LogItem]:
    return city.log(Registry(CITY))


def alerts(city: City) -> list[Alert]:
    return [decode_alert(each or b"") for each in values(city.place.servers, city.names.alerts)]


def test_readings_become_warnings_and_the_log_tells_how(city: City) -> None:
    publish(city)
    made, store = parts(city), Kept()
    made[-1].store = store
    run_parts(made)
    said = alerts(city)
    assert (said[0].hazard, said[0].status, said[-1].status) == ("gas_leak", "active", "cleared")
    assert [item for item in store.items if isinstance(item, Alert)] == said
    told = log(city)
    assert {type(item) for item in told} == {Found, ShardWindow, Triaged}
    assert [item.origin for item in told if isinstance(item, Found) and item.last] != []
    keys = {message.key() for message in read(city.place.servers, city.names.evidence)}
    assert keys == {b"city", b"east"}, "evidence under its district"


def test_it_is_what_three_processes_say(city: City) -> None:
    publish(city)
    run_parts(parts(city))
    said = alerts(city)
    apart, store = copy(city), Kept()
    apart.data = city.data.with_name("apart")
    for flow in FLOWS:  # they find the log there, and tell the same again, under the same numbers
        part = apart.part(flow)
        part.store = store
        run_parts([part])
    assert [item for item in store.items if isinstance(item, Alert)] == said
    assert len(said) > 1


def test_gone_on_with_it_says_nothing_again(city: City) -> None:
    publish(city)
    first = parts(city)
    run_parts(first)
    said, told = alerts(city), values(city.place.servers, city.names.evidence)
    again = parts(city)
    run_parts(again)
    assert (alerts(city), values(city.place.servers, city.names.evidence)) == (said, told)
    assert first[0].counters.account("intake").received == MINUTES + 1
    assert [part.starts for part in again] == [{0: MINUTES}, {0: 1}, {0: len(told)}]


@pytest.mark.parametrize("lost", [(), ("warnings",), ("readings",), ("reports",), FLOWS])
def test_stopped_half_way_it_goes_on_whatever_is_left_of_its_state(
    city: City, lost: tuple[str, ...]
) -> None:
    """What is lost of it is made anew from its topic, and known by its numbers."""
    publish(city, until=8)
    half = parts(city)
    half[0].control = People(
        half[0], until=lambda: half[0].counters.account("intake").received == 9
    )
    run_parts(half)
    for flow in lost:
        (city.data / flow / "0.snapshot").unlink()
    publish(city, since=8)
    rest = parts(city)
    run_parts(rest)
    read_again = 8 * ("readings" in lost) + ("reports" in lost)
    assert rest[0].counters.account("intake").received == MINUTES - 8 + read_again
    whole = copy(city)
    whole.data = city.data.with_name("whole")
    again, kept = parts(whole), Kept()
    again[-1].store = kept
    run_parts(again)
    said = [item for item in kept.items if isinstance(item, Alert)]
    assert alerts(city) == said
    assert len(said) > 1


def test_before_the_log_was_looked_at_nothing_is_written() -> None:
    """The engine may end an epoch, and ask, before the step has had its first poll."""
    unread: Any = SimpleNamespace(offsets={})
    assert Together(unread, unread, unread, Registry(CITY)).written == 0


def test_who_finds_another_writer_in_its_log_ends_and_says_so(city: City) -> None:
    publish(city)
    made = parts(city)
    meddle = partial(send, city.place.servers, city.names.evidence, [b"{}"])
    made[0].control = People(made[0], until=lambda: bool(meddle()))
    with pytest.raises(SendError, match="somebody else writes to it, or did"):
        run_parts(made)


def test_no_tool_sees_a_lag_in_the_log(city: City) -> None:
    publish(city)
    run_parts(parts(city))
    names = city.names
    for name, topic in (("warnings", names.evidence), ("readings", names.readings)):
        group = f"{names.prefix}-{name}"
        end = len(read(city.place.servers, topic))
        assert committed(city.place.servers, group, topic, 1) == [end]


def test_what_is_no_reading_and_what_is_not_ours_in_the_log_are_dead_letters(city: City) -> None:
    send(city.place.servers, city.names.evidence, [b"{}"])
    publish(city, b"{")
    run_parts(parts(city))
    letters = read(city.place.servers, city.names.deadletter)
    servers = city.place.servers.encode()
    assert {letter.key() for letter in letters} == {
        servers + b"/evidence/0",
        servers + b"/readings/0",
    }
    assert alerts(city)


def test_what_people_ask_for_counts_at_once_and_is_in_the_log(city: City) -> None:
    publish(city)
    made = parts(city)
    command = Command("c-1", T0, "op-1", "gl-1", 1, "ack")
    bad: Any = bad_message("store/commands", 0, 7, "op: missing", b"{}")
    made[0].control = People(made[0], [CommandRows([command], T0), bad])
    run_parts(made)
    asked = [item for item in log(city) if isinstance(item, CommandRows)]
    assert [each.id for item in asked for each in item.commands] == ["c-1"]
    (letter,) = read(city.place.servers, city.names.deadletter)
    assert letter.key() == b"store/commands/0"
