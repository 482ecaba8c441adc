"""Every version of every warning to its topic, each once, also after a crash.

A flow that resumes says some versions again. What the topic has already is read back from its end
before the first is sent.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import Consumer, KafkaException, TopicPartition

from operators.codec import decode_alert, encode
from operators.events import Alert
from sinks.kafka import KafkaSink, Letter, Outbox, SendError

__all__ = ["AlertSink"]

READ_BACK = 20_000
"""Versions read back: more than any flow says again after a crash."""
REMEMBERED = 100_000
ANSWER_S = 10.0
WAIT_S = 0.05


class AlertSink(FixedPartitionedSink[Alert, None]):
    """The topic of warnings as a sink of ``(key, alert)``, whatever the key.

    Notes
    -----
    State: the last version of ``REMEMBERED`` warnings. Guarantee: in order and each version once,
    as long as one process at a time writes them and says again at most ``READ_BACK``.

    Raises
    ------
    SendError
        When what is there cannot be read.
    """

    def __init__(self, outbox: Outbox, topic: str, options: Mapping[str, Any]) -> None:
        self._outbox = outbox
        self._topic = topic
        # Here, not in ``build_part``: the engine calls that when the first warning comes, and a
        # flow that is running must not wait for the broker.
        self._versions: OrderedDict[str, int] = OrderedDict()
        for alert in _last_versions(topic, options):
            self._versions[alert.id] = max(alert.version, self._versions.get(alert.id, 0))

    def list_parts(self) -> list[str]:
        """Return the one partition: one connection keeps the order."""
        return ["alerts"]

    def part_fn(self, item_key: str) -> int:
        """Return the one partition's index."""
        return 0

    def build_part(
        self, step_id: str, for_part: str, resume_state: None
    ) -> StatefulSinkPartition[Alert, None]:
        """Return what writes."""
        versions = self._versions

        def write(alert: Alert) -> Iterator[Letter]:
            if alert.version <= versions.get(alert.id, 0):
                return
            versions[alert.id] = alert.version
            versions.move_to_end(alert.id)
            if len(versions) > REMEMBERED:
                versions.popitem(last=False)
            yield Letter(alert.id.encode(), encode(alert))

        return KafkaSink(self._outbox, self._topic, write).build_part(step_id, for_part, None)


def _last_versions(topic: str, options: Mapping[str, Any]) -> Iterator[Alert]:
    for raw in _last_messages(topic, options):
        # What somebody else put there is no version of ours.
        with contextlib.suppress(ValueError):
            yield decode_alert(raw)


def _last_messages(topic: str, options: Mapping[str, Any]) -> Iterator[bytes]:
    consumer = Consumer(
        {**options, "group.id": "citywatch-read-back", "enable.auto.commit": False},
        logger=logging.getLogger(__name__),
    )
    try:
        known = consumer.list_topics(topic, ANSWER_S).topics[topic].partitions
        for number in known:
            place = TopicPartition(topic, number)
            first, end = consumer.get_watermark_offsets(place, ANSWER_S)
            if end > first:
                place.offset = max(first, end - READ_BACK)
                yield from _until(consumer, place, end)
    except KafkaException as error:
        raise SendError(f"{topic}: cannot be read back: {error.args[0].str()}") from None
    finally:
        consumer.close()


def _until(consumer: Consumer, place: TopicPartition, end: int) -> Iterator[bytes]:
    consumer.assign([place])
    deadline = time.monotonic() + ANSWER_S
    # The last may be no message: the client passes a transaction's marks without a word.
    while consumer.position([place])[0].offset < end:
        message = consumer.poll(WAIT_S)
        if message is not None and message.error() is None:
            deadline = time.monotonic() + ANSWER_S
            if value := message.value():
                yield value
        elif time.monotonic() > deadline:
            raise SendError(f"{place.topic}: cannot be read back: nothing for {ANSWER_S:g} s")
