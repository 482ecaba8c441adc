"""Read a topic's partitions into the flow, all that are ours by one consumer.

It waits for a message for at most two milliseconds and then takes all there are: a message is
never older than that, and under load a batch is as large as it may be. Partitions far ahead of the
others in event time are paused while the flow catches up. Offsets are committed so that ordinary
tools see the lag; where reading goes on is up to the snapshot.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import numpy as np
import orjson
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage
from numpy.typing import NDArray

from flows.kafka import CLOCK_HEADER, END_HEADER, KafkaPlace, KafkaUnusableError
from flows.sources import AT_ONCE, TICK_S, Stop
from flows.vault import Vault
from operators.intake import FeedName, Poll, Stretch

__all__ = ["Broker", "KafkaSource"]

WAIT_S = 0.002
LIVE_S = 2.0
"""A partition whose newest message was sent so long ago, or which is at its end, is live."""
SKEW_MS = 60_000
"""How far in event time a partition may be ahead of the slowest while catching up."""
ANSWER_S = 10.0
RETRY_S = 0.5
PATIENCE_S = 60.0
TIME_DIGITS = 15
LOOK_MS = 1000
"""How often the client says which brokers it is connected to."""

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass
class Broker:
    """What is known of the broker: since when it has been away, if it is."""

    away_since_ms: int | None = None


@dataclass
class KafkaSource(FixedPartitionedSource[Any, None]):
    """Our partitions of one topic.

    Parameters
    ----------
    place
        Where the broker is, and how to talk to it.
    starts
        Partition to first message, where a snapshot says so. The others begin at their beginning,
        whatever was committed: without the state that came of them, messages were not seen.
    clock
        ``wall``: the wall clock paces the stream. ``feed``: clock marks in the topic do. ``none``:
        only event time counts.
    reached
        Event time each partition has come to; None does not hold anybody back.
    """

    place: KafkaPlace
    topic: str
    feed: FeedName
    partitions: Sequence[int]
    group: str
    starts: dict[int, int] = field(default_factory=dict)
    stop: Stop = field(default_factory=Stop)
    clock: str = "wall"
    poll_size: int = 10_000
    reached: Callable[[], NDArray[np.int64]] | None = None
    over: Callable[[], bool] | None = None
    """Says that nothing more will come; None waits for ever."""
    vault: Vault | None = None
    broker: Broker = field(default_factory=Broker)
    lags: dict[int, int] = field(default_factory=dict)
    """Messages each partition is behind its end."""

    def list_parts(self) -> list[str]:
        """Return the one part: one consumer for all partitions."""
        return [self.topic]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _Part:
        """Connect."""
        return _Part(self)


# A message that was polled without an error has all of this; the library's types allow for less.
Message: Any = KafkaMessage


class _Part(StatefulSourcePartition[Any, None]):
    def __init__(self, source: KafkaSource) -> None:
        self.source = source
        self._index = {number: shard for shard, number in enumerate(source.partitions)}
        self._next = dict.fromkeys(source.partitions, -1)
        self._sent_ms = dict.fromkeys(source.partitions, 0)
        self._live: frozenset[int] = frozenset()
        self._ended: frozenset[int] = frozenset()
        self._clock_ms: int | None = None
        self._paused: set[int] = set()
        self._ticked = 0.0
        self._told_away: int | None = None
        self._consumer = Consumer(
            {
                **source.place.options(),
                "group.id": source.group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                # A reader of a backlog would else rest a second whenever its queue is full.
                "fetch.queue.backoff.ms": 5,
                "queued.min.messages": 200_000,
                "queued.max.messages.kbytes": 131_072,
                "fetch.message.max.bytes": 4_194_304,
                "error_cb": self._on_error,
                "statistics.interval.ms": LOOK_MS,
                "stats_cb": self._on_statistics,
            },
            logger=log,
        )
        self._consumer.assign(list(self._places()))

    def _places(self) -> Iterator[TopicPartition]:
        topic, starts = self.source.topic, self.source.starts
        for place in [TopicPartition(topic, number) for number in self.source.partitions]:
            ask_ends = partial(self._consumer.get_watermark_offsets, place, ANSWER_S)
            first, end = _patiently(topic, ask_ends)
            number = place.partition
            at = starts.get(number, -1)
            if not first <= at <= end:
                if at >= 0:
                    gone = "%s/%d: message %d is gone, going on with %d"
                    log.warning(gone, topic, number, at, first)
                at = first
            self._next[number] = at
            yield TopicPartition(topic, number, at)

    def next_batch(self) -> list[Any]:
        if self.source.over is not None and self.source.over():
            self.source.stop.asked = True  # whatever else the flow listens to ends with us
        if self.source.stop.asked:
            raise StopIteration
        first = self._consumer.poll(WAIT_S)
        polls: list[Any] = []
        if first is not None:
            messages = [first, *self._consumer.consume(self.source.poll_size - 1, 0)]
            polls = list(self._polls(messages))
        now = time.monotonic()
        if now - self._ticked >= TICK_S:
            self._ticked = now
            self._look_around()
            polls += self._tick()
        return polls

    def _polls(self, messages: list[Any]) -> Iterator[Poll]:
        polled_us = time.time_ns() // 1000
        if any(map(Message.error, messages)):
            messages = [message for message in messages if self._is_good(message)]
        lines = list(map(Message.value, messages))
        if len(set(map(type, lines))) > 1 or (lines and lines[0] is None):
            messages = [message for message in messages if not self._is_mark(message)]
            lines = [message.value() or b"" for message in messages]
        if lines:
            yield self._poll(lines, tuple(self._stretches(messages)), polled_us)

    def _poll(self, lines: list[bytes], stretches: tuple[Stretch, ...], polled_us: int) -> Poll:
        clock = self._clock()
        ended, self._ended = self._ended, frozenset()
        return Poll(self.source.feed, lines, stretches, ended, clock, self._live, polled_us)

    def _stretches(self, messages: list[Any]) -> Iterator[Stretch]:
        """Return where runs of messages of one partition begin and end, gaps between them too."""
        numbers = np.fromiter(map(Message.partition, messages), np.int64, len(messages))
        starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist()]
        for start, end in zip(starts, [*starts[1:], len(messages)], strict=True):
            first, last = messages[start].offset(), messages[end - 1].offset()
            shard, sent_ms = self._index[int(numbers[start])], messages[start].timestamp()[1]
            if last - first == end - 1 - start:
                yield Stretch(shard, first, end - start, sent_ms)
            else:  # compacted, or a transaction's marks in between
                for message in messages[start:end]:
                    yield Stretch(shard, message.offset(), 1, sent_ms)
            number = int(numbers[start])
            # A mark that followed has been noted already.
            self._next[number] = max(self._next[number], last + 1)
            self._sent_ms[number] = messages[end - 1].timestamp()[1]

    def _is_good(self, message: Any) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise KafkaUnusableError(f"{self.source.topic}: {error.str()}")
        log.warning("%s: %s", self.source.topic, error.str())
        return False

    def _is_mark(self, message: Any) -> bool:
        """Take a mark of the feed's clock or end; what has no value and is no mark is a message."""
        headers = dict(message.headers() or ())
        number = message.partition()
        if message.value() is None and END_HEADER in headers:
            self._ended |= {self._index[number]}
        elif message.value() is None and _is_time(headers.get(CLOCK_HEADER)):
            at = int(headers[CLOCK_HEADER])
            self._clock_ms = max(self._clock_ms or at, at)
        else:
            return False
        self._next[number] = message.offset() + 1
        self._sent_ms[number] = message.timestamp()[1]
        return True

    def _clock(self) -> int | None:
        match self.source.clock:
            case "wall":
                return int(time.time() * 1000)
            case "feed":
                return self._clock_ms
        return None

    def _tick(self) -> list[Any]:
        """Tell the time where nothing is said, and what is new about the broker."""
        told: list[Any] = [self._poll([], (), 0)]
        if self.source.broker.away_since_ms != self._told_away:
            self._told_away = self.source.broker.away_since_ms
            told.append({"broker": {"away_since": self._told_away}})
        return told

    def _look_around(self) -> None:
        now_ms, live = time.time() * 1000, set[int]()
        places = [TopicPartition(self.source.topic, number) for number in self._index]
        for place in self._consumer.position(places):
            number = place.partition
            # The client has also passed what is no message: a transaction's marks.
            at = self._next[number] = max(self._next[number], place.offset)
            _, end = self._consumer.get_watermark_offsets(place, cached=True)
            self.source.lags[number] = max(0, end - at)
            fresh = now_ms - self._sent_ms[number] < 1000 * LIVE_S
            if 0 <= end <= at or fresh:
                live.add(self._index[number])
        behind = self.source.clock == "feed" and self._clock_ms is None
        self._live = frozenset() if behind else frozenset(live)
        self._hold_back()

    def _hold_back(self) -> None:
        """Pause partitions that are far ahead of the slowest that still has something to read."""
        if self.source.reached is None or len(self._index) == 1:
            return
        reached = self.source.reached()
        behind = [s for n, s in self._index.items() if self.source.lags[n] and reached[s] > 0]
        slowest = min((reached[shard] for shard in behind), default=None)
        wanted = {
            number
            for number, shard in self._index.items()
            if slowest is not None and reached[shard] > slowest + SKEW_MS
        }
        topic = self.source.topic
        if pause := wanted - self._paused:
            self._consumer.pause([TopicPartition(topic, number) for number in pause])
        if resume := self._paused - wanted:
            self._consumer.resume([TopicPartition(topic, number) for number in resume])
        self._paused = wanted

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            broker = self.source.broker
            broker.away_since_ms = broker.away_since_ms or int(time.time() * 1000)

    def _on_statistics(self, told: str) -> None:
        """Find out that the broker is back: the client says so in no other way."""
        if self.source.broker.away_since_ms is not None:
            brokers = orjson.loads(told)["brokers"].values()
            if any(broker["state"] == "UP" for broker in brokers):
                self.source.broker.away_since_ms = None

    def next_awake(self) -> datetime:
        return AT_ONCE

    def snapshot(self) -> None:
        """Note the end of an epoch: everything said in the one before has reached its sink."""
        if self.source.vault is not None:
            self.source.vault.epoch_ended()
        places = [
            TopicPartition(self.source.topic, number, at) for number, at in self._next.items()
        ]
        if self.source.broker.away_since_ms is None:
            self._consumer.commit(offsets=places, asynchronous=True)

    def close(self) -> None:
        self._consumer.close()


def _is_time(text: bytes | None) -> bool:
    return text is not None and text.isdigit() and len(text) <= TIME_DIGITS


def _patiently(topic: str, ask: Callable[[], T]) -> T:
    """Return the answer; a broker that has just started takes a moment to know."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            why = error.args[0].str()
            if time.monotonic() > deadline:
                raise KafkaUnusableError(f"{topic}: {why}") from None
            log.warning("%s: %s, asking again", topic, why)
            time.sleep(RETRY_S)
