"""What the Kafka benchmarks share: a broker and a store, a made-up city, and its feed on topics.

The city is made up, not simulated, so that it can have any number of sensors: their kinds in turn,
each with Gaussian noise around a level of its own, and once in 20,000 readings a value far off.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from flows.kafka import END_HEADER, KafkaPlace, Topics
from operators.event_clock import FOREVER
from operators.events import City, District, Levels, Sensor
from operators.evidence import Found
from operators.evidence_log import encode_log
from operators.registry import Registry
from operators.triage import Triaged
from sinks.store import EmbeddedStore
from tests.broker import LocalBroker

__all__ = ["OwnLog", "Rig", "Workload", "broker", "fill", "made_city", "rig", "values"]

KINDS = (
    "street_water",
    "traffic_speed",
    "pm25",
    "noise",
    "crowd_count",
    "gas_ch4",
    "river_level",
    "water_pressure",
    "power_load",
    "temperature",
)
LEVEL, SPREAD, CALM_SPREAD = 50.0, 1.0, 0.02
RARE = 20_000
END: Any = [(END_HEADER, b"1")]


@dataclass(frozen=True)
class OwnLog(Topics):
    """The feed of other topics, and a log of its own."""

    feed: Topics = field(default_factory=Topics)

    @property
    def readings(self) -> str:
        """Return the topic of the others' readings."""
        return self.feed.readings

    @property
    def reports(self) -> str:
        """Return the topic of the others' reports."""
        return self.feed.reports


class Rig(NamedTuple):
    """A broker and a store, and topics that are gone afterwards."""

    kafka: str
    redis: str
    prefix: str

    @property
    def place(self) -> KafkaPlace:
        """Where the broker is."""
        return KafkaPlace(self.kafka)


@contextmanager
def broker() -> Iterator[str]:
    """Start a broker and give its address; ``CITYWATCH_KAFKA=HOST:PORT`` names one to use."""
    external = os.environ.get("CITYWATCH_KAFKA")
    if external:
        yield external
        return
    with LocalBroker() as local:
        yield local.address


@contextmanager
def rig() -> Iterator[Rig]:
    """Start what is needed."""
    with broker() as address, EmbeddedStore() as store:
        made = Rig(address, store.url, f"bench-{secrets.token_hex(3)}")
        try:
            yield made
        finally:
            admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
            names = admin.list_topics(timeout=10).topics
            ours = [name for name in names if name.startswith(made.prefix)]
            if ours:
                for deleted in admin.delete_topics(ours).values():
                    deleted.result(30)


class Workload(NamedTuple):
    """So many readings of so many sensors."""

    sensors: int
    readings: int
    interval_ms: int
    """How often a sensor reports."""
    gateway: int = 1
    """Readings in one message."""
    partitions: int = 8


def made_city(sensors: int) -> City:
    """Return a city of so many sensors, always the same."""
    rng = np.random.default_rng(1)
    lon, lat = 106.3 + 0.5 * rng.random(sensors), 29.4 + 0.4 * rng.random(sensors)
    river = Levels(100.0, 200.0, 300.0, 400.0)
    return City(
        "Made up",
        "Asia/Chongqing",
        (District("d1", "District"),),
        tuple(
            Sensor(
                f"{KINDS[n % 10][:2]}-{n:07d}",
                KINDS[n % 10],
                float(lon[n]),
                float(lat[n]),
                district="d1",
                levels=river if n % 10 == 6 else None,
            )
            for n in range(sensors)
        ),
    )


def values(rng: np.random.Generator, sensors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a value of each sensor."""
    calm = np.where(sensors % 10 == 6, CALM_SPREAD, SPREAD)
    far = np.where(rng.random(len(sensors)) < 1 / RARE, 30.0, 0.0)
    return np.asarray(np.round(LEVEL + calm * rng.normal(size=len(sensors)) + far, 2))


def fill(place: KafkaPlace, topics: Topics, load: Workload, start_ms: int, seed: int) -> None:
    """Publish a workload to topics of its own, its ends marked; there are no reports in it.

    The log says so too, for who has no flow of reports.
    """
    place.create(topics, load.partitions)
    producer = Producer(
        {
            **place.options(),
            "linger.ms": 20,
            "enable.idempotence": True,
            "queue.buffering.max.messages": 500_000,
        }
    )
    for key, message in _messages(load, start_ms, seed):
        while True:
            try:
                producer.produce(topics.readings, message, key)
                break
            except BufferError:
                producer.poll(0.05)
    for partition in range(load.partitions):
        producer.produce(topics.readings, None, partition=partition, headers=END)
    producer.produce(topics.reports, None, partition=0, headers=END)
    nothing = Registry(City("", "UTC"))
    for said in (Triaged((), FOREVER, last=True), Found("bursts", (), FOREVER, 0, last=True)):
        producer.produce(topics.evidence, encode_log(said, nothing))
    if producer.flush(120):
        raise RuntimeError(f"{topics.readings}: not everything was delivered")


def _messages(load: Workload, start_ms: int, seed: int) -> Iterator[tuple[str, str]]:
    rng = np.random.default_rng(seed)
    names = [f"{KINDS[n % 10][:2]}-{n:07d}" for n in range(load.sensors)]
    for first in range(0, load.readings, load.gateway * 10_000):
        rows = np.arange(first, min(load.readings, first + load.gateway * 10_000))
        sensors, rounds = rows % load.sensors, rows // load.sensors
        times = start_ms + rounds * load.interval_ms + sensors * load.interval_ms // load.sensors
        columns = sensors.tolist(), times.tolist(), values(rng, sensors).tolist()
        if load.gateway == 1:
            for sensor, time, value in zip(*columns, strict=True):
                name = names[sensor]
                yield name, f'{{"sensor":"{name}","time":{time},"value":{value}}}'
            continue
        for at in range(0, len(rows), load.gateway):
            part = [column[at : at + load.gateway] for column in columns]
            said = ",".join(f'"{names[sensor]}"' for sensor in part[0])
            yield (
                names[part[0][0]],
                f'{{"sensor":[{said}],"time":{_list(part[1])},"value":{_list(part[2])}}}',
            )


def _list(numbers: Sequence[float]) -> str:
    return "[" + ",".join(map(str, numbers)) + "]"
