"""Reading partitions from a real broker: nothing lost, nothing doubled, whatever happens to it."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from flows import kafka_source
from flows.kafka import CLOCK_HEADER, END_HEADER, KafkaPlace, KafkaUnusableError
from flows.kafka_source import SKEW_MS, Broker, KafkaSource
from flows.librdkafka import UNKNOWN_OFFSET
from flows.sources import Stop
from operators.intake import PROMPT_LATENESS_MS, Poll
from tests.broker import LocalBroker
from tests.flows.processes import free_port
from tests.kafka_fixture import Topics
from tests.kafka_tools import LONG_AGO_MS, QUIET, committed, send, send_in_transactions

system = pytest.mark.system


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

    def until(self, holds: Callable[[], object], patience_s: float = 30.0) -> None:
        deadline = time.monotonic() + patience_s
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
        place = KafkaPlace(kafka_broker.address)
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


class TestWithoutBroker:
    def test_one_part_reads_all_partitions(self) -> None:
        source = KafkaSource(KafkaPlace("a:1"), "city.readings", "readings", [0, 1, 2], "g")
        assert source.list_parts() == ["city.readings"]

    def test_nobody_there_is_one_line_in_the_end(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        for name, value in {"ANSWER_S": 0.1, "RETRY_S": 0.01, "PATIENCE_S": 0.3}.items():
            monkeypatch.setattr(f"flows.kafka_source.{name}", value)
        place = KafkaPlace(f"127.0.0.1:{free_port()}", {"client.id": "x"})
        source = KafkaSource(place, "city.readings", "readings", [0], "g")
        with pytest.raises(KafkaUnusableError, match=r"^city\.readings: ") as error:
            source.build_part("source", "city.readings", None)
        assert "\n" not in str(error.value)
        assert "asking again" in caplog.text

    def test_nobody_there_is_not_waited_for_once_the_end_was_asked_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither the answer of a partition nor the next attempt, and there are many partitions."""
        asked = list[float]()
        stop = Stop()

        def bounds(_: Any, partition: int, wait_s: float) -> Any:
            asked.append(wait_s)
            stop.asked = len(asked) == 3
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "timed out"))

        monkeypatch.setattr("flows.kafka_source.LogReader.bounds", bounds)
        place = KafkaPlace(f"127.0.0.1:{free_port()}")
        source = KafkaSource(place, "city.readings", "readings", [0, 1, 2], "g", stop=stop)
        with pytest.raises(KafkaUnusableError, match=r"^city\.readings: timed out"):
            source.build_part("source", "city.readings", None)
        assert len(asked) == 3
        assert max(asked) <= 1.0


@system
class TestMessages:
    @pytest.mark.parametrize("poll_size", [7, 10_000])
    def test_come_in_the_order_of_their_partition(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, poll_size: int
    ) -> None:
        topic = topics.make("readings", 3)
        sent = {number: numbered(200, b"p%d" % number) for number in range(3)}
        for number, messages in sent.items():
            send(kafka_broker.address, topic, messages, number)
        made = reader(topic, 3, poll_size=poll_size)
        made.until(lambda: made.count == 600)
        assert made.found == {number: rows(messages) for number, messages in sent.items()}
        assert max(len(poll.lines) for poll in made.polls) <= poll_size
        stretches = [stretch for poll in made.polls for stretch in poll.stretches]
        assert {stretch.sent_ms for stretch in stretches} == {LONG_AGO_MS}
        if poll_size > 600:
            assert len(stretches) < 60, "consecutive messages are one stretch"

    def test_of_partitions_that_are_not_ours_are_left_to_others(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        topic = topics.make("readings", 4)
        for number in range(4):
            send(kafka_broker.address, topic, numbered(20, b"p%d" % number), number)
        made = reader(topic, numbers=[1, 3])
        made.until(lambda: made.count == 40)
        assert made.found == {0: rows(numbered(20, b"p1")), 1: rows(numbered(20, b"p3"))}

    def test_between_which_there_are_gaps_keep_their_numbers(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        """A transaction ends with a mark; one that was given up leaves a hole."""
        topic = topics.make("readings")
        kept = [numbered(3, b"a"), numbered(1, b"b"), numbered(4, b"c")]
        told = [(kept[0], True), (numbered(5), False), (kept[1], True), (kept[2], True)]
        send_in_transactions(kafka_broker.address, topic, told)
        made = reader(topic)
        made.until(lambda: made.count == 8)
        assert made.found == {0: rows(kept[0]) + rows(kept[1], 10) + rows(kept[2], 12)}
        made.until(lambda: made.live == {0})
        assert made.source.lags == {0: 0}, "the last mark is no message to wait for"
        again = reader(topic, starts=made.starts)
        again.until(lambda: again.live == {0})
        assert again.found == {}

    @pytest.mark.parametrize("seed", range(3))
    def test_are_neither_lost_nor_doubled_when_it_goes_on_from_a_snapshot(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, seed: int
    ) -> None:
        topic, rng = topics.make("readings", 2), random.Random(seed)
        sent = [numbered(rng.randint(20, 150), b"p%d" % number) for number in range(2)]
        for number, messages in enumerate(sent):
            send(kafka_broker.address, topic, messages, number)
        starts: dict[int, int] = {}
        found: dict[int, list[tuple[int, bytes]]] = {0: [], 1: []}
        total, so_far = sum(map(len, sent)), 0
        while so_far < total:
            made = reader(topic, 2, starts=starts, poll_size=rng.randint(1, 40))
            wanted = min(rng.randint(1, 80), total - so_far)
            made.until(lambda made=made, wanted=wanted: made.count >= wanted)
            starts |= made.starts
            so_far += made.count
            for shard, read in made.found.items():
                found[shard] += read
            made.part.close()
        assert found == {number: rows(messages) for number, messages in enumerate(sent)}

    def test_a_poll_takes_fewer_messages_the_larger_they_are(
        self,
        reader: Open,
        topics: Topics,
        kafka_broker: LocalBroker,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(kafka_source, "POLL_BYTES", 1000)
        topic = topics.make("readings")
        large = [b"%099d" % n for n in range(3000)]
        send(kafka_broker.address, topic, large)
        made = reader(topic)
        made.until(lambda: made.count == 3000)
        assert made.found == {0: rows(large)}
        first, *others = [len(poll.lines) for poll in made.polls if poll.lines]
        assert first <= kafka_source.FIRST_POLL
        assert max(others) == 10


@system
class TestStart:
    def test_is_at_the_snapshot_else_at_the_beginning_whatever_was_committed(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        topic = topics.make("readings", 2)
        for number in range(2):
            send(kafka_broker.address, topic, numbered(5), number)
        first = reader(topic, 2)
        first.until(lambda: first.count == 10)
        first.commit([5, 5])
        first.part.close()
        second = reader(topic, 2, starts={0: 3})
        second.until(lambda: second.count == 7)
        assert second.found == {0: rows(numbered(5)[3:], 3), 1: rows(numbered(5))}

    def test_at_what_is_no_longer_there_is_at_the_first_that_is(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic = topics.make("readings", 3)
        for number in range(2):
            send(kafka_broker.address, topic, numbered(8), number)
        admin = AdminClient({"bootstrap.servers": kafka_broker.address, **QUIET})
        gone = [TopicPartition(topic, 0, 6), TopicPartition(topic, 1, 8)]
        for deleted in admin.delete_records(gone).values():
            deleted.result(30)
        made = reader(topic, 3, starts={0: 2, 1: 2, 2: 70})  # the last is of a topic made anew
        made.until(lambda: made.live == {0, 1, 2})
        assert made.found == {0: rows(numbered(8)[6:], 6)}
        assert made.source.lags == {0: 0, 1: 0, 2: 0}


@system
class TestMarks:
    def test_tell_clock_and_end_and_are_no_messages(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic = topics.make("readings", 2)
        address = kafka_broker.address
        send(address, topic, [b"a"])
        send(address, topic, [None], headers={CLOCK_HEADER: b"1000"})
        send(address, topic, [b"b"])
        send(address, topic, [None], headers={CLOCK_HEADER: b"900"})  # time does not go back
        send(address, topic, [b"c"])
        send(address, topic, [None], headers={END_HEADER: b"1"})
        send(address, topic, [None], 1, headers={CLOCK_HEADER: b"1000"})
        made = reader(topic, 2, clock="feed")
        made.until(lambda: made.live == {0, 1})
        assert made.found == {0: [(0, b"a"), (2, b"b"), (4, b"c")]}
        assert made.polls[-1].clock_ms == 1000
        assert [poll.ended for poll in made.polls if poll.ended] == [frozenset({0})], "once"
        assert made.source.lags == {0: 0, 1: 0}, "the end has been read too"

    def test_alone_are_told_with_the_next_tick(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        topic = topics.make("readings")
        send(kafka_broker.address, topic, [None], headers={CLOCK_HEADER: b"1000"})
        send(kafka_broker.address, topic, [None], headers={END_HEADER: b"1"})
        made = reader(topic, clock="feed")
        made.until(lambda: any(poll.ended for poll in made.polls))
        assert made.count == 0
        assert made.polls[-1].clock_ms == 1000

    @pytest.mark.parametrize(
        ("value", "headers"),
        [
            (None, None),
            (None, {"somebody": b"else"}),
            (None, {CLOCK_HEADER: b"noon"}),
            (None, {CLOCK_HEADER: b"-1"}),
            (None, {CLOCK_HEADER: b"9" * 40}),
            (None, {CLOCK_HEADER: None}),
            (b"", None),
        ],
    )
    def test_what_is_none_and_says_nothing_is_an_empty_message(
        self,
        reader: Open,
        topics: Topics,
        kafka_broker: LocalBroker,
        value: bytes | None,
        headers: dict[str, bytes] | None,
    ) -> None:
        topic = topics.make("readings")
        send(kafka_broker.address, topic, [value], headers=headers)
        send(kafka_broker.address, topic, [b"next"])
        made = reader(topic, clock="feed")
        made.until(lambda: made.count == 2)
        assert made.found == {0: [(0, b""), (1, b"next")]}
        assert made.polls[-1].clock_ms is None

    def test_are_none_where_there_is_a_value(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        topic = topics.make("readings")
        send(kafka_broker.address, topic, [b"a"], headers={END_HEADER: b"1"})
        made = reader(topic)
        made.until(lambda: made.count == 1)
        assert made.polls[-1].ended == frozenset()


@system
class TestClock:
    def test_is_the_wall_s_the_feed_s_or_none(self, reader: Open, topics: Topics) -> None:
        topic = topics.make("readings")
        clocks = {}
        for clock in ("wall", "feed", "none"):
            made = reader(topic, clock=clock)
            made.until(lambda made=made: made.polls)
            clocks[clock] = made.polls[-1].clock_ms
        assert clocks["wall"] == pytest.approx(1000 * time.time(), abs=10_000)
        assert (clocks["feed"], clocks["none"]) == (None, None)

    def test_speaks_for_a_partition_once_all_of_it_was_read(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic = topics.make("readings", 2)
        send(kafka_broker.address, topic, numbered(400))
        made = reader(topic, 2, poll_size=5)
        made.until(lambda: made.count == 400)
        live_at = [poll.live for poll in made.polls if poll.lines]
        assert 0 not in live_at[len(live_at) // 2], "there is more to read, of long ago"
        made.until(lambda: made.live == {0, 1})

    def test_speaks_for_a_partition_whose_messages_are_fresh(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic = topics.make("readings")
        now_ms = int(time.time() * 1000) + 60_000  # so that it is fresh however slow the machine
        send(kafka_broker.address, topic, numbered(400), timestamp=now_ms)
        made = reader(topic, poll_size=5)
        made.until(lambda: made.live == {0})
        assert made.count < 400

    def test_speaks_for_a_quiet_partition_that_goes_on_at_its_end(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        topic = topics.make("readings")
        send(kafka_broker.address, topic, numbered(5))
        made = reader(topic, starts={0: 5})
        made.until(lambda: made.live == {0})
        assert made.count == 0

    def test_of_the_feed_speaks_only_once_it_was_heard(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic = topics.make("readings")
        send(kafka_broker.address, topic, numbered(5))
        made = reader(topic, clock="feed")
        made.until(lambda: made.count == 5 and made.source.lags == {0: 0})
        made.turn()
        assert made.live == frozenset()
        send(kafka_broker.address, topic, [None], headers={CLOCK_HEADER: b"1000"})
        made.until(lambda: made.live == {0})

    def test_of_the_feed_speaks_for_a_partition_that_has_come_that_far(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic, address = topics.make("readings", 2), kafka_broker.address
        early, late = {CLOCK_HEADER: b"1000"}, {CLOCK_HEADER: b"%d" % (1001 + PROMPT_LATENESS_MS)}
        for partition in (0, 1):
            send(address, topic, [None], partition, headers=early)
        made = reader(topic, 2, clock="feed")
        made.until(lambda: made.live == {0, 1})
        send(address, topic, [None], 1, headers=late)
        send(address, topic, numbered(3), 1)
        made.until(lambda: made.live == {1})
        assert made.source.lags[0] == 0, "at its end, and still not up with the other"
        send(address, topic, [None], 0, headers=late)
        made.until(lambda: made.live == {0, 1})


@system
class TestLag:
    def test_and_commits_are_there_for_any_tool(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic = topics.make("readings", 2)
        for number, count in enumerate((300, 10)):
            send(kafka_broker.address, topic, numbered(count), number)
        made = reader(topic, 2, poll_size=20)
        made.until(lambda: 0 < made.source.lags.get(0, 0) < 300)
        made.until(lambda: made.count == 310)
        made.turn()
        assert made.source.lags == {0: 0, 1: 0}
        made.commit([300, 10])

    def test_every_epoch_s_end_is_told_to_the_vault(self, reader: Open, topics: Topics) -> None:
        ended: list[int] = []
        vault: Any = SimpleNamespace(epoch_ended=lambda: ended.append(1))
        made = reader(topics.make("readings"), vault=vault)
        for _ in range(2):
            made.turn()
            made.part.snapshot()
        assert len(ended) == 2


@system
class TestSkew:
    FAR = 1_000_000 + 10 * SKEW_MS

    def test_a_partition_far_ahead_waits_for_the_slowest(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic = topics.make("readings", 2)
        for number in range(2):
            send(kafka_broker.address, topic, numbered(500, b"p%d" % number), number)
        reached = np.array([self.FAR, 1_000_000])
        made = reader(topic, 2, poll_size=10, reached=lambda: reached)
        made.until(lambda: len(made.found.get(1, [])) == 500)
        assert 0 not in made.found
        made.until(lambda: made.count == 1000)
        assert made.found == {number: rows(numbered(500, b"p%d" % number)) for number in range(2)}

    def test_it_waits_also_while_the_client_has_not_been_told_where_the_others_end(
        self,
        reader: Open,
        topics: Topics,
        kafka_broker: LocalBroker,
        watchful: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        topic = topics.make("readings", 2)
        for number in range(2):
            send(kafka_broker.address, topic, numbered(500, b"p%d" % number), number)
        unknown = dict.fromkeys(range(2), UNKNOWN_OFFSET)
        monkeypatch.setattr("flows.log_reader.LogReader.ends", lambda _: unknown)
        made = reader(topic, 2, reached=lambda: np.array([self.FAR, 1_000_000]))
        made.until(lambda: len(made.found.get(1, [])) == 500)
        assert 0 not in made.found

    def test_partitions_that_catch_up_go_on_together(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic, sizes = topics.make("readings", 3), (900, 900, 90)
        for number, size in enumerate(sizes):
            send(kafka_broker.address, topic, numbered(size, b"p%d" % number), number)
        reached = np.full(3, 1_000_000)
        made = reader(topic, 3, poll_size=30, reached=lambda: reached)
        furthest = 0
        while made.count < sum(sizes):
            made.until(lambda count=made.count: made.count > count)
            read = [len(made.found.get(number, [])) for number in range(3)]
            reached[:] = 1_000_000 + 1000 * np.array(read)  # a message is a second
            unfinished = [n for n, size in zip(read, sizes, strict=True) if n < size]
            furthest = max([furthest, *(max(read) - n for n in unfinished)])
        assert furthest <= SKEW_MS // 1000 + 30
        assert made.found == {n: rows(numbered(size, b"p%d" % n)) for n, size in enumerate(sizes)}

    def test_held_back_again_and_again_nothing_is_lost_or_doubled(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic, rng = topics.make("readings", 3), random.Random(4)
        for number in range(3):
            send(kafka_broker.address, topic, numbered(400, b"p%d" % number), number)
        reached = np.full(3, 1_000_000)
        made = reader(topic, 3, poll_size=7, reached=lambda: reached)
        held, deadline = set[int](), time.monotonic() + 30
        while made.count < 1200:
            assert time.monotonic() < deadline, made.count
            reached[:] = 1_000_000
            reached[ahead := rng.randrange(3)] = self.FAR
            before = {shard: len(read) for shard, read in made.found.items()}
            for _ in range(5):
                made.turn()
            if all(len(made.found.get(shard, [])) < 400 for shard in range(3)):
                assert len(made.found.get(ahead, [])) == before.get(ahead, 0)
                held.add(ahead)
        assert made.found == {number: rows(numbered(400, b"p%d" % number)) for number in range(3)}
        assert held == {0, 1, 2}

    def test_inside_the_bound_and_of_who_has_read_nothing_nobody_waits(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic = topics.make("readings", 3)
        for number in range(3):
            send(kafka_broker.address, topic, numbered(100), number)
        never = np.iinfo(np.int64).min
        reached = np.array([1_000_000, 1_000_000 + SKEW_MS, never])
        made = reader(topic, 3, poll_size=250, reached=lambda: reached)
        made.until(lambda: made.count == 300)
        assert made.found == {number: rows(numbered(100)) for number in range(3)}


@system
class TestEnd:
    def test_comes_when_somebody_asks(self, reader: Open, topics: Topics) -> None:
        stop = Stop()
        made = reader(topics.make("readings"), stop=stop)
        made.turn()
        stop.asked = True
        with pytest.raises(StopIteration):
            made.turn()

    def test_comes_when_nothing_more_will(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        topic = topics.make("readings")
        send(kafka_broker.address, topic, [b"a"])
        made = reader(topic, over=lambda: made.count == 1)
        with pytest.raises(StopIteration):
            made.until(lambda: False)


@system
def test_a_broker_that_is_away_is_told_of_and_nothing_is_lost(
    reader: Open, topics: Topics, restartable_broker: LocalBroker
) -> None:
    topic = topics.make("readings", 2)
    address = restartable_broker.address
    for number in range(2):
        send(address, topic, numbered(5, b"before"), number)
    broker = Broker()
    made = reader(topic, 2, broker=broker)
    made.until(lambda: made.count == 10)
    assert broker.away_since_ms is None

    restartable_broker.kill()
    killed_ms = time.time() * 1000
    made.until(lambda: made.told)
    assert broker.away_since_ms == pytest.approx(killed_ms, abs=10_000)
    assert made.told == [{"broker": {"away_since": broker.away_since_ms}}]
    made.took_s.clear()
    made.part.snapshot()
    away_until = time.monotonic() + 1.5
    made.until(lambda: time.monotonic() > away_until)
    took = sorted(made.took_s)
    assert took[int(len(took) * 0.99)] < 0.05, "the flow goes on meanwhile"
    assert len(made.told) == 1

    restartable_broker.start()
    made.until(lambda: len(made.told) == 2)  # also where no message comes
    assert made.told[1] == {"broker": {"away_since": None}}
    for number in range(2):
        send(address, topic, numbered(5, b"after"), number)
    made.until(lambda: made.count == 20)
    expected = numbered(5, b"before") + numbered(5, b"after")
    assert made.found == {number: rows(expected) for number in range(2)}
    made.commit([10, 10])
