"""Make the Kafka client that reads: its settings, and what it may say of them.

A setting that is not taken is told with its name and why; of one that may be a secret, never the
value.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping
from typing import Any, cast

from flows.librdkafka import library

__all__ = ["DEFAULTS", "made_client", "prefetched"]

DEFAULTS: dict[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    # The broker is asked for all partitions at once, but not for those of which enough is held: it
    # waits at one that has nothing while what is held of the others, some 15 ms' worth, is used up.
    # Four idle readers took .5 % of a core at 100, 1.4 % at 25 and 2.5 % at 10.
    "fetch.wait.max.ms": 20,
    # A reader of a backlog would else rest a second whenever its queue is full.
    "fetch.queue.backoff.ms": 5,
    # So soon it is known that a topic has more partitions than it had.
    "topic.metadata.refresh.interval.ms": 30_000,
    # Enough that none is waited for; what is fetched sooner takes fresh memory, and the system
    # clears each page of it: five times as much took a third of the time of a flow catching up.
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 32_768,
    "fetch.message.max.bytes": 524_288,
}
_OURS: dict[str, Any] = {"statistics.interval.ms": 1000, "log.queue": True}
"""How the client tells that a broker is back, and that it logs where it is asked for messages."""
SECRET = re.compile(r"password|secret|token|key|pem|sasl\.|oauth")
"""Settings of which no value is ever shown."""

_CONSUMER, _CONF_OK, _CONF_INVALID, _TEXT_BYTES = 1, 0, -1, 512
_NOT_TAKEN = "not a value it takes"


def prefetched(partitions: int) -> dict[str, int]:
    """Return settings for so many partitions set apart, of each of which the client holds some."""
    return {
        name: min(DEFAULTS[name], max(least, together // partitions))
        for name, least, together in (
            ("queued.min.messages", 2_000, 160_000),
            ("queued.max.messages.kbytes", 4_096, 262_144),
            ("fetch.message.max.bytes", 131_072, 4_194_304),
        )
    }


def made_client(options: Mapping[str, Any], error: Any, note: Any, statistics: Any) -> int:
    """Return the handle of a consumer with these settings, which go before ``DEFAULTS``.

    Parameters
    ----------
    error, note, statistics
        Called by the client; whoever gives them keeps them as long as it lives.

    Raises
    ------
    ValueError
        When a setting is not taken; the message never shows a secret.
    """
    kafka, given = library(), {**DEFAULTS, **options, **_OURS}
    said = ctypes.create_string_buffer(_TEXT_BYTES)
    settings = kafka.rd_kafka_conf_new()
    try:
        for name, value in given.items():
            _set(settings, name, value)
        kafka.rd_kafka_conf_set_error_cb(settings, error)
        kafka.rd_kafka_conf_set_log_cb(settings, note)
        kafka.rd_kafka_conf_set_stats_cb(settings, statistics)
        client = kafka.rd_kafka_new(_CONSUMER, settings, said, _TEXT_BYTES)
        if client is None:
            raise ValueError(f"Kafka settings: {_harmless(_told(said), given)}")
    except ValueError:
        kafka.rd_kafka_conf_destroy(settings)
        raise
    return cast(int, client)


def _set(settings: int, name: str, value: Any) -> None:
    said = ctypes.create_string_buffer(_TEXT_BYTES)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    set_one = library().rd_kafka_conf_set
    code = set_one(settings, name.encode(), text.encode(), said, _TEXT_BYTES)
    if code != _CONF_OK:
        secret = code == _CONF_INVALID and SECRET.search(name)
        raise ValueError(f"Kafka setting {name}: {_NOT_TAKEN if secret else _told(said)}")


def _told(said: Any) -> str:
    return str(said.value.decode(errors="replace"))


def _harmless(told: str, options: Mapping[str, Any]) -> str:
    """Return what the library said without what is nobody's business."""
    for name, value in options.items():
        if value and SECRET.search(name):
            told = told.replace(str(value), "***")
    return told
