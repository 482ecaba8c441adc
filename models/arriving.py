"""Correct what trends expect by what is known to be on its way."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.level_forecast import HORIZONS_S

__all__ = ["Arriving"]

DOUBT = 0.4  # standard error of a correction, as a share of it, like that of a trend

Floats = NDArray[np.float64]


class Arriving(NamedTuple):
    """What is on its way to some gauges: how their trends are to be corrected."""

    shift: Floats
    """Change to expect beyond the trend's, shape (rows, horizons)."""
    narrower: Floats
    """Error of the forecast as a share of the trend's error."""
    change: Floats
    """Change to expect in all."""

    @classmethod
    def nothing(cls, rows: int) -> Self:
        """Return that so many trends are right."""
        shape = rows, len(HORIZONS_S)
        return cls(np.zeros(shape), np.ones(shape), np.zeros(shape))

    def correct(self, ahead_s: Floats, drift: Floats, error: Floats) -> tuple[Floats, Floats]:
        """Return expected change and standard error with what is on its way.

        Parameters
        ----------
        ahead_s
            For how many seconds ahead.
        drift, error
            What a trend says, shape (rows, 1, seconds).
        """
        known = np.array([0.0, *HORIZONS_S])
        nothing = np.zeros((len(self.shift), 1))
        shift = _between(known, np.append(nothing, self.shift, axis=1), ahead_s)
        share = _between(known[1:], self.narrower, ahead_s)
        return drift + shift, np.hypot(error * share, DOUBT * shift)

    def take(self, rows: NDArray[np.intp]) -> Arriving:
        """Return what is on its way to some of the rows."""
        return Arriving(self.shift[rows], self.narrower[rows], self.change[rows])


def _between(known: Floats, values: Floats, asked: Floats) -> Floats:
    """Return values at other times than those known, linearly between, one row a sensor."""
    at = np.interp(asked, known, np.arange(len(known)))
    left = np.minimum(at.astype(int), len(known) - 2)
    right = at - left
    between: Floats = values[:, left] * (1.0 - right) + values[:, left + 1] * right
    return between[:, None, :]
