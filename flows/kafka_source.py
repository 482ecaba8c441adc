"""Read a topic's partitions into the flow, all that are ours by one consumer.

It waits for a message for at most two milliseconds and then takes all there are: a message is
never older than that, and under load a batch is as large as it may be. While it catches up it reads
partitions in turn, those far ahead of the others in event time not at all. Where a poll is large, a
thread beside the flow takes what there is for the next one while this is worked on. Offsets are
committed so that ordinary tools see the lag; where reading goes on is up to the snapshot.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias, TypeVar

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import KafkaError, KafkaException
from numpy.typing import NDArray

from flows.kafka import CLOCK_HEADER, END_HEADER, KafkaPlace, KafkaUnusableError
from flows.kafka_client import prefetched
from flows.log_reader import LogReader, Mark, Read
from flows.sources import AT_ONCE, TICK_S, Stop
from flows.vault import Vault
from operators.event_clock import FOREVER, NEVER
from operators.intake import PROMPT_LATENESS_MS, FeedName, Poll, Stretch
from operators.lines import Lines

__all__ = ["Broker", "KafkaPart", "KafkaSource"]

WAIT_S = 0.002
POLL_BYTES = 2_000_000
"""A poll takes about so much, judged by the one before: what a batch becomes must fit the cache."""
FIRST_POLL = 1000
"""Messages of the poll before which nothing is known of their size."""
LIVE_S = 2.0
"""A partition whose newest message was sent so long ago, or which is at its end, is live."""
HEARD_S = 3.0
"""Where a partition ends is believed so long after its broker was last heard. A broker that hangs,
and a process that was frozen itself, would else be told of silence where there is a backlog."""
SKEW_MS = 60_000
"""How far in event time a partition may be ahead of the slowest, catching up, to be read."""
ANSWER_S = 10.0
LOOK_S = 0.5
"""How often, waiting for an answer, it looks whether the end was asked for."""
RETRY_S = 0.5
PATIENCE_S = 60.0
TIME_DIGITS = 15

T = TypeVar("T")
log = logging.getLogger(__name__)


Fetched: TypeAlias = tuple[Read | None, Any]
"""What was read, and what came of decoding it; None where it was not."""


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
    poll_size
        The most messages of a poll; fewer when they are large, see ``POLL_BYTES``.
    reached
        Event time each partition has come to; None holds nobody back, and reads what waits in the
        order of its partitions.
    same
        Whether the topic is known to be the one of the starts: then a place beyond its end is of
        messages that the log has lost. Else it may have been made anew, and all of it is news.
    total
        Partitions the topic has. One that gets more is read by those who start anew: it ends.
    to_end
        Read what there is at the start and then end, not the flow with it. The last poll has no
        messages and says how far that was.
    wait_s
        How long a poll waits for a message.
    pause_s
        From one poll to the next; none where this source is all the flow waits for.
    """

    place: KafkaPlace
    topic: str
    feed: FeedName
    partitions: Sequence[int]
    group: str
    starts: dict[int, int] = field(default_factory=dict)
    stop: Stop = field(default_factory=Stop)
    clock: str = "wall"
    poll_size: int = 30_000
    reached: Callable[[], NDArray[np.int64]] | None = None
    over: Callable[[], bool] | None = None
    """Says that nothing more will come; None waits for ever."""
    vault: Vault | None = None
    broker: Broker = field(default_factory=Broker)
    lags: dict[int, int] = field(default_factory=dict)
    """Messages each partition is behind its end."""
    total: int | None = None
    same: bool = False
    to_end: bool = False
    wait_s: float = WAIT_S
    pause_s: float = 0.0
    decode: Callable[[Sequence[bytes]], Any] | None = None
    """What can be done to messages before their turn comes: done beside the flow where the next
    poll is fetched there, and handed on with it."""

    def list_parts(self) -> list[str]:
        """Return the one part: one consumer for all partitions."""
        return [self.topic]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> KafkaPart:
        """Connect."""
        return KafkaPart(self)


class KafkaPart(StatefulSourcePartition[Any, None]):
    """The consumer of a source's partitions."""

    def __init__(self, source: KafkaSource) -> None:
        self.source = source
        self._pause = timedelta(seconds=source.pause_s)
        self._index = {number: shard for shard, number in enumerate(source.partitions)}
        self._shard = np.full(max(source.partitions) + 1, -1, np.intp)
        self._shard[list(source.partitions)] = np.arange(len(source.partitions))
        self._sent_ms = dict.fromkeys(source.partitions, 0)
        self._present: frozenset[int] = frozenset()
        self._live: frozenset[int] = frozenset()
        self._told_ms = dict.fromkeys(source.partitions, NEVER)
        self._ended: frozenset[int] = frozenset()
        self._clock_ms: int | None = None
        self._catching_up = len(source.partitions) > 1
        self._ticked = 0.0
        self._most = min(source.poll_size, FIRST_POLL)
        self._told_away: int | None = None
        self._beside = ThreadPoolExecutor(1, f"{source.topic}-ahead")
        self._ahead: Future[Fetched] | None = None
        """The next poll, being fetched; the reader is asked for nothing else, but may commit."""
        self._reader = self._connected()
        self._ends: dict[int, int] = {}
        """Where partitions ended at the start."""
        self._at_end = False
        self._next = {number: self._start(number) for number in source.partitions}
        self._reader.assign(self._next, apart=self._catching_up)

    def _connected(self) -> LogReader:
        options = {
            **prefetched(len(self.source.partitions)),
            **self.source.place.options(),
            "group.id": self.source.group,
        }
        return LogReader(options, self.source.topic, (CLOCK_HEADER, END_HEADER))

    def _bounds(self, number: int) -> tuple[int, int]:
        deadline = time.monotonic() + ANSWER_S
        while True:
            try:
                return self._reader.bounds(number, min(LOOK_S, ANSWER_S))
            except KafkaException as error:
                late = error.args[0].code() == KafkaError._TIMED_OUT
                if late and time.monotonic() < deadline and not self.source.stop.asked:
                    continue
                # A client that met the broker on its way out may not find the partition again.
                self._reader.close()
                self._reader = self._connected()
                raise

    def _start(self, number: int) -> int:
        topic, at = self.source.topic, self.source.starts.get(number, -1)
        first, end = _patiently(topic, partial(self._bounds, number), self.source.stop)
        if not first <= at <= end:
            begin = end if self.source.same and at > end else first
            if at >= 0:
                gone = "%s/%d: message %d is gone, going on with %d"
                log.warning(gone, topic, number, at, begin)
            at = begin
        self.source.lags[number] = end - at
        self._ends[number] = end
        return at

    def next_batch(self) -> list[Any]:
        """Return a poll of what there is, and what is to be told beside it."""
        if self.source.stop.near:
            raise StopIteration
        read, decoded = self._read_ahead()
        if self.source.over is not None and self.source.over():
            self._look_around(left=read)  # what is said of the lag in the end is how it ended
            self.source.stop.finished = True  # whatever else the flow listens to ends with us
            raise StopIteration
        if self._at_end:
            raise StopIteration
        if self.source.to_end and all(self._next[n] >= end for n, end in self._ends.items()):
            return [self._last_poll()]
        if time.monotonic() - self._ticked >= LIVE_S:  # not asked for so long: who is live by now?
            self._look_around()
        if read is None:
            turns = self._turns() if self._catching_up else []
            read = self._reader.read(self._most, self.source.wait_s, turns)
        polls, large = list[Any](), False
        if read is not None:
            polled_us = time.time_ns() // 1000
            odd = [mark for mark in read.marks if not self._mind(mark)]
            if odd:
                read, decoded = _with_empty(read, odd), None
            if count := len(read.lines):
                large = 2 * count >= self._most  # what waits may be less than a full poll
                size = int(read.lines.ends[-1]) // count + 1
                self._most = max(1, min(self.source.poll_size, POLL_BYTES // size))
                poll = self._poll(read.lines, tuple(self._stretches(read)), polled_us)
                # Where a feed's clock paces it, when it was sent says nothing of its times.
                sent_ms = read.sent_ms if self.source.clock == "wall" else None
                polls.append(poll._replace(sent_ms=sent_ms, decoded=decoded))
        now = time.monotonic()
        if read is None and (self._catching_up or self.source.to_end):
            self._look_around()  # perhaps somebody waits for one that has nothing more
        if now - self._ticked >= TICK_S:
            self._ticked = now
            self._look_around()
            polls += self._tick()
        if large:
            self._fetch_ahead(polls[0])
        return polls

    def _fetch_ahead(self, poll: Poll) -> None:
        """Let the next poll be fetched.

        Of partitions in this one last: how far it goes is not known yet.
        """
        turns = list[int]()
        if self._catching_up:
            at_hand = {self.source.partitions[stretch.shard] for stretch in poll.stretches}
            turns = sorted(self._turns(), key=at_hand.__contains__)
        wanted = self._most, self.source.wait_s, turns
        self._ahead = self._beside.submit(self._fetched, *wanted)

    def _fetched(self, most: int, wait_s: float, turns: Sequence[int]) -> Fetched:
        read, decode = self._reader.read(most, wait_s, turns), self.source.decode
        if read is None or decode is None or not len(read.lines):
            return read, None
        return read, decode(read.lines)

    def _read_ahead(self) -> Fetched:
        ahead, self._ahead = self._ahead, None
        return (None, None) if ahead is None else ahead.result()

    def _last_poll(self) -> Poll:
        """Fetch nothing any more; say how far it went."""
        self._at_end = True
        self._reader.assign({})
        places = [Stretch(self._index[number], at, 0) for number, at in self._next.items()]
        return self._poll([], tuple(places), 0)

    def pass_to(self, number: int, offset: int) -> None:
        """Note that messages up to here are known without having been read."""
        self._next[number] = max(self._next[number], offset)
        self.source.lags[number] = 0

    def _poll(self, lines: Sequence[bytes], stretches: tuple[Stretch, ...], at_us: int) -> Poll:
        clock = self._clock()
        ended, self._ended = self._ended, frozenset()
        return Poll(self.source.feed, lines, stretches, ended, clock, self._live, at_us)

    def _stretches(self, read: Read) -> Iterator[Stretch]:
        """Return where runs of messages of one partition begin and end, gaps between them too."""
        numbers, offsets = read.partition, read.offset
        # A gap: compacted, or a transaction's marks, or a mark of ours in between.
        breaks = (np.diff(numbers) != 0) | (np.diff(offsets) != 1)
        starts = [0, *(np.flatnonzero(breaks) + 1).tolist()]
        for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
            number = int(numbers[start])
            sent_ms = int(read.sent_ms[start])
            yield Stretch(int(self._shard[number]), int(offsets[start]), end - start, sent_ms)
            # A mark that followed has been noted already.
            self._next[number] = max(self._next[number], int(offsets[end - 1]) + 1)
            self._sent_ms[number] = int(read.sent_ms[end - 1])

    def _mind(self, mark: Mark) -> bool:
        """Take a mark of the feed's clock or end; return whether it told one."""
        at = mark.headers.get(CLOCK_HEADER)
        if END_HEADER in mark.headers:
            self._ended |= {self._index[mark.partition]}
        elif at is not None and _is_time(at):
            self._told_ms[mark.partition] = int(at)
            self._clock_ms = max(self._clock_ms or int(at), int(at))
            self._live = self._up_to_date()
        self._next[mark.partition] = max(self._next[mark.partition], mark.offset + 1)
        self._sent_ms[mark.partition] = mark.sent_ms
        return END_HEADER in mark.headers or (at is not None and _is_time(at))

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

    def _look_around(self, left: Read | None = None) -> None:
        """Find out who is live and how far behind; ``left`` was fetched and is not handed on."""
        broker, away_since_ms = self.source.broker, self._reader.away_since_ms
        if away_since_ms is None or broker.away_since_ms is None:  # else: since the first time
            broker.away_since_ms = away_since_ms
        if self.source.total is not None and self._reader.known > self.source.total:
            told = f"{self.source.topic}: expected {self.source.total} partitions"
            raise KafkaUnusableError(f"{told}, got {self._reader.known}: start again to read them")
        now_ms, live = time.time() * 1000, set[int]()
        ends = self._reader.ends()
        for number, passed in (self._reader.positions() if left is None else self._next).items():
            # The client has also passed what is no message: a transaction's marks.
            at = self._next[number] = max(self._next[number], passed)
            end = ends[number]
            if end >= 0:  # known once something has been fetched; until then as asked at the start
                self.source.lags[number] = max(0, end - at)
            # A clock that is ahead says nothing about how old what follows is.
            fresh = abs(now_ms - self._sent_ms[number]) < 1000 * LIVE_S
            heard = now_ms - self._reader.heard_ms(number) < 1000 * HEARD_S
            if fresh or (0 <= end <= at and heard and away_since_ms is None):
                live.add(self._index[number])
        self._present = frozenset(live)
        self._live = self._up_to_date()
        catching_up = len(self._index) > 1 and len(live) < len(self._index)
        if catching_up != self._catching_up:
            self._catching_up = catching_up
            self._reader.set_apart(self._index if catching_up else ())

    def _up_to_date(self) -> frozenset[int]:
        """Return the shards for which the clock speaks.

        A feed's clock may run fast: what it tells in one partition is hours ahead, perhaps, of what
        has been read of another.
        """
        if self.source.clock != "feed":
            return self._present
        if self._clock_ms is None:
            return frozenset()
        due = self._clock_ms - PROMPT_LATENESS_MS
        return self._present & {self._index[n] for n, at in self._told_ms.items() if at >= due}

    def _turns(self) -> list[int]:
        """Return the partitions to read of, the slowest first, without those far ahead.

        Nobody waits for one that has nothing to read, or of which nothing has been read yet.
        """
        lags, at = self.source.lags, dict.fromkeys(self._index, NEVER)
        if self.source.reached is not None:
            reached = self.source.reached().tolist()
            at = {number: reached[shard] for number, shard in self._index.items()}
        waited_for = [time for number, time in at.items() if time > 0 and lags.get(number, 1)]
        far = min(waited_for, default=FOREVER - SKEW_MS) + SKEW_MS
        return sorted((number for number in at if at[number] <= far), key=lambda n: at[n])

    def next_awake(self) -> datetime:
        """Return when to ask again."""
        return datetime.now(UTC) + self._pause if self._pause else AT_ONCE

    def snapshot(self) -> None:
        """Note the end of an epoch: everything said in the one before has reached its sink."""
        if self._at_end:
            self._reader.read(1, 0.0)  # what the client has to say would pile up
            self.source.broker.away_since_ms = self._reader.away_since_ms
        if self.source.vault is not None:
            self.source.vault.epoch_ended()
        if self.source.broker.away_since_ms is None:
            self._reader.commit(self._next)

    def close(self) -> None:
        """Disconnect."""
        self._beside.shutdown()
        self._reader.close()


def _with_empty(read: Read, odd: list[Mark]) -> Read:
    """Return what was read with marks that tell nothing in their places, as empty messages.

    The path will reject them; out of its place, one would make the partition's place go back.
    """
    partition = np.append(read.partition, [mark.partition for mark in odd]).astype(np.int32)
    offset = np.append(read.offset, [mark.offset for mark in odd]).astype(np.int64)
    sent_ms = np.append(read.sent_ms, [mark.sent_ms for mark in odd]).astype(np.int64)
    order = np.lexsort((offset, partition))
    lines = [*read.lines, *[b""] * len(odd)]
    told = Lines.of([lines[row] for row in order])
    return Read(told, partition[order], offset[order], sent_ms[order], ())


def _is_time(text: bytes) -> bool:
    return text.isdigit() and len(text) <= TIME_DIGITS


def _patiently(topic: str, ask: Callable[[], T], stop: Stop) -> T:
    """Return the answer; a broker that has just started takes a moment to know."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            why = error.args[0].str()
            if stop.asked or time.monotonic() > deadline:
                raise KafkaUnusableError(f"{topic}: {why}") from None
            log.warning("%s: %s, asking again", topic, why)
            time.sleep(RETRY_S)
