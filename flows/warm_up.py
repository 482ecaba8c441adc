"""Load compiled code before the first message, not while it waits.

The first call of each compiled function finds its code in the cache, a tenth of a second for all of
them; on a machine that has never run them, it compiles them, some ten seconds.
"""

from __future__ import annotations

from operators.counters import Counters
from operators.events import City, Levels, Sensor
from operators.intake import Poll, Stretch
from operators.lines import Lines
from operators.reading_path import ReadingPath
from operators.registry import Registry

__all__ = ["warm_up"]

MINUTE_MS = 60_000
MINUTES = 40
"""Enough for windows to close, and for a shard to have a clock."""


def warm_up() -> None:
    """Let a path of its own see forty minutes of a rising river."""
    rising = Sensor("r", "river_level", 0.0, 0.0, levels=Levels(blue=5, yellow=6, orange=7, red=8))
    city = City("nowhere", "UTC", (), (rising, Sensor("s", "generic", 0.0, 0.0)))
    path = ReadingPath(Registry(city), Counters(), prompt=True)
    for minute in range(MINUTES):
        now = minute * MINUTE_MS
        said = [b'{"sensor":"%s","time":%d,"value":%d}' % (s, now, minute) for s in (b"r", b"s")]
        ended = frozenset({0} if minute == MINUTES - 1 else ())
        stretches = (Stretch(0, 2 * minute, 2),)
        poll = Poll("readings", Lines.of(said), stretches, ended, now, frozenset({0}))
        list(path.on_batch([poll]))
    path.put(0, path.take(0))
