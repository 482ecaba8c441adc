"""How long each part of a version's way took: from its reading's time stamp to the sockets.

A version carries it in ``latency_us``, in microseconds, one hop after the other: ``source`` until
the reading was polled, ``screened`` until it was scored, ``decided`` until the version was made,
``stored`` until the store had it, ``sent`` until the hub handed it to its sockets. The flow says
the first three and, in ``at``, the wall clock when it decided; the store and the hub write theirs
in place of a zero, once (`sinks.redis` says how). Where two machines' clocks differ a hop between
them is off by as much; these two are never less than nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

__all__ = ["HOPS", "Hops", "WayTimes", "read_hops", "with_sent"]

HOPS = ("source", "screened", "decided", "stored", "sent")
RECENT = 2000  # versions the percentiles are of
PARTS = (("p50", 50), ("p99", 99))

_SENT = b'"sent":%d,"at":'
_UNSENT = _SENT % 0


class Hops(msgspec.Struct, frozen=True):
    """The hops of a version the store has."""

    source: int
    screened: int
    decided: int
    stored: int
    at: int
    """When it was decided, in microseconds of the wall clock."""

    @property
    def stored_at(self) -> int:
        """When the store had it."""
        return self.at + self.stored


_decoder: msgspec.json.Decoder[Hops | None] = msgspec.json.Decoder(Hops | None)


def read_hops(latency_us: bytes) -> Hops | None:
    """Return what a message says in ``latency_us``; None when it says nothing that can be used.

    Examples
    --------
    >>> read_hops(b'{"source":9,"screened":1,"decided":1,"stored":4,"sent":0,"at":17}').stored_at
    21
    >>> read_hops(b'{"engine":90}')
    """
    try:
        return _decoder.decode(latency_us)
    except msgspec.DecodeError:
        return None  # a warning is not held up by what somebody measured


def with_sent(body: bytes, sent_us: int) -> bytes:
    """Return a message with the time it took from the store to the sockets written into it.

    Examples
    --------
    >>> with_sent(b'{"latency_us":{"stored":4,"sent":0,"at":17}}', 250)
    b'{"latency_us":{"stored":4,"sent":250,"at":17}}'
    """
    # A quote inside a text is escaped, so this can only be the field.
    return body.replace(_UNSENT, _SENT % sent_us, 1)


class WayTimes:
    """The hops of the last versions, as percentiles.

    Notes
    -----
    State: six numbers for each of `RECENT` versions. Cost: a tuple a version; sorting when asked.
    """

    def __init__(self) -> None:
        self._rows: deque[tuple[int, ...]] = deque(maxlen=RECENT)
        self._sent: deque[int] = deque(maxlen=RECENT)

    def add(self, hops: Hops | None, sent_us: int) -> None:
        """Note a version that was handed to the sockets; one without hops counts for that alone."""
        self._sent.append(sent_us)
        if hops is not None:
            row = hops.source, hops.screened, hops.decided, hops.stored, sent_us
            self._rows.append((*row, sum(row)))

    def sent(self) -> dict[str, int] | None:
        """Return percentiles of the last hop; None before there was a version."""
        return _percentiles(self._sent) if self._sent else None

    def hops(self) -> dict[str, dict[str, int]] | None:
        """Return percentiles of every hop and of their sum, ``total``; None without any."""
        if not self._rows:
            return None
        columns = zip(*self._rows, strict=True)
        return dict(zip((*HOPS, "total"), map(_percentiles, columns), strict=True))


def _percentiles(values: Iterable[int]) -> dict[str, int]:
    ordered = sorted(values)
    return {name: ordered[len(ordered) * part // 100] for name, part in PARTS}
