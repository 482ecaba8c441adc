"""Publishing a feed: every message under its sensor, in order, and the marks of its time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Message

from flows.feeds import DirectoryFeed, FeedError
from flows.kafka import CLOCK_HEADER, END_HEADER, KafkaPlace, KafkaUnusableError
from flows.kafka import Topics as Names
from flows.live import LivePlan
from flows.publish import Publisher, main, publish, publish_directory
from flows.running import ENDED
from flows.sources import Stop
from operators.intake import Poll, Stretch
from sinks.kafka import Letter
from tests.broker import LocalBroker
from tests.flows.processes import PATIENCE_S, ROOT, eventually, free_port
from tests.kafka_fixture import Topics
from tests.kafka_tools import read

system = pytest.mark.system

NAMES = Names("city")
SENSOR = re.compile(rb'"sensor":"([^"]*)"')


class Sent:
    """An outbox that only remembers."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, Letter]] = []
        self.flushed = 0

    def send(self, topic: str, letters: Any) -> None:
        self.letters += [(topic, letter) for letter in letters]

    def flush(self) -> None:
        self.flushed = len(self.letters)


def publisher(sent: Sent) -> Publisher:
    partitions = {NAMES.readings: [0, 1], NAMES.reports: [0]}
    return Publisher(sent, NAMES, partitions)  # type: ignore[arg-type]


def poll(feed: Any, *lines: bytes, **more: Any) -> Poll:
    return Poll(feed, list(lines), (Stretch(0, 0, len(lines)),), **more)


class TestPublisher:
    @pytest.mark.parametrize(
        ("line", "key"),
        [
            (b'{"sensor":"rl-1","time":5,"value":1}', b"rl-1"),
            (b'{"time": 5, "value": 1, "sensor" : "rl-1"}', b"rl-1"),
            (b'{"sensor":["rl-1","rl-2"],"time":[5,5],"value":[1,2]}', b"rl-1"),
            (b'{ "sensor": [ "rl-1" ] }', b"rl-1"),
            (rb'{"sensor":"a\"b"}', rb"a\"b"),
            (b'{"sensor":7}', b""),
            (b"not even JSON", b""),
            (b"", b""),
        ],
    )
    def test_a_message_goes_under_its_sensor(self, line: bytes, key: bytes) -> None:
        sent = Sent()
        made = publisher(sent)
        made.publish(poll("readings", line))
        assert sent.letters == [(NAMES.readings, Letter(key, line))]
        assert made.published == 1

    def test_reports_have_a_topic_and_commands_have_none(self) -> None:
        sent = Sent()
        made = publisher(sent)
        made.publish(poll("reports", b'{"id":"r","sensor":"s"}'))
        made.publish(poll("commands", b'{"id":"c"}'))
        assert sent.letters == [(NAMES.reports, Letter(b"", b'{"id":"r","sensor":"s"}'))]
        assert made.published == 1

    def test_the_clock_is_told_to_every_partition_once_it_is_live(self) -> None:
        sent = Sent()
        made = publisher(sent)
        made.publish(poll("readings", clock_ms=5, live=frozenset()))
        made.publish(poll("readings", b"{}", clock_ms=6, live=frozenset({0})))
        made.publish(poll("readings", clock_ms=7, live=frozenset({0})))
        marks = [letter for _, letter in sent.letters if letter.value is None]
        assert marks == [
            Letter(b"", None, ((CLOCK_HEADER, b"7"),), partition) for partition in (0, 1)
        ]
        assert made.published == 1

    def test_the_end_is_told_to_every_partition_and_has_arrived(self) -> None:
        sent = Sent()
        publisher(sent).end()
        assert [(topic, letter.partition) for topic, letter in sent.letters] == [
            (NAMES.readings, 0),
            (NAMES.readings, 1),
            (NAMES.reports, 0),
        ]
        assert {letter.headers for _, letter in sent.letters} == {((END_HEADER, b"1"),)}
        assert sent.flushed == 3


class TestResuming:
    """Whole feeds, to an outbox that remembers."""

    @pytest.fixture(autouse=True)
    def note_always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("flows.publish.KEPT_S", -1.0)

    def run(
        self, feed: Path, kept: Path, stop_after: int | None = None, told: Any = None
    ) -> list[tuple[str, Letter]]:
        sent, stop, chunks = Sent(), Stop(), 0

        def count(_: float) -> None:
            nonlocal chunks
            chunks += 1
            stop.asked = stop_after is not None and chunks >= stop_after
            if told is not None:
                told(chunks)

        publish(DirectoryFeed(feed, 40), publisher(sent), stop, None, kept, count)
        return sent.letters

    def test_goes_on_after_what_was_published(self, quiet_feed: Path, tmp_path: Path) -> None:
        expected = self.run(quiet_feed, tmp_path / "other")
        kept, found = tmp_path / "published", []
        for stop_after in (3, 1, 7):
            found += self.run(quiet_feed, kept, stop_after)
            assert not [letter for _, letter in found if letter.value is None], "no end yet"
        found += self.run(quiet_feed, kept)
        assert found == expected
        assert [letter.headers for _, letter in found[-3:]] == [((END_HEADER, b"1"),)] * 3

    def test_killed_it_says_the_last_again_and_loses_nothing(
        self, quiet_feed: Path, tmp_path: Path
    ) -> None:
        expected = self.run(quiet_feed, tmp_path / "other")
        kept, notes = tmp_path / "published", []
        first = self.run(
            quiet_feed,
            kept,
            6,
            lambda _: notes.append(kept.read_bytes() if kept.exists() else None),
        )
        kept.write_bytes(notes[3])  # as it was when it was killed, some messages later
        second = self.run(quiet_feed, kept)
        again = len(first) + len(second) - len(expected)
        assert 0 < again < len(first)
        assert first[: len(first) - again] + second == expected

    def test_ended_it_says_only_the_end_again(self, quiet_feed: Path, tmp_path: Path) -> None:
        kept = tmp_path / "published"
        self.run(quiet_feed, kept)
        assert len(self.run(quiet_feed, kept)) == 3


def sensor_of(line: bytes) -> bytes:
    named = SENSOR.search(line)
    return named[1] if named else b""


def by_partition(messages: list[Message]) -> dict[int, list[Message]]:
    found: dict[int, list[Message]] = defaultdict(list)
    for message in messages:
        found[message.partition()].append(message)
    return dict(found)


Published = Callable[..., list[Message]]


@system
class TestToABroker:
    def test_all_of_a_feed_arrives_each_sensor_in_one_partition(
        self, quiet_feed: Path, kafka_broker: LocalBroker, topics: Topics
    ) -> None:
        place, names = KafkaPlace(kafka_broker.address), Names(topics.prefix)
        place.create(names, 3)
        told: list[float] = []
        count = publish_directory(quiet_feed, place, names, None, told.append)
        assert told[-1] == 1.0
        lines = (quiet_feed / "readings.jsonl").read_bytes().splitlines()
        reports = (quiet_feed / "reports.jsonl").read_bytes().splitlines()
        assert count == len(lines) + len(reports)

        found = by_partition(read(place.servers, names.readings))
        assert set(found) == {0, 1, 2}
        home: dict[bytes, int] = {}
        for number, messages in found.items():
            *body, end = messages
            assert (end.value(), end.headers()) == (None, [(END_HEADER, b"1")])
            for message in body:
                assert message.key() == sensor_of(message.value())
                assert home.setdefault(message.key(), number) == number
            here = [line for line in lines if home.get(sensor_of(line)) == number]
            assert [message.value() for message in body] == here, "as they are in the file"
        assert set(map(sensor_of, lines)) == set(home)
        *body, end = read(place.servers, names.reports)
        assert [message.value() for message in body] == reports
        assert end.headers() == [(END_HEADER, b"1")]

    def test_paced_it_publishes_the_clock(
        self, quiet_feed: Path, kafka_broker: LocalBroker, topics: Topics
    ) -> None:
        place, names = KafkaPlace(kafka_broker.address), Names(topics.prefix)
        place.create(names, 2)
        publish_directory(quiet_feed, place, names, 3600.0, None)
        for messages in by_partition(read(place.servers, names.readings)).values():
            marks = [dict(message.headers() or ()) for message in messages]
            clock = [int(mark[CLOCK_HEADER]) for mark in marks if CLOCK_HEADER in mark]
            assert len(clock) >= 2
            assert clock == sorted(clock)
            assert END_HEADER in marks[-1]

    def test_a_plan_of_up_is_published_and_noted(
        self,
        quiet_feed: Path,
        kafka_broker: LocalBroker,
        topics: Topics,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        place, names = KafkaPlace(kafka_broker.address), Names(topics.prefix)
        place.create(names, 2)
        monkeypatch.setenv("CITYWATCH_KAFKA", place.servers)
        monkeypatch.setenv("CITYWATCH_KAFKA_PREFIX", names.prefix)
        plan = LivePlan("", "city", str(tmp_path), 36_000.0, 1000, 1.0, 0, str(quiet_feed))
        (tmp_path / "plan.json").write_bytes(msgspec.json.encode(plan))
        assert main([str(tmp_path / "plan.json")]) == 0
        assert (tmp_path / "published").exists()
        lines = (quiet_feed / "readings.jsonl").read_bytes().splitlines()
        found = [message.value() for message in read(place.servers, names.readings)]
        assert sorted(filter(None, found)) == sorted(lines)


@system
def test_asked_to_stop_before_the_end_it_says_so(
    kafka_broker: LocalBroker, topics: Topics, quiet_feed: Path, tmp_path: Path
) -> None:
    """Else a supervisor takes it for the end of the feed."""
    KafkaPlace(kafka_broker.address).create(Names(topics.prefix), 1)
    plan = LivePlan("", "city", str(tmp_path), 1.0, 1000, 1.0, 0, str(quiet_feed))
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(plan))
    kafka = {"CITYWATCH_KAFKA": kafka_broker.address, "CITYWATCH_KAFKA_PREFIX": topics.prefix}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.publish", tmp_path / "plan.json"],
        cwd=ROOT,
        env={**os.environ, **kafka},
    )
    try:
        eventually((tmp_path / "published").exists, "the first note of how far it is")
        process.terminate()
        assert process.wait(PATIENCE_S) == ENDED
    finally:
        process.kill()
        process.wait()


class TestMistakes:
    def test_a_feed_that_is_not_there(self) -> None:
        with pytest.raises(FeedError, match="no such feed directory"):
            publish_directory(Path("nowhere"), KafkaPlace("a:1"), NAMES, None, None)

    def test_a_broker_that_is_not_there(
        self, quiet_feed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("flows.kafka.ANSWER_S", 0.2)
        place = KafkaPlace(f"127.0.0.1:{free_port()}")
        with pytest.raises(KafkaUnusableError, match="no Kafka answers"):
            publish_directory(quiet_feed, place, NAMES, None, None)

    @system
    def test_topics_that_are_not_there(
        self, quiet_feed: Path, kafka_broker: LocalBroker, topics: Topics
    ) -> None:
        names = Names(topics.prefix)
        with pytest.raises(KafkaUnusableError, match=rf"no topic {names.readings}: make it with"):
            publish_directory(quiet_feed, KafkaPlace(kafka_broker.address), names, None, None)
