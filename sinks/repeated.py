"""Say again only after a while what was said before: no log is to be filled with one sentence."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

__all__ = ["AGAIN_S", "Repeated"]

AGAIN_S = 60.0
REMEMBERED = 100
NUMBERS = re.compile(r"\d+")


class Repeated(logging.Filter):
    """Keeps from a log what was said lately; sentences that differ in numbers alone are the same.

    Notes
    -----
    State: ``REMEMBERED`` sentences at most; all are forgotten then, and may be said again.

    Examples
    --------
    >>> said = Repeated(lambda: 0.0)
    >>> said.before("no answer after 3 ms"), said.before("no answer after 41 ms")
    (False, True)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is news."""
        return not self.before(record.getMessage())

    def before(self, sentence: str) -> bool:
        """Say whether this was said within ``AGAIN_S``; if not, it is now."""
        words, now = NUMBERS.sub("", sentence), self._clock()
        if now - self._said.get(words, -AGAIN_S) < AGAIN_S:
            return True
        if len(self._said) >= REMEMBERED:
            self._said.clear()
        self._said[words] = now
        return False
