"""Where Kafka is: topics made as asked, one clear line for what is missing, no secret told."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from confluent_kafka.error import KafkaException

from flows.kafka import DAY_MS, KafkaPlace, KafkaUnusableError, Topics, _Asked
from flows.settings import load_settings
from tests.broker import LocalBroker
from tests.flows.processes import free_port
from tests.kafka_fixture import Topics as Scratch

PASSWORD = "correct-horse-battery"


def nobody() -> KafkaPlace:
    return KafkaPlace(f"127.0.0.1:{free_port()}")


def config(address: str, topic: str) -> dict[str, str]:
    """How a topic is configured."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    found = admin.describe_configs([resource])[resource].result(30)
    return {name: entry.value for name, entry in found.items()}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.kafka.ANSWER_S", 0.3)


class TestPlace:
    def test_tls_and_sasl_go_to_the_client_as_they_are(self) -> None:
        security = {"security.protocol": "sasl_ssl", "sasl.password": PASSWORD}
        place = KafkaPlace("a:9092,b:9092", security)
        told = {"bootstrap.servers": "a:9092,b:9092", **security}
        assert told.items() <= place.options().items()
        assert "sasl.password" not in KafkaPlace("a:9092").options()

    def test_what_is_said_of_security_wins(self) -> None:
        place = KafkaPlace("a:1", {"client.id": "x", "reconnect.backoff.max.ms": "7"})
        assert place.options()["reconnect.backoff.max.ms"] == "7"

    def test_the_client_takes_the_settings_of_a_secured_broker(self, impatient: None) -> None:
        """It refuses names it does not know, and values that go with no protocol."""
        settings = load_settings(
            kafka_security_protocol="sasl_ssl",
            kafka_sasl_username="citywatch",
            kafka_sasl_password=PASSWORD,
        )
        place = KafkaPlace(nobody().servers, settings.kafka_security())
        with pytest.raises(KafkaUnusableError, match=r"^127\.0\.0\.1:\d+: no Kafka answers"):
            place.partitions("city.readings")

    def test_no_secret_is_told(
        self, impatient: None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level(logging.DEBUG)
        security = {
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "citywatch",
            "sasl.password": PASSWORD,
        }
        place = KafkaPlace(nobody().servers, security)
        with pytest.raises(KafkaUnusableError) as error:
            place.partitions("city.readings")
        said = [repr(place), str(place), repr(error.value), str(error.value), caplog.text]
        said += capfd.readouterr()
        assert not [words for words in said if PASSWORD in words]

    @pytest.mark.parametrize("what", ["partitions", "create"])
    def test_a_key_file_that_is_not_there_is_one_line(self, what: str, impatient: None) -> None:
        place = KafkaPlace("a:1", {"security.protocol": "ssl", "ssl.ca.location": "/no/ca.pem"})
        with pytest.raises(KafkaUnusableError, match=r"ssl\.ca\.location") as error:
            ask(place, what)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("what", ["partitions", "create"])
    def test_nobody_there_is_one_line(self, what: str, impatient: None) -> None:
        place = nobody()
        with pytest.raises(KafkaUnusableError) as error:
            ask(place, what)
        assert str(error.value).startswith(f"{place.servers}: no Kafka answers: ")
        assert "\n" not in str(error.value)


def ask(place: KafkaPlace, what: str) -> Any:
    names = Topics("city")
    return place.partitions(names.readings) if what == "partitions" else place.create(names, 1)


@pytest.mark.system
class TestTopics:
    def test_are_named_after_their_city(self) -> None:
        names = [name for name, _, _ in Topics("east").settings(8)]
        assert names == [
            "east.readings",
            "east.reports",
            "east.evidence",
            "east.alerts",
            "east.deadletter",
        ]

    @pytest.mark.system
    def test_are_made_as_asked_and_made_once(
        self, kafka_broker: LocalBroker, topics: Scratch
    ) -> None:
        place, names = KafkaPlace(kafka_broker.address), Topics(topics.prefix)
        all_of_them = [name for name, _, _ in names.settings(3)]
        assert place.create(names, 3) == all_of_them
        assert place.create(names, 7) == [], "what is there stays as it is"
        assert place.partitions(names.readings) == [0, 1, 2]
        assert {len(place.partitions(name)) for name in all_of_them[1:]} == {1}
        days = {name: config(place.servers, name)["retention.ms"] for name in all_of_them}
        expected = [2, 7, 7, 90, 7]
        assert days == {
            name: str(each * DAY_MS) for name, each in zip(all_of_them, expected, strict=True)
        }
        assert config(place.servers, names.evidence)["max.message.bytes"] == "8000000"

    @pytest.mark.system
    def test_only_what_is_missing_is_made(self, kafka_broker: LocalBroker, topics: Scratch) -> None:
        place, names = KafkaPlace(kafka_broker.address), Topics(topics.prefix)
        topics.make(".reports", 1)
        made = place.create(names, 1)
        assert names.reports not in made
        assert len(made) == 4

    @pytest.mark.system
    def test_somebody_faster_is_no_mistake(
        self, kafka_broker: LocalBroker, topics: Scratch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place, names = KafkaPlace(kafka_broker.address), Topics(topics.prefix)
        place.create(names, 1)
        # What two that start at once both see: no topic of the city's yet.
        admin = AdminClient({"bootstrap.servers": place.servers, "log_level": 0})
        forgetful = Forgetful(admin)
        monkeypatch.setattr("flows.kafka.AdminClient", lambda _: forgetful)
        place.create(names, 1)

    @pytest.mark.system
    def test_more_copies_than_brokers_is_one_line(
        self, restartable_broker: LocalBroker, topics: Scratch
    ) -> None:
        place = KafkaPlace(restartable_broker.address)
        with pytest.raises(KafkaUnusableError, match=r"topic .*\.readings: .*[Rr]eplication"):
            place.create(Topics(topics.prefix), 1, replicas=3)

    @pytest.mark.system
    def test_one_that_is_missing_is_told_with_what_to_do(
        self, kafka_broker: LocalBroker, topics: Scratch
    ) -> None:
        place = KafkaPlace(kafka_broker.address)
        topic = topics.prefix + "nowhere"
        with pytest.raises(KafkaUnusableError) as error:
            place.partitions(topic)
        assert str(error.value) == (
            f"{place.servers}: no topic {topic}: make it with citywatch topics --kafka"
            f" {place.servers}"
        )
        with pytest.raises(KafkaException):
            config(place.servers, topic)  # asking for it has not made it


class Forgetful:
    """An admin client that has not heard of the topics when it is first asked."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self._asked = False

    def list_topics(self, timeout: float) -> Any:
        found = self._admin.list_topics(timeout=timeout)
        if not self._asked:
            found.topics, self._asked = {}, True
        return found

    def create_topics(self, wanted: list[NewTopic]) -> Any:
        return self._admin.create_topics(wanted)


def test_who_asked_a_broker_is_let_go_of_at_once() -> None:
    """Its threads and connections too: the collector is off while what lasts is made."""
    gc.disable()
    try:
        asked = _Asked(nobody())
        gone = weakref.ref(asked)
        admin = weakref.ref(asked.admin)
        del asked
        assert gone() is None
        assert admin() is None
    finally:
        gc.enable()
