"""Commands and watches from a real store, and what happens while it is away."""

from __future__ import annotations

import signal
import socket
import statistics
import time
from base64 import b64decode
from typing import Any

import msgspec
import pytest
import redis

from flows.control import ANSWER_S, AWAY_S, LOST_S, ControlSource
from flows.sources import Stop
from operators.events import BadMessage, Command
from operators.intake import CommandRows
from operators.series import Watch
from sinks.store import EmbeddedStore, Keys, connect
from tests.flows.processes import eventually, free_port, without_waiting

pytestmark = pytest.mark.system

KEYS = Keys()


def part(source: ControlSource, state: str | None = None) -> Any:
    return source.build_part("control", "control", state)


def ask(store: EmbeddedStore, *ids: str, payload: bytes | None = None) -> None:
    with connect(store.url) as client:
        for name in ids:
            command = Command(name, 1000, "op-1", "wl-1", 1, "ack")
            client.xadd(KEYS.commands, {"b": payload or msgspec.json.encode(command)})


def heard(made: Any) -> list[Any]:
    """Return what is said until all that was asked at one turn has been answered.

    Who remembers asks at the very first turn how far it was.
    """
    said: list[Any] = made.next_batch()
    for _ in range(1 if made._placed else 2):
        asked = made._asked

        def answered(asked: float = asked) -> bool:
            said.extend(made.next_batch())
            return made._line is None or made._asked != asked

        eventually(answered, "all answers")
    return said


def commands(made: Any) -> list[str]:
    return [
        command.id
        for item in heard(made)
        if isinstance(item, CommandRows)
        for command in item.commands
    ]


def watches(made: Any) -> list[tuple[str, ...]]:
    return [item.sensors for item in heard(made) if isinstance(item, Watch)]


def test_commands_come_once_in_order(store: EmbeddedStore) -> None:
    made = part(ControlSource(store.url))
    assert commands(made) == []
    ask(store, "c-1", "c-2")
    assert commands(made) == ["c-1", "c-2"]
    assert commands(made) == []
    ask(store, "c-3")
    assert commands(made) == ["c-3"]


def test_more_commands_than_fit_come_in_turns(store: EmbeddedStore) -> None:
    names = [f"c-{n}" for n in range(250)]
    ask(store, *names)
    made = part(ControlSource(store.url))
    assert [name for _ in range(3) for name in commands(made)] == names


def test_resumed_it_goes_on_after_the_last_command(store: EmbeddedStore) -> None:
    ask(store, "c-1", "c-2")
    first = part(ControlSource(store.url))
    assert part(ControlSource(store.url), first.snapshot()).cursor == first.cursor
    assert commands(first) == ["c-1", "c-2"]
    ask(store, "c-3")
    assert commands(part(ControlSource(store.url), first.snapshot())) == ["c-3"]


def test_a_command_that_is_none_costs_itself(store: EmbeddedStore) -> None:
    ask(store, "c-1")
    ask(store, "bad", payload=b"{")
    ask(store, "c-2")
    said = heard(part(ControlSource(store.url)))
    assert [c.id for item in said if isinstance(item, CommandRows) for c in item.commands] == [
        "c-1",
        "c-2",
    ]
    (bad,) = [item for item in said if isinstance(item, BadMessage)]
    assert (bad.source, bad.partition, b64decode(bad.payload)) == ("store/commands", 0, b"{")
    assert bad.reason.startswith("not JSON: ")
    assert abs(bad.offset - 1000 * time.time()) < 60_000, "when the store got it"


def test_an_entry_of_somebody_else_costs_itself(store: EmbeddedStore) -> None:
    with connect(store.url) as client:
        client.xadd(KEYS.commands, {"other": "field"}, id="1234-5")
    ask(store, "c-1")
    rows, bad = heard(part(ControlSource(store.url)))
    assert [command.id for command in rows.commands] == ["c-1"]
    assert (bad.offset, bad.payload) == (1234, "")


def test_what_people_look_at_is_told_when_it_changes(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.control.WATCH_S", 0.0)
    made = part(ControlSource(store.url))
    soon = 1000 * time.time() + 60_000
    with connect(store.url) as client:
        assert watches(made) == []
        client.zadd(KEYS.watch, {"s-2": soon, "s-1": soon, "long-ago": 1})
        assert watches(made) == [("s-1", "s-2")]
        assert watches(made) == []
        client.zrem(KEYS.watch, "s-1")
        assert watches(made) == [("s-2",)]
        client.delete(KEYS.watch)
        assert watches(made) == [()]


def test_while_the_store_is_away_nothing_is_said_and_nothing_lost(store: EmbeddedStore) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}"
    source = ControlSource(nobody)
    made = part(source, "5-0")
    assert made.next_batch() == []
    assert made.snapshot() == "5-0"
    source.url = store.url
    ask(store, "c-1")
    got: list[str] = []
    eventually(lambda: got.extend(commands(made)) or got, "the command")
    assert got == ["c-1"]


def test_commands_are_not_lost_when_the_store_dies_just_after(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.control.AWAY_S", 0.0)
    ask(store, "c-1")
    made = part(ControlSource(store.url))

    def dies(answer: Any) -> Any:
        raise redis.ConnectionError("gone")

    made._watches = dies  # the answer that comes behind that of the commands
    assert commands(made) == ["c-1"]
    del made._watches
    assert commands(made) == []


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each attempt to be connected may take."""
    found: list[float] = []

    def noted(url: str, retries: int, answer_s: float) -> redis.Redis:
        found.append(answer_s)
        return connect(url, retries, answer_s)

    monkeypatch.setattr("flows.control.connect", noted)
    return found


class Later:
    """The clock of the control source, which may be set."""

    def __init__(self) -> None:
        self.offset_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.offset_s

    def time(self) -> float:
        return time.time() + self.offset_s


def test_a_store_that_stands_still_does_not_hold_up_the_flow(
    store: EmbeddedStore, connects: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not looked for: a connection to who stands still takes as long as it may."""
    clock = Later()
    monkeypatch.setattr("flows.control.time", clock)
    made = part(ControlSource(store.url, remembers=True))
    ask(store, "c-1")
    assert commands(made) == ["c-1"]
    assert store.process is not None
    store.process.send_signal(signal.SIGSTOP)
    took = []
    try:
        for _ in range(20):
            clock.offset_s += (LOST_S - 5) / 20
            began = time.monotonic()
            assert made.next_batch() == []
            made.snapshot()  # which has something to note in the store
            took.append(time.monotonic() - began)
    finally:
        store.process.send_signal(signal.SIGCONT)
    # The first, before the store is known to be late, may have to wait.
    assert statistics.median(took) < ANSWER_S / 10
    assert len(connects) == 1
    ask(store, "c-2")
    got: list[str] = []
    eventually(lambda: got.extend(commands(made)) or got, "the command")
    assert got == ["c-2"]


def test_a_connection_without_an_answer_is_given_up_in_the_end(
    store: EmbeddedStore, connects: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Later()
    monkeypatch.setattr("flows.control.time", clock)
    made = part(ControlSource(store.url))
    assert commands(made) == []
    made._line.can_read = lambda _: False  # as where the other end has gone without a word
    clock.offset_s = LOST_S + 1
    assert made.next_batch() == []
    clock.offset_s += AWAY_S
    ask(store, "c-1")
    assert commands(made) == ["c-1"]
    assert len(connects) == 2


def test_an_absent_store_does_not_hold_up_the_flow(connects: list[float]) -> None:
    """It runs beside the hot path: it is looked for once a second, not at each of fifty turns."""
    made = part(ControlSource(f"redis://127.0.0.1:{free_port()}"))
    began = time.monotonic()
    for _ in range(100):
        made.next_batch()
    assert 1 <= len(connects) <= 1 + (time.monotonic() - began) / AWAY_S


def test_a_store_that_does_not_let_itself_be_connected_holds_up_the_flow_for_a_second(
    connects: list[float],
) -> None:
    with socket.socket() as mute:  # takes connections, and says nothing
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        made = part(ControlSource(f"redis://127.0.0.1:{mute.getsockname()[1]}"))
        with without_waiting():
            assert made.next_batch() == []
        assert connects == [1.0]


def test_also_the_newer_protocol_is_understood(store: EmbeddedStore) -> None:
    mark = "&" if "?" in store.url else "?"
    made = part(ControlSource(f"{store.url}{mark}protocol=3"))
    ask(store, "c-1", "c-2")
    assert commands(made) == ["c-1", "c-2"]


def test_asked_to_stop_it_ends(store: EmbeddedStore) -> None:
    stop = Stop()
    made = part(ControlSource(store.url, stop=stop))
    made.next_batch()
    stop.asked = True
    with pytest.raises(StopIteration):
        made.next_batch()


class TestRemembering:
    """Where no snapshot of the flow keeps the cursor, the store does."""

    def source(self, store: EmbeddedStore) -> ControlSource:
        return ControlSource(store.url, remembers=True)

    def test_what_has_been_passed_on_is_not_read_again(self, store: EmbeddedStore) -> None:
        ask(store, "c-1", "c-2")
        first = part(self.source(store))
        assert commands(first) == ["c-1", "c-2"]
        first.snapshot()
        first.snapshot()  # the epoch after is over too: what was read has been passed on
        ask(store, "c-3")
        assert commands(part(self.source(store))) == ["c-3"]

    def test_what_may_not_have_been_passed_on_is_read_again(self, store: EmbeddedStore) -> None:
        ask(store, "c-1")
        first = part(self.source(store))
        assert commands(first) == ["c-1"]
        first.snapshot()
        ask(store, "c-2")
        assert commands(first) == ["c-2"]
        first.snapshot()
        assert commands(part(self.source(store))) == ["c-2"]

    def test_what_is_still_on_its_way_is_read_again(self, store: EmbeddedStore) -> None:
        """A broker that is away has not got it: after a crash it must be said again."""
        ask(store, "c-1")
        there: list[bool] = []
        source = ControlSource(store.url, remembers=True, arrived=lambda: bool(there))
        first = part(source)
        assert commands(first) == ["c-1"]
        for _ in range(3):
            first.snapshot()
        assert commands(part(source)) == ["c-1"]
        there.append(True)
        first.snapshot()
        assert commands(part(source)) == []

    def test_it_is_noted_beside_the_commands(self, store: EmbeddedStore) -> None:
        ask(store, "c-1")
        made = part(self.source(store))
        commands(made)
        made.snapshot()
        made.snapshot()
        with connect(store.url) as client:
            assert client.get(KEYS.commands_read) == made.cursor.encode()

    def test_a_store_that_is_not_there_yet_is_asked_how_far_before_anything_is_read(
        self, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All commands there are may be more than the warnings remember the names of."""
        monkeypatch.setattr("flows.control.AWAY_S", 0.0)
        ask(store, "c-1")
        first = part(self.source(store))
        assert commands(first) == ["c-1"]
        first.snapshot()
        first.snapshot()
        ask(store, "c-2")
        source = ControlSource(f"redis://127.0.0.1:{free_port()}", remembers=True)
        made = part(source)
        assert commands(made) == []
        made.snapshot()
        made.snapshot()
        source.url = store.url
        assert commands(made) == ["c-2"]

    def test_commands_that_may_not_be_read_are_told_of(
        self, store: EmbeddedStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        with connect(store.url) as client:
            client.set(KEYS.commands, "not a stream")
        assert commands(part(self.source(store))) == []
        assert "commands: not heard for now: WRONGTYPE" in caplog.text

    def test_a_source_that_does_not_remember_leaves_nothing(self, store: EmbeddedStore) -> None:
        ask(store, "c-1")
        made = part(ControlSource(store.url))
        commands(made)
        made.snapshot()
        made.snapshot()
        with connect(store.url) as client:
            assert client.get(KEYS.commands_read) is None


def test_of_watches_alone_it_reads_no_commands(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.control.WATCH_S", 0.0)
    ask(store, "c-1")
    made = part(ControlSource(store.url, commands=False))
    with connect(store.url) as client:
        client.zadd(KEYS.watch, {"s-1": 1000 * time.time() + 60_000})
    items = heard(made)
    assert items == [Watch(("s-1",))]
    assert made.cursor == "0"
