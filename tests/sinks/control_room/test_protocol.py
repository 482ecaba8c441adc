"""Messages, cursors and frames."""

import json

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import Side, State
from websockets.uri import parse_uri

from operators.events import LONGEST_ID
from sinks.control_room.protocol import (
    MAX_IN,
    Cmd,
    Filter,
    RefusedError,
    Sub,
    WatchSensor,
    cursor,
    decode,
    frame,
    parse_cursor,
)


def test_messages() -> None:
    text = '{"t":"sub","id":1,"ch":"alerts","f":{"district":["a"],"level_max":2},"at":null}'
    assert decode(text) == Sub(1, "alerts", Filter(district=("a",), level_max=2))
    text = '{"t":"cmd","id":"c","op":"shelve","alert":"wl-1","version":3,"until":5}'
    assert decode(text) == Cmd("c", "shelve", "wl-1", 3, until=5)


def test_a_sensor_may_be_asked_for_whose_name_a_city_may_have() -> None:
    for name in ("urn:ngsi-ld:WaterObserved:" + "a" * 60, LONGEST_ID * "河"):
        text = json.dumps({"t": "sensor", "id": 2**31, "sensor": name}, ensure_ascii=False)
        assert len(text.encode()) < MAX_IN
        assert decode(text) == WatchSensor(2**31, name)
    with pytest.raises(RefusedError):
        decode('{"t":"sensor","id":1,"sensor":"%s"}' % (LONGEST_ID * "a" + "a"))


def test_a_refusal_says_why_in_what_a_close_frame_can_carry() -> None:
    with pytest.raises(RefusedError, match="unknown field") as caught:
        decode('{"t":"unsub","id":1,"' + "长" * 500 + '":0}')
    assert caught.value.code == 4400
    assert len(caught.value.why.encode()) <= 123


def test_cursors_round_trip() -> None:
    assert parse_cursor(cursor("e1", (1763881200000, 7))) == ("e1", (1763881200000, 7))


@pytest.mark.parametrize("text", ["", "e1", "e1:", "e1:5", "e1:a-b", "e1:-5-0", "e1:1-2-3"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="at:"):
        parse_cursor(text)


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536, 200_000])
def test_frames_are_what_a_client_reads(size: int) -> None:
    protocol = ClientProtocol(parse_uri("ws://127.0.0.1/"), state=State.OPEN, max_size=None)
    assert protocol.side is Side.CLIENT
    protocol.receive_data(frame(b"x" * size))
    (event,) = protocol.events_received()
    assert (event.opcode, len(event.data), event.fin) == (Opcode.TEXT, size, True)
