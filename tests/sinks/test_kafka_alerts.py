"""Warnings to a real topic: every version once, whatever is said again after a crash."""

from __future__ import annotations

import random

import pytest

import sinks.kafka_alerts
from operators.codec import decode_alert, encode
from operators.events import Alert
from sinks.kafka import Outbox, SendError
from sinks.kafka_alerts import AlertSink
from tests.broker import LocalBroker
from tests.flows.processes import eventually, free_port
from tests.kafka_fixture import Topics
from tests.kafka_tools import read, send, send_in_transactions, values
from tests.sinks.alerts import alert, history

system = pytest.mark.system


class Process:
    """A process that writes warnings until it ends, or is killed."""

    def __init__(self, address: str, topic: str) -> None:
        options = {"bootstrap.servers": address}
        self.outbox = Outbox(options)
        sink = AlertSink(self.outbox, topic, options)
        (name,) = sink.list_parts()
        self.part = sink.build_part("flow.alerts", name, None)

    def say(self, versions: list[Alert]) -> None:
        self.part.write_batch(versions)
        self.part.snapshot()

    def end(self) -> None:
        self.part.close()


def said(address: str, topic: str) -> list[Alert]:
    return [decode_alert(value or b"") for value in values(address, topic)]


@system
def test_one_part_keeps_the_order(kafka_broker: LocalBroker, topics: Topics) -> None:
    options = {"bootstrap.servers": kafka_broker.address}
    sink = AlertSink(Outbox(options), topics.make("alerts"), options)
    assert sink.list_parts() == ["alerts"]
    assert {sink.part_fn(key) for key in ("a", "b")} == {0}


def test_nobody_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks.kafka_alerts, "ANSWER_S", 0.2)
    with pytest.raises(SendError, match=r"^city\.alerts: cannot be read back: ") as error:
        Process(f"127.0.0.1:{free_port()}", "city.alerts")
    assert "\n" not in str(error.value)


@system
def test_into_an_empty_topic_every_version_goes_once(
    kafka_broker: LocalBroker, topics: Topics
) -> None:
    topic, versions = topics.make("alerts"), history(100, 1)
    process = Process(kafka_broker.address, topic)
    process.say(versions)
    process.say(versions[40:60])
    process.end()
    found = read(kafka_broker.address, topic)
    assert [message.value() for message in found] == [encode(version) for version in versions]
    assert [message.key() for message in found] == [version.id.encode() for version in versions]


@system
@pytest.mark.parametrize("seed", range(2))
def test_after_a_restart_what_is_said_again_is_known(
    kafka_broker: LocalBroker, topics: Topics, seed: int
) -> None:
    topic, versions, rng = topics.make("alerts"), history(200, seed), random.Random(seed)
    done = 0
    while done < len(versions):
        again = rng.randint(0, done)  # as far back as its last snapshot is
        upto = done + rng.randint(1, 60)
        process = Process(kafka_broker.address, topic)
        process.say(versions[again:upto])
        process.end()
        done = upto
    assert said(kafka_broker.address, topic) == versions


@system
def test_a_version_that_is_passed_over_does_not_hold_up_the_next(
    kafka_broker: LocalBroker, topics: Topics
) -> None:
    topic = topics.make("alerts")
    process = Process(kafka_broker.address, topic)
    process.say([alert("a", 1), alert("a", 3), alert("a", 2), alert("b", 1)])
    process.end()
    found = [(version.id, version.version) for version in said(kafka_broker.address, topic)]
    assert found == [("a", 1), ("a", 3), ("b", 1)]


@system
def test_what_somebody_else_put_there_is_passed_over(
    kafka_broker: LocalBroker, topics: Topics
) -> None:
    topic, address = topics.make("alerts"), kafka_broker.address
    send(address, topic, [b"{}", b"\xff", None, b""])
    send(address, topic, [encode(alert("a", 1))])
    # The end of a transaction is at the end of the topic, and is no message.
    send_in_transactions(address, topic, [([encode(alert("b", 1))], True)])
    eventually(lambda: len(values(address, topic)) == 6)
    process = Process(address, topic)
    process.say([alert("a", 1), alert("a", 2), alert("b", 1)])
    process.end()
    assert values(address, topic)[4:] == [
        encode(alert("a", 1)),
        encode(alert("b", 1)),
        encode(alert("a", 2)),
    ]


@system
def test_only_the_end_of_the_topic_is_read_back(
    kafka_broker: LocalBroker, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks.kafka_alerts, "READ_BACK", 3)
    topic, versions = topics.make("alerts"), [alert(f"a-{n}") for n in range(5)]
    for _ in range(2):
        process = Process(kafka_broker.address, topic)
        process.say(versions)
        process.end()
    assert said(kafka_broker.address, topic) == versions + versions[:2]


@system
def test_warnings_of_long_ago_are_forgotten(
    kafka_broker: LocalBroker, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks.kafka_alerts, "REMEMBERED", 3)
    topic = topics.make("alerts")
    process = Process(kafka_broker.address, topic)
    process.say([alert("a", 1), alert("b"), alert("c"), alert("a", 2), alert("d")])
    process.say([alert("a", 2), alert("d"), alert("b")])
    process.end()
    found = [(version.id, version.version) for version in said(kafka_broker.address, topic)]
    assert found == [("a", 1), ("b", 1), ("c", 1), ("a", 2), ("d", 1), ("b", 1)]
