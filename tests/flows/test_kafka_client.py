"""Settings are taken or told, secrets never told."""

from typing import Any

import pytest

from flows.kafka_client import prefetched
from flows.log_reader import LogReader

OPTIONS = {"bootstrap.servers": "127.0.0.1:1", "group.id": "g"}


def test_what_is_held_of_many_partitions_is_little_of_each() -> None:
    for partitions in (1, 2, 8, 64):
        settings = prefetched(partitions)
        assert settings["queued.max.messages.kbytes"] * partitions <= 262_144
        assert settings["fetch.message.max.bytes"] * partitions <= 8_388_608
        assert settings["queued.min.messages"] * partitions <= 160_000
        assert settings["queued.min.messages"] >= 2_000


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("no.such.setting", "hunter2", 'No such configuration property: "no.such.setting"'),
        ("security.protocol", "carrier-pigeon", 'Invalid value "carrier-pigeon"'),
        ("fetch.wait.max.ms", 10**9, "outside allowed range"),
        ("sasl.oauthbearer.method", "hunter2", "not a value it takes"),
        ("ssl.key.pem", "hunter2", "Kafka settings: "),
    ],
)
def test_a_setting_that_is_not_taken(name: str, value: Any, said: str) -> None:
    options = {**OPTIONS, "security.protocol": "ssl", "ssl.key.password": "hunter2"}
    with pytest.raises(ValueError, match="Kafka setting") as caught:
        LogReader({**options, name: value}, "log")
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_secrets_are_taken_and_passed_on() -> None:
    security = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "somebody",
        "sasl.password": "hunter2",
        "enable.ssl.certificate.verification": False,
    }
    LogReader({**OPTIONS, **security}, "log").close()
