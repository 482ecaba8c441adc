"""Know a report that somebody told before, nearly in the same words and from the same place.

One person presses twice, or a text is passed on with a word changed: that is one observation. Two
texts are the same when most of their pairs of characters are.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from models.report_text import normalise

__all__ = ["ALIKE", "REPEAT_MS", "Retold"]

REPEAT_MS = 30 * 60_000
"""Time within which nearly the same words from the same cell count once."""
ALIKE = 0.8
"""Share of the pairs of characters of two texts that both have, from which they are the same."""
CELLS = 10_000
"""Cells remembered; the one silent longest is forgotten first."""
A_CELL = 16
"""Texts remembered of one cell."""


class Retold:
    """Texts of the last half hour, cell by cell.

    Notes
    -----
    State: at most ``CELLS`` times ``A_CELL`` texts. Cost: 30 us a report, 100 us in a busy cell.

    Examples
    --------
    >>> retold = Retold()
    >>> retold.is_known("here", "Water is 50 cm deep at the old bridge", 0)
    False
    >>> retold.is_known("here", "water is 30cm deep at the old bridge!!", 60_000)
    True
    >>> retold.is_known("here", "a car is stuck in it", 60_000)
    False
    """

    def __init__(self) -> None:
        self._heard: OrderedDict[str, deque[tuple[int, frozenset[str]]]] = OrderedDict()

    def is_known(self, cell: str, text: str, time: int) -> bool:
        """Return whether this was told before, and remember it; without words it never was."""
        pairs = _pairs(normalise(text))
        if not pairs:
            return False
        heard = self._heard.setdefault(cell, deque(maxlen=A_CELL))
        self._heard.move_to_end(cell)
        if len(self._heard) > CELLS:
            self._heard.popitem(last=False)
        known = any(time - at < REPEAT_MS and _alike(pairs, before) for at, before in heard)
        heard.append((time, pairs))
        return known


def _pairs(words: str) -> frozenset[str]:
    return frozenset(words[i : i + 2] for i in range(max(len(words) - 1, min(len(words), 1))))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= ALIKE * len(one | other)
