"""Where Kafka is, which topics the city has, and the marks that tell a feed's time in them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

__all__ = ["CLOCK_HEADER", "END_HEADER", "KafkaPlace", "KafkaUnusableError", "Topics"]

CLOCK_HEADER = "citywatch-clock"
"""Header of a message without value: the feed's clock, in milliseconds, as decimal digits."""
END_HEADER = "citywatch-end"
"""Header of a message without value: no message of this partition will follow."""
ANSWER_S = 10.0
DAY_MS = 86_400_000

log = logging.getLogger(__name__)


class KafkaUnusableError(RuntimeError):
    """Kafka cannot be used: nobody answers, or a topic is missing; says what to do."""


@dataclass(frozen=True)
class KafkaPlace:
    """Where the broker is, and how to talk to it.

    Parameters
    ----------
    servers
        ``HOST:PORT``, several with commas.
    security
        Further settings of the client, such as TLS and SASL.
    """

    servers: str
    security: Mapping[str, str] = field(default_factory=dict, repr=False)

    def options(self) -> dict[str, Any]:
        """Return the client's settings."""
        return {
            "bootstrap.servers": self.servers,
            # A broker that is back is found within a second, not within ten.
            "reconnect.backoff.max.ms": 1000,
            **self.security,
        }

    def partitions(self, topic: str) -> list[int]:
        """Return the numbers of a topic's partitions.

        Raises
        ------
        KafkaUnusableError
            When nobody answers, or there is no such topic.
        """
        asked = _Asked(self)
        try:
            found = asked.admin.list_topics(topic, timeout=ANSWER_S).topics[topic]
        except KafkaException as error:
            raise asked.unusable(error) from None
        if found.error is not None or not found.partitions:
            raise KafkaUnusableError(
                f"{self.servers}: no topic {topic}: make it with"
                f" citywatch topics --kafka {self.servers}"
            )
        return sorted(found.partitions)

    def identity(self, topic: str) -> str:
        """Return what tells a topic from another of its name; empty where the broker has none."""
        asked = _Asked(self)
        (found,) = asked.admin.describe_topics(TopicCollection([topic])).values()
        try:
            known = found.result(ANSWER_S).topic_id
        except (KafkaException, TimeoutError) as error:
            log.warning("%s: not known by its identity: %s", topic, error)
            return ""
        given = known.get_most_significant_bits() or known.get_least_significant_bits()
        return str(known) if given else ""

    def create(self, topics: Topics, partitions: int, replicas: int = 1) -> list[str]:
        """Make the topics that are not there yet; return their names.

        Raises
        ------
        KafkaUnusableError
            When nobody answers, or a topic cannot be made.
        """
        asked = _Asked(self)
        try:
            known = asked.admin.list_topics(timeout=ANSWER_S).topics
        except KafkaException as error:
            raise asked.unusable(error) from None
        wanted = [
            NewTopic(name, count, replicas, config={**_durable(replicas), **config})
            for name, count, config in topics.settings(partitions)
            if name not in known
        ]
        if not wanted:
            return []
        for name, made in asked.admin.create_topics(wanted).items():
            try:
                made.result(ANSWER_S)
            except KafkaException as error:
                # Somebody else may have been faster, which is as good.
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    why = error.args[0].str()
                    raise KafkaUnusableError(f"{self.servers}: topic {name}: {why}") from None
        names = [topic.topic for topic in wanted]
        try:
            _wait_for_leaders(asked.admin, names)
        except KafkaException as error:
            raise asked.unusable(error) from None
        return names


class _Asked:
    """Somebody to ask a broker, who remembers what went wrong first: that is the reason."""

    def __init__(self, place: KafkaPlace) -> None:
        self._servers = place.servers
        self._said = said = list[str]()
        # Else a broker that makes topics itself makes the one it is asked for, its own way.
        ours: dict[str, Any] = {
            "log_level": 0,
            "allow.auto.create.topics": False,
            # Not a method of ours: who holds each other is not let go of while things are made that
            # last, and the client's threads and connections would be kept for good.
            "error_cb": lambda error: said.append(error.str()),
        }
        try:
            self.admin = AdminClient({**place.options(), **ours})
        except KafkaException as error:
            raise KafkaUnusableError(f"Kafka settings: {error.args[0].str()}") from None

    def unusable(self, error: KafkaException) -> KafkaUnusableError:
        """Return that it cannot be used, and why."""
        why = next(iter(self._said), error.args[0].str())
        return KafkaUnusableError(f"{self._servers}: no Kafka answers: {why}")


def _wait_for_leaders(admin: AdminClient, names: list[str]) -> None:
    """Wait until new topics can be used, which takes the broker a moment."""
    deadline = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline:
        known = admin.list_topics(timeout=ANSWER_S).topics
        made = [known[name] for name in names if name in known]
        if len(made) == len(names) and all(
            partition.leader >= 0 for topic in made for partition in topic.partitions.values()
        ):
            return
        time.sleep(0.02)


def _durable(replicas: int) -> dict[str, str]:
    """Return settings of every topic: of three copies two have a message before it counts."""
    copies = min(2, max(1, replicas - 1))  # one broker may be away
    return {"compression.type": "producer", "min.insync.replicas": str(copies)}


@dataclass(frozen=True)
class Topics:
    """Names of the city's topics.

    Parameters
    ----------
    prefix
        What their names begin with: one broker can serve several cities.
    """

    prefix: str = "city"

    @property
    def readings(self) -> str:
        """Reading messages, partitioned by sensor: a partition is a shard."""
        return f"{self.prefix}.readings"

    @property
    def reports(self) -> str:
        """Report messages."""
        return f"{self.prefix}.reports"

    @property
    def evidence(self) -> str:
        """What readings, reports and people came to: one log, applied in its order."""
        return f"{self.prefix}.evidence"

    @property
    def alerts(self) -> str:
        """Every version of every warning, once."""
        return f"{self.prefix}.alerts"

    @property
    def deadletter(self) -> str:
        """Messages that could not be used."""
        return f"{self.prefix}.deadletter"

    def settings(self, partitions: int) -> list[tuple[str, int, dict[str, str]]]:
        """Return every topic's name, number of partitions and configuration."""
        week = {"retention.ms": str(7 * DAY_MS)}
        return [
            (self.readings, partitions, {"retention.ms": str(2 * DAY_MS)}),
            (self.reports, 1, week),
            # One partition: incidents reach over districts, and their order must be one order.
            (self.evidence, 1, week | {"max.message.bytes": "8000000"}),
            (self.alerts, 1, {"retention.ms": str(90 * DAY_MS)}),
            (self.deadletter, 1, week),
        ]
