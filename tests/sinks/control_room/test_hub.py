"""The hub without sockets: transcripts, and what is too big for one."""

import json
from pathlib import Path

import pytest

from sinks.control_room.alert_log import Entry
from sinks.control_room.client import BUSY_BYTES, MOST_BYTES
from sinks.control_room.hops import Hops
from tests.sinks.control_room.transcript import Room, play

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path) -> None:
    play(path)


def room_of(*screens: str) -> Room:
    room = Room()
    room.reload("e1 epoch")
    for name in screens:
        room.join(name)
        room.say(name, '{"t":"sub","id":1,"ch":"alerts"}')
        room.turn()
        room.sockets[name].got.clear()
    return room


def test_snapshot_comes_in_pages_and_only_the_last_has_a_cursor() -> None:
    room = room_of()
    for n in range(50):
        room.store(f"wl-{n} v1 body={'x' * 4000}")
    room.join("A")
    room.say("A", '{"t":"sub","id":1,"ch":"alerts"}')
    room.turn()
    pages = [message for message in room.sockets["A"].got if message["t"] == "snap"]
    assert [page["part"] for page in pages] == list(range(1, len(pages) + 1))
    assert {page["of"] for page in pages} == {len(pages)}
    assert [page["cur"] for page in pages] == [None] * (len(pages) - 1) + ["e1:50-0"]
    assert sum(len(page["items"]) for page in pages) == 50
    assert all(len(json.dumps(page)) <= 66_000 for page in pages)


def test_snapshot_waits_for_a_client_that_is_not_taking_it_yet() -> None:
    room = room_of()
    for n in range(400):
        room.store(f"wl-{n} v1 body={'x' * 4000}")
    room.join("A")
    socket = room.sockets["A"]
    socket.stalled = True
    room.say("A", '{"t":"sub","id":1,"ch":"alerts"}')
    room.turn()
    room.store("wl-0 v2")
    room.turn()
    assert BUSY_BYTES <= socket.unsent < BUSY_BYTES + 70_000
    while socket.unsent:
        socket.unsent = 0
        room.turn()
    *snap, event = [message for message in socket.got if message["t"] in ("snap", "ev")]
    assert sum(len(page["items"]) for page in snap) == 400
    assert event == {"t": "ev", "id": 1, "cur": "e1:401-0", "a": ["wl-0 v2"]}


def test_a_gap_larger_than_the_buffer_is_paced_and_whole() -> None:
    room = room_of()
    for n in range(1, 801):
        room.store(f"wl-1 v{n} body={n:04d}{'x' * 4000}")
    room.join("A")
    socket = room.sockets["A"]
    socket.stalled = True
    room.say("A", '{"t":"sub","id":1,"ch":"alerts","at":"e1:100-0"}')
    most = 0
    for _ in range(100):
        room.turn()
        most = max(most, socket.unsent)
        socket.unsent = 0
    assert most < BUSY_BYTES + 70_000
    bodies = [body for message in socket.got for body in message.get("a", ())]
    assert [int(body[:4]) for body in bodies] == list(range(101, 801))
    assert room.hub.slow == 0


def test_too_much_unsent_is_slow_whatever_its_age() -> None:
    room = room_of("A", "B")
    room.sockets["A"].stalled = True
    for n in range(600):
        room.store(f"wl-{n} v1 body={'x' * 2000}")
        room.turn()
    assert room.sockets["A"].aborted
    assert room.sockets["A"].unsent <= MOST_BYTES + 5000
    assert (room.hub.slow, len(room.hub.clients)) == (1, 1)
    assert sum(len(message["a"]) for message in room.sockets["B"].got) == 600


def test_values_are_conflated_while_a_client_is_behind() -> None:
    room = room_of("A")
    socket = room.sockets["A"]
    room.say("A", '{"t":"sub","id":2,"ch":"cells"}')
    room.turn()
    socket.got.clear()
    socket.unsent = BUSY_BYTES
    for n in range(100):
        room.values("cells", json.dumps({"8a": [n], f"8b{n % 3}": [n]}))
        room.turn()
    assert socket.got == []
    socket.unsent = 0
    room.turn()
    assert socket.got == [
        {"t": "st", "id": 2, "k": {"8b0": [99], "8a": [99], "8b2": [98], "8b1": [97]}}
    ]


def test_memory_of_the_log_is_bounded_and_a_client_beyond_it_reads_the_store() -> None:
    room = room_of()
    for n in range(1, 10_001):
        room.store(f"wl-1 v{n}")
    assert len(room.hub.log._entries) <= 8192
    room.join("B")
    room.say("B", '{"t":"sub","id":1,"ch":"alerts","at":"e1:7-0"}')
    room.turn()
    assert [wish.after for wish in room.hub.wishes] == [(7, 0)]


BAD = [
    "",
    "[]",
    "nonsense",
    '{"t":"sub"}',
    '{"t":"sub","id":-1,"ch":"alerts"}',
    '{"t":"sub","id":1,"ch":"secrets"}',
    '{"t":"sub","id":1,"ch":"alerts","f":{"colour":["red"]}}',
    '{"t":"sub","id":1,"ch":"alerts","f":{"level_max":5}}',
    '{"t":"sub","id":1,"ch":"alerts","at":"yesterday"}',
    '{"t":"sub","id":1,"ch":"alerts","at":"e1:-1-0"}',
    '{"t":"sub","id":1,"ch":"alerts","at":"e1:99999999999999999999999-0"}',
    '{"t":"sub","id":1,"ch":"cells","at":"e1:1-0"}',
    '{"t":"cmd","id":"","op":"ack","alert":"a","version":1}',
    '{"t":"cmd","id":"c","op":"launch","alert":"a","version":1}',
    '{"t":"auth","token":"x"}',
    '{"t":"unsub","id":1,"extra":true}',
    b'{"t":"unsub","id":1}',
]


@pytest.mark.parametrize("text", BAD)
def test_a_bad_message_ends_the_connection(text: str) -> None:
    room = room_of("A", "B")
    room.say("A", text)
    assert room.sockets["A"].closed == 4400
    assert list(room.hub.clients) == [room.clients["B"]]


def test_too_many_messages_a_second() -> None:
    room = room_of("A")
    room.now += 1
    for _ in range(40):
        room.now += 0.051
        room.say("A", '{"t":"unsub","id":9}')
    assert room.sockets["A"].closed is None
    for _ in range(20):
        room.say("A", '{"t":"unsub","id":9}')
    assert room.sockets["A"].closed == 4429


def test_too_many_subscriptions() -> None:
    room = room_of("A")
    for n in range(1, 17):
        room.now += 1
        room.say("A", f'{{"t":"sub","id":{n},"ch":"cells"}}')
    assert room.sockets["A"].closed is None
    room.say("A", '{"t":"sensor","id":17,"sensor":"rl-1"}')
    assert room.sockets["A"].closed == 4429


def test_series_nobody_watches_are_forgotten() -> None:
    room = room_of("A", "B")
    room.say("A", '{"t":"sensor","id":3,"sensor":"rl-1"}')
    room.say("B", '{"t":"sensor","id":3,"sensor":"rl-2"}')
    room.say("A", '{"t":"unsub","id":3}')
    room.beat()
    assert list(room.hub.series) == ["rl-2"]
    room.hub.leave(room.clients["B"])
    room.beat()
    assert room.hub.series == {}


def test_frames_are_built_once_for_all_who_get_the_same() -> None:
    built = []
    room = room_of()
    room.hub._wrap = lambda payload: built.append(payload) or payload
    for n in range(30):
        room.join(f"s{n}")
        room.say(f"s{n}", '{"t":"sub","id":1,"ch":"alerts"}')
        room.say(f"s{n}", '{"t":"sub","id":2,"ch":"cells"}')
    room.turn()
    built.clear()
    room.store("wl-1 v1")
    room.values("cells", '{"8a":[1]}')
    room.turn()
    assert len(built) == 2


# --- how long the way took -------------------------------------------------------------------


def timed(room: Room, name: str, stored_ms: int) -> Entry:
    """A version that was decided at 0, and stored some milliseconds later."""
    hops = {
        "source": 5,
        "screened": 6,
        "decided": 7,
        "stored": 1000 * stored_ms,
        "sent": 0,
        "at": 0,
    }
    entry = room.entry(f"{name} v1")
    body = json.dumps({"id": name, "latency_us": hops}, separators=(",", ":"))
    entry.body, entry.hops = body.encode(), Hops(5, 6, 7, 1000 * stored_ms, 0)
    room.entries.append(entry)
    return entry


def turn(room: Room, start_ms: float, end_ms: float) -> None:
    for _ in room.hub.turn(room.now, start_ms):
        pass
    room.hub.delivered(end_ms)


def hops_of(message: dict) -> list[int]:
    return [alert["latency_us"]["sent"] for alert in message["a"]]


def test_a_version_says_when_it_was_sent_to_those_who_follow() -> None:
    room = room_of("A", "B")
    room.hub.append([timed(room, "wl-1", 10), timed(room, "wl-2", 12)], 13)
    turn(room, 15, 16)
    room.join("C")
    room.say("C", '{"t":"sub","id":1,"ch":"alerts","at":"e1:0-0"}')
    turn(room, 90, 91)
    assert [hops_of(message) for message in room.sockets["A"].got] == [[5000, 3000]]
    assert room.sockets["B"].got == room.sockets["A"].got
    # Who comes later learns when it was sent, not when he came.
    (event,) = [message for message in room.sockets["C"].got if message["t"] == "ev"]
    assert hops_of(event) == [5000, 3000]


def test_what_the_hub_did_not_send_says_nothing_of_it() -> None:
    room = Room()
    old = timed(room, "wl-1", 10)
    room.hub.reload("e1", (1, 0), [old], "epoch")
    room.join("A")
    room.say("A", '{"t":"sub","id":1,"ch":"alerts"}')
    turn(room, 900, 901)
    (snap,) = [message for message in room.sockets["A"].got if message["t"] == "snap"]
    assert snap["items"][0]["latency_us"]["sent"] == 0


def test_a_turn_goes_as_far_as_the_log_went_when_it_began() -> None:
    room = room_of("A", "B")
    room.hub.append([timed(room, "wl-1", 10)], 11)
    steps = room.hub.turn(room.now, 15)
    next(steps)  # A is served
    room.hub.append([timed(room, "wl-2", 16)], 17)
    for _ in steps:
        pass
    room.hub.delivered(18)
    turn(room, 20, 21)
    for socket in room.sockets.values():
        assert [hops_of(message) for message in socket.got] == [[5000], [4000]]


def test_a_heartbeat_promises_what_the_last_turn_sent() -> None:
    room = room_of("A")
    room.hub.append([timed(room, "wl-1", 10)], 11)
    turn(room, 15, 16)
    room.hub.append([timed(room, "wl-2", 16)], 17)  # nobody has got it yet
    for _ in room.hub.beat(room.now, 18):
        pass
    turn(room, 20, 21)
    assert [message["cur"] for message in room.sockets["A"].got] == ["e1:1-0", "e1:1-0", "e1:2-0"]


def test_a_heartbeat_says_how_long_the_last_versions_took() -> None:
    room = room_of("A")
    room.beat()
    room.hub.append([timed(room, "wl-1", 10), timed(room, "wl-2", 12)], 13)
    turn(room, 15, 20)
    room.beat()
    first, _, second = room.sockets["A"].got
    assert (first["hub_us"], first["us"]) == (None, None)
    assert second["hub_us"] == second["us"]["sent"] == {"p50": 10_000, "p99": 10_000}
    assert second["us"]["decided"] == {"p50": 7, "p99": 7}
    assert second["us"]["total"] == {"p50": 20_018, "p99": 20_018}


def test_while_catching_up_only_the_hub_is_measured() -> None:
    room = room_of("A")
    room.hub.put_feeds({}, "catching_up", room.now)
    room.hub.append([timed(room, "wl-1", 10)], 13)
    turn(room, 15, 20)
    room.beat()
    beat = room.sockets["A"].got[-1]
    assert (beat["hub_us"], beat["us"]) == ({"p50": 10_000, "p99": 10_000}, None)
