"""Short ways to put messages into a topic and to see what is in one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

__all__ = ["QUIET", "committed", "read", "send", "send_in_transactions", "values"]

QUIET = {"log_level": 0}
LONG_AGO_MS = 1_750_000_000_000


def send(
    address: str, topic: str, messages: Iterable[bytes | None], partition: int = 0, **more: Any
) -> None:
    """Put messages into a partition, sent long ago unless told."""
    producer = Producer({"bootstrap.servers": address, "linger.ms": 0, **QUIET})
    failed: list[str] = []

    def told(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(f"{topic}/{partition}: {error}")

    more = {"timestamp": LONG_AGO_MS, "on_delivery": told, **more}
    for value in messages:
        producer.produce(topic, value, partition=partition, **more)
    assert producer.flush(30) == 0
    assert not failed, failed


def send_in_transactions(
    address: str, topic: str, transactions: Iterable[tuple[list[bytes], bool]]
) -> None:
    """Put messages into partition 0; a transaction that is not kept leaves them to nobody.

    Readers may see them a moment after this has returned.
    """
    producer = Producer({"bootstrap.servers": address, "transactional.id": topic, **QUIET})
    producer.init_transactions(30)
    for messages, kept in transactions:
        producer.begin_transaction()
        for value in messages:
            producer.produce(topic, value, partition=0, timestamp=LONG_AGO_MS)
        producer.flush(30)
        producer.commit_transaction(30) if kept else producer.abort_transaction(30)


def read(address: str, topic: str) -> list[Message]:
    """All messages of a topic up to its present end, one partition after the other."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": f"read-{topic}", **QUIET})
    found: list[Message] = []
    try:
        for number in sorted(consumer.list_topics(topic, 30).topics[topic].partitions):
            place = TopicPartition(topic, number, OFFSET_BEGINNING)
            first, end = consumer.get_watermark_offsets(place, 30)
            if end == first:
                continue
            consumer.assign([place])
            deadline = time.monotonic() + 30
            while consumer.position([place])[0].offset < end:
                message = consumer.poll(0.05)
                if message is not None:
                    assert message.error() is None, message.error()
                    found.append(message)
                assert time.monotonic() < deadline, f"{topic}: {len(found)} messages in 30 s"
    finally:
        consumer.close()
    return found


def values(address: str, topic: str) -> list[bytes | None]:
    return [message.value() for message in read(address, topic)]


def committed(address: str, group: str, topic: str, partitions: int) -> list[int]:
    """What any tool of Kafka's sees of a group: negative where it committed nothing."""
    asked = [TopicPartition(topic, number) for number in range(partitions)]
    admin = AdminClient({"bootstrap.servers": address, **QUIET})
    wanted = [ConsumerGroupTopicPartitions(group, asked)]
    (answer,) = admin.list_consumer_group_offsets(wanted).values()
    try:
        return [place.offset for place in answer.result(30).topic_partitions]
    except KafkaException:  # a broker that has just started does not know yet
        return []
