"""What somebody should look at: one item for each fault of a sensor, from its beginning to its end.

An item says what was known when the fault was recognised and does not change until it is over. What
is listed for a window follows from what happened before the window's end, so it is the same
however readings were cut into batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.homes import places_in

__all__ = ["DEAD_MS", "ITEMS", "FaultItem", "MaintenanceList", "dead_sensors", "shorten"]

ITEMS = 100
"""Items of a shard that are told one by one, the latest; the others are counted."""
DEAD_MS = 3_600_000
"""Silence after which somebody needs to go there."""


class FaultItem(NamedTuple):
    """One sensor to be looked at."""

    sensor: int
    kind: str
    """What is wrong, in a word."""
    since: int
    """When it was recognised; when it was last heard if it is dead."""
    value: float | None = None
    """What it read then, and what was expected; None where neither says anything."""
    expected: float | None = None


class MaintenanceList:
    """Items of a process's sensors, one of each.

    Notes
    -----
    State: an item for each sensor that is faulty, or was within the window that is open.
    """

    def __init__(self) -> None:
        self._open: dict[int, FaultItem] = {}
        self._over: dict[int, list[tuple[int, FaultItem]]] = {}  # by shard, with their end

    def begin(self, shard: int, item: FaultItem) -> None:
        """Put an item on the list, in place of one that the sensor has."""
        self.end(shard, item.sensor, item.since)
        self._open[item.sensor] = item

    def end(self, shard: int, sensor: int, time: int) -> None:
        """Take a sensor off the list, if it is on it."""
        item = self._open.pop(sensor, None)
        if item is not None:
            self._over.setdefault(shard, []).append((time, item))

    def at(self, shard: int, end: int, home: NDArray[np.intp]) -> list[FaultItem]:
        """Return the items of a shard, whose sensors are given, as a window ends; forget older."""
        if not self._open and not self._over.get(shard):
            return []
        over = [(until, item) for until, item in self._over.get(shard, ()) if until >= end]
        self._over[shard] = over
        mine = [*(item for _, item in self._mine(home)), *(item for _, item in over)]
        return [item for item in mine if item.since < end]

    def _mine(self, home: NDArray[np.intp]) -> Iterator[tuple[int, FaultItem]]:
        """Return the items of sensors that are given, each with the place of its sensor."""
        listed = sorted(self._open)
        if not listed:  # as in most windows
            return
        for place, sensor in zip(_places(home, listed), listed, strict=True):
            if place >= 0:
                yield place, self._open[sensor]

    def take(self, shard: int, home: NDArray[np.intp]) -> Any:
        """Return one shard's items, by the place of their sensors among those given."""
        over = self._over.get(shard, [])
        places = _places(home, [item.sensor for _, item in over])
        return (
            [item._replace(sensor=place) for place, item in self._mine(home)],
            [
                (time, item._replace(sensor=place))
                for place, (time, item) in zip(places, over, strict=True)
                if place >= 0
            ],
        )

    def put(self, shard: int, home: NDArray[np.intp], state: Any) -> None:
        """Continue one shard from what ``take`` returned for the same sensors."""
        items, over = state
        self._open |= {item.sensor: item for item in _named(items, home)}
        ended = _named((item for _, item in over), home)
        self._over[shard] = list(zip((time for time, _ in over), ended, strict=True))


def _places(home: NDArray[np.intp], sensors: list[int]) -> list[int]:
    places: list[int] = places_in(home, np.array(sensors, np.intp)).tolist()
    return places


def _named(items: Iterable[FaultItem], home: NDArray[np.intp]) -> Iterator[FaultItem]:
    return (item._replace(sensor=int(home[item.sensor])) for item in items)


def dead_sensors(
    end: int, quiet: NDArray[np.intp], heard_ms: NDArray[np.int64]
) -> Iterator[FaultItem]:
    """Return items of the sensors that have been quiet for ``DEAD_MS`` when a window ends."""
    for sensor, heard in zip(quiet.tolist(), heard_ms.tolist(), strict=True):
        if end - heard >= DEAD_MS:
            yield FaultItem(sensor, "dead", heard)


def shorten(items: Iterable[FaultItem]) -> tuple[tuple[FaultItem, ...], dict[str, int]]:
    """Return the latest ``ITEMS``, and how many there are of each kind.

    A sensor that is dead is no longer anything else, but where its clock is off: what it says
    comes too late to count, or too early, and it only seems so.
    """
    listed = list(items)
    off = {item.sensor for item in listed if item.kind == "clock"}
    dead = {item.sensor for item in listed if item.kind == "dead"} - off
    told = [item for item in listed if (item.kind == "dead") == (item.sensor in dead)]
    told.sort(key=lambda item: (-item.since, item.sensor, item.kind))
    return tuple(told[:ITEMS]), dict(sorted(Counter(item.kind for item in told).items()))
