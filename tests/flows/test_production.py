"""The production flows on a real broker: the same warnings, however the work is shared."""

from __future__ import annotations

import contextlib
import random
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from sinks.store import EmbeddedStore, Keys, connect
from tests.broker import LocalBroker
from tests.flows.kafka_city import KafkaCity, deployed, read_topic, versions
from tests.flows.processes import PATIENCE_S, eventually, here, started
from tests.kafka_fixture import Topics

pytestmark = pytest.mark.system

FAST = "1500"
"""Seconds of event time a second, where only event time counts."""


@pytest.fixture(scope="module")
def replayed(feed: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """What a replay of the feed's file says."""
    alerts = tmp_path_factory.mktemp("replayed") / "alerts.jsonl"
    assert here("replay", feed, "--alerts", alerts) == 0
    return versions(alerts.read_bytes().splitlines())


def summary(alerts: list[dict[str, object]]) -> set[tuple[object, ...]]:
    """What was warned of: hazard, place, how bad it became and how far; blue ones aside."""
    worst: dict[object, tuple[object, ...]] = {}
    reached: dict[object, set[str]] = defaultdict(set)
    for alert in sorted(alerts, key=lambda a: -int(str(a["level"]))):
        reached[alert["id"]] |= set(cast(list[str], alert["cells"]))
        worst[alert["id"]] = alert["hazard"], alert["district"], alert["level"]
    return {(*each, frozenset(reached[name])) for name, each in worst.items() if each[-1] != 4}


@pytest.mark.parametrize("processes", [0, 2, 4])
def test_in_order_any_number_of_processes_says_the_same(
    processes: int,
    feed: Path,
    replayed: list[dict[str, object]],
    kafka_broker: LocalBroker,
    topics: Topics,
    tmp_path: Path,
) -> None:
    city = KafkaCity(kafka_broker.address, topics.prefix, feed, tmp_path)
    city.publish(partitions=4)
    with deployed(city, processes):
        city.wait()
    assert len(replayed) > 5
    assert city.alerts() == replayed


def _log_length(city: KafkaCity) -> int:
    consumer = Consumer({"bootstrap.servers": city.address, "group.id": "length"})
    try:
        place = TopicPartition(city.names.evidence, 0)
        return int(consumer.get_watermark_offsets(place, 10)[1])
    except KafkaException:  # a topic so new that its leader does not know yet
        return 0
    finally:
        consumer.close()


def _log_tells(city: KafkaCity, what: bytes) -> bool:
    return any(what in raw for raw in read_topic(city.address, city.names.evidence))


def _kept(city: KafkaCity, since: float) -> bool:
    """Whether state has been kept since a time."""
    return any(path.stat().st_mtime > since for path in city.data.rglob("*.snapshot"))


@pytest.mark.parametrize("flow", ["city", "readings", "warnings"])
def test_killed_at_random_moments_it_says_the_same(
    flow: str,
    feed: Path,
    replayed: list[dict[str, object]],
    kafka_broker: LocalBroker,
    store: EmbeddedStore,
    topics: Topics,
    tmp_path: Path,
) -> None:
    """Under load: nothing missing and nothing twice, in Kafka and in the store."""
    rng = random.Random(8)
    city = KafkaCity(kafka_broker.address, topics.prefix, feed, tmp_path, redis=store.url)
    city.place.create(city.names, 4)
    publish = "replay", feed, "--kafka", city.address, "--speed", FAST
    processes = 0 if flow == "city" else 1
    with deployed(city, processes), started(*publish, **city.settings) as publishing:
        for nth in range(4):
            more, since = _log_length(city) + rng.randint(5, 40), time.time()
            process = city.running[f"{flow} 1/1"]
            eventually(lambda more=more: _log_length(city) >= more or city.over)
            if nth % 2:  # else: perhaps before there is anything to go on from
                eventually(lambda since=since: _kept(city, since) or city.over)
            process.kill()
            process.wait()
            city.start(flow)
        city.wait()
        assert publishing.wait(PATIENCE_S) == 0
    assert city.alerts() == replayed
    log: Any = connect(store.url).xrange(Keys("city").log)
    said = [(fields[b"id"].decode(), int(fields[b"v"])) for _, fields in log]
    assert said == [(alert["id"], alert["version"]) for alert in replayed]


def test_moved_between_one_process_and_several_it_says_the_same(
    feed: Path,
    replayed: list[dict[str, object]],
    kafka_broker: LocalBroker,
    topics: Topics,
    tmp_path: Path,
) -> None:
    """Each time killed, and gone on with by the others: state and log are the same for all."""
    city = KafkaCity(kafka_broker.address, topics.prefix, feed, tmp_path)
    city.place.create(city.names, 4)
    publish = "replay", feed, "--kafka", city.address, "--speed", FAST
    with started(*publish, **city.settings) as publishing:
        for processes in (1, 0, 2, 0):
            more, since = _log_length(city) + 40, time.time()
            with deployed(city, processes):
                eventually(lambda more=more: _log_length(city) >= more or city.over)
                eventually(lambda since=since: _kept(city, since) or city.over)
            city.running.clear()
        with deployed(city, 1):
            city.wait()
        assert publishing.wait(PATIENCE_S) == 0
    assert city.alerts() == replayed


@pytest.mark.parametrize("processes", [0, 2, 4])
def test_promptly_the_same_things_are_warned_of(
    processes: int,
    feed: Path,
    replayed: list[dict[str, object]],
    kafka_broker: LocalBroker,
    topics: Topics,
    tmp_path: Path,
) -> None:
    """What was warned of, how badly, and how far it reached; order and versions may differ."""
    city = KafkaCity(kafka_broker.address, topics.prefix, feed, tmp_path, mode="prompt")
    city.place.create(city.names, 4)
    publish = "replay", feed, "--kafka", city.address, "--speed", "900"
    with deployed(city, processes), started(*publish, **city.settings) as publisher:
        assert publisher.wait(PATIENCE_S) == 0
        eventually(lambda: len(summary(city.alerts())) >= len(summary(replayed)))
    assert summary(city.alerts()) == summary(replayed)


@pytest.mark.parametrize(
    "away", [["city 1/1"], ["readings 1/2", "readings 2/2"]], ids=["city", "readings"]
)
def test_after_an_outage_the_same_things_are_warned_of(
    away: list[str],
    feed: Path,
    replayed: list[dict[str, object]],
    kafka_broker: LocalBroker,
    topics: Topics,
    tmp_path: Path,
) -> None:
    """Readings are away for hours of the feed, and catch up, reports at hand or not."""
    city = KafkaCity(kafka_broker.address, topics.prefix, feed, tmp_path, mode="prompt")
    city.place.create(city.names, 4)
    publish = "replay", feed, "--kafka", city.address, "--speed", "900"
    processes = 0 if len(away) == 1 else 2
    with deployed(city, processes), started(*publish, **city.settings) as publisher:
        eventually(lambda: _log_length(city) > 20, "flows that run")
        for each in away:
            city.running[each].kill()
            city.running[each].wait()
        assert publisher.wait(PATIENCE_S) == 0
        for each in away:
            city.start(*each.split())
        eventually(lambda: len(summary(city.alerts())) >= len(summary(replayed)))
    assert summary(city.alerts()) == summary(replayed)


def test_a_broker_that_is_away_is_waited_for_and_told_of(
    feed: Path,
    replayed: list[dict[str, object]],
    topics: Topics,
    restartable_broker: LocalBroker,
    store: EmbeddedStore,
    tmp_path: Path,
) -> None:
    broker, client = restartable_broker, connect(store.url)
    city = KafkaCity(broker.address, topics.prefix, feed, tmp_path, redis=store.url)
    city.place.create(city.names, 4)

    def away() -> object:
        said: Any = client.hget(Keys("city").overview, "broker")
        return orjson.loads(said or b"{}").get("away_since")

    # Slowly: the feed is not to be over before the broker is away.
    publish = "replay", feed, "--kafka", city.address, "--speed", "1000"
    with deployed(city, 0), contextlib.ExitStack() as stack:
        eventually(lambda: "warnings: partitions 0" in city.logs(), "a city that runs")
        publishing = stack.enter_context(started(*publish, **city.settings))
        eventually(lambda: client.hexists(Keys("city").overview, "clock"))
        eventually(lambda: _log_tells(city, b'"t":"reports"'), "a reports flow that runs")
        broker.stop()
        eventually(away, "the store told that the broker is away")
        assert not city.over
        broker.start()
        eventually(lambda: away() is None, "the store told that the broker is back")
        city.wait()
        assert publishing.wait(PATIENCE_S) == 0
    assert city.alerts() == replayed
