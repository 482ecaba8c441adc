"""How much one screen may say, and how much of it may be unsent."""

import pytest

from sinks.control_room.client import MESSAGES, Client
from sinks.control_room.protocol import Close, RefusedError


class Wire:
    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.unsent = 0

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def buffered(self) -> int:
        return self.unsent

    def close(self, code: int, why: str) -> None: ...

    def abort(self) -> None: ...


def test_a_flood_of_messages_is_refused_and_a_steady_stream_is_not() -> None:
    client = Client(Wire())
    for number in range(10 * MESSAGES):
        client.heard(number * (1.01 / MESSAGES))
    for _ in range(MESSAGES):
        client.heard(100.0)
    with pytest.raises(RefusedError) as refused:
        client.heard(100.0)
    assert refused.value.code == Close.TOO_MUCH


def test_frames_go_out_in_order() -> None:
    wire = Wire()
    client = Client(wire)
    client.write(b"one")
    client.write_alerts(b"two", 0.0)
    assert wire.frames == [b"one", b"two"]
