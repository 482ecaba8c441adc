"""Who stands near whom: the sensors of one kind that see the same air, street or river.

Only sensors of the city file have neighbours, so that who they are does not depend on who has
introduced himself so far.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from operators.events import Sensor
from operators.plane import Plane

__all__ = ["NEIGHBOURS", "neighbours"]

NEIGHBOURS = 8
WITHIN_M = 3000.0
"""Beyond it another sensor's day is its own."""


def neighbours(sensors: tuple[Sensor, ...]) -> NDArray[np.int32]:
    """Return the nearest sensors of the same kind of each, by position; -1 where there is none.

    Notes
    -----
    32 bytes a sensor; 3 us a sensor, once.

    Examples
    --------
    >>> row = [Sensor(f"r{n}", "rain", 106.55 + n / 100, 29.56) for n in range(3)]
    >>> neighbours((*row, Sensor("p", "pm25", 106.55, 29.56)))[:, :3].tolist()
    [[1, 2, -1], [2, 0, -1], [1, 0, -1], [-1, -1, -1]]
    """
    near = np.full((len(sensors), NEIGHBOURS), -1, np.int32)
    kinds: dict[str, list[int]] = {}
    for position, sensor in enumerate(sensors):
        kinds.setdefault(sensor.kind, []).append(position)
    where = [(s.lon, s.lat) for s in sensors]
    places = Plane(where).metres(where)
    for members in kinds.values():
        own = np.array(members, np.int32)
        near[own] = _nearest(own, places[own])
    return near


def _nearest(own: NDArray[np.int32], places: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return each one's neighbours among ``own``, nearest first."""
    away, which = cKDTree(places).query(
        places, NEIGHBOURS + 1, distance_upper_bound=WITHIN_M, workers=-1
    )
    # Where several stand in one place, a sensor need not be the first of its own neighbours.
    away[which == np.arange(len(own))[:, None]] = np.inf
    order = np.argsort(away, axis=1, kind="stable")[:, :NEIGHBOURS]
    chosen = np.take_along_axis(which, order, axis=1)
    known = np.isfinite(np.take_along_axis(away, order, axis=1))
    return np.where(known, own[np.minimum(chosen, len(own) - 1)], -1).astype(np.int32)
