"""Every sink obeys every law."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from sinks.redis import StoreWriter
from sinks.store import EmbeddedStore
from tests.broker import LocalBroker
from tests.kafka_fixture import Topics
from tests.laws.sink_laws import (
    BENCHES,
    KAFKA_BENCHES,
    LAWS,
    Bench,
    MemoryStore,
    messages,
    oracle,
    read_model,
)
from tests.sinks.conftest import embedded_store, store  # noqa: F401  fixtures

MakeBench = Callable[[str, Path, list], Bench]


@pytest.mark.system
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("make", BENCHES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("seed", [1, 2])
def test_law(
    law: Callable[[Bench, random.Random], None],
    make: MakeBench,
    seed: int,
    store: EmbeddedStore,  # noqa: F811
    tmp_path: Path,
) -> None:
    bench = make(store.url, tmp_path, messages(seed))
    law(bench, random.Random(seed))
    bench.kill()


@pytest.mark.system
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("make", KAFKA_BENCHES, ids=lambda make: make.__name__)
def test_law_on_a_topic(
    law: Callable[[Bench, random.Random], None],
    make: Callable[[str, str, list], Bench],
    kafka_broker: LocalBroker,
    topics: Topics,
) -> None:
    bench = make(kafka_broker.address, topics.make("alerts"), messages(1))
    law(bench, random.Random(1))
    bench.kill()


@pytest.mark.system
@pytest.mark.parametrize("seed", range(5))
def test_twin_and_store_agree_on_versions_in_any_order(
    seed: int,
    store: EmbeddedStore,  # noqa: F811
) -> None:
    """Doubled, shuffled, late: the store decides as its twin does."""
    rng = random.Random(seed)
    versions = messages(seed) * 2
    rng.shuffle(versions)
    twin, writer = MemoryStore(), StoreWriter(store.url)
    while versions:
        batch = [versions.pop() for _ in range(min(len(versions), rng.randint(1, 130)))]
        writer.put_alerts(batch)
        for version in batch:
            twin.put(version)
    writer.flush()
    assert read_model(store.url) == twin.content()
    writer.close()


@pytest.mark.system
def test_writing_everything_again_changes_nothing(store: EmbeddedStore) -> None:  # noqa: F811
    versions = messages(9)
    for _ in range(3):
        writer = StoreWriter(store.url)
        writer.put_alerts(versions)
        writer.flush()
        writer.close()
    assert read_model(store.url) == oracle(versions)
