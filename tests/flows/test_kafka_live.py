"""When a partition counts as up with the present: the clock speaks for those alone."""

from __future__ import annotations

import time

import numpy as np
import pytest

from flows.kafka import CLOCK_HEADER
from operators.intake import PROMPT_LATENESS_MS
from tests.broker import LocalBroker
from tests.flows.kafka_reader import Open, numbered
from tests.flows.processes import eventually
from tests.kafka_fixture import Topics
from tests.kafka_tools import LONG_AGO_MS, send

system = pytest.mark.system


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
        self,
        reader: Open,
        topics: Topics,
        kafka_broker: LocalBroker,
        watchful: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("flows.kafka_source.LIVE_S", 60.0)  # however slow the machine is
        topic, now_ms = topics.make("readings"), int(time.time() * 1000)
        send(kafka_broker.address, topic, numbered(400), timestamp=now_ms)
        made = reader(topic, poll_size=5)
        made.until(lambda: made.live == {0})
        assert made.count < 400

    @pytest.mark.parametrize("clock", ["wall", "feed"])
    def test_says_when_each_message_was_sent_where_that_says_something(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, clock: str
    ) -> None:
        topic = topics.make("readings")
        for at in (LONG_AGO_MS, LONG_AGO_MS + 5):
            send(kafka_broker.address, topic, numbered(2), timestamp=at)
        made = reader(topic, clock=clock)
        made.until(lambda: made.count == 4)
        told = [poll.sent_ms for poll in made.polls if len(poll.lines)]
        if clock == "feed":
            assert {*told} == {None}
        else:
            sent = [LONG_AGO_MS, LONG_AGO_MS, LONG_AGO_MS + 5, LONG_AGO_MS + 5]
            assert np.concatenate(told).tolist() == sent

    def test_speaks_for_nobody_because_of_a_clock_that_is_ahead(
        self, reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
    ) -> None:
        topic, ahead_ms = topics.make("readings"), int(time.time() * 1000) + 600_000
        send(kafka_broker.address, topic, numbered(400), timestamp=ahead_ms)
        made = reader(topic, poll_size=5)
        made.until(lambda: made.count == 400)
        assert all(not poll.live for poll in made.polls if poll.lines)
        made.until(lambda: made.live == {0})

    def test_speaks_for_nobody_who_has_more_to_read_since_it_was_last_asked(
        self,
        reader: Open,
        topics: Topics,
        kafka_broker: LocalBroker,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A flow that was held up for minutes is behind, and knows it at its first poll."""
        topic = topics.make("readings")
        send(kafka_broker.address, topic, numbered(1))
        made = reader(topic, poll_size=2)
        made.until(lambda: made.live == {0})
        send(kafka_broker.address, topic, numbered(1000))
        eventually(lambda: made.part._reader.ends() == {0: 1001})
        monkeypatch.setattr("flows.kafka_source.LIVE_S", 0.0)
        made.until(lambda: made.count > 1)
        assert made.live == frozenset()

    def test_speaks_for_nobody_who_was_held_up_with_the_next_poll_at_hand(
        self,
        reader: Open,
        topics: Topics,
        kafka_broker: LocalBroker,
        watchful: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        topic, sent = topics.make("readings"), 0
        made = reader(topic, poll_size=5)

        def is_live_and_behind() -> bool:
            nonlocal sent
            if made.count == sent:
                now_ms = int(time.time() * 1000)
                send(kafka_broker.address, topic, numbered(400), timestamp=now_ms)
                sent += 400
            return made.live == {0} and made.part._ahead is not None

        made.until(is_live_and_behind)
        monkeypatch.setattr("flows.kafka_source.LIVE_S", 0.0)
        before = len(made.polls)
        made.turn()
        assert made.polls[before].lines
        assert made.polls[before].live == frozenset()

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
def test_the_clock_does_not_speak_while_the_broker_hangs(
    reader: Open, topics: Topics, restartable_broker: LocalBroker
) -> None:
    """It answers nothing and closes nothing: where its partitions end is not known."""
    topic = topics.make("readings")
    send(restartable_broker.address, topic, numbered(5))
    made = reader(topic)
    made.until(lambda: made.live == {0})
    restartable_broker.hang()
    try:
        made.until(lambda: made.live == frozenset())
    finally:
        restartable_broker.go_on()
    made.until(lambda: made.live == {0})
