"""Discount what the whole city shows at once.

When a third of all sensors of a kind are unusual together it is the weather, the morning or a
holiday, not an event at one of them. The share of unusual readings of a kind in the window before
says how surprising one more is; official levels are watched elsewhere and are not discounted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from operators.growing import room_for

__all__ = ["ORDINARY_SHARE", "SharedChange"]

ORDINARY_SHARE = 0.02
"""Share of a kind that a local event can make unusual; no discount up to it."""
UNUSUAL = 2.0
"""Surprisal from which a reading counts as unusual here: low, so that shares are measured well."""
WINDOW_MS = 900_000
LEAST = 20
"""Readings of a kind in a window from which its share is believed."""

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


class SharedChange:
    """Shares of unusual readings per shard and kind, window by window.

    Notes
    -----
    State: three numbers a shard and kind. A row is held against the windows before its own, so how
    rows are cut into batches changes nothing. Discount: log10 of the share over
    ``ORDINARY_SHARE``. A kind that reports seldom keeps its last share until there is a better one.

    Examples
    --------
    >>> shared = SharedChange(1)
    >>> times, none = np.repeat([0, 1_000_000], 50), np.zeros(100, np.intp)
    >>> surprisal = np.full(100, 4.0)
    >>> shared.discount(none, times, none, surprisal)
    >>> surprisal[[0, 99]].round(2).tolist()
    [4.0, 2.3]
    """

    def __init__(self, shards: int) -> None:
        self._window = np.full(shards, -1, np.int64)
        self._excess = np.zeros((shards, 0))
        self._counts = np.zeros((shards, 0, 2), np.int64)

    def discount(
        self,
        shards: NDArray[np.intp],
        times_ms: NDArray[np.int64],
        kinds: NDArray[np.intp],
        surprisal: Floats,
    ) -> None:
        """Take off the surprisals what is shared, in place; count these readings too."""
        if len(times_ms):
            self._grow(room_for(kinds))
            _discount(shards, times_ms, kinds, surprisal, self._window, self._excess, self._counts)

    def _grow(self, kinds: int) -> None:
        shards, known = self._excess.shape
        if kinds > known:
            more = kinds - known
            self._excess = np.concatenate([self._excess, np.zeros((shards, more))], axis=1)
            self._counts = np.concatenate(
                [self._counts, np.zeros((shards, more, 2), np.int64)], axis=1
            )

    def take(self, shard: int, kinds: Sequence[str]) -> Any:
        """Return one shard's shares by the names of the kinds."""
        shares = zip(
            kinds, self._excess[shard].tolist(), self._counts[shard].tolist(), strict=False
        )
        return int(self._window[shard]), {kind: share for kind, *share in shares}

    def put(self, shard: int, state: Any, kinds: Sequence[str]) -> None:
        """Continue one shard from what ``take`` returned; a kind that is no more is left out."""
        self._window[shard], shares = state
        self._grow(len(kinds))
        for number, kind in enumerate(kinds):
            if kind in shares:
                self._excess[shard, number], self._counts[shard, number] = shares[kind]


@compiled
def _discount(
    shards: NDArray[np.intp],
    times_ms: NDArray[np.int64],
    kinds: NDArray[np.intp],
    surprisal: Floats,
    opened: Counts,
    excess: Floats,
    counts: Counts,
) -> None:
    for row in range(len(shards)):
        shard, kind, found = shards[row], kinds[row], surprisal[row]
        window = times_ms[row] // WINDOW_MS
        if window > opened[shard]:
            opened[shard] = window
            for each in range(excess.shape[1]):
                readings, unusual = counts[shard, each]
                if readings >= LEAST:
                    share = unusual / readings
                    excess[shard, each] = np.log10(max(share / ORDINARY_SHARE, 1.0))
                    counts[shard, each] = 0
        if not np.isnan(found):
            counts[shard, kind, 0] += 1
            counts[shard, kind, 1] += found >= UNUSUAL
            surprisal[row] = max(found - excess[shard, kind], 0.0)
