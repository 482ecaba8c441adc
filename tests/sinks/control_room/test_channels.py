"""What clients served in one turn share is built once."""

from sinks.control_room.alert_log import AlertLog
from sinks.control_room.channels import Turn


def test_a_frame_is_built_once_a_turn_and_anew_in_the_next() -> None:
    built: list[int] = []

    def build() -> bytes:
        built.append(1)
        return b"frame"

    log = AlertLog()
    for turns in (1, 2):
        turn = Turn(log, lambda frame: frame, 0.0)
        assert [turn.once("key", build) for _ in range(3)] == [b"frame"] * 3
        assert len(built) == turns
