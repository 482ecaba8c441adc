"""A version of a warning as the store's function wants it, and back from what the store holds.

A version may say in ``latency_us`` how long its way took, hop by hop, and ``at``: when it was
decided, in microseconds of the wall clock. It is then sent with ``"stored":0,"sent":0`` before
``at``: the store writes the time since ``at`` in place of the first zero when it takes the version
in, and the hub the time since that in place of the second when it hands the version to its
sockets. A version that does not say ``at`` is stored byte by byte as it was encoded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
import redis

from operators.codec import decode_alert, encode
from operators.events import Alert
from sinks.store import Keys

__all__ = ["HeldRows", "alert_row", "held_rows"]

Row = list[Any]


class HeldRows(NamedTuple):
    """Versions the store holds, oldest first."""

    recent: list[Row]
    active: list[Row]


def alert_row(alert: Alert) -> list[Any]:
    """Return what the store's function wants of one version, in its order."""
    return [
        alert.id,
        alert.version,
        alert.time,
        alert.status,
        alert.level,
        alert.district,
        alert.hazard,
        float(alert.lon),
        float(alert.lat),
        encode(_with_room(alert)),
    ]


def _with_room(alert: Alert) -> Alert:
    """Return a version with room in it for the hops that end in the store and in the hub."""
    hops = alert.latency_us
    if hops is None or "at" not in hops:
        return alert
    known = {name: hops[name] for name in hops if name not in ("stored", "sent", "at")}
    # The order is what the store and the hub look for.
    hops = known | {"stored": 0, "sent": 0, "at": hops["at"]}
    return msgspec.structs.replace(alert, latency_us=hops)


def held_rows(
    client: redis.Redis, keys: Keys, recent_s: float, recent: int, active: int
) -> HeldRows:
    """Return what the store holds: its newest entries, and the active warnings.

    Parameters
    ----------
    recent_s
        How old, by the store's clock, an entry may be.
    recent, active
        The most of each.
    """
    now: Any = client.time()
    since = f"{int((now[0] - recent_s) * 1000)}-0"
    entries: Any = client.xrevrange(keys.log, min=since, count=recent)
    names: Any = client.zrange(keys.active, 0, active - 1)
    with client.pipeline(transaction=False) as pipe:
        for name in reversed(names):  # the highest level comes first there
            pipe.hget(keys.alert(name.decode()), "b")
        bodies: Any = pipe.execute()
    return HeldRows(
        list(_rows(fields.get(b"b") for _, fields in reversed(entries))), list(_rows(bodies))
    )


def _rows(bodies: Iterable[bytes | None]) -> Iterator[Row]:
    for body in bodies:
        # What another version of citywatch wrote, or somebody else, is no row of ours.
        with contextlib.suppress(ValueError):
            if body is not None:
                # Not encoded again: how long its way took must stay as the store has told it.
                yield [*alert_row(decode_alert(body))[:-1], body]
