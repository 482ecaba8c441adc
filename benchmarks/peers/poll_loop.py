"""The job as the loop that confluent-kafka's own introduction shows: one message at a time.

``poll`` for each message, ``json`` of the standard library, an alert to Redis when it is found.
"""

from __future__ import annotations

import json
from collections import defaultdict
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException
from redis import Redis

from benchmarks.peers.job import ALERTS
from benchmarks.peers.measuring import Stopwatch, given
from benchmarks.peers.plain_loop import Sensor


def main() -> None:
    """Consume the topic from its beginning until all readings are processed."""
    arguments, watch = given("poll_loop"), Stopwatch()
    redis = Redis.from_url(arguments.redis)
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.kafka,
            "group.id": f"poll-loop-{uuid4()}",
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 10,  # when reading a backlog, 1 s as usual leaves it idle
        }
    )
    consumer.subscribe([arguments.topic])
    sensors: defaultdict[str, Sensor] = defaultdict(Sensor)
    done = 0
    while done < arguments.readings:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        watch.start()
        reading = json.loads(message.value())  # type: ignore[arg-type]  # never None
        if sensors[reading["sensor"]].unusual(reading["value"]):
            redis.xadd(ALERTS, reading)
        done += 1
    watch.mark()
    consumer.close()
    watch.report(done)


if __name__ == "__main__":
    main()
