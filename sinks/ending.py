"""How a flow ends: what its sinks must know of whoever asked for it, and of each other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["HURRY_S", "Ending"]

HURRY_S = 1.2
"""So long is waited for a store or broker that is away once somebody has asked for the end."""


@dataclass
class Ending:
    """Shared by all that one flow writes to.

    Notes
    -----
    Giving up in a hurry loses nothing: it is an error, so no snapshot is taken after it.
    """

    asked: bool = False
    """Somebody asked the flow to end."""
    finished: bool = field(default=False, kw_only=True)
    """There is nothing more to read: the flow ends, and nobody is in a hurry."""
    broken: bool = field(default=False, kw_only=True)
    """Something has failed and said why. Whoever is closed after that says nothing more: the engine
    is on its way out with the error, and a second one ends the process before the first is told."""
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True, repr=False)
    _noticed: float | None = field(default=None, init=False, repr=False)

    @property
    def near(self) -> bool:
        """Whether sources say nothing more."""
        return self.asked or self.finished

    @property
    def over(self) -> bool:
        """Whether whoever asked has waited long enough."""
        if not self.asked:
            return False
        now = self.clock()
        if self._noticed is None:
            self._noticed = now
        return now - self._noticed > HURRY_S
