"""What a person did comes out as it was said; what is no command is a dead letter."""

from typing import Any

import pytest

from operators.command_path import CommandPath
from operators.counters import Counters
from operators.event_clock import ALLOWED_LATENESS_MS, NEVER
from operators.events import BadMessage, Command
from operators.intake import CommandRows
from tests.operators.town import MINUTE, T0, line, poll


def ack(number: int, time: int) -> Command:
    return Command(f"c-{number}", time, "op-7", "wl-1", 1, "ack")


def told(path: CommandPath, *lines: bytes, **more: Any) -> list[CommandRows | BadMessage]:
    return list(path.on_batch([poll("commands", *lines, **more)]))


def test_commands_come_out_as_they_were_given() -> None:
    path = CommandPath(Counters(), where="town")
    first, second = ack(1, T0), ack(2, T0 + MINUTE)
    (rows,) = told(path, line(first), line(second))
    assert rows == CommandRows([first, second], T0 + MINUTE - ALLOWED_LATENESS_MS)


def test_what_is_no_command_is_a_dead_letter() -> None:
    counters = Counters()
    bad, rows = told(CommandPath(counters, (4,), "town"), b"{", line(ack(1, T0)), offset=7)
    assert isinstance(bad, BadMessage)
    assert (bad.source, bad.partition, bad.offset) == ("town/commands", 4, 7)
    assert isinstance(rows, CommandRows)
    assert rows.commands == [ack(1, T0)]
    assert counters.account("intake") == ("intake", 2, 1, 0, 1, {"commands": 1})


def test_every_poll_tells_how_far_time_has_come() -> None:
    path = CommandPath(Counters())
    assert told(path) == [CommandRows([], NEVER)]
    both = path.on_batch([poll("commands", line(ack(1, T0))), poll("commands", ended=True)])
    assert [rows.watermark for rows in both if isinstance(rows, CommandRows)] == [
        T0 - ALLOWED_LATENESS_MS,
        T0 + 1,
    ]
    assert told(path)[-1] == CommandRows([], T0 + 1, last=True)


@pytest.mark.parametrize("ended", [False, True])
def test_its_clock_goes_on_after_a_restart(ended: bool) -> None:
    path, twin = CommandPath(Counters()), CommandPath(Counters())
    told(path, line(ack(1, T0 + 60 * MINUTE)), ended=ended)
    twin.restore(path.snapshot())
    late = line(ack(2, T0))
    assert told(twin, late) == told(path, late)
    assert told(twin)[0] == CommandRows([], path.intake.watermark, ended)
