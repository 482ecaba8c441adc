"""The job as a loop: confluent-kafka, River, redis-py, and nothing around them.

One consumer, up to 5,000 messages a call; a batch's alerts go to Redis in one pipeline, then its
offsets are committed in the background. State is in memory only: a restart would learn anew.
"""

from __future__ import annotations

from collections import defaultdict
from math import sqrt
from uuid import uuid4

import orjson
from confluent_kafka import Consumer, KafkaException
from redis import Redis
from river import stats

from benchmarks.peers.job import ALERTS, FADING, THRESHOLD, WARM_UP
from benchmarks.peers.measuring import Stopwatch, given


class Sensor:
    """What is known about one sensor."""

    __slots__ = ("count", "mean", "variance")

    def __init__(self) -> None:
        self.count = 0
        self.mean = stats.EWMean(FADING)
        self.variance = stats.EWVar(FADING)

    def unusual(self, value: float) -> bool:
        """Score a value, then learn it."""
        found = self.count >= WARM_UP and (
            abs(value - self.mean.get()) > THRESHOLD * sqrt(self.variance.get())
        )
        self.count += 1
        self.mean.update(value)
        self.variance.update(value)
        return found


def main() -> None:
    """Consume the topic from its beginning until all readings are processed."""
    arguments, watch = given("plain_loop"), Stopwatch()
    redis = Redis.from_url(arguments.redis)
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.kafka,
            "group.id": f"plain-loop-{uuid4()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 10,  # when reading a backlog, 1 s as usual leaves it idle
        }
    )
    consumer.subscribe([arguments.topic])
    sensors: defaultdict[str, Sensor] = defaultdict(Sensor)
    done = 0
    while done < arguments.readings:
        messages = consumer.consume(5000, timeout=0.01)
        if not messages:
            continue
        watch.start()
        alerts = []
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            reading = orjson.loads(message.value())  # type: ignore[arg-type]  # never None
            if sensors[reading["sensor"]].unusual(reading["value"]):
                alerts.append(reading)
        if alerts:
            pipeline = redis.pipeline(transaction=False)
            for alert in alerts:
                pipeline.xadd(ALERTS, alert)
            pipeline.execute()
        consumer.commit(asynchronous=True)
        done += len(messages)
    watch.mark()
    consumer.close()
    watch.report(done)


if __name__ == "__main__":
    main()
