"""Who the sensors are: their index, place and what is known of them.

One registry is shared by all steps of a process and only ever grows, so an index never changes
meaning. It is built from the city file; a sensor the file does not know may introduce itself.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import h3
import numpy as np
import shapely
from numpy.typing import NDArray

from operators.codec import Message
from operators.events import HAZARDS, NO_LEVEL, City, Sensor
from operators.kinds import Kind, kind_of
from operators.name_index import UNKNOWN, NameIndex

__all__ = ["CELL_RESOLUTION", "UNKNOWN", "Columns", "LocalTime", "Registry", "cell_of"]

CELL_RESOLUTION = 8
"""H3 resolution of a cell: about 460 m from centre to corner."""
FEW_HOURS = 1000
"""Between the earliest and latest of a batch, for each to be looked up once without sorting."""
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
        except (KeyError, ValueError):  # ZoneInfoNotFoundError is a KeyError
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
        hours = times_ms // 3_600_000
        first, last = (int(hours.min()), int(hours.max())) if len(hours) else (0, 0)
        if last - first < FEW_HOURS:
            offsets = np.array([self.offset_s(hour) for hour in range(first, last + 1)])
            return np.asarray(times_ms / 1000.0 + offsets[hours - first], np.float64)
        each, which = np.unique(hours, return_inverse=True)
        offsets = np.array([self.offset_s(int(hour)) for hour in each])
        return np.asarray(times_ms / 1000.0 + offsets[which], np.float64)


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
        self._places = _Places(self.city)
        self.register_all(self.city.sensors)
        # Now, not when the first reading comes: a second for a million sensors.
        self._columns = Columns.of(self.sensors, self.cells)
        self._listed = len(self.sensors)
        self._gone: set[str] = set()

    @property
    def listed(self) -> list[Sensor]:
        """Sensors of the city file, each once."""
        return self.sensors[: self._listed]

    @property
    def strangers(self) -> list[Sensor]:
        """Sensors that introduced themselves, in that order."""
        later = self.sensors[self._listed :]
        return [sensor for sensor in later if sensor.id not in self._gone]

    def is_gone(self, name: str) -> bool:
        """Say whether a sensor has a place only for what is left of it."""
        return name in self._gone

    def place_of(self, name: str) -> int:
        """Return the index of a sensor; one that is no more gets a place for what is left of it."""
        known = self.index.get(name)
        if known is not None:
            return known
        self._gone.add(name)
        return self.register(Sensor(name, "generic", 0.0, 0.0))

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
        for sensor, position in zip(
            sensors, self.index.add_many([s.id for s in sensors]), strict=True
        ):
            if position == len(self.sensors):
                self.sensors.append(sensor)
                self.cells.append(cell_of(sensor.lon, sensor.lat))
                self.districts.append(sensor.district or self.district_of(sensor.lon, sensor.lat))

    def introduce(self, message: Message) -> int:
        """Register the sensor of a message that carries its place; return its index."""
        assert isinstance(message.sensor, str)
        if message.lon is None or message.lat is None:
            return UNKNOWN
        if not (-180 <= message.lon <= 180 and -90 <= message.lat <= 90):
            return UNKNOWN
        kind = message.kind or "generic"
        return self.register(
            Sensor(message.sensor, kind, message.lon, message.lat, kind_of(kind).unit)
        )

    def district_of(self, lon: float, lat: float) -> str:
        """Return the district: by polygon, else the nearest sensor's, else "city"."""
        return self._places.district_of(lon, lat)

    def kind(self, sensor: int) -> Kind:
        """Return what is known of the sensor's kind."""
        return kind_of(self.sensors[sensor].kind)

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
        position = dict(after.cell_position) if after else {}
        named = {name: i for i, name in enumerate(after.kind_names)} if after else {}
        before = len(after.cell) if after else 0
        gauge = next((row for row, s in enumerate(sensors) if s.kind == "river_level"), None)
        for cell in cells:
            position.setdefault(cell, len(position))
        for sensor in sensors:
            named.setdefault(sensor.kind, len(named))
        kinds = [kind_of(s.kind) for s in sensors]
        signs = {"above": 1, "below": -1, "both": 0}
        sign = np.array(
            [signs[s.direction or k.direction] for s, k in zip(sensors, kinds, strict=True)],
            np.int8,
        )
        levels = np.full((len(sensors), NO_LEVEL - 1), np.nan)
        for row, sensor in enumerate(sensors):
            if sensor.levels is not None:
                for level, value in sensor.levels.by_level().items():
                    levels[row, level - 1] = value
        feeds, held = Counter(k.feed for k in kinds), Counter(cells)
        hazards = {hazard: number for number, hazard in enumerate(HAZARDS)}
        return cls(
            np.array([position[cell] for cell in cells], np.intp),
            np.array([hazards[k.hazard] for k in kinds], np.intp),
            np.array([named[s.kind] for s in sensors], np.intp),
            np.array([k.low for k in kinds], np.float64),
            np.array([k.high for k in kinds], np.float64),
            sign,
            np.array([_interval_ms(s) for s in sensors], np.int64),
            levels,
            ~np.isnan(levels).all(axis=1),
            _first_level(levels, sign),
            np.array([k.horizon_s for k in kinds], np.float64),
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


def _interval_ms(sensor: Sensor) -> int:
    return round(min(max(sensor.interval_s, SHORTEST_S), LONGEST_S) * 1000)


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
        told = [s for s in city.sensors if s.district]
        self._told = [str(s.district) for s in told]
        self._told_tree = shapely.STRtree(
            shapely.points([s.lon for s in told], [s.lat for s in told])
        )

    def district_of(self, lon: float, lat: float) -> str:
        point = shapely.Point(lon, lat)
        if len(self._names):
            inside = self._tree.query(point, predicate="within")
            if len(inside):
                return self._names[int(min(inside))]
        if self._told:
            nearest = self._told_tree.nearest(point)
            return "city" if nearest is None else self._told[int(nearest)]
        return "city"
