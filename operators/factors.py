"""Take values so that equal factors are equal changes, as the model of a kind wants them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled_with_arrays, inlined

__all__ = ["Scale", "as_factors", "scaled_one"]

FARTHEST = 4.0
"""Spans of the official levels beyond which it does not matter how far from the first."""

Floats = NDArray[np.float64]


def as_factors(values: Floats, levels: Floats, rising: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return values and levels such that equal factors are equal changes.

    Where a level is measured from anywhere, as a river's is, what official levels span is the
    sensor's own measure: they are e times the first one where they are that far apart.

    Parameters
    ----------
    values
        Readings, or NaN.
    levels
        Those of each, shape (rows, 4), NaN where there is none; two or more of a row.
    rising
        Whether the threat is above.

    Examples
    --------
    >>> river = np.array([[9.0, 8.0, 7.0, 6.0]])
    >>> values, levels = as_factors(np.array([4.5]), river, np.array([True]))
    >>> values.round(2), levels.round(2)
    (array([0.61]), array([[2.72, 1.95, 1.4 , 1.  ]]))
    """
    scale = Scale.of(levels, rising)
    return scale.values(values, np.arange(len(values))), scale.levels


class Scale(NamedTuple):
    """How the model takes the values of some sensors, and their levels so taken."""

    levels: Floats
    """Shape (sensors, 4)."""
    sign: Floats
    first: Floats
    """The level reached first, times the sign."""
    span: Floats
    """How far official levels are apart; NaN where values are taken as they are."""

    @classmethod
    def of(cls, levels: Floats, rising: NDArray[np.bool_]) -> Scale:
        """Return the scale that official levels span."""
        sign = np.where(rising, 1.0, -1.0)
        up = levels * sign[:, None]
        first = np.where(np.isnan(up), np.inf, up).min(axis=1, initial=np.inf)
        span = np.where(np.isnan(up), -np.inf, up).max(axis=1, initial=-np.inf) - first
        span[span <= 0.0] = np.nan  # a single level spans nothing
        level = np.exp(np.clip((up - first[:, None]) / span[:, None], -FARTHEST, FARTHEST))
        return cls(level, sign, first, span)

    def but_plain(self, plain: NDArray[np.bool_], levels: Floats) -> Scale:
        """Return a scale that leaves the values and levels of some as they are."""
        own = np.where(plain[:, None], levels, self.levels)
        return self._replace(levels=own, span=np.where(plain, np.nan, self.span))

    def extended(self, more: Scale) -> Scale:
        """Return a scale with that of further sensors behind its own."""
        return Scale._make(np.concatenate(pair) for pair in zip(self, more, strict=True))

    def values(self, values: Floats, of: NDArray[np.intp]) -> Floats:
        """Return values as the model takes them; ``of`` says whose each is."""
        return _scaled(values, of, self)


@inlined
def scaled_one(value: float, one: int, scale: Scale) -> float:
    """Return a value as the model takes it, of the sensor with this place in the scale."""
    if math.isnan(value) or math.isnan(scale.span[one]):
        return value
    spans = (value * scale.sign[one] - scale.first[one]) / scale.span[one]
    return math.exp(min(max(spans, -FARTHEST), FARTHEST))


@compiled_with_arrays
def _scaled(values: Floats, of: NDArray[np.intp], scale: Scale) -> Floats:
    taken = np.empty(len(values))
    for row in range(len(values)):
        taken[row] = scaled_one(values[row], of[row], scale)
    return taken
