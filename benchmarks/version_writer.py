"""Versions of warnings, written into a store by the clock or as fast as they arrive."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from operators.events import Alert, FeedHealth, Text
from sinks.redis import StoreWriter

__all__ = ["RATE", "SEED", "WARNINGS", "Stretch", "VersionWriter"]

SEED = 1
RATE = 500
"""Versions a second."""
WARNINGS = 200
"""Active at a time."""
ON_THE_WAY = 1000
"""Versions at will, at most."""
FEEDS = ("river_rain", "streets", "traffic", "air_gas", "power_water", "reports")


class Stretch(NamedTuple):
    """A time during which versions were due, in microseconds of the wall clock."""

    start: int
    end: int

    @property
    def begin(self) -> int:
        """The end of its first tenth."""
        return self.start + (self.end - self.start) // 10


class VersionWriter:
    """Versions of warnings on their way into the store, as a flow would send them."""

    def __init__(self, url: str) -> None:
        self.written = 0
        self._store = StoreWriter(url)
        self._pattern = _pattern(random.Random(SEED))
        self._told_s = 0.0
        self._tell()

    def by_the_clock(self, seconds: float) -> Stretch:
        """Write `RATE` versions a second, each when it is due or as soon after as possible."""
        first = self.written
        start = time.time_ns() // 1000
        last = first + round(seconds * RATE)
        while self.written < last:
            now = time.time_ns() // 1000
            due = min(last, first + (now - start) * RATE // 1_000_000 + 1)
            if due > self.written:
                self._put(
                    [start + (n - first) * 1_000_000 // RATE for n in range(self.written, due)]
                )
            self._tell()
            next_us = start + (self.written - first) * 1_000_000 // RATE
            time.sleep(max(0, next_us - time.time_ns() // 1000) / 1e6)
        return Stretch(start, start + round(seconds * 1e6))

    def at_will(self, seconds: float, arrived: Callable[[], int]) -> Stretch:
        """Write as long as fewer than `ON_THE_WAY` versions are on the way."""
        start = time.time_ns() // 1000
        while (now := time.time_ns() // 1000) < start + seconds * 1e6:
            room = min(100, ON_THE_WAY - (self.written - arrived()))
            if room > 0:
                self._put([now] * room)
            else:
                time.sleep(0.0005)
            self._tell()
        return Stretch(start, now)

    def _put(self, due_us: list[int]) -> None:
        self._store.put_alerts([self._version(due) for due in due_us])

    def _version(self, due_us: int) -> Alert:
        number, warning = divmod(self.written, WARNINGS)
        self.written += 1
        hops = {"source": 1200, "screened": 800, "decided": 150}
        return msgspec.structs.replace(
            self._pattern[warning],
            version=number + 1,
            time=due_us // 1000,
            latency_us=hops | {"at": due_us},
        )

    def _tell(self) -> None:
        """Say once a second what else a flow says."""
        now = time.time()
        if now >= self._told_s + 1:
            self._told_s = now
            ms = round(1000 * now)
            self._store.put_feeds([FeedHealth(name, ms, 800.0, 40, 0, 900, 3) for name in FEEDS])
            self._store.put_overview({"clock": ms, "speed": 1})

    def close(self) -> None:
        """Wait until the store has everything, and hang up."""
        self._store.flush()
        self._store.close()


def _pattern(rng: random.Random) -> list[Alert]:
    """Return a first version of every warning, as long as one of a real city is."""
    return [_warning(rng, number) for number in range(WARNINGS)]


def _warning(rng: random.Random, number: int) -> Alert:
    evidence = tuple(
        {
            "source": "sensor",
            "key": f"sw-{rng.randrange(5000):04d}",
            "kind": "street_water",
            "cell": f"8840e1{rng.randrange(16**5):05x}ffff",
            "time": 1_763_881_200_000 + rng.randrange(10**6),
            "value": round(rng.uniform(5, 60), 1),
            "expected": round(rng.uniform(0, 3), 2),
            "surprisal": round(rng.uniform(3, 8), 2),
        }
        for _ in range(3)
    )
    return Alert(
        id=f"wl-{number:08x}",
        version=1,
        time=0,
        status="active",
        level=rng.randint(1, 4),
        hazard="waterlogging",
        district=rng.choice(("yuzhong", "gucheng", "nanan")),
        cells=tuple(str(each["cell"]) for each in evidence),
        lon=round(rng.uniform(106.4, 106.7), 5),
        lat=round(rng.uniform(29.4, 29.7), 5),
        onset=1_763_881_200_000,
        first=1_763_881_200_000,
        urgency="Immediate",
        certainty="Observed",
        score=9.4,
        reason="escalated at orange: 3 sensors agree",
        evidence=evidence,
        place=Text("Jiefangbei underpass", "解放碑下穿道"),
        headline=Text("Water 34 cm deep where 1 cm is expected", "积水 34 厘米，预期 1 厘米"),
        trend="rising",
    )
