"""A log to its end and then what comes: nothing is asked too soon, nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.kafka_source import Broker
from flows.log_first import LogFirst
from flows.sources import Stop

LATER = datetime(2100, 1, 1, tzinfo=UTC)
SOON = LATER - timedelta(days=1)


class Part:
    """A source and its part, which says what it has and ends."""

    def __init__(self, name: str, awake: datetime, *batches: list[Any]) -> None:
        self.name, self.awake, self.batches = name, awake, list(batches)
        self.stop, self.partitions, self.broker = Stop(), [0], Broker()
        self.noted: list[Any] = []
        self.built = False

    def list_parts(self) -> list[str]:
        return [self.name]

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> Part:
        assert (for_part, resume_state) == (self.name, None)
        self.built = True
        return self

    def next_batch(self) -> list[Any]:
        if self.stop.asked or not self.batches:
            raise StopIteration
        return self.batches.pop(0)

    def next_awake(self) -> datetime:
        return self.awake

    def pass_to(self, number: int, offset: int) -> None:
        self.noted.append((number, offset))

    def snapshot(self) -> None:
        self.noted.append("snapshot")

    def close(self) -> None:
        self.noted.append("closed")


def both(log: Part, then: Part, written: int = 0, held: Callable[[], bool] = lambda: False) -> Any:
    source: Any = LogFirst(log, then, lambda: written, held)  # type: ignore[arg-type]
    assert source.list_parts() == ["log"]
    return source.build_part("source", "log", None)


def test_the_log_comes_first_whole_and_the_broker_is_there() -> None:
    log, then = Part("log", SOON, [1], [], [2]), Part("then", LATER, ["a"], ["b"])
    part = both(log, then)
    assert part.next_awake() == SOON
    said = [part.next_batch() for _ in range(6)]
    assert said == [[1], [], [2], [{"broker": {"away_since": None}}], ["a"], ["b"]]
    assert part.next_awake() == LATER
    with pytest.raises(StopIteration):
        part.next_batch()


def test_whoever_asks_for_the_end_meanwhile_gets_it() -> None:
    log, then = Part("log", SOON, [1], [2]), Part("then", LATER, ["a"])
    part = both(log, then)
    part.next_batch()
    log.stop.asked = True
    with pytest.raises(StopIteration):
        part.next_batch()
    assert then.batches == [["a"]]


def test_what_is_written_later_is_noted_as_read() -> None:
    log, then = Part("log", SOON, [1]), Part("then", LATER, ["a"])
    part = both(log, then, 7)
    part.next_batch()
    part.snapshot()
    assert log.noted == ["snapshot"], "as far as it was read"
    part.next_batch()
    part.snapshot()
    part.close()
    assert log.noted[1:] == [(0, 7), "snapshot", "closed"]
    assert then.noted == ["snapshot", "closed"]


def test_what_comes_after_is_opened_when_it_is_asked() -> None:
    """Meanwhile nobody would serve it."""
    log, then = Part("log", SOON, [1]), Part("then", LATER, ["a"])
    part = both(log, then)
    part.next_batch()
    assert not then.built
    part.next_batch()
    assert then.built
    part.close()


def test_a_log_that_does_not_take_what_is_written_is_waited_for_and_told_of_once() -> None:
    log, then = Part("log", SOON), Part("then", LATER, ["a"], ["b"])
    held = [False]
    part = both(log, then, held=lambda: held[0])
    part.next_batch()
    assert part.next_batch() == ["a"]
    held[0] = True
    (told,) = part.next_batch()
    assert told["broker"]["away_since"] == log.broker.away_since_ms > 0
    log.broker.away_since_ms = None  # as a look at the broker may find
    assert part.next_batch() == part.next_batch() == []
    assert log.broker.away_since_ms == told["broker"]["away_since"], "the metrics say so too"
    held[0] = False
    assert part.next_batch() == [{"broker": {"away_since": None}}, "b"]
    assert log.broker.away_since_ms is None


def test_the_end_is_not_waited_for() -> None:
    log, then = Part("log", SOON), Part("then", LATER, ["a"])
    part = both(log, then, held=lambda: True)
    part.next_batch()
    part.next_batch()
    log.stop.asked = then.stop.asked = True
    with pytest.raises(StopIteration):
        part.next_batch()
