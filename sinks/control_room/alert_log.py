"""The end of the store's log as the hub remembers it, and the warnings active at that point.

The two change together, so a snapshot always belongs to one position: whoever gets the snapshot
and then every later entry has missed nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from operator import attrgetter

import msgspec

from sinks.control_room.hops import Hops, with_sent
from sinks.control_room.protocol import Filter, Position

__all__ = ["AlertLog", "Entry", "Wanted"]

REMEMBERED = 4096  # entries; who is further behind is served from the store


class Entry(msgspec.Struct):
    """One version of a warning, as the log has it; it only changes when it is first sent."""

    at: Position
    id: str
    version: int
    status: str
    level: int
    was: int
    """The level of the version before; its own for the first."""
    district: str
    hazard: str
    cells: frozenset[str]
    body: bytes
    """The message, encoded; empty when it could not be read, and then nobody gets it."""
    hops: Hops | None = None
    """How long its way into the store took, when it says so."""

    @property
    def stored_us(self) -> int:
        """When the store had it, in microseconds of the wall clock, or as exactly as is known."""
        return 1000 * self.at[0] if self.hops is None else self.hops.stored_at

    def send(self, wall_us: int) -> None:
        """Note in the message that it is being sent now, to all who follow."""
        if self.hops is not None:
            self.body = with_sent(self.body, max(0, wall_us - self.stored_us))


class Wanted:
    """A filter, ready to be asked.

    A version that leaves the wanted levels still passes: the client has to learn of it.
    """

    def __init__(self, wish: Filter | None) -> None:
        self.wish = wish or Filter()
        self._district = frozenset(self.wish.district or ())
        self._hazard = frozenset(self.wish.hazard or ())
        self._cells = frozenset(self.wish.cell or ())
        self._level = self.wish.level_max or 4
        self._all = self.wish == Filter()

    def passes(self, entry: Entry) -> bool:
        """Say whether a client with this filter gets a version."""
        return bool(entry.body) and (
            self._all
            or (
                min(entry.level, entry.was) <= self._level
                and (not self._district or entry.district in self._district)
                and (not self._hazard or entry.hazard in self._hazard)
                and (not self._cells or not self._cells.isdisjoint(entry.cells))
            )
        )

    def shows(self, entry: Entry) -> bool:
        """Say whether a warning belongs in this filter's snapshot."""
        return entry.level <= self._level and self.passes(entry)


class AlertLog:
    """A window on the log that only moves forward.

    Notes
    -----
    State: up to twice `REMEMBERED` entries and the active warnings.
    """

    def __init__(self) -> None:
        self.epoch = ""
        self.active: dict[str, Entry] = {}
        self.end: Position = (0, 0)
        self.start: Position = (0, 0)
        """Everything after this position, up to the end, is remembered."""
        self._entries: list[Entry] = []

    def reload(self, epoch: str, end: Position, active: Iterable[Entry]) -> None:
        """Start again from what the store holds at a position."""
        self.epoch, self.start, self.end = epoch, end, end
        self.active = {entry.id: entry for entry in active}
        self._entries = []

    def append(self, entries: Iterable[Entry]) -> None:
        """Add later entries, in order."""
        for entry in entries:
            self._entries.append(entry)
            self.end = entry.at
            known = self.active.get(entry.id)
            if known is None or entry.version > known.version:
                self._keep(entry)
        if len(self._entries) > 2 * REMEMBERED:
            self.start = self._entries[-REMEMBERED - 1].at
            self._entries = self._entries[-REMEMBERED:]

    def _keep(self, entry: Entry) -> None:
        if entry.status == "active":
            self.active[entry.id] = entry
        else:
            self.active.pop(entry.id, None)

    def knows(self, at: Position) -> bool:
        """Say whether a position is surely one of this log, with everything since remembered."""
        if at in (self.start, self.end):
            return True
        row = bisect_right(self._entries, at, key=attrgetter("at"))
        return row > 0 and self._entries[row - 1].at == at

    def after(self, at: Position, end: Position, most_bytes: int) -> list[Entry] | None:
        """Return the entries after a position, at least one and then no more than a size.

        Parameters
        ----------
        end
            The position of the last one wanted.

        Returns
        -------
        None when some of them are no longer remembered.
        """
        if at < self.start:
            return None
        first = bisect_right(self._entries, at, key=attrgetter("at"))
        beyond = bisect_right(self._entries, end, lo=first, key=attrgetter("at"))
        size, last = 0, first
        while last < beyond and (last == first or size < most_bytes):
            size += len(self._entries[last].body)
            last += 1
        return self._entries[first:last]
