"""What the store's rows mean: its bytes as entries of the log, figures of a feed, points."""

from __future__ import annotations

import logging
import math

import msgspec

from sinks.control_room.alert_log import Entry
from sinks.control_room.hops import read_hops
from sinks.control_room.protocol import encode, parse_position

__all__ = ["as_entry", "as_health", "as_point", "as_text"]

log = logging.getLogger(__name__)


class _Head(msgspec.Struct):
    """What the hub needs to know of a message it passes on as it is."""

    id: str
    version: int
    status: str
    level: int
    district: str
    hazard: str
    cells: frozenset[str]
    latency_us: msgspec.Raw = msgspec.Raw(b"null")


_decode_head = msgspec.json.Decoder(_Head).decode


def as_text(value: bytes | None) -> str:
    """Return a name; empty for none."""
    return value.decode() if value is not None else ""


def as_entry(at: bytes, fields: dict[bytes, bytes]) -> Entry:
    """Return an entry of the log; one that cannot be read keeps its place and says nothing."""
    position, body = parse_position(at.decode()), fields.get(b"b", b"")
    try:
        head = _decode_head(body)
    except msgspec.DecodeError as error:
        # It keeps its place in the log, or nobody could resume past it.
        log.error("store: entry %s of the log left out: %s", at.decode(), error)
        return Entry(position, "", 0, "unreadable", 4, 4, "", "", frozenset(), b"")
    was = int(fields.get(b"was", head.level))
    what = head.id, head.version, head.status, head.level, was
    hops = read_hops(head.latency_us)
    return Entry(position, *what, head.district, head.hazard, head.cells, body, hops)


def as_health(row: dict[bytes, bytes]) -> bytes:
    """Return how a feed is doing, encoded for the screen."""
    names = (b"time", b"rate", b"lag_ms", b"rejected", b"sensors", b"silent")
    return encode({as_text(name): _number(row.get(name, b"")) for name in names})


def as_point(fields: dict[bytes, bytes]) -> list[int | float | None]:
    """Return a point of a series: time, value, lower and upper bound."""
    bounds = [_number(fields[name]) for name in (b"v", b"lo", b"hi")]
    return [int(fields[b"t"]), *bounds]


def _number(text: bytes) -> int | float | None:
    """Return a decimal; None for what is not known, which JSON cannot say otherwise."""
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number
