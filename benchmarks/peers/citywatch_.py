"""citywatch at the peers' topic: not their job but its own, whole.

In one process, as ``citywatch run`` is: readings are scored by its own detectors, cells summed up,
warnings made of the evidence and written to Redis with the state of cells. Time is taken to the
last of that. Afterwards, off the clock, what the evidence log says is put where peers put their
alerts, to be checked: a sensor's first evidence and none within the half hour after, for citywatch
goes on saying that a sensor has not calmed down.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from redis import Redis

from benchmarks.peers.feed import names
from benchmarks.peers.job import ALERTS
from benchmarks.peers.measuring import Stopwatch, given
from flows.kafka import KafkaPlace, Topics
from flows.production import FLOWS, Part
from flows.running import run_flow
from flows.together import together
from operators.event_clock import FOREVER
from operators.events import City, Sensor
from operators.evidence import Found
from operators.evidence_log import LogItem, decode_log
from operators.reading_path import ReadingPath, readings_origin
from operators.registry import Registry
from operators.triage import Triaged
from sinks.redis import RedisSink

CITY = City("peers", "UTC", sensors=tuple(Sensor(n, "signal", 106.5, 29.5) for n in names(1000)))
CALM_MS = 30 * 60_000


@dataclass(frozen=True)
class SharedTopics(Topics):
    """The peers' topic of readings, and topics of our own beside it."""

    shared: str = ""

    @property
    def readings(self) -> str:
        """Return the topic that all peers read."""
        return self.shared


class Measured:
    """The readings' path: starts the watch, and says that all is over once all are through."""

    def __init__(self, path: ReadingPath, part: Part, watch: Stopwatch, count: int) -> None:
        self._path, self._part, self._watch, self._count = path, part, watch, count
        self._over = False

    def on_batch(self, items: Iterable[Any]) -> Iterator[Any]:
        """Pass items through the path."""
        for item in items:
            if len(item.lines):
                self._watch.start()
            yield from self._path.on_batch([item])
        if not self._over and self._part.counters.account("intake").received >= self._count:
            self._over = True
            yield from end(self._path)


def end(path: ReadingPath) -> Iterator[LogItem]:
    """Return that nothing more will come; there never were reports."""
    yield Triaged((), FOREVER, last=True)
    yield Found("bursts", (), FOREVER, 0, last=True)
    reached = path.intake.clocks.watermarks.tolist()
    for number, watermark in zip(path.shards, reached, strict=True):
        yield Found(readings_origin(number), (), watermark, last=True)


def make_parts(kafka: str, prefix: str, topic: str, data: str) -> list[Part]:
    """Return what a process of ours is made of."""
    place, topics = KafkaPlace(kafka), SharedTopics(prefix, topic)
    return [Part(flow, place, topics, Registry(CITY), Path(data), ends=True) for flow in FLOWS]


def evidence(kafka: str, topic: str) -> Iterator[tuple[str, int, float]]:
    """Yield sensor, time and value of the evidence in a log, in its order."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic})
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), 10)
    consumer.assign([TopicPartition(topic, 0, first)])
    at, registry = first, Registry(CITY)
    while at < end:
        message = consumer.poll(10)
        assert message is not None
        said = decode_log(message.value() or b"", registry)
        at = (message.offset() or 0) + 1
        if isinstance(said, Found):
            yield from ((each.key, each.time, each.value) for each in said.evidence)
    consumer.close()


def put_alerts(kafka: str, topic: str, redis: Redis) -> None:
    """Put the first evidence of every episode where peers put their alerts."""
    calm: dict[str, int] = {}
    for sensor, time, value in sorted(evidence(kafka, topic), key=lambda each: each[1]):
        if time >= calm.get(sensor, 0):
            redis.xadd(ALERTS, {"sensor": sensor, "time": time, "value": value})
        calm[sensor] = time + CALM_MS


def main() -> None:
    """Read the topic to its end, warn, and say what was found."""
    arguments, watch = given("citywatch_"), Stopwatch()
    prefix = f"{arguments.topic}-{token_hex(3)}"
    KafkaPlace(arguments.kafka).create(SharedTopics(prefix, arguments.topic), 1)
    with tempfile.TemporaryDirectory(prefix="citywatch-") as data:
        part, reports, warnings = make_parts(arguments.kafka, prefix, arguments.topic, data)
        warnings.store = RedisSink(arguments.redis, "peers")
        flow = together(part, reports, warnings)
        assert part.kept is not None
        part.kept.path = Measured(part.kept.path, part, watch, arguments.readings)
        run_flow(flow, None, 0.5)
        watch.mark()
    put_alerts(arguments.kafka, part.topics.evidence, Redis.from_url(arguments.redis))
    watch.report(arguments.readings)


if __name__ == "__main__":
    main()
