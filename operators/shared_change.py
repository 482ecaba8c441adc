"""Discount what the whole city shows at once.

When a third of all sensors of a kind are unusual together it is the weather, the morning or a
holiday, not an event at one of them. The share of unusual readings of a kind in the window before
says how surprising one more is; official levels are watched elsewhere and are not discounted.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["ORDINARY_SHARE", "SharedChange"]

ORDINARY_SHARE = 0.02
"""Share of a kind that a local event can make unusual; no discount up to it."""
UNUSUAL = 2.0
"""Surprisal from which a reading counts as unusual here: low, so that shares are measured well."""
WINDOW_MS = 900_000
LEAST = 20
"""Readings of a kind in a window from which its share is believed."""


class SharedChange:
    """Shares of unusual readings per kind, window by window.

    Notes
    -----
    State: three numbers a kind. Readings must come in event-time order; then how they are cut into
    batches changes nothing, for only closed windows are looked at. Discount: log10 of the share
    over ``ORDINARY_SHARE``.

    Examples
    --------
    >>> shared = SharedChange()
    >>> times = np.repeat([0, 1_000_000], 50)
    >>> surprisal = np.full(100, 4.0)
    >>> shared.discount(times, np.zeros(100, np.intp), surprisal)[[0, 99]].round(2).tolist()
    [4.0, 2.3]
    """

    def __init__(self) -> None:
        self.window = -1
        self._share = np.zeros(0)
        self._readings = np.zeros(0, np.int64)
        self._unusual = np.zeros(0, np.int64)

    def discount(
        self,
        times_ms: NDArray[np.int64],
        kinds: NDArray[np.intp],
        surprisal: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return the surprisals less what is shared; then count these readings too."""
        if not len(times_ms):
            return surprisal
        self._grow(int(kinds.max()) + 1)
        windows = times_ms // WINDOW_MS
        result = surprisal.copy()
        edges = np.flatnonzero(np.r_[True, np.diff(windows) != 0, True])
        for start, stop in pairwise(edges):
            self._open(int(windows[start]))
            part = slice(start, stop)
            excess = np.log10(np.maximum(self._share / ORDINARY_SHARE, 1.0))
            result[part] = np.maximum(surprisal[part] - excess[kinds[part]], 0.0)
            scored = ~np.isnan(surprisal[part])
            self._readings += np.bincount(kinds[part][scored], minlength=len(self._readings))
            high = kinds[part][scored & (np.nan_to_num(surprisal[part]) >= UNUSUAL)]
            self._unusual += np.bincount(high, minlength=len(self._unusual))
        return np.where(np.isnan(surprisal), surprisal, result)

    def _open(self, window: int) -> None:
        if window <= self.window:
            return
        enough = self._readings >= LEAST
        share = self._unusual / np.maximum(self._readings, 1)
        # A kind that reports seldom keeps its last share until there is a better one.
        self._share = np.where(enough, share, self._share)
        self._readings[enough] = 0
        self._unusual[enough] = 0
        self.window = window

    def _grow(self, size: int) -> None:
        more = size - len(self._share)
        if more > 0:
            self._share = np.append(self._share, np.zeros(more))
            self._readings = np.append(self._readings, np.zeros(more, np.int64))
            self._unusual = np.append(self._unusual, np.zeros(more, np.int64))
