"""What a production process is made of: its part of the work, and what surrounds the flow.

Every process shares nothing with the others but the log: it has partitions, a directory of
snapshots and sinks of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from bytewax.inputs import Source
from bytewax.outputs import Sink
from numpy.typing import NDArray

from flows.kafka import KafkaPlace, KafkaUnusableError, Topics
from flows.kafka_source import Broker, KafkaSource
from flows.listening import Listening
from flows.sources import Stop
from flows.vault import Keep, Vault, VaultError
from operators.codec import encode
from operators.counters import Counters
from operators.events import Alert, BadMessage, Sensor
from operators.evidence import Found
from operators.evidence_log import LogItem, encode_log
from operators.intake import CommandRows, FeedName
from operators.meter import Meter
from operators.packed import Packed
from operators.registry import Registry
from sinks.kafka import KafkaSink, Letter, Outbox
from sinks.kafka_alerts import AlertSink

__all__ = ["FLOWS", "FlowName", "Part", "keep", "log_key"]

FlowName = Literal["readings", "reports", "warnings"]
FLOWS: tuple[FlowName, ...] = ("readings", "reports", "warnings")


def now_us() -> int:
    """Return the wall clock in microseconds."""
    return time.time_ns() // 1000


@dataclass
class Part:
    """One process of one flow.

    Parameters
    ----------
    number, count
        Which of how many processes of this flow it is, from 1.
    prompt
        Apply what comes at once (live); else in event-time order.
    clock
        Where the stream's time comes from, see ``KafkaSource``.
    """

    flow: FlowName
    kafka: KafkaPlace
    topics: Topics
    registry: Registry
    data_dir: Path
    number: int = 1
    count: int = 1
    prompt: bool = True
    clock: str = "wall"
    ends: bool = False
    """Stop when the feed is marked as ended."""
    poll_size: int = 30_000
    snapshot_s: float = 10.0
    speed: float = 1.0
    weekly: bool = False
    """Learn what is usual at each hour of the week too, not of the day alone."""
    vocabulary: dict[str, list[str]] = field(default_factory=dict)
    control: Source[Any] | None = None
    store: Sink[Any] | None = None
    stop: Stop = field(default_factory=Stop)
    counters: Counters = field(default_factory=Counters)
    meter: Meter = field(default_factory=lambda: Meter(now_us))
    broker: Broker = field(default_factory=Broker)
    lags: dict[int, int] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)
    """Where each partition goes on, as far as ``resume`` has found snapshots."""
    kept: Keep | None = None
    """The step whose state is kept, once the flow is made."""

    @property
    def topic(self) -> str:
        """The topic this flow reads."""
        names = {"readings": "readings", "reports": "reports", "warnings": "evidence"}
        return str(getattr(self.topics, names[self.flow]))

    @cached_property
    def found(self) -> list[int]:
        """All partitions of the topic this flow reads."""
        return self.kafka.partitions(self.topic)

    @cached_property
    def partitions(self) -> list[int]:
        """The partitions that are ours.

        Raises
        ------
        KafkaUnusableError
            When there are none for us, or more than one where order needs one.
        """
        found = self.found
        mine = [number for number in found if number % self.count == self.number - 1]
        if not mine:
            raise KafkaUnusableError(
                f"{self.topic} has {len(found)} partitions: part {self.number}/{self.count}"
                " would have none"
            )
        if self.flow != "readings" and len(found) > 1:
            raise KafkaUnusableError(f"{self.topic}: expected 1 partition, got {len(found)}")
        return mine

    @cached_property
    def all_readings(self) -> list[int]:
        """All partitions of the readings."""
        return self.kafka.partitions(self.topics.readings)

    @cached_property
    def outbox(self) -> Outbox:
        """What this process sends with."""
        return Outbox(self.kafka.options(), self.stop)

    @cached_property
    def identity(self) -> str:
        """What tells our topic from another of its name; empty where the broker has none."""
        return self.kafka.identity(self.topic)

    @cached_property
    def vault(self) -> Vault:
        """Where the state of our partitions is kept.

        Raises
        ------
        VaultError
            When somebody else has one of them, or it is the state of another topic.
        """
        vault = Vault(self.data_dir / self.flow, self.partitions, [self.outbox])
        try:
            vault.belong(self.topic, self.identity)
        except VaultError:
            vault.close()
            raise
        return vault

    def resume(self, partition: int, put: Callable[[bytes], None]) -> None:
        """Give a partition its state back, where there is a snapshot.

        Raises
        ------
        VaultError
            When it cannot be used, as by a flow that learns other habits.
        """
        snapshot = self.vault.load(partition)
        if snapshot is not None:
            try:
                put(bytes(snapshot.state))
            except ValueError as error:
                raise self.vault.unusable(partition, str(error)) from error
            self.starts[partition] = snapshot.offset

    def source(
        self,
        feed: FeedName,
        over: Callable[[], bool],
        reached: Callable[[], NDArray[np.int64]] | None = None,
        decode: Callable[[Sequence[bytes]], Any] | None = None,
    ) -> Source[Any]:
        """Return the source of our partitions, and of what people say where it is heard."""
        source = replace(self.log_source(feed, over, reached), decode=decode)
        return source if self.control is None else Listening(source, self.control)

    def log_source(
        self,
        feed: FeedName,
        over: Callable[[], bool],
        reached: Callable[[], NDArray[np.int64]] | None = None,
    ) -> KafkaSource:
        """Return the source of our partitions alone."""
        return KafkaSource(
            self.kafka,
            self.topic,
            feed,
            self.partitions,
            f"{self.topics.prefix}-{self.flow}",
            self.starts,
            self.stop,
            "none" if feed == "evidence" else self.clock,
            self.poll_size,
            reached,
            over if self.ends else None,
            self.vault,
            self.broker,
            self.lags,
            total=len(self.found),
            same=bool(self.identity),
        )

    def evidence_sink(self) -> KafkaSink[LogItem]:
        """Return the sink for what goes into the evidence log."""

        def write(item: LogItem) -> Iterator[Letter]:
            yield Letter(log_key(item), encode_log(item, self.registry))

        return KafkaSink(self.outbox, self.topics.evidence, write)

    def dead_letter_sink(self) -> KafkaSink[BadMessage]:
        """Return the sink for what could not be used; the reason is in a header too."""

        def write(bad: BadMessage) -> Iterator[Letter]:
            reason = (("reason", bad.reason.encode()),)
            yield Letter(f"{bad.source}/{bad.partition}".encode(), encode(bad), reason)

        return KafkaSink(self.outbox, self.topics.deadletter, write)

    def alert_sink(self) -> Sink[tuple[str, Alert]]:
        """Return the sink for versions of warnings."""
        return AlertSink(self.outbox, self.topics.alerts, self.kafka.options())


def keep(part: Part, path: Any, take: Callable[[int], bytes | Packed]) -> Keep:
    """Return a path as a step whose state is kept in the part's vault."""
    part.kept = Keep(path, part.vault, take, time.monotonic, part.snapshot_s, part.meter)
    return part.kept


def log_key(item: LogItem) -> bytes:
    """Return the key of what is told, as a message of the evidence log."""
    match item:
        case Found() if item.evidence:
            return item.evidence[0].district.encode()
        case CommandRows():
            return b"people"
        case Sensor():
            return item.id.encode()
    return b"city"
