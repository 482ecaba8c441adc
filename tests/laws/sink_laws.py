"""What every sink promises, as plain functions; and the sinks, each with a way to look inside.

A law is given a bench: a sink, messages for it, and what somebody downstream would find.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.codec import decode_alert, encode, encode_alert_line
from operators.events import Alert, BadMessage
from sinks.alert_file import AlertFileSink
from sinks.dead_letters import DeadLetterSink
from sinks.kafka import KafkaSink, Letter, Outbox
from sinks.kafka_alerts import AlertSink
from sinks.redis import RedisSink
from sinks.store import Keys, connect
from tests.kafka_tools import values
from tests.sinks.alerts import history

__all__ = ["BENCHES", "KAFKA_BENCHES", "LAWS", "Bench", "MemorySink", "MemoryTopic"]


@dataclass
class Bench:
    """One sink under test."""

    sink: FixedPartitionedSink[Any, Any]
    messages: list[Any]
    content: Callable[[], Any]
    """What is found downstream."""
    expected: Any
    """What must be found once every message was written."""
    hang_up: Callable[[Any], None] = lambda part: None
    """Gives back what a killed process would: its files and sockets, and nothing more."""
    _open: Any = None

    def open(self, state: Any) -> StatefulSinkPartition[Any, Any]:
        """Start a flow; one still running was killed."""
        self.kill()
        (part,) = self.sink.list_parts()
        self._open = self.sink.build_part("flow.out", part, state)
        return self._open

    def kill(self) -> None:
        if self._open is not None:
            self.hang_up(self._open)
            self._open = None


# --- the sinks -------------------------------------------------------------------------------


@dataclass
class MemoryStore:
    """The read model without a store: the twin whose behaviour the real one must show."""

    log: list[tuple[str, int]] = field(default_factory=list)
    latest: dict[str, Alert] = field(default_factory=dict)

    def put(self, version: Alert) -> None:
        known = self.latest.get(version.id)
        if known is None or version.version > known.version:
            self.log.append((version.id, version.version))
            self.latest[version.id] = version

    def content(self) -> dict[str, Any]:
        active = [a for a in self.latest.values() if a.status == "active"]
        active.sort(key=lambda a: (a.level, -a.time, a.id))
        levels = [a.level for a in active]
        latest = {name: encode_alert_line(a) for name, a in self.latest.items()}
        ids = {a.id for a in active}
        return {"log": self.log, "latest": latest, "active": ids, "levels": levels, "geo": ids}


class MemorySink(FixedPartitionedSink[Alert, None]):
    """A sink of the twin."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    def list_parts(self) -> list[str]:
        return ["store"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _MemoryPart:
        return _MemoryPart(self.store)


class _MemoryPart(StatefulSinkPartition[Alert, None]):
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def write_batch(self, values: list[Alert]) -> None:
        for value in values:
            self._store.put(value)

    def snapshot(self) -> None:
        return None


def oracle(versions: list[Alert]) -> dict[str, Any]:
    """What an undisturbed run leaves in the read model."""
    store = MemoryStore()
    for version in versions:
        store.put(version)
    return store.content()


def read_model(url: str) -> dict[str, Any]:
    """What a service finds in the store."""
    client, keys = connect(url), Keys()
    log = [(row[b"id"].decode(), int(row[b"v"])) for _, row in client.xrange(keys.log)]
    bodies = {name: client.hget(keys.alert(name), "b") for name in {name for name, _ in log}}
    active = [name.decode() for name in client.zrange(keys.active, 0, -1)]
    levels = [int(client.hget(keys.alert(name), "level")) for name in active]
    geo = {name.decode() for name in client.zrange(keys.geo, 0, -1)}
    client.close()
    latest = {name: _as_line(body) for name, body in bodies.items()}
    return {"log": log, "latest": latest, "active": set(active), "levels": levels, "geo": geo}


def _as_line(body: bytes) -> bytes:
    return encode_alert_line(decode_alert(body))


def memory_bench(_url: str, _folder: Path, versions: list[Alert]) -> Bench:
    sink = MemorySink()
    return Bench(sink, versions, sink.store.content, oracle(versions))


def store_bench(url: str, _folder: Path, versions: list[Alert]) -> Bench:
    return Bench(RedisSink(url), versions, lambda: read_model(url), oracle(versions), _hang_up)


def alert_file_bench(_url: str, folder: Path, versions: list[Alert]) -> Bench:
    path = folder / "alerts.jsonl"
    expected = b"".join(encode_alert_line(version) for version in versions)
    return Bench(AlertFileSink(path), versions, path.read_bytes, expected, _close_file)


def dead_letter_bench(_url: str, folder: Path, versions: list[Alert]) -> Bench:
    path = folder / "dead_letters.jsonl"
    letters = [BadMessage("feed", 0, row, f"row {row}", "") for row in range(len(versions))]
    lines = [
        b'{"source":"feed","partition":0,"offset":%d,"reason":"row %d","payload":""}\n' % (row, row)
        for row in range(len(versions))
    ]
    return Bench(DeadLetterSink(path), letters, path.read_bytes, b"".join(lines), _close_file)


def _hang_up(part: Any) -> None:
    part._writer.close()


def _close_file(part: Any) -> None:
    part._file.close()


BENCHES = [memory_bench, store_bench, alert_file_bench, dead_letter_bench]


# --- the sinks of a log ----------------------------------------------------------------------


class MemoryTopic(FixedPartitionedSink[Alert, None]):
    """The topic of warnings without a broker: the twin of ``AlertSink``."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.known: dict[str, int] = {}

    def list_parts(self) -> list[str]:
        return ["alerts"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _MemoryTopicPart:
        return _MemoryTopicPart(self)


class _MemoryTopicPart(StatefulSinkPartition[Alert, None]):
    def __init__(self, topic: MemoryTopic) -> None:
        self._topic = topic

    def write_batch(self, values: list[Alert]) -> None:
        for value in values:
            if value.version > self._topic.known.get(value.id, 0):
                self._topic.known[value.id] = value.version
                self._topic.messages.append(encode(value))

    def snapshot(self) -> None:
        return None


class _Process(FixedPartitionedSink[Alert, None]):
    """A sink of Kafka's as a process has it: each has an outbox of its own."""

    def __init__(self, options: dict[str, Any], make: Callable[[Outbox], Any]) -> None:
        self._options = options
        self._make = make

    def list_parts(self) -> list[str]:
        return ["topic"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _ProcessPart:
        outbox = Outbox(self._options)
        return _ProcessPart(outbox, self._make(outbox).build_part(step_id, for_part, None))


class _ProcessPart(StatefulSinkPartition[Alert, None]):
    def __init__(self, outbox: Outbox, part: StatefulSinkPartition[Alert, None]) -> None:
        self.outbox = outbox
        self._part = part

    def write_batch(self, values: list[Alert]) -> None:
        self._part.write_batch(values)

    def snapshot(self) -> None:
        """A snapshot counts once all before it has arrived: the flows' vault sees to that."""
        self.outbox.flush(30)
        return self._part.snapshot()

    def close(self) -> None:
        self._part.close()


def _die(part: _ProcessPart) -> None:
    """What waits is lost; what the broker has been given arrives."""
    producer = part.outbox._producer
    producer.purge(in_queue=True, in_flight=False)
    producer.flush(30)


def memory_topic_bench(_address: str, _topic: str, versions: list[Alert]) -> Bench:
    sink = MemoryTopic()
    return Bench(sink, versions, lambda: sink.messages, [encode(each) for each in versions])


def alert_topic_bench(address: str, topic: str, versions: list[Alert]) -> Bench:
    options = {"bootstrap.servers": address}
    sink = _Process(options, lambda outbox: AlertSink(outbox, topic, options))
    expected = [encode(version) for version in versions]
    return Bench(sink, versions, lambda: values(address, topic), expected, _die)


def topic_bench(address: str, topic: str, versions: list[Alert]) -> Bench:
    """At least once: whoever reads it knows a message by its number, and passes it over."""

    def write(version: Alert) -> list[Letter]:
        return [Letter(version.id.encode(), encode(version))]

    def content() -> list[bytes | None]:
        return list(dict.fromkeys(values(address, topic)))

    sink = _Process({"bootstrap.servers": address}, lambda made: KafkaSink(made, topic, write))
    return Bench(sink, versions, content, [encode(version) for version in versions], _die)


KAFKA_BENCHES = [memory_topic_bench, alert_topic_bench, topic_bench]


# --- the laws --------------------------------------------------------------------------------


def everything_arrives_in_order(bench: Bench, rng: random.Random) -> None:
    """What is written is found, in the order it was written."""
    part = bench.open(None)
    part.write_batch(bench.messages)
    part.snapshot()
    assert bench.content() == bench.expected


def batches_do_not_matter(bench: Bench, rng: random.Random) -> None:
    """However the messages are split into batches, also empty ones, the same is found."""
    part = bench.open(None)
    rest = bench.messages
    while rest:
        count = rng.choice([0, 1, 1, 2, 5, 40])
        part.write_batch(rest[:count])
        rest = rest[count:]
    part.snapshot()
    assert bench.content() == bench.expected


def crashes_change_nothing(bench: Bench, rng: random.Random) -> None:
    """Killed anywhere and resumed from the last snapshot, the same is found.

    A flow that resumes sends everything after the snapshot again.
    """
    state, done = None, 0
    for _ in range(12):
        part, at = bench.open(state), done
        for _ in range(rng.randint(0, 6)):
            count = rng.randint(0, 15)
            part.write_batch(bench.messages[at : at + count])
            at += count
            if rng.random() < 0.4:
                state, done = pickle.loads(pickle.dumps(part.snapshot())), at
    part = bench.open(state)
    part.write_batch(bench.messages[done:])
    part.snapshot()
    assert bench.content() == bench.expected


def a_snapshot_is_small(bench: Bench, rng: random.Random) -> None:
    """A snapshot says where, it does not hold what was written."""
    part = bench.open(None)
    part.write_batch(bench.messages)
    assert len(pickle.dumps(part.snapshot())) < 10_000


def closing_keeps_everything(bench: Bench, rng: random.Random) -> None:
    """The end of a feed is no loss."""
    part = bench.open(None)
    part.write_batch(bench.messages)
    part.close()
    bench.hang_up = lambda part: None
    assert bench.content() == bench.expected


def messages(seed: int) -> list[Alert]:
    """What the benches are given."""
    return history(300, seed)


LAWS = [
    everything_arrives_in_order,
    batches_do_not_matter,
    crashes_change_nothing,
    a_snapshot_is_small,
    closing_keeps_everything,
]
