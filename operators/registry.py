"""Who the sensors are: their index, place and what is known of them.

One registry is shared by all steps of a process and only ever grows, so an index never changes
meaning. It is built from the city file; a sensor the file does not know may introduce itself.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import h3
import numpy as np
import shapely
from numpy.typing import NDArray

from models.compiled import compiled
from operators.events import HAZARDS, LONGEST_ID, NO_LEVEL, City, Sensor
from operators.kinds import Kind, kind_of
from operators.name_index import UNKNOWN, NameIndex
from operators.plane import Plane
from operators.reading_codec import Message

__all__ = [
    "CELL_RESOLUTION",
    "MOST_KINDS",
    "UNKNOWN",
    "Columns",
    "LocalTime",
    "Registry",
    "cell_of",
]

CELL_RESOLUTION = 8
"""H3 resolution of a cell: about 460 m from centre to corner."""
HOUR_MS = 3_600_000
FEW_HOURS = 1000
"""Between the earliest and latest of a batch, for each to be looked up once without sorting."""
MOST_KINDS = 250
"""Kinds of sensors. Of each something is kept; past so many a stranger is of none."""
_LEFT_OF = "\ud800"
"""What the name of a sensor that is no more begins with in the index: half a surrogate pair, which
no JSON that we accept can tell."""
_SIGNS = {"above": 1, "below": -1, "both": 0}
SHORTEST_S, LONGEST_S = 0.001, 30 * 86_400.0
"""Reporting intervals outside this are taken for the nearest one inside."""


def cell_of(lon: float, lat: float) -> str:
    """Return the H3 cell of a place."""
    return str(h3.latlng_to_cell(lat, lon, CELL_RESOLUTION))


class LocalTime:
    """Offset of a city's clock from UTC, looked up once an hour of event time.

    Examples
    --------
    >>> LocalTime("Asia/Chongqing").seconds(np.array([0]))
    array([28800.])
    """

    def __init__(self, timezone: str) -> None:
        try:
            self._zone = ZoneInfo(timezone)
        except (KeyError, ValueError, OSError):  # not found is a KeyError; some are directories
            message = f"timezone: expected a name like Asia/Chongqing, got {timezone!r}"
            raise ValueError(message) from None
        self._offset_s: dict[int, float] = {}

    def offset_s(self, hour: int) -> float:
        """Return seconds to add to UTC in the given hour since 1970."""
        if hour not in self._offset_s:
            if len(self._offset_s) > 100_000:
                self._offset_s.clear()
            at = dt.datetime.fromtimestamp(hour * 3600, self._zone)
            self._offset_s[hour] = (at.utcoffset() or dt.timedelta()).total_seconds()
        return self._offset_s[hour]

    def seconds(self, times_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return local seconds, as if the city's clock were UTC."""
        first, last = _hours(times_ms)
        if first == last:  # as in a live poll
            return np.asarray(times_ms / 1000.0 + self.offset_s(first), np.float64)
        hours = times_ms // HOUR_MS
        if last - first < FEW_HOURS:
            offsets = np.array([self.offset_s(hour) for hour in range(first, last + 1)])
            return np.asarray(times_ms / 1000.0 + offsets[hours - first], np.float64)
        each, which = np.unique(hours, return_inverse=True)
        offsets = np.array([self.offset_s(int(hour)) for hour in each])
        return np.asarray(times_ms / 1000.0 + offsets[which], np.float64)


@compiled
def _hours(times_ms: NDArray[np.int64]) -> tuple[int, int]:
    """Return the first and last hour since 1970 that any of the times is in; 0 of none."""
    if not len(times_ms):
        return 0, 0
    first = last = times_ms[0] // HOUR_MS
    for time_ms in times_ms:
        first, last = min(first, time_ms // HOUR_MS), max(last, time_ms // HOUR_MS)
    return first, last


@dataclass
class Registry:
    """Sensors by index, with the columns that steps need.

    Notes
    -----
    State: about 1 kB a sensor, bounded by ``limit``; past it nobody is introduced any more.
    """

    city: City
    limit: int = 2_000_000
    sensors: list[Sensor] = field(default_factory=list, init=False)
    cells: list[str] = field(default_factory=list, init=False)
    districts: list[str] = field(default_factory=list, init=False)
    index: NameIndex = field(default_factory=NameIndex, init=False)
    """Sensor id to index."""

    def __post_init__(self) -> None:
        self.local_time = LocalTime(self.city.timezone)
        self._places, self._kinds = _Places(self.city), set[str]()
        self.register_all(self.city.sensors)
        # Now, not when the first reading comes: a second for a million sensors.
        self._columns = Columns.of(self.sensors, self.cells)
        self._numbers = self._by_number = np.empty(0, np.int64)
        self._listed = len(self.sensors)
        self._gone: set[int] = set()

    def twin(self) -> Registry:
        """Return one that knows the same sensors, and from now on its own strangers.

        Ten times as fast as reading the city file's sensors again.
        """
        twin = copy(self)
        twin.sensors, twin.cells = list(self.sensors), list(self.cells)
        twin.districts, twin.index = list(self.districts), self.index.copy()
        twin._gone, twin._kinds = set(self._gone), set(self._kinds)
        return twin

    @property
    def listed(self) -> list[Sensor]:
        """Sensors of the city file, each once."""
        return self.sensors[: self._listed]

    @property
    def strangers(self) -> list[Sensor]:
        """Sensors that introduced themselves, in that order."""
        later = range(self._listed, len(self.sensors))
        return [self.sensors[number] for number in later if number not in self._gone]

    def places_of(self, names: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the index of each sensor, and whether it is still in the city.

        One that is no more gets a place for what is left of it. No message finds it there: were it
        to go on sending, it would be a sensor without kind or place.
        """
        places = self.index.get_many(names)
        lost = [names[row] for row in np.flatnonzero(places == UNKNOWN).tolist()]
        if lost:
            left = self.index.add_many([_LEFT_OF + name for name in lost])
            named = dict(zip(left.tolist(), lost, strict=True))
            fresh = sorted(named.keys() - self._gone)
            self._append([Sensor(named[number], "generic", 0.0, 0.0) for number in fresh])
            self._gone.update(fresh)
            places[places == UNKNOWN] = left
        return places, ~np.isin(places, list(self._gone))

    def __len__(self) -> int:
        return len(self.sensors)

    def register(self, sensor: Sensor) -> int:
        """Return the index of a sensor, new or known; ``UNKNOWN`` when the registry is full."""
        known = self.index.get(sensor.id)
        if known is not None:
            return known
        if len(self.sensors) >= self.limit:
            return UNKNOWN
        self.register_all([sensor])
        return len(self.sensors) - 1

    def register_all(self, sensors: Sequence[Sensor]) -> None:
        """Register sensors, of which some may be known."""
        places = self.index.add_many([sensor.id for sensor in sensors])
        # Where each place comes first: in the order of the places, as they were given out.
        place, row = np.unique(places, return_index=True)
        self._append([sensors[each] for each in row[place >= len(self.sensors)].tolist()])

    def _append(self, fresh: list[Sensor]) -> None:
        self.sensors += fresh
        self._kinds.update(sensor.kind for sensor in fresh)
        self.cells += [cell_of(sensor.lon, sensor.lat) for sensor in fresh]
        self.districts += [s.district or self.district_of(s.lon, s.lat) for s in fresh]

    def introduce(self, message: Message) -> int:
        """Register the sensor of a message that carries its place; return its index."""
        assert isinstance(message.sensor, str)
        lon, lat = message.lon, message.lat
        if lon is None or lat is None or not (-180 <= lon <= 180 and -90 <= lat <= 90):
            return UNKNOWN
        if len(message.sensor) > LONGEST_ID:
            return UNKNOWN
        kind = message.kind or "generic"
        if kind not in self._kinds and len(self._kinds) >= MOST_KINDS:
            kind = "generic"
        return self.register(Sensor(message.sensor, kind, lon, lat, kind_of(kind).unit))

    def district_of(self, lon: float, lat: float) -> str:
        """Return the district: by polygon, else the nearest sensor's, else "city"."""
        return self._places.district_of(lon, lat)

    def kind(self, sensor: int) -> Kind:
        """Return what is known of the sensor's kind."""
        return kind_of(self.sensors[sensor].kind)

    @property
    def cell_numbers(self) -> NDArray[np.int64]:
        """H3 index of each of ``columns.cell_names``: what other processes know a cell by."""
        names = self.columns.cell_names
        if len(self._numbers) < len(names):
            self._numbers = np.array([h3.str_to_int(name) for name in names], np.int64)
            self._by_number = np.argsort(self._numbers)
        return self._numbers

    def cells_numbered(self, numbers: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return where each is in ``columns.cell_names``, ``UNKNOWN`` where it has no sensor."""
        known = self.cell_numbers
        if not len(known):
            return np.full(len(numbers), UNKNOWN, np.intp)
        at = np.searchsorted(known, numbers, sorter=self._by_number)
        found = self._by_number[np.minimum(at, len(known) - 1)]
        return np.where(known[found] == numbers, found, UNKNOWN)

    @property
    def columns(self) -> Columns:
        """What steps look up per row, as arrays over all sensors."""
        known = len(self._columns.cell)
        if known < len(self.sensors):
            fresh = Columns.of(self.sensors[known:], self.cells[known:], self._columns)
            self._columns = fresh if not known else self._columns.extended(fresh)
        return self._columns


class Columns(NamedTuple):
    """One row a sensor."""

    cell: NDArray[np.intp]
    """Index into ``cell_names``."""
    hazard: NDArray[np.intp]
    """Index into ``events.HAZARDS``."""
    kind: NDArray[np.intp]
    """Index into ``kind_names``."""
    low: NDArray[np.float64]
    """Physically possible values."""
    high: NDArray[np.float64]
    sign: NDArray[np.int8]
    """Direction of the threat: +1 above, -1 below, 0 both."""
    interval_ms: NDArray[np.int64]
    levels: NDArray[np.float64]
    """Shape (sensors, 4): official levels red, orange, yellow, blue; NaN where there is none."""
    graded: NDArray[np.bool_]
    """Whether there is any official level."""
    first_level: NDArray[np.float64]
    """The official level that is reached first, coming from harmless values; NaN without."""
    horizon_s: NDArray[np.float64]
    """How far ahead a crossing of a level is looked for; 0 where it is not."""
    cell_names: tuple[str, ...]
    """Cells that hold a sensor, in order of first appearance."""
    cell_position: dict[str, int]
    """Where each of them is in ``cell_names``."""
    kind_names: tuple[str, ...]
    """Kinds of sensors, in order of first appearance."""
    sensors_of_feed: Counter[str]
    """How many sensors an operator sees under each group."""
    sensors_of_cell: Counter[str]
    landmark: int
    """The sensor whose value stands for the river, ``UNKNOWN`` when the city has none."""

    @classmethod
    def of(
        cls, sensors: Sequence[Sensor], cells: Sequence[str], after: Columns | None = None
    ) -> Columns:
        """Return the columns of the given sensors, whose cells are given beside them.

        Names continue those of the columns they come after.
        """
        before = len(after.cell) if after else 0
        gauge = next((row for row, s in enumerate(sensors) if s.kind == "river_level"), None)
        position = dict(after.cell_position) if after else {}
        for cell in dict.fromkeys(cells):
            position.setdefault(cell, len(position))
        named = {name: number for number, name in enumerate(after.kind_names)} if after else {}
        for name in dict.fromkeys(sensor.kind for sensor in sensors):
            named.setdefault(name, len(named))
        # What is known of a kind is looked up once, not for each of a million sensors.
        kind = np.array([named[sensor.kind] for sensor in sensors], np.intp)
        kinds = [kind_of(name) for name in named]
        sign = np.array([_SIGNS[k.direction] for k in kinds], np.int8)[kind]
        for row, sensor in enumerate(sensors):
            if sensor.direction is not None:
                sign[row] = _SIGNS[sensor.direction]
        levels = np.full((len(sensors), NO_LEVEL - 1), np.nan)
        for row, sensor in enumerate(sensors):
            if sensor.levels is not None:
                for level, value in sensor.levels.by_level().items():
                    levels[row, level - 1] = value
        feeds = Counter[str]()
        for known, count in zip(kinds, np.bincount(kind, minlength=len(kinds)), strict=True):
            feeds[known.feed] += int(count)
        held = Counter(cells)
        interval_s = np.array([sensor.interval_s for sensor in sensors], np.float64)
        return cls(
            np.array([position[cell] for cell in cells], np.intp),
            np.array([HAZARDS.index(k.hazard) for k in kinds], np.intp)[kind],
            kind,
            np.array([k.low for k in kinds], np.float64)[kind],
            np.array([k.high for k in kinds], np.float64)[kind],
            sign,
            np.rint(np.clip(interval_s, SHORTEST_S, LONGEST_S) * 1000).astype(np.int64),
            levels,
            ~np.isnan(levels).all(axis=1),
            _first_level(levels, sign),
            np.array([k.horizon_s for k in kinds], np.float64)[kind],
            tuple(position),
            position,
            tuple(named),
            after.sensors_of_feed + feeds if after else feeds,
            after.sensors_of_cell + held if after else held,
            _landmark(after, UNKNOWN if gauge is None else before + gauge),
        )

    def extended(self, more: Columns) -> Columns:
        """Return these columns with those of further sensors, which were made after them."""
        pairs: Any = zip(self, more, strict=True)
        return Columns._make(
            np.concatenate([old, new]) if isinstance(old, np.ndarray) else new for old, new in pairs
        )


def _landmark(after: Columns | None, found: int) -> int:
    return after.landmark if after and after.landmark != UNKNOWN else found


def _first_level(levels: NDArray[np.float64], sign: NDArray[np.int8]) -> NDArray[np.float64]:
    known = ~np.isnan(levels)
    lowest = np.where(known, levels, np.inf).min(axis=1, initial=np.inf)
    highest = np.where(known, levels, -np.inf).max(axis=1, initial=-np.inf)
    first = np.where(sign < 0, highest, lowest)
    return np.where(known.any(axis=1), first, np.nan)


class _Places:
    """District of a place, from polygons or from the nearest sensor that knows its own."""

    def __init__(self, city: City) -> None:
        drawn = [d for d in city.districts if d.polygon and len(d.polygon) >= 3]
        self._names = [d.id for d in drawn]
        self._tree = shapely.STRtree([shapely.Polygon(d.polygon) for d in drawn])
        self._told = [sensor for sensor in city.sensors if sensor.district]

    def district_of(self, lon: float, lat: float) -> str:
        if len(self._names):
            inside = self._tree.query(shapely.Point(lon, lat), predicate="within")
            if len(inside):
                return self._names[int(min(inside))]
        if self._told:
            plane, tree = self._told_tree
            nearest = tree.nearest(shapely.points(plane.metres((lon, lat))[0]))
            return "city" if nearest is None else str(self._told[int(nearest)].district)
        return "city"

    @cached_property
    def _told_tree(self) -> tuple[Plane, shapely.STRtree]:
        """Made when first asked for: most cities say of every sensor where it is."""
        places = [(s.lon, s.lat) for s in self._told]
        plane = Plane(places)
        return plane, shapely.STRtree(shapely.points(plane.metres(places)))
