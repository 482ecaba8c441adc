"""The broker that other tests lean on."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests import broker as module
from tests.broker import BrokerError, JarsError, LocalBroker, answers, jars, why_not
from tests.kafka_fixture import ExternalBroker, Topics

QUIET = {"log_level": 0}


def produce(address: str, topic: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": address, **QUIET})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(30) == 0


def consume(address: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": address, "group.id": topic, **QUIET})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    found: list[bytes] = []
    deadline = time.monotonic() + 30
    while len(found) < count and time.monotonic() < deadline:
        messages = consumer.consume(count - len(found), 0.2)
        found += [message.value() or b"" for message in messages if message.error() is None]
    consumer.close()
    return found


def program(folder: Path, name: str, script: str) -> None:
    """Put a program in a folder, to be found before the real one or instead of it."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on it; programs may be put in the folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


# --- what is needed --------------------------------------------------------------------------


def test_without_java_it_says_so(bare: Path) -> None:
    assert why_not() == "Java is missing: install Java 17 or newer"


@pytest.mark.parametrize(("version", "major"), [("1.8.0_402", 8), ("11.0.2", 11)])
def test_an_old_java_is_not_enough(bare: Path, version: str, major: int) -> None:
    program(bare, "java", f"echo 'openjdk version \"{version}\"' >&2")
    assert why_not() == f"Java is too old: install Java 17 or newer, got {major}"


def test_without_maven_it_says_so_until_the_jars_are_there(bare: Path, tmp_path: Path) -> None:
    program(bare, "java", "echo 'openjdk version \"21\" 2023-09-19' >&2")
    assert why_not() == "Maven is missing: install Maven, which fetches Kafka"
    (tmp_path / "cache" / "citywatch" / f"kafka-{module.KAFKA}").mkdir(parents=True)
    assert why_not() is None


def test_jars_are_fetched_once(bare: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    program(
        bare,
        "mvn",
        f'echo run >> {runs}\nfor a; do case "$a" in -DoutputDirectory=*) /bin/mkdir "${{a#*=}}"'
        ' && : > "${a#*=}/kafka.jar";; esac; done',
    )
    assert [path.name for path in jars().iterdir()] == ["kafka.jar"]
    assert jars() == jars()
    assert runs.read_text() == "run\n"


def test_jars_that_cannot_be_fetched_leave_nothing(bare: Path, tmp_path: Path) -> None:
    program(bare, "mvn", "echo no network; exit 1")
    with pytest.raises(JarsError, match="no network"):
        jars()
    left = [path.name for path in (tmp_path / "cache" / "citywatch").iterdir()]
    assert left == [f"kafka-{module.KAFKA}.lock"]


# --- the broker ------------------------------------------------------------------------------


@pytest.mark.system
def test_a_message_goes_through(kafka_broker: LocalBroker | ExternalBroker, topics: Topics) -> None:
    topic = topics.make("readings")
    produce(kafka_broker.address, topic, b"one", b"two")
    assert consume(kafka_broker.address, topic, 2) == [b"one", b"two"]


@pytest.mark.system
def test_a_message_of_two_megabytes_goes_through(
    restartable_broker: LocalBroker, topics: Topics
) -> None:
    topic = topics.make("large")
    value = os.urandom(2 << 20)
    producer = Producer(
        {"bootstrap.servers": restartable_broker.address, "message.max.bytes": 4_000_000, **QUIET}
    )
    producer.produce(topic, value)
    assert producer.flush(30) == 0
    assert consume(restartable_broker.address, topic, 1) == [value]


@pytest.mark.system
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_messages_outlive_the_broker(
    restartable_broker: LocalBroker, topics: Topics, end: str
) -> None:
    address, topic = restartable_broker.address, topics.make("readings")
    produce(address, topic, b"before")
    getattr(restartable_broker, end)()
    assert not answers(address)
    restartable_broker.start()
    assert restartable_broker.address == address
    produce(address, topic, b"after")
    assert consume(address, topic, 2) == [b"before", b"after"]


@pytest.mark.system
def test_topics_are_gone_after_their_test(kafka_broker: LocalBroker | ExternalBroker) -> None:
    first, second = Topics(kafka_broker.address), Topics(kafka_broker.address)
    gone, kept = first.make("a", partitions=3), second.make("a")
    first.delete()
    known = AdminClient({"bootstrap.servers": kafka_broker.address, **QUIET}).list_topics(timeout=9)
    assert gone not in known.topics
    assert kept in known.topics
    second.delete()
    second.delete()


@pytest.mark.system
def test_a_topic_that_nobody_made_is_an_error(restartable_broker: LocalBroker) -> None:
    errors: list[KafkaError | None] = []
    impatient = {"topic.metadata.propagation.max.ms": 1}
    producer = Producer({"bootstrap.servers": restartable_broker.address, **impatient, **QUIET})
    producer.produce("mistyped", b"lost", on_delivery=lambda error, _: errors.append(error))
    producer.flush(30)
    (error,) = errors
    assert error is not None
    # The broker's word for it, or the client's, whichever gives up first.
    assert error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)


@pytest.mark.system
def test_a_broker_that_ends_is_told_with_its_log(
    restartable_broker: LocalBroker, tmp_path: Path
) -> None:
    (tmp_path / "topics").mkdir()
    other = "version=1\nnode.id=7\ncluster.id=Y2l0eXdhdGNoLXRlc3QtMQ\n"
    (tmp_path / "topics" / "meta.properties").write_text(other, encoding="utf-8")
    second = LocalBroker(tmp_path)
    with pytest.raises(BrokerError, match=r"(?s)did not start, its log ends with: .*node id"):
        second.start()
    assert not second.running


@pytest.mark.system
def test_a_taken_port_is_a_mistake(restartable_broker: LocalBroker, tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="the port is taken"):
        LocalBroker(tmp_path, port=restartable_broker.port).start()


@pytest.mark.system
def test_two_starts_are_a_mistake(restartable_broker: LocalBroker) -> None:
    with pytest.raises(BrokerError, match="running already"):
        restartable_broker.start()
