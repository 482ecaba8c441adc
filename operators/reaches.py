"""Who stands along the same river: the gauges whose water passes, or has passed, a gauge.

Only gauges of the city file on one of its rivers have company, so that who they are does not depend
on who has introduced himself so far. Which way a river flows is not asked of the file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from operators.events import Line, Sensor
from operators.plane import Plane

__all__ = ["COMPANY", "along", "company"]

COMPANY = 4
"""Two up and two down the river: which way it flows is learnt."""
ASIDE_M = 500.0
"""A gauge this near to a river's line stands on it."""
NEAR_M, FAR_M = 3000.0, 10_000.0
"""How far the nearer and the farther one are at least, where there are such: as a flood wave
travels, half an hour to an hour, and one to three."""
FARTHEST_M = 80_000.0
"""What a river takes a day to travel says nothing about the next hours."""
KIND = "river_level"

Floats = NDArray[np.float64]


def company(sensors: Sequence[Sensor], lines: Sequence[Line]) -> NDArray[np.int32]:
    """Return up to four gauges along the same river for each sensor, by position; -1 for none.

    Notes
    -----
    16 bytes a sensor; a gauge is on the river that is nearest to it, so one at a mouth has company
    on one river only. Cost: 2 us a gauge and river, once.

    Examples
    --------
    >>> row = [Sensor(f"g{n}", "river_level", 106.5 + n / 20, 29.56) for n in range(3)]
    >>> river = Line("river", "Lan", [(106.4, 29.56), (106.8, 29.56)])
    >>> company((*row, Sensor("r", "rain", 106.5, 29.56)), [river]).tolist()
    [[-1, -1, 1, 2], [0, -1, 2, -1], [1, 0, -1, -1], [-1, -1, -1, -1]]
    """
    found = np.full((len(sensors), COMPANY), -1, np.int32)
    gauges = np.array([n for n, s in enumerate(sensors) if s.kind == KIND], np.int32)
    rivers = [line.coordinates for line in lines if line.kind == "river"]
    drawn = [course for course in rivers if len(course) > 1]
    if not len(gauges) or not drawn:
        return found
    places = [(sensors[n].lon, sensors[n].lat) for n in gauges]
    plane = Plane(places)
    points = shapely.points(plane.metres(places))
    courses = [shapely.LineString(plane.metres(course)) for course in drawn]
    away = np.stack([shapely.distance(course, points) for course in courses])
    nearest = np.where(away.min(axis=0) <= ASIDE_M, away.argmin(axis=0), -1)
    for number, course in enumerate(courses):
        own = np.flatnonzero(nearest == number)
        beside = along(shapely.line_locate_point(course, points[own]))
        found[gauges[own]] = np.where(beside >= 0, gauges[own][beside], -1)
    return found


def along(metres: Floats) -> NDArray[np.int32]:
    """Return who keeps whom company, of gauges so many metres along a river; -1 for none.

    The nearer and the farther one of one side come first, then those of the other.
    """
    beside = np.full((len(metres), COMPANY), -1, np.int32)
    order = np.argsort(metres, kind="stable")
    for place, own in enumerate(order):
        for side, others in enumerate((order[:place][::-1], order[place + 1 :])):
            chosen = _chosen(np.abs(metres[others] - metres[own]))
            beside[own, 2 * side : 2 * side + len(chosen)] = others[chosen]
    return beside


def _chosen(metres: Floats) -> list[int]:
    """Return which of those that far away, ascending, are listened to."""
    within = int(np.searchsorted(metres, FARTHEST_M, side="right"))
    if within < 2:
        return list(range(within))
    # Where all are near, the farthest of them see most of what is coming.
    nearer = min(int(np.searchsorted(metres, NEAR_M)), within - 2)
    farther = min(max(int(np.searchsorted(metres, FAR_M)), nearer + 1), within - 1)
    return [nearer, farther]
