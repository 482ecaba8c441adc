"""The feed of the comparison: seeded readings with spikes that nobody could argue about.

Every sensor measures once a minute: a level of its own, a daily rhythm, and Gaussian noise cut off
at 2.5 standard deviations. One sensor in five has one spike of 15 to 25 of them. So no z is near
the threshold, and frameworks that round differently still raise the same alerts.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from math import pi, sin
from typing import Any

from confluent_kafka import Producer

from benchmarks.peers.job import Reading

__all__ = ["fill", "names", "readings"]

START = 1_763_881_200_000
MINUTE = 60_000
DAY = 1440  # in minutes
SETTLED = 200  # sweeps before the first spike: everybody's detectors have warmed up by then


def readings(sensors: int, count: int, seed: int) -> Iterator[Reading]:
    """Yield ``count`` readings in the order of their times, every sensor once a minute."""
    chance = random.Random(seed)
    sweeps = count // sensors
    if sweeps <= SETTLED + 1:
        raise ValueError(f"more than {SETTLED + 1} readings a sensor are needed, got {sweeps}")
    known = names(sensors)
    levels = [chance.uniform(10.0, 90.0) for _ in known]
    sds = [chance.uniform(0.5, 3.0) for _ in known]
    phases = [chance.uniform(0.0, 2 * pi) for _ in known]
    spiked = chance.sample(range(sensors), sensors // 5)
    spikes = {number: chance.randrange(SETTLED, sweeps) for number in spiked}
    order = list(range(sensors))
    for sweep in range(-(-count // sensors)):
        chance.shuffle(order)
        for place, number in enumerate(order[: count - sweep * sensors]):
            noise = min(2.5, max(-2.5, chance.gauss(0.0, 1.0)))
            if spikes.get(number) == sweep:
                noise = chance.choice((-1.0, 1.0)) * chance.uniform(15.0, 25.0)
            rhythm = 3.0 * sin(2 * pi * sweep / DAY + phases[number])
            value = levels[number] + sds[number] * (rhythm + noise)
            time = START + sweep * MINUTE + place * MINUTE // sensors
            yield Reading(known[number], time, round(value, 3))


def names(sensors: int) -> list[str]:
    """Return the sensors' ids."""
    return [f"rl-{number:04d}" for number in range(sensors)]


def fill(broker: str, topic: str, feed: Iterable[Reading]) -> int:
    """Put readings on a topic that exists; return how many, all of them acknowledged.

    Raises
    ------
    RuntimeError
        When the broker did not take some of them.
    """
    failed: list[str] = []

    def delivered(error: Any, _: object) -> None:
        if error is not None:
            failed.append(str(error))

    producer = Producer(
        {
            "bootstrap.servers": broker,
            "linger.ms": 50,
            "enable.idempotence": True,  # also keeps each partition's order
            "queue.buffering.max.messages": 200_000,
        }
    )
    count = 0
    for sensor, time, value in feed:
        message = f'{{"sensor":"{sensor}","time":{time},"value":{value}}}'
        while True:
            try:
                producer.produce(topic, message, sensor, on_delivery=delivered)
                break
            except BufferError:  # the queue is full: wait until some are delivered
                producer.poll(0.1)
        producer.poll(0)
        count += 1
    left = producer.flush(60)
    if failed or left:
        said = failed[0] if failed else "no answer"
        raise RuntimeError(f"{topic}: {len(failed) + left} of {count} readings lost: {said}")
    return count
