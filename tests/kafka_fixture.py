"""One broker for all tests of the session, and topics of its own for each of them.

``CITYWATCH_KAFKA=HOST:PORT`` names a broker to use; otherwise one is started here, and where that
is impossible the tests are skipped. Tests that stop or kill the broker ask for
``restartable_broker``, since only one of our own may be treated so.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from tests.broker import JarsError, LocalBroker, answers, jars, why_not

__all__ = ["ExternalBroker", "Topics", "kafka_broker", "restartable_broker", "topics"]

VARIABLE = "CITYWATCH_KAFKA"
PATIENCE_S = 30.0


class ExternalBroker(NamedTuple):
    """Somebody else's broker: to be used, not to be stopped."""

    address: str


class Topics:
    """Topics that no other test uses: their names begin with ``prefix``."""

    def __init__(self, address: str) -> None:
        self.prefix = f"test-{secrets.token_hex(4)}-"
        self._admin = AdminClient({"bootstrap.servers": address, "log_level": 0})

    def make(self, name: str, partitions: int = 1) -> str:
        """Make a topic, wait until it can be used, and return its full name."""
        full = self.prefix + name
        self._admin.create_topics([NewTopic(full, partitions, 1)])[full].result(PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while self._led(full) < partitions:
            if time.monotonic() > deadline:
                pytest.fail(f"{full} had no leaders within {PATIENCE_S:g} s")
            time.sleep(0.01)
        return full

    def delete(self) -> None:
        """Delete every topic with the prefix, whoever made it."""
        names = self._admin.list_topics(timeout=PATIENCE_S).topics
        ours = [name for name in names if name.startswith(self.prefix)]
        if ours:  # the client takes an empty list for a mistake
            for deleted in self._admin.delete_topics(ours).values():
                deleted.result(PATIENCE_S)

    def _led(self, full: str) -> int:
        known = self._admin.list_topics(full, timeout=PATIENCE_S).topics[full]
        return sum(partition.leader >= 0 for partition in known.partitions.values())


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[LocalBroker | ExternalBroker]:
    """The session's broker; it has an ``address``."""
    address = os.environ.get(VARIABLE)
    if address:
        if not answers(address):
            pytest.fail(f"{VARIABLE}={address}: no broker answers there, or it lacks leaders")
        yield ExternalBroker(address)
        return
    reason = why_not()
    if reason is None:
        try:
            jars()
        except JarsError as error:
            reason = str(error)
    if reason is not None:
        pytest.skip(f"no Kafka: install Java 17 and Maven, or set {VARIABLE}=HOST:PORT ({reason})")
    with LocalBroker() as broker:
        yield broker


@pytest.fixture
def restartable_broker(kafka_broker: LocalBroker | ExternalBroker) -> Iterator[LocalBroker]:
    """The session's broker, to be stopped, killed and started; it runs again after the test."""
    if not isinstance(kafka_broker, LocalBroker):
        pytest.skip(f"only a broker of our own may be restarted: unset {VARIABLE}")
    yield kafka_broker
    if not kafka_broker.running:
        kafka_broker.start()


@pytest.fixture
def topics(kafka_broker: LocalBroker | ExternalBroker) -> Iterator[Topics]:
    """Topics for one test, gone after it."""
    made = Topics(kafka_broker.address)
    yield made
    made.delete()
