"""Partitions that catch up are read together, none far ahead of the others."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

from flows.kafka_source import SKEW_MS
from flows.librdkafka import UNKNOWN_OFFSET
from tests.broker import LocalBroker
from tests.flows.kafka_reader import Open, numbered, rows
from tests.kafka_fixture import Topics
from tests.kafka_tools import send

pytestmark = pytest.mark.system

FAR = 1_000_000 + 10 * SKEW_MS


def test_a_partition_far_ahead_waits_for_the_slowest(
    reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
) -> None:
    topic = topics.make("readings", 2)
    for number in range(2):
        send(kafka_broker.address, topic, numbered(500, b"p%d" % number), number)
    reached = np.array([FAR, 1_000_000])
    made = reader(topic, 2, poll_size=10, reached=lambda: reached)
    made.until(lambda: len(made.found.get(1, [])) == 500)
    assert 0 not in made.found
    made.until(lambda: made.count == 1000)
    assert made.found == {number: rows(numbered(500, b"p%d" % number)) for number in range(2)}


def test_it_waits_also_while_the_client_has_not_been_told_where_the_others_end(
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
    made = reader(topic, 2, reached=lambda: np.array([FAR, 1_000_000]))
    made.until(lambda: len(made.found.get(1, [])) == 500)
    assert 0 not in made.found


def test_partitions_that_catch_up_go_on_together(
    reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
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
    reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
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
        reached[ahead := rng.randrange(3)] = FAR
        made.turn()  # what has been fetched is handed on: nothing else moves a partition's time
        before = {shard: len(read) for shard, read in made.found.items()}
        for _ in range(5):
            made.turn()
        if all(len(made.found.get(shard, [])) < 400 for shard in range(3)):
            assert len(made.found.get(ahead, [])) == before.get(ahead, 0)
            held.add(ahead)
    assert made.found == {number: rows(numbered(400, b"p%d" % number)) for number in range(3)}
    assert held == {0, 1, 2}


def test_inside_the_bound_and_of_who_has_read_nothing_nobody_waits(
    reader: Open, topics: Topics, kafka_broker: LocalBroker, watchful: None
) -> None:
    topic = topics.make("readings", 3)
    for number in range(3):
        send(kafka_broker.address, topic, numbered(100), number)
    never = np.iinfo(np.int64).min
    reached = np.array([1_000_000, 1_000_000 + SKEW_MS, never])
    made = reader(topic, 3, poll_size=250, reached=lambda: reached)
    made.until(lambda: made.count == 300)
    assert made.found == {number: rows(numbered(100)) for number in range(3)}
