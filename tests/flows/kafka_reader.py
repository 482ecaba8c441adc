"""A source's part, turned by hand against a real broker."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from flows.kafka import KafkaPlace
from flows.kafka_source import KafkaSource
from operators.intake import Poll
from tests.broker import LocalBroker
from tests.flows.processes import PATIENCE_S
from tests.kafka_tools import committed

__all__ = ["Open", "Reader", "numbered", "reader", "rows", "watchful"]


@dataclass
class Reader:
    """A source's part, turned by hand, and what it said."""

    source: KafkaSource
    polls: list[Poll] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        (name,) = self.source.list_parts()
        self.part = self.source.build_part("source", name, None)

    def turn(self) -> None:
        began = time.monotonic()
        items = self.part.next_batch()
        self.took_s.append(time.monotonic() - began)
        for item in items:
            if not isinstance(item, Poll):
                self.told.append(item)
                continue
            assert sum(stretch.size for stretch in item.stretches) == len(item.lines)
            self.polls.append(item)

    def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"{self.count} messages, {self.told}"
            self.turn()

    def commit(self, expected: list[int]) -> None:
        """End an epoch, and wait until any tool of Kafka's sees these offsets."""
        source, partitions = self.source, len(expected)
        self.part.snapshot()
        self.until(
            lambda: (
                committed(source.place.servers, source.group, source.topic, partitions) == expected
            )
        )

    @property
    def count(self) -> int:
        return sum(len(poll.lines) for poll in self.polls)

    @property
    def found(self) -> dict[int, list[tuple[int, bytes]]]:
        """Shard to what was read of it: offset and message."""
        found: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
        for poll in self.polls:
            lines = iter(poll.lines)
            for stretch in poll.stretches:
                for at in range(stretch.offset, stretch.offset + stretch.size):
                    found[stretch.shard].append((at, next(lines)))
        return dict(found)

    @property
    def starts(self) -> dict[int, int]:
        """Where a snapshot of now would go on."""
        return {
            self.source.partitions[shard]: rows[-1][0] + 1 for shard, rows in self.found.items()
        }

    @property
    def live(self) -> frozenset[int]:
        return self.polls[-1].live if self.polls else frozenset()


Open = Callable[..., Reader]


@pytest.fixture
def reader(kafka_broker: LocalBroker) -> Iterator[Open]:
    made: list[Reader] = []

    def build(topic: str, partitions: int = 1, **more: Any) -> Reader:
        told = {"group": topic, **more}
        place = KafkaPlace(kafka_broker.address, told.pop("security", {}))
        numbers = told.pop("numbers", range(partitions))
        made.append(Reader(KafkaSource(place, topic, "readings", list(numbers), **told)))
        return made[-1]

    yield build
    for each in made:
        each.part.close()


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks around at every turn instead of five times a second."""
    monkeypatch.setattr("flows.kafka_source.TICK_S", 0.0)


def numbered(count: int, prefix: bytes = b"m") -> list[bytes]:
    return [b"%s-%d" % (prefix, n) for n in range(count)]


def rows(messages: list[bytes], first: int = 0) -> list[tuple[int, bytes]]:
    return list(enumerate(messages, first))
