"""The latest reports of each hazard with their places: where they are, and what is elsewhere.

Elsewhere is told by surroundings: cells one size larger than those all other things happen in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import h3
import numpy as np
from numpy.typing import NDArray

from models.densest_place import densest_place
from operators.registry import CELL_RESOLUTION

__all__ = ["KEPT", "NEAR_M", "Elsewhere", "RecentReports", "Where", "around", "beside"]

KEPT = 2048
"""Reports of one hazard that are kept; more within two hours count as so many."""
NEAR_M = 500.0
"""Radius of a place: at 2 km a random point does almost as well."""
LOOKED_AT = 64
"""Reports, the latest ones, that a place is made of."""
_METRES = 111_320.0  # in a degree of latitude
_ROW = np.dtype([("time", np.int64), ("lon", np.float64), ("lat", np.float64), ("at", np.int64)])

Rows = NDArray[Any]


class Where(NamedTuple):
    """The place of some reports."""

    lon: float
    lat: float
    spread_m: float
    """Median distance of the reports from it."""


class Elsewhere(NamedTuple):
    """Reports outside some surroundings."""

    counts: NDArray[np.int64]
    """By window."""
    places: NDArray[np.int64]
    """From how many surroundings they come."""


def around(cell: str) -> str:
    """Return the surroundings a cell belongs to: about seven cells."""
    return str(h3.cell_to_parent(cell, CELL_RESOLUTION - 1))


def beside(place: str) -> frozenset[str]:
    """Return surroundings and the six next to them: what happens in one is reported from all."""
    return frozenset(map(str, h3.grid_disk(place, 1)))


class RecentReports:
    """Reports of a city, as long as they may be part of a burst.

    Notes
    -----
    State: 32 bytes a report, at most ``KEPT`` a hazard. Cost: 2 us a report that is added.
    """

    def __init__(self) -> None:
        self._rows: dict[str, Rows] = {}
        self._heard = Counter[str]()

    def add(self, hazard: str, time: int, lon: float, lat: float, place: str) -> None:
        """Remember a report, given the surroundings it comes from."""
        rows = self._rows.get(hazard)
        if rows is None or self._heard[hazard] == len(rows) < KEPT:
            rows = np.zeros(min(KEPT, 2 * self._heard[hazard] or LOOKED_AT), _ROW)
            rows[: self._heard[hazard]] = self._rows.get(hazard, rows[:0])
            self._rows[hazard] = rows
        rows[self._heard[hazard] % len(rows)] = time, lon, lat, h3.str_to_int(place)
        self._heard[hazard] += 1

    def until(self, hazard: str, time: int, window_s: float) -> Rows:
        """Return the reports of a window that ends then, oldest first."""
        rows = self._rows[hazard][: self._heard[hazard]]
        rows = rows[(rows["time"] > time - window_s * 1000) & (rows["time"] <= time)]
        return rows[np.argsort(rows["time"], kind="stable")]

    def loudest(self, hazard: str, time: int, window_s: float, without: Collection[str]) -> str:
        """Return the surroundings, beside some, that most reports come from; "" where none do."""
        at, counts = np.unique(self.until(hazard, time, window_s)["at"], return_counts=True)
        for nth in np.argsort(-counts, kind="stable").tolist():
            if (place := str(h3.int_to_str(int(at[nth])))) not in without:
                return place
        return ""

    def elsewhere(
        self, hazard: str, time: int, windows_s: Sequence[float], without: Collection[str]
    ) -> Elsewhere:
        """Return the reports outside some surroundings, in windows that end then."""
        left_out = [h3.str_to_int(place) for place in without]
        rows = self.until(hazard, time, max(windows_s))
        rows = rows[~np.isin(rows["at"], left_out)]
        inside = [rows[rows["time"] > time - window_s * 1000] for window_s in windows_s]
        return Elsewhere(
            np.array([len(each) for each in inside]),
            np.array([len(np.unique(each["at"])) for each in inside]),
        )

    def where(self, hazard: str, time: int, window_s: float, cell: str | None = None) -> Where:
        """Return the place of the latest reports: the disc of ``NEAR_M`` that most of them are in.

        Parameters
        ----------
        cell
            Of any size: only reports in it or within ``NEAR_M`` of it are looked at.
        """
        rows = self.until(hazard, time, window_s)
        lon, lat = float(rows["lon"][-1]), float(rows["lat"][-1])
        reach_m = np.inf
        if cell is not None:
            lat, lon = h3.cell_to_latlng(cell)
            edge_m = h3.average_hexagon_edge_length(h3.get_resolution(cell), unit="m")
            reach_m = edge_m + NEAR_M
        metres = _METRES * np.array([np.cos(np.radians(lat)), 1.0])
        east = (rows["lon"] - lon + 180.0) % 360.0 - 180.0  # a city may lie on both sides of 180
        points = np.column_stack([east, rows["lat"] - lat]) * metres
        points = points[np.hypot(*points.T) <= reach_m][-LOOKED_AT:]
        if not len(points):  # all of them are older than the latest that are kept
            points = np.zeros((1, 2))
        found = densest_place(points, NEAR_M)
        x, y = found.x / float(metres[0]), found.y / float(metres[1])
        return Where(round((lon + x + 180.0) % 360.0 - 180.0, 6), round(lat + y, 6), found.spread)

    def take(self) -> tuple[dict[str, Rows], Counter[str]]:
        """Return what is remembered."""
        return self._rows, self._heard

    def put(self, state: tuple[dict[str, Rows], Counter[str]]) -> None:
        """Continue from what ``take`` returned."""
        self._rows, self._heard = state
