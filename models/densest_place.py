"""Where most of some points are, whatever the others say: one who errs moves nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["DensestPlace", "densest_place"]

STEPS = 8
"""Moves of the disc towards its own mean: it has come to rest long before."""


class DensestPlace(NamedTuple):
    """A disc that holds the most points."""

    x: float
    y: float
    inside: int
    """How many points it holds."""
    spread: float
    """Median distance of all points from its centre."""


def densest_place(points: NDArray[np.float64], radius: float) -> DensestPlace:
    """Return the middle of the points in the disc that holds the most of them.

    The disc starts around the point with the most others within ``radius``, of several the one
    they are nearest to, and moves to the mean of what it holds while it holds no fewer.

    Parameters
    ----------
    points
        Shape (n, 2), n from 1; on a plane, in the unit of ``radius``.

    Notes
    -----
    Cost: the square of n; 60 us for 64 points.

    Examples
    --------
    >>> there = densest_place(np.array([[0, 0], [2, 0], [1, 1], [90, 0]], np.float64), 10.0)
    >>> round(there.x, 2), round(there.y, 2), there.inside
    (1.0, 0.33, 3)
    """
    gaps = np.hypot(*(points[:, None] - points[None, :]).transpose(2, 0, 1))
    near = gaps <= radius
    inside = near[np.lexsort((np.where(near, gaps, 0.0).sum(axis=1), -near.sum(axis=1)))[0]]
    for _ in range(STEPS):
        moved = np.hypot(*(points - points[inside].mean(axis=0)).T) <= radius
        if moved.sum() < inside.sum() or (moved == inside).all():
            break
        inside = moved
    x, y = points[inside].mean(axis=0)
    distances = np.hypot(*(points - (x, y)).T)
    return DensestPlace(float(x), float(y), int(inside.sum()), float(np.median(distances)))
