"""The log brings about what its messages say; what is none of ours costs itself."""

from typing import Any

import pytest

from operators.counters import Counters
from operators.events import Alert, BadMessage
from operators.evidence import Found
from operators.evidence_log import LogItem, encode_log
from operators.intake import Poll, Stretch
from operators.log_path import LogPath
from operators.reading_path import readings_origin
from operators.registry import Registry
from operators.warning_path import WarningPath
from tests.operators.town import MINUTE, T0, evidence, sensor, town

SENSORS = [sensor(name, "street_water") for name in "ab"]


class Log:
    """A path of the log with a registry of its own."""

    def __init__(self, prompt: bool = False) -> None:
        self.registry = Registry(town(SENSORS))
        more: dict[str, Any] = {"reports": False, "commands": False, "prompt": prompt}
        warnings = WarningPath(self.registry, Counters(), (0,), **more)
        self.path = LogPath(warnings, self.registry, "kafka:9092")

    def tell(self, *messages: bytes, offset: int = 0, ended: bool = False) -> list[Any]:
        over = frozenset({0}) if ended else frozenset[int]()
        told = Poll("evidence", list(messages), (Stretch(0, offset, len(messages)),), over)  # type: ignore[arg-type]
        return list(self.path.on_batch([told]))


WRITER = Registry(town(SENSORS[::-1]))


def raw(item: LogItem) -> bytes:
    return encode_log(item, WRITER)


def crossing(minute: float, number: int, **more: Any) -> Found:
    fields: dict[str, Any] = {"source": "level", "level": 2, "graded": True}
    at = T0 + int(minute * MINUTE)
    both = tuple(evidence(key, at, 6.0, **(fields | more)) for key in "ab")
    return Found(readings_origin(0), both, at + MINUTE, number)


@pytest.mark.parametrize("prompt", [False, True])
def test_what_the_log_says_is_applied_in_its_order(prompt: bool) -> None:
    items: list[LogItem] = [
        crossing(1, 0),
        sensor("new", "rain"),
        crossing(5, 2, level=1),
        crossing(9, 4, hazard="fire"),
        Found(readings_origin(0), (), T0 + 60 * MINUTE, 6, last=True),
    ]
    log, told = Log(prompt), Log(prompt).path.warnings
    said = log.tell(*map(raw, items))
    assert said == list(told.on_batch(items))
    assert len([a for a in said if isinstance(a, Alert)]) > 3
    assert log.registry.sensors[-1].id == "new"


def test_a_message_that_is_none_of_ours_is_a_dead_letter_and_costs_itself() -> None:
    log, clean = Log(), Log()
    later = Found(readings_origin(0), (), T0 + 60 * MINUTE, 2)
    said = log.tell(b"{", raw(crossing(1, 0)), b'{"t":"gossip"}', raw(later), offset=40)
    bad = [item for item in said if isinstance(item, BadMessage)]
    assert [(b.source, b.partition, b.offset) for b in bad] == [
        ("kafka:9092/evidence", 0, 40),
        ("kafka:9092/evidence", 0, 42),
    ]
    assert all(b.reason for b in bad)
    rest = [item for item in said if not isinstance(item, BadMessage)]
    assert rest == clean.tell(raw(crossing(1, 0)), raw(later))


@pytest.mark.parametrize("prompt", [False, True])
def test_a_log_that_is_read_again_says_the_same_again(prompt: bool) -> None:
    messages = [raw(crossing(n, 2 * n, level=4 - n % 4)) for n in range(1, 12)]
    whole = Log(prompt)
    expected = [whole.tell(message) for message in messages]
    first, second = Log(prompt), Log(prompt)
    for message in messages[:5]:
        first.tell(message)
    second.path.restore(first.path.snapshot())
    assert [second.tell(message) for message in messages[5:]] == expected[5:]


def test_it_is_over_when_its_finders_are() -> None:
    log = Log()
    assert not log.path.over
    log.tell(raw(Found(readings_origin(0), (), T0, 0, last=True)))
    assert log.path.over
