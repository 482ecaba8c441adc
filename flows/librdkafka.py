"""The C library behind the Kafka client for Python, to be asked without that client.

It is the very copy that ``confluent_kafka`` brought and loaded. Only what its header promises is
used: the functions and structures named here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, Self, cast

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from flows.kafka import KafkaUnusableError

__all__ = [
    "ON_ERROR",
    "ON_LOG",
    "ON_STATISTICS",
    "UNKNOWN_OFFSET",
    "Message",
    "Place",
    "Places",
    "check",
    "library",
    "words",
]

UNKNOWN_OFFSET = -1001
MAPS = Path("/proc/self/maps")
"""Where Linux says what is loaded."""


class Message(ctypes.Structure):
    """``rd_kafka_message_t``."""

    _fields_ = (
        ("err", c_int),
        ("topic", c_void_p),
        ("partition", c_int32),
        ("payload", c_void_p),
        ("len", c_size_t),
        ("key", c_void_p),
        ("key_len", c_size_t),
        ("offset", c_int64),
        ("_private", c_void_p),
    )


class Place(ctypes.Structure):
    """``rd_kafka_topic_partition_t``."""

    _fields_ = (
        ("topic", c_char_p),
        ("partition", c_int32),
        ("offset", c_int64),
        ("metadata", c_void_p),
        ("metadata_size", c_size_t),
        ("opaque", c_void_p),
        ("err", c_int),
        ("_private", c_void_p),
    )


ON_ERROR = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_void_p)
ON_LOG = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_char_p)
ON_STATISTICS = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t, c_void_p)
_REF = c_void_p
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    # name: result, arguments
    "rd_kafka_assign": (c_int, c_void_p, c_void_p),
    "rd_kafka_brokers_add": (c_int, c_void_p, c_char_p),
    "rd_kafka_commit": (c_int, c_void_p, c_void_p, c_int),
    "rd_kafka_conf_destroy": (None, c_void_p),
    "rd_kafka_conf_new": (c_void_p,),
    "rd_kafka_conf_set": (c_int, c_void_p, c_char_p, c_char_p, c_char_p, c_size_t),
    "rd_kafka_conf_set_error_cb": (None, c_void_p, ON_ERROR),
    "rd_kafka_conf_set_log_cb": (None, c_void_p, ON_LOG),
    "rd_kafka_conf_set_stats_cb": (None, c_void_p, ON_STATISTICS),
    "rd_kafka_consume_batch_queue": (ctypes.c_ssize_t, c_void_p, c_int, c_void_p, c_size_t),
    "rd_kafka_consumer_close_queue": (c_void_p, c_void_p, c_void_p),
    "rd_kafka_consumer_closed": (c_int, c_void_p),
    "rd_kafka_destroy": (None, c_void_p),
    "rd_kafka_err2str": (c_char_p, c_int),
    "rd_kafka_event_destroy": (None, c_void_p),
    "rd_kafka_get_watermark_offsets": (c_int, c_void_p, c_char_p, c_int32, _REF, _REF),
    "rd_kafka_header_get_all": (c_int, c_void_p, c_size_t, _REF, _REF, _REF),
    "rd_kafka_message_destroy": (None, c_void_p),
    "rd_kafka_message_errstr": (c_char_p, c_void_p),
    "rd_kafka_message_headers": (c_int, c_void_p, _REF),
    "rd_kafka_message_timestamp": (c_int64, c_void_p, _REF),
    "rd_kafka_new": (c_void_p, c_int, c_void_p, c_char_p, c_size_t),
    "rd_kafka_poll_set_consumer": (c_int, c_void_p),
    "rd_kafka_position": (c_int, c_void_p, c_void_p),
    "rd_kafka_query_watermark_offsets": (c_int, c_void_p, c_char_p, c_int32, _REF, _REF, c_int),
    "rd_kafka_queue_destroy": (None, c_void_p),
    "rd_kafka_queue_forward": (None, c_void_p, c_void_p),
    "rd_kafka_queue_get_consumer": (c_void_p, c_void_p),
    "rd_kafka_queue_get_partition": (c_void_p, c_void_p, c_char_p, c_int32),
    "rd_kafka_queue_new": (c_void_p, c_void_p),
    "rd_kafka_queue_poll": (c_void_p, c_void_p, c_int),
    "rd_kafka_set_log_queue": (c_int, c_void_p, c_void_p),
    "rd_kafka_topic_partition_list_add": (ctypes.POINTER(Place), c_void_p, c_char_p, c_int32),
    "rd_kafka_topic_partition_list_destroy": (None, c_void_p),
    "rd_kafka_topic_partition_list_new": (c_void_p, c_int),
}


@cache
def library() -> ctypes.CDLL:
    """Return the functions of the library that ``confluent_kafka`` has loaded."""
    path = _path()
    try:
        found = ctypes.CDLL(path)
        for name, (result, *arguments) in _SIGNATURES.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:  # gone, or without a function
        raise KafkaUnusableError(f"librdkafka: cannot be used: {error}") from None
    return found


def _path() -> str:
    package = Path(confluent_kafka.__file__).parent
    found: list[str] = []
    if MAPS.exists():  # address, rights, offset, device, inode and the file
        columns = [line.split(maxsplit=5) for line in MAPS.read_text().splitlines()]
        found = [line[5] for line in columns if len(line) > 5 and "librdkafka" in line[5]]
    if not found:
        folders = (package.with_name("confluent_kafka.libs"), package / ".dylibs")
        found = [str(path) for folder in folders for path in folder.glob("*rdkafka*")]
    if not found:
        raise KafkaUnusableError(
            f"librdkafka: expected it in memory or beside {package}, found it in neither:"
            " install confluent-kafka as a wheel"
        )
    return found[0]


def check(code: int) -> None:
    """Raise what a code stands for, a ``KafkaException``; nothing for 0."""
    if code:
        raise KafkaException(KafkaError(code, words(code)))


def words(code: int) -> str:
    """Return the words for a code."""
    return str(library().rd_kafka_err2str(code).decode(errors="replace"))


class Places:
    """A ``rd_kafka_topic_partition_list_t``: partitions of a topic, each with an offset.

    It is the library's memory, free after the context.
    """

    def __init__(self, topic: bytes, offsets: Mapping[int, int]) -> None:
        self.list: Any = library().rd_kafka_topic_partition_list_new(len(offsets))
        # A place moves when the list is short; it is as long as it gets.
        self._places = [self._added(topic, number, at) for number, at in offsets.items()]

    def _added(self, topic: bytes, number: int, offset: int) -> Place:
        place = library().rd_kafka_topic_partition_list_add(self.list, topic, number).contents
        place.offset = offset
        return cast(Place, place)

    def check(self) -> None:
        """Raise the first error that the library wrote beside a partition."""
        for place in self._places:
            check(place.err)

    def offsets(self) -> dict[int, int]:
        """Return what the library wrote, where there is no error."""
        self.check()
        return {place.partition: place.offset for place in self._places}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        library().rd_kafka_topic_partition_list_destroy(self.list)
