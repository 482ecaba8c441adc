"""Against a real broker: what was sent is what is read, once, whatever happens in between."""

import ctypes
import gc
import logging
import random
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaException, Producer

from flows.kafka import KafkaUnusableError
from flows.librdkafka import library
from flows.log_reader import LogReader, Mark, Read
from tests.broker import LocalBroker
from tests.flows.processes import PATIENCE_S, eventually, free_port, without_waiting
from tests.kafka_fixture import ExternalBroker, Topics
from tests.kafka_tools import committed

SENT_MS = 1_763_881_200_000
MARK = "our-mark"


class Message(NamedTuple):
    partition: int
    offset: int
    sent_ms: int
    value: bytes


class Log:
    """A topic to write to."""

    def __init__(self, address: str, topic: str, partitions: int) -> None:
        self.address, self.topic, self.partitions = address, topic, partitions
        self.group = f"{topic}-group"
        self._producer = Producer(
            {
                "bootstrap.servers": address,
                "message.max.bytes": 5_000_000,
                "queue.buffering.max.messages": 1_000_000,
                "linger.ms": 20,
                "log_level": 0,
            }
        )
        self._next = [0] * partitions

    def send(
        self, values: Sequence[bytes | None], partition: int = 0, headers: Any = None
    ) -> list[Message]:
        """Send messages; return what is to be read of them."""
        sent = []
        for value in values:
            at = Message(
                partition, self._next[partition], SENT_MS + self._next[partition], value or b""
            )
            self._producer.produce(
                self.topic, value, partition=partition, timestamp=at.sent_ms, headers=headers
            )
            self._next[partition] += 1
            sent.append(at)
        assert self._producer.flush(PATIENCE_S) == 0
        return sent

    def committed(self) -> list[int]:
        return committed(self.address, self.group, self.topic, self.partitions)

    def reader(self, starts: dict[int, int] | None = None, **options: Any) -> LogReader:
        group = {"bootstrap.servers": self.address, "group.id": self.group}
        reader = LogReader({**group, **options}, self.topic, [MARK])
        if starts is None:
            starts = dict.fromkeys(range(self.partitions), OFFSET_BEGINNING)
        if starts:
            reader.assign(starts)
        return reader


@pytest.fixture
def make_log(kafka_broker: LocalBroker | ExternalBroker, topics: Topics) -> Callable[[int], Log]:
    return lambda partitions: Log(
        kafka_broker.address, topics.make("log", partitions=partitions), partitions
    )


@pytest.fixture
def log(make_log: Callable[[int], Log]) -> Log:
    return make_log(1)


def messages(read: Read) -> list[Message]:
    columns = read.partition.tolist(), read.offset.tolist(), read.sent_ms.tolist()
    return [Message(*row) for row in zip(*columns, read.lines, strict=True)]


def reads(reader: LogReader, count: int, most: int = 10_000) -> Iterator[Read]:
    """Read until there were so many messages and marks."""
    deadline = time.monotonic() + PATIENCE_S
    while count > 0:
        assert time.monotonic() < deadline, f"{count} did not come"
        read = reader.read(most, 0.05)
        if read is not None:
            count -= len(read.lines) + len(read.marks)
            yield read
    assert count == 0


def read_all(reader: LogReader, count: int, most: int = 10_000) -> list[Message]:
    return [message for read in reads(reader, count, most) for message in messages(read)]


def until(come: Callable[[], object], reader: LogReader) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not come():
        assert time.monotonic() < deadline
        assert reader.read(100, 0.02) is None


# --- what is read ----------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize("most", [1, 2, 3, 10_000])
def test_what_was_sent_is_read_in_order(make_log: Callable[[int], Log], most: int) -> None:
    log = make_log(3)
    sent = [
        message
        for number in range(30)
        for message in log.send([b"%d" % number, b"again"], partition=number % 3)
    ]
    with closing(log.reader()) as reader:
        found = []
        for read in reads(reader, len(sent), most):
            assert 0 < len(read.lines) <= most
            assert read.marks == ()
            found += messages(read)
        assert reader.read(most, 0.05) is None
    for partition in range(3):
        expected = [message for message in sent if message.partition == partition]
        assert [message for message in found if message.partition == partition] == expected


@pytest.mark.system
def test_values_of_all_kinds(log: Log) -> None:
    big = bytes(range(256)) * 8192  # 2 MB
    sent = log.send([b"", b"\n", None, b"a\nb", big, b"\0", b"\n\n", big[::-1], None, b"end"])
    with closing(log.reader()) as reader:
        assert read_all(reader, len(sent)) == sent


@pytest.mark.system
@pytest.mark.parametrize("codec", ["gzip", "lz4", "zstd", "snappy"])
def test_compressed_or_not(log: Log, codec: str) -> None:
    log._producer = Producer({"bootstrap.servers": log.address, "compression.type": codec})
    sent = log.send([b'{"sensor":"a","time":%d,"value":1}' % number for number in range(2000)])
    with closing(log.reader()) as reader:
        assert read_all(reader, len(sent)) == sent


@pytest.mark.system
def test_marks_stand_beside_the_messages(log: Log) -> None:
    log.send([b"first"])
    log.send([None], headers=[(MARK, b"old"), ("other", None), (MARK, b"12")])
    log.send([None], headers=[("other", b"x")])
    log.send([b"value"], headers=[(MARK, b"no mark: it has a value")])
    log.send([b""], headers=[(MARK, b"neither: it is empty, not missing")])
    log.send([None], headers=[(MARK, "río".encode())])
    with closing(log.reader()) as reader:
        found = list(reads(reader, 6))
    assert [mark for read in found for mark in read.marks] == [
        Mark(0, 1, SENT_MS + 1, {MARK: b"12", "other": b""}),
        Mark(0, 5, SENT_MS + 5, {MARK: "río".encode()}),
    ]
    assert [(at.offset, at.value) for read in found for at in messages(read)] == [
        (0, b"first"),
        (2, b""),
        (3, b"value"),
        (4, b""),
    ]


@pytest.mark.system
def test_a_read_may_be_marks_alone(log: Log) -> None:
    log.send([None], headers=[(MARK, b"1")])
    with closing(log.reader()) as reader:
        (read,) = reads(reader, 1)
    assert len(read.lines) == 0
    assert list(read.lines) == []
    assert len(read.marks) == 1


@pytest.mark.system
def test_a_hundred_thousand_at_once(make_log: Callable[[int], Log]) -> None:
    log = make_log(2)
    sent = [
        *log.send([b"%d" % number for number in range(70_000)], 0),
        *log.send([b"-%d" % number for number in range(70_000)], 1),
    ]
    with closing(log.reader({0: 0, 1: 0}, **{"fetch.message.max.bytes": 50_000_000})) as reader:
        fetched = partial(library().rd_kafka_queue_length, ctypes.c_void_p(reader._queue))
        eventually(lambda: fetched() >= 100_000, "a hundred thousand in the client")
        found, sizes = [], []
        for read in reads(reader, len(sent), 100_000):
            sizes.append(len(read.lines))
            found += messages(read)
    assert max(sizes) == 100_000
    assert sorted(found) == sorted(sent)


@pytest.mark.system
def test_what_was_read_outlives_the_reader(log: Log) -> None:
    sent = log.send([b"%d" % number for number in range(1000)])
    with closing(log.reader()) as reader:
        (kept, *more) = reads(reader, len(sent), 600)
    assert [message for read in (kept, *more) for message in messages(read)] == sent


# --- waiting ---------------------------------------------------------------------------------


@pytest.mark.system
def test_nothing_comes_in_time(log: Log) -> None:
    with closing(log.reader()) as reader:
        reader.read(10, 0.0)  # compiled, connected
        before = time.monotonic()
        with without_waiting():
            assert reader.read(10, 0.2) is None
        assert time.monotonic() - before > 0.15


@pytest.mark.system
def test_a_message_is_waited_for_no_longer_than_it_takes(log: Log) -> None:
    with closing(log.reader()) as reader:
        log.send([b"warm"])
        read_all(reader, 1)
        threading.Timer(0.2, log.send, [[b"late"]]).start()  # which needs the GIL
        with without_waiting():
            read = reader.read(10, 20.0)
        assert read is not None
        assert list(read.lines) == [b"late"]


# --- places ----------------------------------------------------------------------------------


@pytest.mark.system
def test_partitions_are_read_from_where_it_is_told(make_log: Callable[[int], Log]) -> None:
    log = make_log(3)
    sent = [log.send([b"%d" % number for number in range(10)], partition) for partition in range(3)]
    with closing(log.reader({0: 7, 2: OFFSET_BEGINNING})) as reader:
        assert sorted(read_all(reader, 13)) == [*sent[0][7:], *sent[2]]
        assert reader.positions() == {0: 10, 2: 10}
        assert reader.ends() == {0: 10, 2: 10}
        reader.assign({1: 9})
        assert read_all(reader, 1) == sent[1][9:]
        assert reader.positions() == {1: 10}


@pytest.mark.system
def test_bounds_and_places_before_anything_is_read(make_log: Callable[[int], Log]) -> None:
    log = make_log(2)
    log.send([b"a", b"b"], 1)
    with closing(log.reader({})) as reader:
        assert (reader.bounds(0), reader.bounds(1)) == ((0, 0), (0, 2))
        assert reader.positions() == reader.ends() == {}
        reader.assign({0: OFFSET_BEGINNING, 1: 1})
        assert reader.positions()[0] < 0
        with pytest.raises(KafkaException, match=r"(?i)unknown partition"):
            reader.bounds(2)


@pytest.mark.system
def test_what_is_committed_is_known_to_others(make_log: Callable[[int], Log]) -> None:
    log = make_log(2)
    log.send([b"a", b"b", b"c"])
    with closing(log.reader()) as reader:
        read_all(reader, 3)
        assert all(at < 0 for at in log.committed())
        reader.commit({0: 2})
    first, second = log.committed()
    assert first == 2
    assert second < 0


@pytest.mark.system
def test_only_what_is_committed_is(log: Log) -> None:
    log.send([b"a", b"b", b"c"])
    with closing(log.reader()) as reader:
        read_all(reader, 3)
    assert log.committed()[0] < 0


@pytest.mark.system
def test_partitions_set_apart_come_when_it_is_their_turn(make_log: Callable[[int], Log]) -> None:
    log = make_log(3)
    sent = [log.send([b"%d" % n for n in range(5000)], partition) for partition in range(3)]
    with closing(log.reader({})) as reader:
        reader.assign(dict.fromkeys(range(3), OFFSET_BEGINNING), apart=True)
        assert reader.read(10_000, 0.3) is None
        reader.set_apart([1, 2])
        found = read_all(reader, 5000)
        assert {at.partition for at in found} == {0}
        assert reader.read(10_000, 0.3) is None
        for most, turns, expected in (
            (30, [2, 1], {2: 30}),
            (5000, [2, 1], {2: 4970, 1: 30}),
            (9000, [1], {1: 4970}),
        ):
            read = reader.read(most, 0.3, turns)
            assert read is not None
            assert Counter(read.partition.tolist()) == expected
            found += messages(read)
        sent[2] += log.send([b"more"] * 5, 2)
        assert reader.read(10, 0.3, [1]) is None
        reader.set_apart([])
        found += read_all(reader, 15_005 - len(found))
        assert reader.read(10, 0.1) is None
    for partition in range(3):
        assert [at for at in found if at.partition == partition] == sent[partition]


@pytest.mark.system
def test_set_apart_and_together_again_and_again_each_keeps_its_order(
    make_log: Callable[[int], Log],
) -> None:
    log, rng = make_log(3), random.Random(5)
    sent = [log.send([b"%d" % n for n in range(3000)], partition) for partition in range(3)]
    found: list[Message] = []
    with closing(log.reader()) as reader:
        deadline = time.monotonic() + PATIENCE_S
        while len(found) < 9000:
            assert time.monotonic() < deadline, len(found)
            apart = rng.sample(range(3), rng.randrange(4))
            reader.set_apart(apart)
            for _ in range(3):
                turns = rng.sample(apart, rng.randrange(len(apart) + 1))
                if read := reader.read(rng.randrange(1, 90), 0.01, turns):
                    found += messages(read)
    for partition in range(3):
        assert [at for at in found if at.partition == partition] == sent[partition]


def test_while_some_are_apart_it_reads_what_it_was_told() -> None:
    reader = Log(f"127.0.0.1:{free_port()}", "log", 1).reader()
    reader.set_apart([0])
    with closing(reader), pytest.raises(ValueError, match="log: partitions are set apart"):
        reader.assign({0: 0})


@pytest.mark.system
def test_what_is_no_message_is_passed(log: Log) -> None:
    producer = Producer({"bootstrap.servers": log.address, "transactional.id": log.topic})
    producer.init_transactions(PATIENCE_S)
    for value in (b"one", b"two"):
        producer.begin_transaction()
        producer.produce(log.topic, value, partition=0)
        producer.commit_transaction(PATIENCE_S)
    with closing(log.reader()) as reader:
        found = read_all(reader, 2)
        assert [(at.offset, at.value) for at in found] == [(0, b"one"), (2, b"two")]
        until(lambda: reader.positions() == {0: 4}, reader)


# --- trouble ---------------------------------------------------------------------------------


@pytest.mark.system
def test_a_missing_topic_is_told(kafka_broker: LocalBroker | ExternalBroker) -> None:
    options = {"topic.metadata.propagation.max.ms": 100, "topic.metadata.refresh.interval.ms": 500}
    with closing(
        Log(kafka_broker.address, "test-no-such-topic", 1).reader({}, **options)
    ) as reader:
        with pytest.raises(KafkaException):
            reader.bounds(0)
        reader.assign({0: OFFSET_BEGINNING})
        with pytest.raises(KafkaUnusableError, match=r"test-no-such-topic: .*topic does not exist"):
            until(lambda: False, reader)


@pytest.mark.system
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_that_comes_back_costs_nothing(
    restartable_broker: LocalBroker, make_log: Callable[[int], Log], how: str
) -> None:
    log = make_log(2)
    sent = log.send([b"%d" % number for number in range(5000)], 0)
    with closing(log.reader()) as reader:
        found = read_all(reader, 1000, 100)
        assert reader.away_since_ms is None
        getattr(restartable_broker, how)()
        end, turns = time.monotonic() + 3.0, 0
        while time.monotonic() < end:
            read = reader.read(100, 0.02)
            turns += 1
            found += messages(read) if read is not None else []
        assert reader.away_since_ms is not None
        assert 0 <= time.time() * 1000 - reader.away_since_ms < 10_000
        assert turns > 30, "a turn waits for the broker"
        restartable_broker.start()
        sent += log.send([b"back"], 1)
        found += read_all(reader, len(sent) - len(found))
        until(lambda: reader.away_since_ms is None, reader)
        reader.commit({0: 5000})
    assert sorted(found) == sorted(sent)
    eventually(lambda: log.committed()[:1] == [5000], "what was committed")


@pytest.mark.system
def test_a_broker_that_is_gone_is_not_waited_for(
    restartable_broker: LocalBroker,
    make_log: Callable[[int], Log],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client itself would wait until what was to be noted has been, which is never."""
    log = make_log(1)
    sent = log.send([b"a"])
    reader = log.reader()
    assert len(read_all(reader, 1)) == len(sent)
    reader.commit({0: 1})
    eventually(lambda: log.committed() == [1], "what was committed")
    restartable_broker.kill()
    reader.commit({0: 2})
    with without_waiting():
        reader.close()
    assert "left without a word" in caplog.text
    restartable_broker.start()


@pytest.mark.system
def test_a_client_that_has_forgotten_all_brokers_is_told_of_them_again(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As statistics say it after the only broker of a cluster has told, ending, that it is none."""
    forgotten = iter([True])
    monkeypatch.setattr("flows.log_reader.has_forgotten_all", lambda _: next(forgotten, False))
    sent = log.send([b"a", b"b"])
    with closing(log.reader()) as reader:
        assert read_all(reader, 2) == sent
        until(lambda: "told again" in caplog.text, reader)
        sent += log.send([b"c"])
        assert read_all(reader, 1) == sent[2:]


def test_a_partition_that_nobody_serves_is_not_heard_of_through_the_coordinator() -> None:
    """Both are said to be of broker -1, and our own commits keep the coordinator talking."""
    brokers = {
        "a:1/1": {"nodeid": 1, "state": "UP", "rxidle": 5_000, "source": "learned"},
        "GroupCoordinator": {"nodeid": -1, "state": "UP", "rxidle": 5_000, "source": "logical"},
    }
    partitions = {"0": {"broker": 1}, "1": {"broker": -1}}
    topics = {"nobody": {"partitions": partitions}}
    told = orjson.dumps({"time": 1000, "brokers": brokers, "topics": topics})
    with closing(Log(f"127.0.0.1:{free_port()}", "nobody", 2).reader({})) as reader:
        text = ctypes.create_string_buffer(told)
        reader._on_statistics(0, ctypes.addressof(text), len(told), None)
        assert [reader.heard_ms(number) for number in range(2)] == [999_995, 0]


def test_nobody_is_there(caplog: pytest.LogCaptureFixture) -> None:
    with closing(Log(f"127.0.0.1:{free_port()}", "nobody", 1).reader()) as reader:
        with caplog.at_level(logging.INFO, "flows.log_reader"):
            until(lambda: reader.away_since_ms is not None and caplog.records, reader)
        assert "nobody: FAIL: " in caplog.text
        with pytest.raises(KafkaException):
            reader.bounds(0, 0.1)
        with without_waiting():
            reader.close()


@pytest.mark.system
def test_one_that_failed_half_way_can_be_closed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that is not given back would be waited for without end."""

    def lay_out(*args: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("flows.log_reader.lay_out", lay_out)
    log.send([b"a", None, b"b"])
    reader = log.reader()
    with pytest.raises(MemoryError):
        list(reads(reader, 3))
    closed = threading.Thread(target=reader.close, daemon=True)
    closed.start()
    closed.join(PATIENCE_S)
    assert not closed.is_alive()


def test_a_closed_reader_says_so() -> None:
    reader = Log(f"127.0.0.1:{free_port()}", "log", 1).reader()
    reader.close()
    reader.close()
    uses: list[Callable[[], object]] = [
        lambda: reader.read(1, 0.0),
        lambda: reader.assign({0: 0}),
        lambda: reader.set_apart([]),
        lambda: reader.commit({0: 0}),
        lambda: reader.bounds(0),
        reader.positions,
        reader.ends,
    ]
    for use in uses:
        with pytest.raises(ValueError, match="log: the reader is closed"):
            use()


def test_nothing_is_too_little_to_ask_for() -> None:
    with (
        closing(Log("127.0.0.1:1", "log", 1).reader({})) as reader,
        pytest.raises(ValueError, match="most: expected at least 1, got 0"),
    ):
        reader.read(0, 0.0)


# --- memory ----------------------------------------------------------------------------------


def resident_mb() -> float:
    """What this process holds, without what its allocator keeps for later."""
    gc.collect()
    with suppress(AttributeError):  # not every C library has it
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


@pytest.mark.system
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow(make_log: Callable[[int], Log]) -> None:
    log = make_log(4)
    for partition in range(4):
        log.send([b'{"sensor":"a","time":1763881200000,"value":%d}' % n for n in range(25_000)])
        log.send([None] * 100, partition, [(MARK, b"1"), ("other", b"x" * 100)])
    with closing(log.reader()) as reader:
        total = sum(end for _, end in map(reader.bounds, range(4)))
        held = list[float]()
        for turn in range(24):
            for read in reads(reader, total):
                assert len(read.lines) == len(read.offset)
            reader.positions()
            reader.ends()
            reader.commit({0: turn})
            # Before the client is told to read again: what it then fetches ahead is no leak.
            held.append(resident_mb())
            reader.assign(dict.fromkeys(range(4), OFFSET_BEGINNING))
        assert 24 * total > 2_000_000
        assert held[-1] - held[3] < 30
