"""Judge forecasts that a level is exceeded: yes or no, and how sure.

Hits, misses and false alarms give POD, FAR and CSI; chances give the Brier score and a table of
reliability. Everything is judged on rows where all forecasts that are compared had their say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tally", "brier", "learnt_decisions", "reliability", "tally"]

EDGES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Of the classes of chances in a table of reliability."""

Floats = NDArray[np.float64]
Yes = NDArray[np.bool_]


class Tally(NamedTuple):
    """What decisions were worth."""

    hits: int
    misses: int
    false: int

    @property
    def pod(self) -> float:
        """Hits among what came."""
        return self.hits / max(self.hits + self.misses, 1)

    @property
    def far(self) -> float:
        """False among what was said to come."""
        return self.false / max(self.hits + self.false, 1)

    @property
    def csi(self) -> float:
        """Hits among all that came or was said to come."""
        return self.hits / max(self.hits + self.misses + self.false, 1)


def tally(said: Yes, came: Yes) -> Tally:
    """Count.

    >>> tally(np.array([True, True, False]), np.array([True, False, True])).csi
    0.3333333333333333
    """
    return Tally(int((said & came).sum()), int((~said & came).sum()), int((said & ~came).sum()))


def brier(chance: Floats, came: Yes) -> float:
    """Return the mean squared error of chances."""
    return float(np.mean((chance - came) ** 2))


def learnt_decisions(chance: Floats, came: Yes, judged: Yes, wait: int) -> Yes:
    """Return yes or no for each chance, with a threshold learnt from earlier decisions alone.

    The decision that serves CSI best says yes from a chance of CSI / (1 + CSI) on: where one more
    yes adds more in expected hits than it costs in expected false alarms. So the threshold follows
    from the CSI so far of these decisions, and is not chosen.

    Parameters
    ----------
    chance, came, judged
        Rows are times, columns series; what came is known ``wait`` rows later. Rows that are not
        judged teach nothing.

    References
    ----------
    Lipton, Elkan and Naryanaswamy 2014 (thresholds that maximise F1, of which CSI is a function).
    """
    said = np.zeros(chance.shape, np.bool_)
    hits = misses = false = 0
    for row in range(len(chance)):
        if row >= wait:
            known = judged[row - wait]
            h, m, f = tally(said[row - wait][known], came[row - wait][known])
            hits, misses, false = hits + h, misses + m, false + f
        csi = (hits + 1) / (hits + misses + false + 2)
        said[row] = chance[row] >= csi / (1 + csi)
    return said


def reliability(chance: Floats, came: Yes) -> Sequence[tuple[float, float, int]]:
    """Return, class by class, the mean chance said, the share that came, and how many rows."""
    classes = np.clip(np.searchsorted(EDGES, chance, side="right") - 1, 0, len(EDGES) - 2)
    counts = [(classes == each) for each in range(len(EDGES) - 1)]
    return [
        (float(chance[rows].mean()), float(came[rows].mean()), int(rows.sum()))
        for rows in counts
        if rows.any()
    ]
