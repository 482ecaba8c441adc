"""Messages to a real broker: in order, each once, and no failure that nobody hears of."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource, run_main
from confluent_kafka.admin import AdminClient, NewTopic

from sinks.ending import Ending
from sinks.kafka import KafkaSink, Letter, Outbox, SendError
from tests.broker import LocalBroker
from tests.flows.processes import eventually, free_port, without_waiting
from tests.kafka_fixture import Topics
from tests.kafka_tools import QUIET, read, values

system = pytest.mark.system


def outbox(address: str, **options: object) -> Outbox:
    told = {name.replace("_", "."): value for name, value in options.items()}
    return Outbox({"bootstrap.servers": address, **told})


def nobody(**options: object) -> Outbox:
    """An outbox whose broker is not there, and which does not wait for it long."""
    return outbox(f"127.0.0.1:{free_port()}", **{"message_timeout_ms": 100, **options})


def letters(count: int, first: int = 0) -> list[Letter]:
    return [Letter(b"key", b"%d" % n) for n in range(first, first + count)]


def bodies(count: int) -> list[bytes]:
    return [b"%d" % n for n in range(count)]


def until_it_fails(act: Callable[[], object]) -> SendError:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            act()
        except SendError as error:
            return error
        time.sleep(0.005)
    pytest.fail("it did not fail")


@pytest.mark.slow  # each waits until delivery has failed
class TestWithoutBroker:
    def test_sending_does_not_wait_and_settles_nothing(self) -> None:
        made = nobody(message_timeout_ms=60_000)
        with without_waiting():
            made.send("topic", letters(1000))
        assert (made.sent, made.settled) == (1000, 0)
        made._producer.purge()

    @pytest.mark.parametrize("act", ["send", "settled", "flush"])
    def test_what_was_not_delivered_is_an_error_of_whatever_comes_next(self, act: str) -> None:
        made = nobody()
        made.send("city.evidence", letters(3))
        acts: dict[str, Callable[[], object]] = {
            "send": lambda: made.send("city.evidence", []),
            "settled": lambda: made.settled,
            "flush": lambda: made.flush(5),
        }
        error = until_it_fails(acts[act])
        assert str(error).startswith("city.evidence: message not delivered: ")
        for again in acts.values():
            with pytest.raises(SendError, match="not delivered"):
                again()

    def test_it_says_how_long_the_oldest_has_been_under_way(self) -> None:
        made = nobody(message_timeout_ms=60_000)
        assert made.waiting_s == 0.0
        began = time.monotonic()
        made.send("topic", [*letters(1), Letter(b"", b"a", offset=0)])
        eventually(lambda: made.waiting_s > 0.05)
        made.send("topic", [Letter(b"", b"b", offset=1)])
        assert 0.05 < made.waiting_s <= time.monotonic() - began

    def test_only_those_that_have_a_place_are_waited_for(self) -> None:
        made = nobody(message_timeout_ms=60_000)
        made.send("topic", letters(1))
        time.sleep(0.01)
        assert made.waiting_s == 0.0

    def test_flushing_ends_after_its_time(self) -> None:
        made = nobody(message_timeout_ms=60_000)
        made.send("topic", letters(3))
        with pytest.raises(SendError, match=r"^3 messages not delivered in 0\.2 s$"):
            made.flush(0.2)
        made._producer.purge()

    def test_a_full_queue_is_waited_for_until_delivery_fails(self) -> None:
        made = nobody(queue_buffering_max_messages=10)
        with pytest.raises(SendError, match="not delivered"):
            made.send("topic", letters(100))
        assert made.sent == 10

    def test_a_message_larger_than_the_client_sends_is_one_line(self) -> None:
        made = nobody(message_max_bytes=2000)
        with pytest.raises(SendError, match=r"^topic: message not delivered: .*too large"):
            made.send("topic", [Letter(b"", b"x" * 3000)])

    def test_what_has_failed_is_not_told_again_when_it_is_closed(self) -> None:
        ending = Ending()
        made = Outbox({"bootstrap.servers": "a:1", "message.max.bytes": 2000}, ending)
        part = KafkaSink(made, "topic", lambda size: [Letter(b"", b"x" * size)]).build_part(
            "out", "topic", None
        )
        part.write_batch([1])
        with pytest.raises(SendError):
            part.write_batch([3000])
        assert ending.broken
        part.close()

    def test_what_is_not_delivered_at_a_clean_end_is_an_error(self) -> None:
        now = iter((0.0, *[100.0] * 100))
        options = {"bootstrap.servers": f"127.0.0.1:{free_port()}", "message.timeout.ms": 60_000}
        made = Outbox(options, Ending(asked=True, clock=lambda: next(now)))
        parts = [KafkaSink(made, "topic", letters).build_part("out", "topic", None)] * 2
        parts[0].write_batch([3])
        with pytest.raises(SendError, match="3 messages not delivered"):
            parts[0].close()
        parts[1].close()  # once: the second would end the process before the first is told

    @pytest.mark.parametrize("act", ["send", "flush"])
    def test_asked_to_end_it_does_not_wait(self, act: str) -> None:
        now = iter((0.0, *[100.0] * 100))
        ending = Ending(clock=lambda: next(now))
        options = {"message.timeout.ms": 60_000, "queue.buffering.max.messages": 10}
        made = Outbox({"bootstrap.servers": f"127.0.0.1:{free_port()}", **options}, ending)
        made.send("topic", letters(10))
        ending.asked = True
        told = r"^10 messages not delivered when the end was asked"
        with without_waiting(), pytest.raises(SendError, match=told):
            made.send("topic", letters(1)) if act == "send" else made.flush()
        made._producer.purge()

    def test_at_the_end_of_what_there_is_to_read_it_is_in_no_hurry(self) -> None:
        now = iter((0.0, *[100.0] * 100))
        options = {"bootstrap.servers": f"127.0.0.1:{free_port()}", "message.timeout.ms": 60_000}
        made = Outbox(options, Ending(finished=True, clock=lambda: next(now)))
        made.send("topic", letters(1))
        with pytest.raises(SendError, match=r"not delivered in 0\.3 s$"):
            made.flush(0.3)

    @pytest.mark.parametrize(
        ("sources", "forgotten"),
        [((), True), (("logical", "internal"), True), (("learned",), False)],
    )
    def test_a_client_that_has_forgotten_all_brokers_is_an_error(
        self, sources: tuple[str, ...], forgotten: bool
    ) -> None:
        """It would look for none, and say so after five minutes."""
        told = {"brokers": {str(n): {"source": each} for n, each in enumerate(sources)}}
        made = nobody(message_timeout_ms=60_000)
        made.send("topic", letters(2))
        made._look(json.dumps(told))
        if forgotten:
            with pytest.raises(SendError, match=r"^2 messages not delivered: .*start again"):
                made.send("topic", letters(1))
        else:
            made.send("topic", letters(1))
        made._producer.purge()

    def test_options_win_but_not_over_what_keeps_messages_whole(self) -> None:
        """The client refuses idempotence with anything less than all replicas."""
        made = Outbox({"bootstrap.servers": "a:1", "acks": "0", "enable.idempotence": False})
        assert made.settled == made.sent == 0

    def test_a_sink_writes_through_one_part(self) -> None:
        sink = KafkaSink(nobody(), "topic", letters)
        assert sink.list_parts() == ["topic"]
        assert {sink.part_fn(key) for key in ("a", "b")} == {0}


@system
class TestOutbox:
    def test_messages_arrive_in_order_as_they_were(
        self, kafka_broker: LocalBroker, topics: Topics
    ) -> None:
        topic = topics.make("evidence", 3)
        made = outbox(kafka_broker.address)
        headers = (("reason", b"value: missing"), ("reason", b"twice"))
        made.send(topic, [Letter(b"k", b"%d" % n, headers, n % 3) for n in range(30)])
        made.send(topic, [Letter(b"", None, (("mark", b"1"),), 2)])
        made.flush(10)
        found = read(kafka_broker.address, topic)
        assert [m.value() for m in found if m.partition() == 1] == [
            b"%d" % n for n in range(1, 30, 3)
        ]
        assert (found[0].key(), found[0].headers()) == (b"k", list(headers))
        assert (found[-1].value(), found[-1].headers(), found[-1].partition()) == (
            None,
            [("mark", b"1")],
            2,
        )

    def test_one_that_is_elsewhere_than_it_must_be_is_an_error(
        self, kafka_broker: LocalBroker, topics: Topics
    ) -> None:
        topic = topics.make("log")
        made = outbox(kafka_broker.address)
        made.send(topic, [Letter(b"", b"a", offset=0), Letter(b"", b"b", offset=1)])
        made.flush()
        assert made.waiting_s == 0.0
        astray = [Letter(b"", b"c", offset=3)]

        def write() -> None:  # a quick broker has answered before it returns
            made.send(topic, [astray.pop()] if astray else [])
            made.flush()

        said = str(until_it_fails(write))
        assert said == (
            f"{topic}: expected to write message 3, wrote 2: somebody else writes to it, or did"
        )

    def test_a_key_stays_in_its_partition(self, kafka_broker: LocalBroker, topics: Topics) -> None:
        topic = topics.make("evidence", 3)
        for _ in range(2):  # also after a restart
            made = outbox(kafka_broker.address)
            made.send(topic, [Letter(b"key-%d" % (n % 20), b"%d" % n) for n in range(100)])
            made.flush(10)
        homes: dict[bytes, set[int]] = {}
        for message in read(kafka_broker.address, topic):
            homes.setdefault(message.key(), set()).add(message.partition())
        assert len(homes) == 20
        assert all(len(home) == 1 for home in homes.values())
        assert set().union(*homes.values()) == {0, 1, 2}

    def test_a_broker_that_is_there_gets_them_also_at_the_very_end(
        self, kafka_broker: LocalBroker, topics: Topics
    ) -> None:
        """Something else may have used up all the time there was."""
        topic, now = topics.make("evidence"), iter((0.0, *[100.0] * 100))
        ending = Ending(asked=True, clock=lambda: next(now))
        made = Outbox({"bootstrap.servers": kafka_broker.address, "linger.ms": 0}, ending)
        made.send(topic, letters(1))
        eventually(lambda: made.settled == 1, "the first, which has to find the broker")
        assert not ending.over
        assert ending.over
        made.send(topic, letters(10, 1))
        made.flush()
        assert values(kafka_broker.address, topic) == bodies(11)

    def test_settled_counts_from_the_first_without_a_gap(
        self, kafka_broker: LocalBroker, topics: Topics
    ) -> None:
        """What comes later may arrive sooner; it counts only once all before it has."""
        topic = topics.make("evidence")
        late = topics.prefix + "made-later"
        made = outbox(kafka_broker.address)
        made.send(topic, letters(2))
        eventually(lambda: made.settled == 2, "the first two")
        made.send(late, letters(1))
        made.send(topic, letters(3, 2))
        eventually(lambda: made.settled or len(made._under_way) == 1, "the last three")
        eventually(lambda: values(kafka_broker.address, topic) == bodies(5), "the last three")
        assert (made.sent, made.settled) == (6, 2)
        topics.make("made-later")
        eventually(lambda: made.settled == 6, "the one before")

    def test_more_than_the_queue_holds_waits_and_arrives(
        self, kafka_broker: LocalBroker, topics: Topics
    ) -> None:
        topic = topics.make("evidence")
        made = outbox(kafka_broker.address, queue_buffering_max_messages=10)
        made.send(topic, letters(500))
        made.flush(10)
        assert values(kafka_broker.address, topic) == bodies(500)

    def test_a_message_larger_than_the_broker_takes_is_told(
        self, kafka_broker: LocalBroker, topics: Topics
    ) -> None:
        topic = topics.prefix + "small"
        admin = AdminClient({"bootstrap.servers": kafka_broker.address, **QUIET})
        small = NewTopic(topic, 1, 1, config={"max.message.bytes": "2000"})
        admin.create_topics([small])[topic].result(30)
        made = outbox(kafka_broker.address)
        made.send(topic, [Letter(b"", os.urandom(10_000))])
        with pytest.raises(SendError, match=rf"^{topic}: message not delivered: .*too large"):
            made.flush(10)

    def test_a_topic_that_is_not_there_is_told(
        self, restartable_broker: LocalBroker, topics: Topics
    ) -> None:
        made = outbox(restartable_broker.address, topic_metadata_propagation_max_ms=1)
        made.send(topics.prefix + "nowhere", letters(1))
        with pytest.raises(SendError, match=r"nowhere: message not delivered: .*[Uu]nknown topic"):
            made.flush(20)

    def test_a_broker_that_comes_back_gets_everything_in_order(
        self, restartable_broker: LocalBroker, topics: Topics
    ) -> None:
        topic = topics.make("evidence")
        made = outbox(restartable_broker.address)
        made.send(topic, letters(100))
        made.flush(10)
        restartable_broker.kill()
        with without_waiting():  # the flow goes on meanwhile
            for n in range(100, 200):
                made.send(topic, letters(1, n))
        assert (made.sent, made.settled) == (200, 100)
        restartable_broker.start()
        made.send(topic, letters(100, 200))
        made.flush(30)
        assert made.settled == 300
        assert values(restartable_broker.address, topic) == bodies(300)


@system
class TestSink:
    def test_in_a_flow_every_item_is_the_messages_it_is_turned_into(
        self, kafka_broker: LocalBroker, topics: Topics
    ) -> None:
        topic = topics.make("evidence")
        flow = Dataflow("deliver")
        items = [("a", 0), ("b", 2), ("a", 1), ("c", 3)]
        made = outbox(kafka_broker.address)

        def write(item: int) -> list[Letter]:
            return [Letter(b"", b"%d" % item)] * item

        up = op.input("in", flow, TestingSource(items))
        op.output("out", up, KafkaSink(made, topic, write))
        run_main(flow)
        assert made.sent == made.settled == 6, "the end of a flow waits for all to arrive"
        assert values(kafka_broker.address, topic) == [b"2", b"2", b"1", b"3", b"3", b"3"]
