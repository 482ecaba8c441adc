"""One real store for all tests of the session, emptied before each."""

from collections.abc import Iterator

import pytest

from sinks.store import EmbeddedStore, connect


@pytest.fixture(scope="session")
def embedded_store() -> Iterator[EmbeddedStore]:
    with EmbeddedStore() as store:
        yield store


@pytest.fixture
def store(embedded_store: EmbeddedStore) -> EmbeddedStore:
    """An empty store; the same process for every test."""
    client = connect(embedded_store.url)
    client.flushall()
    client.close()
    return embedded_store
