"""Places of a city on a plane, in metres: the earth is flat over a city, also on the date line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Plane"]

DEGREE_M = 111_195.0
"""Metres in a degree of latitude."""


class Plane:
    """Metres east and north of the first of some places.

    Parameters
    ----------
    places
        ``[lon, lat]`` each, degrees; a degree of longitude is as long as at their median latitude.

    Examples
    --------
    >>> plane = Plane([(179.99, 60.0), (-179.99, 60.0)])
    >>> plane.metres([(-179.99, 60.0), (179.99, 60.01)]).round().tolist()
    [[1112.0, 0.0], [0.0, 1112.0]]
    """

    def __init__(self, places: Sequence[tuple[float, float]] | NDArray[np.float64]) -> None:
        given = np.asarray(places, np.float64).reshape(-1, 2)
        self._lon, self._lat = map(float, given[0] if len(given) else (0.0, 0.0))
        middle = np.median(given[:, 1]) if len(given) else 0.0
        self._degree_m = DEGREE_M * np.array([np.cos(np.deg2rad(middle)), 1.0])

    def metres(self, places: ArrayLike) -> NDArray[np.float64]:
        """Return places as metres, shape (places, 2); a place half the earth away is anywhere."""
        given = np.asarray(places, np.float64).reshape(-1, 2)
        east = (given[:, 0] - self._lon + 180.0) % 360.0 - 180.0
        metres: NDArray[Any] = np.column_stack([east, given[:, 1] - self._lat]) * self._degree_m
        return metres
