"""Read a topic's partitions without an object for each message.

The Kafka client for Python is a C library, librdkafka, and a layer that makes a Python object of
every message, at several times the cost of all else that happens to a reading. Here the same
library, the very copy that ``confluent_kafka`` brought, is asked directly, and compiled code lays
its messages one behind the other. Only the part of the library that its header promises is used.
"""

from __future__ import annotations

import ctypes
import logging
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from ctypes import c_char_p, c_int64, c_size_t, c_void_p
from typing import Any, NamedTuple, cast

import numpy as np
import orjson
from confluent_kafka import KafkaError
from numpy.typing import NDArray

from flows.kafka import KafkaUnusableError
from flows.kafka_client import made_client
from flows.layout import lay_out, weigh
from flows.librdkafka import (
    ON_ERROR,
    ON_LOG,
    ON_STATISTICS,
    UNKNOWN_OFFSET,
    Message,
    Places,
    check,
    library,
    words,
)
from operators.lines import Lines
from sinks.kafka import has_forgotten_all
from sinks.repeated import Repeated

__all__ = ["LogReader", "Mark", "Read"]

ANSWER_S = 10.0
CLOSE_S = 0.5
"""A broker that takes longer to say good-bye is left without."""
LOOK_S = 0.1
MISSING = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    }
)
"""Errors that waiting does not mend, unless the topic has been seen: brokers may lose sight."""
LEVELS = (*[logging.CRITICAL] * 3, logging.ERROR, logging.WARNING, *[logging.INFO] * 2)
"""Python's for syslog's; what is left is debugging."""

_ASYNC = 1
_LEFT: list[Any] = []
"""What clients that could not be closed may still call."""

log = logging.getLogger(__name__)
chatter = logging.getLogger(f"{__name__}.client")
chatter.addFilter(Repeated())  # while a broker is away it would fill a disk with its attempts


class Mark(NamedTuple):
    """A message without value that is none to the reader, but says something in its headers."""

    partition: int
    offset: int
    sent_ms: int
    headers: dict[str, bytes]


class Read(NamedTuple):
    """Messages in order of arrival, of each partition in the order of its offsets."""

    lines: Lines
    """A message that has no value is empty."""
    partition: NDArray[np.int32]
    offset: NDArray[np.int64]
    sent_ms: NDArray[np.int64]
    """When it was sent, as the topic has it; -1 where it does not."""
    marks: tuple[Mark, ...]
    """They stood among the messages; partition and offset say where."""


class LogReader:
    """Reads some partitions of one topic, from where it is told.

    Messages of its partitions come together, as the client gets them; of those set apart only when
    it is their turn. Holding one back so costs nothing. The client's own pausing throws away what
    it had fetched: a third fewer messages a second, where it happened often.

    Parameters
    ----------
    options
        The client's settings, ``bootstrap.servers`` and ``group.id`` among them; they go before
        ``kafka_client.DEFAULTS``. The group is for commits only: partitions are ours as we say.
    marks
        Names of headers. A message without value that has one of them is a mark.

    Raises
    ------
    ValueError
        When a setting is not taken; the message never shows a secret.

    Notes
    -----
    For one thread at a time; only ``commit`` may be called beside a ``read``. Whatever waits lets
    other threads run. Cost: 0.2 us a message of 60 bytes, and half as much again in the library's
    own threads. Memory beside the client's queue: a poll's bytes, which belong to who asked for
    them. Nothing that was read is read again and nothing is left out while the broker comes and
    goes.
    """

    away_since_ms: int | None = None
    """Wall-clock time since when no broker can be reached; None while one can."""
    known = 0
    """How many partitions the topic has, as far as the client has been told."""

    def __init__(self, options: Mapping[str, Any], topic: str, marks: Collection[str] = ()) -> None:
        self.topic = topic
        self._name = topic.encode()
        self._partitions: tuple[int, ...] = ()
        self._queues: dict[int, int] = {}
        self._apart: frozenset[int] = frozenset()
        self._seen = False
        self._hopeless: str | None = None
        self._heard_ms: dict[int, int] = {}
        self._marks = frozenset(marks)
        self._bootstrap = str(options["bootstrap.servers"]).encode()
        self._addresses = np.empty(0, np.uint64)
        # The client knows where these are, not that anybody needs them: they live as long as it.
        self._callbacks = (
            ON_ERROR(self._on_error),
            ON_LOG(self._on_log),
            ON_STATISTICS(self._on_statistics),
        )
        self._client: int | None = made_client(options, *self._callbacks)
        kafka = library()
        kafka.rd_kafka_set_log_queue(self._client, None)
        kafka.rd_kafka_poll_set_consumer(self._client)
        self._queue = kafka.rd_kafka_queue_get_consumer(self._client)

    def bounds(self, partition: int, wait_s: float = ANSWER_S) -> tuple[int, int]:
        """Ask for the first offset there is and the one behind the last.

        Raises
        ------
        KafkaException
            When nobody answers in time.
        """
        first, end = c_int64(), c_int64()
        ask = library().rd_kafka_query_watermark_offsets
        refs = ctypes.byref(first), ctypes.byref(end)
        check(ask(self._open, self._name, partition, *refs, _ms(wait_s)))
        self._seen = True
        return first.value, end.value

    def assign(self, starts: Mapping[int, int], apart: bool = False) -> None:
        """Read these partitions from now on, each from an offset.

        Parameters
        ----------
        apart
            Whether they are set apart from their first message on.

        Raises
        ------
        ValueError
            While some are set apart: the client would never put them together again.
        """
        client = self._open
        if self._apart:
            raise ValueError(f"{self.topic}: partitions are set apart")
        self._let_go()
        for number in starts:
            queue = library().rd_kafka_queue_get_partition(client, self._name, number)
            self._queues[number] = cast(int, queue)
        if apart:
            self.set_apart(starts)  # before anything can come of them
        with self._places(starts) as places:
            check(library().rd_kafka_assign(client, places.list))
        self._partitions = tuple(starts)

    def set_apart(self, partitions: Collection[int]) -> None:
        """Let these, and no others, be read only in turn; their order is kept whatever happens."""
        forward, together = library().rd_kafka_queue_forward, self._open_queue
        apart = frozenset(partitions)
        for number in apart - self._apart:
            forward(self._queues[number], None)
        for number in self._apart - apart:
            forward(self._queues[number], together)  # with what waits in it
        self._apart = apart

    def read(self, most: int, wait_s: float, turns: Sequence[int] = ()) -> Read | None:
        """Wait for a message and take all there are; return None when nothing came in time.

        Errors that pass are logged.

        Parameters
        ----------
        most
            Messages of one read.
        turns
            Partitions set apart of which to take messages, the first that has any before the
            others: what is near in time and place costs less. They are not waited for.

        Raises
        ------
        KafkaUnusableError
            When the topic is missing, which the client believes after half a minute, or the client
            has given up.
        """
        if most < 1:
            raise ValueError(f"most: expected at least 1, got {most}")
        if len(self._addresses) < most:
            self._addresses = np.empty(most, np.uint64)
        count = self._taken(most, wait_s, turns)
        read = self._laid_out(self._addresses[:count]) if count else None
        if self._hopeless is not None:
            raise KafkaUnusableError(self._hopeless)
        return read

    def _taken(self, most: int, wait_s: float, turns: Sequence[int]) -> int:
        together = self._open_queue
        count = self._fetched(together, 0, most, 0)
        # What came together of a partition was before what it has of its own.
        for number in turns:
            if room := most - count:
                count += self._fetched(self._queues[number], count, room, 0)
        if not count:
            # Asked for more, it would wait for the last as for the first.
            count = self._fetched(together, 0, 1, _ms(wait_s))
            if count:
                count += self._fetched(together, 1, most - 1, 0)
        return count

    def _fetched(self, queue: int, have: int, most: int, wait_ms: int) -> int:
        room = self._addresses.ctypes.data + have * self._addresses.itemsize
        fetch = library().rd_kafka_consume_batch_queue
        return max(0, int(fetch(queue, wait_ms, room, most)))

    def _laid_out(self, messages: NDArray[np.uint64]) -> Read | None:
        try:
            weight, marks = weigh(messages), list[Mark]()
            for i in weight.odd:
                if not self._is_message(int(messages[i]), marks):
                    _give_back(messages[i : i + 1])
            read = Read(*lay_out(messages, weight.size), tuple(marks))
        except BaseException:
            _give_back(messages)  # with one of them held, the client would never end
            raise
        self._seen = self._seen or len(read.lines) > 0
        return read if len(read.lines) or marks else None

    def _is_message(self, address: int, marks: list[Mark]) -> bool:
        """Look at one without value, which may be an error or a mark."""
        message = Message.from_address(address)
        if message.err:
            said = library().rd_kafka_message_errstr(address) or b""
            self._judge(message.err, f"partition {message.partition}", said)
            return False
        headers = dict(_headers(address))
        if self._marks.isdisjoint(headers):
            return True
        sent_ms = library().rd_kafka_message_timestamp(address, None)
        marks.append(Mark(message.partition, message.offset, sent_ms, headers))
        return False

    def _judge(self, code: int, where: str, said: bytes) -> None:
        told = f"{self.topic}: {where}: {said.decode(errors='replace') or words(code)}"
        if code == KafkaError._FATAL or (code in MISSING and not self._seen):
            self._hopeless = told
        else:
            log.warning("%s", told)

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Note for the group where each partition is to be read on; does not wait for it."""
        with self._places(offsets) as places:
            check(library().rd_kafka_commit(self._open, places.list, _ASYNC))

    def positions(self) -> dict[int, int]:
        """Return the offset behind what was read of each partition, -1001 before anything was.

        What is no message, as a transaction's end, is passed too.
        """
        with self._places(dict.fromkeys(self._partitions, UNKNOWN_OFFSET)) as places:
            check(library().rd_kafka_position(self._open, places.list))
            return places.offsets()

    def ends(self) -> dict[int, int]:
        """Return the offset behind the last message of each partition, as the broker told last.

        Negative while it has not told; how long ago that was, ``heard_ms`` knows. Asks nobody.
        """
        first, end = c_int64(), c_int64()
        refs = ctypes.byref(first), ctypes.byref(end)
        client, ends = self._open, {}
        for number in self._partitions:
            code = library().rd_kafka_get_watermark_offsets(client, self._name, number, *refs)
            ends[number] = UNKNOWN_OFFSET if code else end.value
        return ends

    def heard_ms(self, partition: int) -> int:
        """Return the wall-clock time when a partition's broker was last heard, 0 if never.

        As of the last statistics, a second ago at most while messages are asked for.
        """
        return self._heard_ms.get(partition, 0)

    def close(self) -> None:
        """Let go of partitions, connections and memory; once is enough.

        A broker that is away is not waited for: what it was to note is noted again next time.
        """
        if self._client is None:
            return
        client, self._client = self._client, None
        kafka = library()
        self._let_go()  # before the client is told, says its header
        # Not ``rd_kafka_consumer_close``: that waits for offsets to be noted, and for ever.
        told = kafka.rd_kafka_queue_new(client)
        kafka.rd_kafka_consumer_close_queue(client, told)
        deadline = time.monotonic() + CLOSE_S
        while not kafka.rd_kafka_consumer_closed(client) and time.monotonic() < deadline:
            event = kafka.rd_kafka_queue_poll(told, _ms(LOOK_S))
            if event is not None:
                kafka.rd_kafka_event_destroy(event)
        kafka.rd_kafka_queue_destroy(told)
        if kafka.rd_kafka_consumer_closed(client):
            kafka.rd_kafka_queue_destroy(self._queue)
            kafka.rd_kafka_destroy(client)
        else:  # destroying it would wait too
            log.warning("%s: the broker does not answer, left without a word", self.topic)
            _LEFT.append(self._callbacks)

    def _let_go(self) -> None:
        for queue in self._queues.values():
            library().rd_kafka_queue_destroy(queue)
        self._queues = {}

    @property
    def _open(self) -> int:
        if self._client is None:  # the library would not ask
            raise ValueError(f"{self.topic}: the reader is closed")
        return self._client

    @property
    def _open_queue(self) -> int:
        return cast(int, self._queue) if self._open else 0

    def _places(self, offsets: Mapping[int, int]) -> Places:
        return Places(self._name, offsets)

    # The client calls these while it is asked for something, in the thread that asks.

    def _on_error(self, _: int, code: int, said: bytes, opaque: None) -> None:
        if code == KafkaError._ALL_BROKERS_DOWN:
            self.away_since_ms = self.away_since_ms or int(time.time() * 1000)
        elif code == KafkaError._FATAL or code in MISSING:
            self._judge(code, "client", said)
        # Of the others the client's log tells.

    def _on_statistics(self, _: int, told: int, size: int, opaque: None) -> int:
        """Find out who answers: that one is back, or hangs, the client says in no other way."""
        said = orjson.loads(ctypes.string_at(told, size))
        if any(broker["state"] == "UP" for broker in said["brokers"].values()):
            self.away_since_ms = None
        # Partitions that nobody serves are said to be of broker -1, and so is who coordinates.
        brokers = {each["nodeid"]: each for each in said["brokers"].values() if each["nodeid"] >= 0}
        if self._client is not None and has_forgotten_all(said):
            log.warning("%s: the client has forgotten all brokers, told again", self.topic)
            library().rd_kafka_brokers_add(self._client, self._bootstrap)
        partitions = said["topics"].get(self.topic, {}).get("partitions", {})
        for number, partition in partitions.items():
            idle_us = brokers.get(partition["broker"], {}).get("rxidle", -1)
            if idle_us >= 0:
                self._heard_ms[int(number)] = 1000 * said["time"] - idle_us // 1000
        self.known = max((int(number) + 1 for number in partitions), default=0)
        return 0  # the text is the client's

    def _on_log(self, _: int, level: int, what: bytes, said: bytes) -> None:
        ours = LEVELS[level] if level < len(LEVELS) else logging.DEBUG
        told = (what or b"").decode(errors="replace"), (said or b"").decode(errors="replace")
        chatter.log(ours, "%s: %s: %s", self.topic, *told)


def _ms(wait_s: float) -> int:
    return math.ceil(1000 * wait_s)


def _give_back(messages: NDArray[np.uint64]) -> None:
    for i, address in enumerate(messages.tolist()):
        if address:
            library().rd_kafka_message_destroy(address)
            messages[i] = 0


def _headers(address: int) -> Iterator[tuple[str, bytes]]:
    headers, name, value, size = c_void_p(), c_char_p(), c_void_p(), c_size_t()
    kafka = library()
    if kafka.rd_kafka_message_headers(address, ctypes.byref(headers)):
        return
    refs = ctypes.byref(name), ctypes.byref(value), ctypes.byref(size)
    number = 0
    while not kafka.rd_kafka_header_get_all(headers, number, *refs):
        told = ctypes.string_at(value.value, size.value) if value.value else b""
        yield (name.value or b"").decode(errors="replace"), told
        number += 1
