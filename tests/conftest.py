"""Fixtures for tests in any folder; imported here alone, so that there is one broker a session."""

from tests.kafka_fixture import kafka_broker, restartable_broker, topics

__all__ = ["kafka_broker", "restartable_broker", "topics"]
