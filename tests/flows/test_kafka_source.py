"""Reading partitions from a real broker: nothing lost, nothing doubled, whatever happens to it."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from flows import kafka_source
from flows.kafka import CLOCK_HEADER, END_HEADER, KafkaPlace, KafkaUnusableError
from flows.kafka_source import Broker, KafkaSource
from flows.sources import Stop
from operators.intake import Stretch
from tests.broker import LocalBroker
from tests.flows.kafka_reader import Open, numbered, rows
from tests.flows.processes import eventually, free_port
from tests.kafka_fixture import Topics
from tests.kafka_tools import LONG_AGO_MS, QUIET, committed, send, send_in_transactions

system = pytest.mark.system


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
class TestAhead:
    def test_what_is_fetched_and_not_yet_wanted_is_not_said_to_be_read(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic = topics.make("readings")
        send(kafka_broker.address, topic, numbered(300))
        made = reader(topic, poll_size=20)
        made.until(lambda: 0 < made.count < 300 and made.part._ahead is not None)
        assert made.part._ahead is not None
        assert made.part._ahead.result(30) is not None
        made.part.snapshot()
        assert made.source.lags == {0: 300 - made.count}
        told = lambda: committed(kafka_broker.address, topic, topic, 1)  # noqa: E731
        eventually(lambda: told() == [made.count])
        made.part.close()
        again = reader(topic, starts=made.starts)
        again.until(lambda: made.count + again.count == 300)
        assert made.found[0] + again.found[0] == rows(numbered(300))

    def test_what_is_fetched_is_decoded_there_and_only_there(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        decoded = list[tuple[str, list[bytes]]]()

        def decode(lines: Sequence[bytes]) -> list[bytes]:
            decoded.append((threading.current_thread().name, list(lines)))
            return list(lines)

        topic = topics.make("readings")
        send(kafka_broker.address, topic, numbered(100))
        send(kafka_broker.address, topic, [None], headers={CLOCK_HEADER: b"noon"})
        send(kafka_broker.address, topic, numbered(100))
        made = reader(topic, poll_size=20, decode=decode)
        made.until(lambda: made.count == 201)
        done: list[Any] = [poll.decoded for poll in made.polls if poll.decoded is not None]
        assert done == [list(poll.lines) for poll in made.polls if poll.decoded is not None]
        assert len(done) > 3
        assert all(topic in name for name, _ in decoded)
        assert made.found == {0: rows([*numbered(100), b"", *numbered(100)])}
        (odd,) = [poll for poll in made.polls if b"" in poll.lines]
        assert odd.decoded is None, "what was decoded lacks the empty message"

    def test_only_who_is_behind_has_a_thread_for_it(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        def beside() -> list[str]:
            return [each.name for each in threading.enumerate() if topic in each.name]

        topic = topics.make("readings")
        made = reader(topic, poll_size=100)
        for _ in range(3):
            send(kafka_broker.address, topic, numbered(20))
            made.until(lambda before=made.count: made.count >= before + 20)
        assert beside() == []
        for _ in range(20):
            send(kafka_broker.address, topic, numbered(90))  # which may come in two polls
            made.until(lambda before=made.count: made.count >= before + 90)
        assert len(beside()) == 1, "no poll was full, many were nearly"
        made.part.close()
        assert beside() == []

    def test_it_is_fetched_also_where_all_partitions_are_at_hand(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        topic = topics.make("readings", 2)
        for number in range(2):
            send(kafka_broker.address, topic, numbered(1030), number)
        reached = np.full(2, 1_000_000)
        made = reader(topic, 2, poll_size=100, reached=lambda: reached)

        def of_both() -> bool:
            return len({each.shard for each in made.polls[-1].stretches}) == 2

        made.until(lambda: made.count and of_both() and made.part._ahead is not None)
        made.until(lambda: made.count == 2060)
        assert made.found == {number: rows(numbered(1030)) for number in range(2)}

    def test_that_the_client_has_given_up_is_told_at_the_next_poll(
        self,
        reader: Open,
        topics: Topics,
        kafka_broker: LocalBroker,
    ) -> None:
        topic = topics.make("readings")
        send(kafka_broker.address, topic, numbered(100))
        made = reader(topic, poll_size=10)
        made.until(lambda: made.part._ahead is not None)
        failed = Future[Any]()
        failed.set_exception(KafkaUnusableError("no more"))
        made.part._ahead = failed
        made.source.stop.asked = True
        with pytest.raises(StopIteration):  # who was to end does not care
            made.turn()
        made.source.stop.asked = False
        with pytest.raises(KafkaUnusableError, match="no more"):
            made.turn()

    def test_what_is_behind_the_end_is_left_there_also_where_it_has_been_fetched(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic = topics.make("readings")
        send(kafka_broker.address, topic, numbered(200))
        made = reader(topic, poll_size=5, over=lambda: made.count >= 5)
        with pytest.raises(StopIteration):
            made.until(lambda: False)
        assert made.source.lags == {0: 200 - made.count}
        made.part.snapshot()
        told = lambda: committed(kafka_broker.address, topic, topic, 1)  # noqa: E731
        eventually(lambda: told() == [made.count])
        assert made.count < 20

    def test_nothing_is_taken_from_a_reader_while_it_reads(
        self, reader: Open, topics: Topics, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made, said, goes_on = reader(topics.make("readings")), list[str](), threading.Event()
        close = made.part._reader.close
        monkeypatch.setattr(made.part._reader, "close", lambda: (said.append("closed"), close()))
        made.part._beside.submit(lambda: (goes_on.wait(30), said.append("read")))
        closing = threading.Thread(target=made.part.close)
        closing.start()
        goes_on.set()
        closing.join(30)
        assert said == ["read", "closed"]


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

    def test_at_what_the_log_has_lost_is_at_its_end(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        """A broker may come back with less than it said it had: what is left has been seen."""
        topic = topics.make("readings")
        send(kafka_broker.address, topic, numbered(8))
        made = reader(topic, starts={0: 70}, same=True)
        made.until(lambda: made.live == {0})
        send(kafka_broker.address, topic, numbered(3))
        made.until(lambda: made.count == 3)
        assert made.found == {0: rows(numbered(3), 8)}


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

    def test_of_what_there_is_at_the_start_comes_with_where_that_is(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        """The flow goes on: only this source has no more to say."""
        topic = topics.make("readings")
        send(kafka_broker.address, topic, numbered(5))
        made = reader(topic, starts={0: 2}, to_end=True, pause_s=60.0)
        assert made.part.next_awake() > datetime.now(UTC)
        send(kafka_broker.address, topic, [b"later"])
        with pytest.raises(StopIteration):
            made.until(lambda: False)
        assert rows(numbered(5)[2:], 2) == made.found[0][:3]
        end = 2 + made.count
        assert made.polls[-1].stretches == (Stretch(0, end, 0),)
        assert not made.source.stop.asked
        made.part.pass_to(0, 9)
        made.part.snapshot()
        known = lambda: committed(kafka_broker.address, topic, topic, 1)  # noqa: E731
        eventually(lambda: known() == [9])
        assert made.source.lags == {0: 0}

    @pytest.mark.parametrize("start", [None, 0, 3])
    def test_where_there_is_nothing_to_read_it_comes_at_once(
        self, start: int | None, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        topic = topics.make("readings")
        send(kafka_broker.address, topic, numbered(3 if start else 0))
        made = reader(topic, starts={} if start is None else {0: start}, to_end=True)
        made.turn()
        assert made.polls[-1].stretches == (Stretch(0, start or 0, 0),)
        with pytest.raises(StopIteration):
            made.turn()

    def test_of_a_transaction_is_no_message_and_passed_too(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker
    ) -> None:
        topic = topics.make("readings")
        send_in_transactions(kafka_broker.address, topic, [(numbered(2), True)])
        eventually(lambda: reader(topic).part._bounds(0) == (0, 3))
        made = reader(topic, to_end=True)
        with pytest.raises(StopIteration):
            made.until(lambda: False)
        assert made.found[0] == rows(numbered(2))
        assert made.polls[-1].stretches == (Stretch(0, 3, 0),)


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
    assert statistics.median(made.took_s) < 0.05, "the flow goes on meanwhile"
    assert len(made.told) == 1
    assert made.live == frozenset(), "nobody knows where the partitions end now"

    restartable_broker.start()
    made.until(lambda: len(made.told) == 2)  # also where no message comes
    assert made.told[1] == {"broker": {"away_since": None}}
    for number in range(2):
        send(address, topic, numbered(5, b"after"), number)
    made.until(lambda: made.count == 20)
    expected = numbered(5, b"before") + numbered(5, b"after")
    assert made.found == {number: rows(expected) for number in range(2)}
    made.commit([10, 10])


@system
def test_a_topic_that_got_more_partitions_is_read_by_who_starts_anew(
    reader: Open, topics: Topics, kafka_broker: LocalBroker
) -> None:
    topic = topics.make("readings", 2)
    made = reader(topic, 2, total=2, security={"topic.metadata.refresh.interval.ms": "500"})
    made.until(lambda: made.live == {0, 1})
    admin = AdminClient({"bootstrap.servers": kafka_broker.address})
    admin.create_partitions([NewPartitions(topic, 3)])[topic].result(30)
    with pytest.raises(KafkaUnusableError, match="expected 2 partitions, got 3: start again"):
        made.until(lambda: False)
