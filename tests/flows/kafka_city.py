"""A city on Kafka: publish a feed, run production processes on it, read what they said."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from confluent_kafka import Consumer, TopicPartition

from flows.kafka import KafkaPlace
from flows.kafka import Topics as Names
from flows.publish import publish_directory
from tests.flows.processes import ROOT, eventually


def read_topic(address: str, topic: str) -> list[bytes]:
    """All messages of a topic of one partition, up to its present end."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": f"read-{topic}"})
    try:
        first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), 10)
        consumer.assign([TopicPartition(topic, 0, first)])
        found: list[bytes] = []
        while len(found) < end - first:
            message = consumer.poll(10)
            assert message is not None, f"{topic}: {len(found)} of {end - first} messages"
            assert message.error() is None
            found.append(message.value() or b"")
        return found
    finally:
        consumer.close()


def versions(lines: list[bytes]) -> list[dict[str, object]]:
    """Versions of warnings, without what two runs may differ in."""
    return [{k: v for k, v in orjson.loads(line).items() if k != "latency_us"} for line in lines]


@dataclass
class KafkaCity:
    """One feed on one broker, and the processes that work on it."""

    address: str
    prefix: str
    feed: Path
    data: Path
    redis: str | None = None
    mode: str = "ordered"
    clock: str = "feed"
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def place(self) -> KafkaPlace:
        return KafkaPlace(self.address)

    @property
    def names(self) -> Names:
        return Names(self.prefix)

    def publish(self, partitions: int = 4, speed: float | None = None) -> None:
        self.place.create(self.names, partitions)
        publish_directory(self.feed, self.place, self.names, speed, None)

    @property
    def settings(self) -> dict[str, str]:
        """The environment of everybody who works on it."""
        told = {
            "KAFKA": self.address,
            "KAFKA_PREFIX": self.prefix,
            "CITY": str(self.feed),
            "DATA_DIR": str(self.data),
            "SNAPSHOT_S": "0.5",
            **({"REDIS": self.redis} if self.redis else {}),
        }
        return {f"CITYWATCH_{name}": value for name, value in told.items()}

    @property
    def over(self) -> bool:
        """Whether every process has ended."""
        return all(process.poll() is not None for process in self.running.values())

    def start(self, flow: str, part: str = "1/1") -> subprocess.Popen[bytes]:
        arguments = ["--flow", flow, "--part", part, "--mode", self.mode, "--clock", self.clock]
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / f"{flow}-{part.replace('/', '-')}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "flows", "run", *arguments],
                cwd=ROOT,
                env={**os.environ, **self.settings},
                stdout=log,
                stderr=log,
            )
        self.running[f"{flow} {part}"] = process
        return process

    def wait(self) -> None:
        """Wait until every process has ended by itself."""

        def over() -> bool:
            for name, process in self.running.items():
                assert process.poll() in (None, 0), f"{name}: {self.logs()}"
            return all(process.poll() == 0 for process in self.running.values())

        eventually(over, "the end of the feed")

    def alerts(self) -> list[dict[str, object]]:
        return versions(read_topic(self.address, self.names.alerts))

    def logs(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in self.data.glob("*.log"))


@contextlib.contextmanager
def deployed(city: KafkaCity, processes: int = 1) -> Iterator[KafkaCity]:
    """Start so many processes of the readings and those beside, or 0: one of everything.

    Those that are left are ended.
    """
    try:
        for flow in ("warnings", "reports") if processes else ("city",):
            city.start(flow)
        for number in range(1, processes + 1):
            city.start("readings", f"{number}/{processes}")
        yield city
    finally:
        for process in city.running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()
