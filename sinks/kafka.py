"""Messages to Kafka topics: sent without waiting, checked, none lost and none in doubt.

A producer is idempotent and waits for all replicas; every message has a delivery report. Sending
does not hold up the flow: what may be forgotten after a crash is decided by ``Outbox.settled``,
which says up to which message everything has arrived.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import orjson
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sinks.ending import Ending
from sinks.repeated import Repeated

__all__ = ["KafkaSink", "Letter", "Outbox", "SendError", "has_forgotten_all"]

LINGER_MS = 0
LONGEST_S = 300.0
"""A broker that stays away longer than this ends the process, which starts again from its log."""
NOT = "message not delivered"

STATISTICS_MS = 5000
ASKED = frozenset({"configured", "learned"})
"""Where those are from whom the client can ask; the others stand for no address."""

X = TypeVar("X")
chatter = logging.getLogger(__name__)
chatter.addFilter(Repeated())  # while a broker is away it would fill a disk with its attempts


def has_forgotten_all(statistics: Mapping[str, Any]) -> bool:
    """Say whether the client has no broker left, not even one to ask where the others are.

    Told of none by one that is about to end, as the only one of a cluster is, clients from 2.10 on
    give up all they know and look for nobody any more (librdkafka issue 5301, open).
    """
    brokers: Mapping[str, Any] = statistics["brokers"]
    return not any(broker["source"] in ASKED for broker in brokers.values())


class SendError(RuntimeError):
    """A message could not be delivered: what, where and why."""


class Letter(NamedTuple):
    """One message: its key decides its partition."""

    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None
    """Where it must go; None leaves it to the key."""
    offset: int | None = None
    """Where it must be in its partition, which nobody else writes to; None is anywhere."""


class Outbox:
    """Sends messages to topics, and knows which have arrived.

    Parameters
    ----------
    options
        Settings of the client: at least ``bootstrap.servers``.
    ending
        Cuts waiting short once the end was asked for; is told when something was not delivered.

    Notes
    -----
    State: one number per message under way, at most what the client queues (100,000); beyond it
    sending waits. Guarantee: in order per partition, each once while this process lives.
    """

    def __init__(self, options: Mapping[str, Any], ending: Ending | None = None) -> None:
        self._ending = ending or Ending()
        self.sent = 0
        """Messages handed over so far."""
        self._under_way: dict[int, None] = {}
        self._placed: dict[int, float] = {}
        """Since when those that have a place are under way."""
        self._failed: SendError | None = None
        self._producer = Producer(
            {
                "linger.ms": LINGER_MS,
                "compression.type": "lz4",
                "message.timeout.ms": int(LONGEST_S * 1000),
                "message.max.bytes": 8_000_000,
                **options,
                "enable.idempotence": True,
                "acks": "all",
                "statistics.interval.ms": STATISTICS_MS,
                "stats_cb": self._look,
            },
            logger=chatter,
        )

    @property
    def settled(self) -> int:
        """So many of the messages, counted from the first, have all arrived."""
        self._producer.poll(0)
        self._check()
        return next(iter(self._under_way), self.sent)

    @property
    def waiting_s(self) -> float:
        """How long the oldest of those that have a place (``Letter.offset``) has been under way."""
        if self.settled == self.sent or not self._placed:
            return 0.0
        return time.monotonic() - next(iter(self._placed.values()))

    def send(self, topic: str, letters: Iterable[Letter]) -> None:
        """Hand messages over; waits only while the client's queue is full.

        Raises
        ------
        SendError
            When a message, this or an earlier one, could not be delivered for good.
        """
        for letter in letters:
            self._send(topic, letter)
        self._producer.poll(0)
        self._check()

    def _send(self, topic: str, letter: Letter) -> None:
        number = self.sent

        def arrived(error: KafkaError | None, message: Message) -> None:
            self._under_way.pop(number, None)
            self._placed.pop(number, None)
            if error is not None:
                self._failed = SendError(f"{topic}: {NOT}: {error.str()}")
                return
            at = message.offset()  # negative where the broker did not say
            if letter.offset is not None and at is not None and 0 <= at != letter.offset:
                found = f"expected to write message {letter.offset}, wrote {at}"
                self._failed = SendError(f"{topic}: {found}: somebody else writes to it, or did")

        where: dict[str, Any] = {}
        if letter.partition is not None:
            where["partition"] = letter.partition
        while True:
            try:
                self._producer.produce(
                    topic,
                    value=letter.value,
                    key=letter.key,
                    headers=list(letter.headers) or None,
                    on_delivery=arrived,
                    **where,
                )
                break
            except BufferError:
                self._producer.poll(0.05)
                self._check()
                if self._ending.over:
                    raise self._late() from None
            except KafkaException as error:  # larger than the client sends, for one
                self._failed = SendError(f"{topic}: {NOT}: {error.args[0].str()}")
                self._check()
        self._under_way[number] = None
        if letter.offset is not None:
            self._placed[number] = time.monotonic()
        self.sent += 1

    def flush(self, patience_s: float = LONGEST_S) -> None:
        """Wait until everything has arrived.

        Raises
        ------
        SendError
            When something could not be delivered, or not in time.
        """
        deadline = time.monotonic() + patience_s
        while self._under_way:
            self._producer.flush(0.1)  # once in any case: a broker that is there needs no more
            self._check()
            if self._ending.over or time.monotonic() >= deadline:
                break
        self._check()
        if self._under_way:
            raise self._late(patience_s)

    def finish(self) -> None:
        """Flush, unless something has failed already: that has been told, and is not mended here.

        Raises
        ------
        SendError
            As ``flush`` does.
        """
        if not self._ending.broken:
            self.flush()

    def _look(self, told: str) -> None:
        # To send again from here could double what has arrived: who starts anew goes by the log.
        if has_forgotten_all(orjson.loads(told)):
            forgotten = "the client has forgotten all brokers: start again"
            self._failed = SendError(f"{len(self._under_way)} messages not delivered: {forgotten}")

    def _check(self) -> None:
        if self._failed is not None:
            self._ending.broken = True
            raise self._failed

    def _late(self, patience_s: float = 0.0) -> SendError:
        self._ending.broken = True
        when = "when the end was asked for" if self._ending.over else f"in {patience_s:g} s"
        return SendError(f"{len(self._under_way)} messages not delivered {when}")


class KafkaSink(FixedPartitionedSink[X, None]):
    """A topic as a sink of ``(key, item)``, whatever the key.

    Parameters
    ----------
    write
        Turns an item into messages; none leaves it out.

    Notes
    -----
    At least once: whoever snapshots the flow waits for ``outbox.settled`` first. Writing does not
    wait, so a broker that is away holds up nothing but that.
    """

    def __init__(self, outbox: Outbox, topic: str, write: Callable[[X], Iterable[Letter]]) -> None:
        self._outbox = outbox
        self._topic = topic
        self._write = write

    def list_parts(self) -> list[str]:
        """Return the one partition: one connection keeps the order."""
        return ["topic"]

    def part_fn(self, item_key: str) -> int:
        """Return the one partition's index."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _TopicPart[X]:
        """Return what writes."""
        return _TopicPart(self._outbox, self._topic, self._write)


class _TopicPart(StatefulSinkPartition[X, None]):
    def __init__(self, outbox: Outbox, topic: str, write: Callable[[X], Iterable[Letter]]) -> None:
        self._outbox = outbox
        self._topic = topic
        self._write = write

    def write_batch(self, values: list[X]) -> None:
        self._outbox.send(self._topic, (letter for item in values for letter in self._write(item)))

    def snapshot(self) -> None:
        return None

    def close(self) -> None:
        self._outbox.finish()
