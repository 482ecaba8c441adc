"""Who is due when."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

__all__ = ["Agenda"]

N = TypeVar("N")

SPARE = 64
"""Outdated entries that are not worth clearing away."""


class Agenda(Generic[N]):
    """At most one time for each name; the earliest first, of equal times the lesser name.

    Notes
    -----
    State: at most two entries a name, and ``SPARE``. Cost: logarithmic in them, whatever is not due
    costs nothing. Names must be ordered among themselves.

    Examples
    --------
    >>> agenda = Agenda[str]()
    >>> agenda.put("tea", 400)
    >>> agenda.put("lunch", 100)
    >>> agenda.put("tea", 300)
    >>> agenda.pop(200), agenda.pop(200), agenda.pop(300)
    ((100, 'lunch'), None, (300, 'tea'))
    """

    def __init__(self) -> None:
        self._at: dict[N, int] = {}
        self._heap: list[tuple[int, N]] = []

    def put(self, name: N, at: int | None) -> None:
        """Set when something is due; None is never."""
        if at == self._at.get(name):
            return
        if at is None:
            del self._at[name]
            return
        self._at[name] = at
        heapq.heappush(self._heap, (at, name))
        if len(self._heap) > 2 * len(self._at) + SPARE:
            self._heap = [(at, name) for name, at in self._at.items()]
            heapq.heapify(self._heap)

    def at(self, name: N) -> int | None:
        """Return when something is due."""
        return self._at.get(name)

    def pop(self, now: int) -> tuple[int, N] | None:
        """Take out what was due first by now, and return it with its time."""
        while self._heap and self._heap[0][0] <= now:
            at, name = heapq.heappop(self._heap)
            if self._at.get(name) == at:
                del self._at[name]
                return at, name
        return None
