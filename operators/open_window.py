"""What is counted of one window of event time while it is open, for all shards of a process."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, inlined
from operators.growing import grown, room_for

__all__ = ["HEARD", "TOP", "KindSums", "OpenWindow", "Top"]

TOP = 12
"""How many of the most unusual readings a summary names."""
HEARD = np.dtype([("last_ms", np.int32), ("milli", np.int16), ("readings", np.uint16)])
"""When a sensor was last heard, counted from the start of the window, its largest surprisal in
thousandths, and how often it was heard."""

_READINGS, _LAST_MS, _VALUE, _EXPECTED, _SPREAD, _SCORED = range(6)
_SURPRISAL, _SENSOR, _TOP_VALUE, _TOP_EXPECTED = range(4)

Floats = NDArray[np.float64]
RowColumns: TypeAlias = tuple[
    NDArray[np.intp],
    NDArray[np.int64],
    Floats,
    NDArray[np.intp],
    Floats,
    Floats,
    Floats,
]


class KindSums(NamedTuple):
    """One kind of sensor: what it measured, and what was expected."""

    readings: int
    last_ms: int
    value: float
    expected: float
    spread: float
    scored: int


class Top(NamedTuple):
    """One of the most unusual readings."""

    sensor: int
    value: float
    expected: float
    surprisal: float


class OpenWindow:
    """Sums of one window.

    Notes
    -----
    State: 8 bytes a sensor, and per shard six numbers a kind and ``TOP`` readings. Sums are added
    up in row order, so how rows are cut into batches does not change a bit of them.
    """

    def __init__(self, shards: int) -> None:
        self.rows = np.zeros(shards, np.int64)
        """Readings of each shard."""
        self.landmark: tuple[int, float] | None = None
        """Shard and last value of the gauge that stands for the river."""
        self._heard = np.empty(0, HEARD)
        self._kinds = np.zeros((shards, 0, 6))
        self._top = np.zeros((shards, TOP, 4))

    def add(
        self,
        part: NDArray[np.intp],
        columns: RowColumns,
        milli: NDArray[np.int64],
        kind_of: NDArray[np.intp],
        kinds: int,
        start_ms: int,
    ) -> None:
        """Count readings.

        Parameters
        ----------
        part
            Which rows are of this window.
        columns
            Sensor, time, value, shard, surprisal, expected, spread of all rows.
        milli
            Surprisals in whole thousandths, 0 or more.
        kind_of
            Kind of every sensor, one of so many ``kinds``.
        """
        self._grow(len(kind_of), kinds)
        _count(
            part,
            *columns,
            milli,
            kind_of,
            start_ms,
            self.rows,
            self._heard,
            self._kinds,
            self._top,
        )

    def heard(self, sensors: NDArray[np.intp]) -> NDArray[np.void]:
        """Return what was heard of each sensor, as ``HEARD``."""
        self._grow(room_for(sensors), 0)
        return self._heard[sensors]

    def kinds(self, shard: int, names: tuple[str, ...]) -> dict[str, KindSums]:
        """Return the sums of every kind of which the shard was heard."""
        return {
            names[kind]: KindSums(
                int(sums[_READINGS]),
                int(sums[_LAST_MS]),
                sums[_VALUE],
                sums[_EXPECTED],
                sums[_SPREAD],
                int(sums[_SCORED]),
            )
            for kind, sums in enumerate(self._kinds[shard].tolist())
            if sums[_READINGS]
        }

    def top(self, shard: int) -> tuple[Top, ...]:
        """Return the shard's most unusual readings, one a sensor, worst first."""
        return tuple(
            Top(int(sensor), value, expected, surprisal)
            for surprisal, sensor, value, expected in self._top[shard].tolist()
            if surprisal > 0
        )

    def _grow(self, sensors: int, kinds: int) -> None:
        self._heard = grown(self._heard, sensors, 0)
        shards, known, width = self._kinds.shape
        if kinds > known:
            fresh = np.zeros((shards, kinds - known, width))
            self._kinds = np.concatenate([self._kinds, fresh], axis=1)

    def take(
        self,
        shard: int,
        sensors: NDArray[np.intp],
        named: NDArray[np.intp],
        kinds: tuple[str, ...],
    ) -> Any:
        """Return one shard's part.

        Parameters
        ----------
        sensors
            Those of the shard.
        named
            Ascending, these and those that ``top`` names: the state names them by their place.
        kinds
            Names of all kinds.
        """
        self._grow(room_for(sensors), len(kinds))
        top = self._top[shard, self._top[shard, :, _SURPRISAL] > 0]
        top[:, _SENSOR] = np.searchsorted(named, top[:, _SENSOR].astype(np.intp))
        sums = zip(kinds, self._kinds[shard].copy(), strict=False)
        landmark = self.landmark if self.landmark and self.landmark[0] == shard else None
        return (
            int(self.rows[shard]),
            self._heard[sensors],
            {name: each for name, each in sums if each[_READINGS]},
            top,
            landmark and landmark[1],
        )

    def put(
        self,
        shard: int,
        sensors: NDArray[np.intp],
        named: NDArray[np.intp],
        state: Any,
        kinds: dict[str, int],
    ) -> None:
        """Continue one shard from what ``take`` returned, all sensors in the same order.

        A kind of which there is no sensor any more is left out.
        """
        rows, heard, sums, top, landmark = state
        size = room_for(sensors)
        self._grow(size, len(kinds))
        self.rows[shard] = rows
        self._heard[sensors] = heard
        for name in sums.keys() & kinds.keys():
            self._kinds[shard, kinds[name]] = sums[name]
        self._top[shard, : len(top)] = top
        self._top[shard, : len(top), _SENSOR] = named[top[:, _SENSOR].astype(np.intp)]
        if landmark is not None:
            self.landmark = shard, landmark


@compiled
def _count(
    part: NDArray[np.intp],
    sensors: NDArray[np.intp],
    times_ms: NDArray[np.int64],
    values: Floats,
    shards: NDArray[np.intp],
    surprisals: Floats,
    expected: Floats,
    spread: Floats,
    milli: NDArray[np.int64],
    kind_of: NDArray[np.intp],
    start_ms: int,
    rows: NDArray[np.int64],
    heard: NDArray[np.void],
    kinds: Floats,
    tops: Floats,
) -> None:
    for row in part:
        sensor, shard = sensors[row], shards[row]
        rows[shard] += 1
        # Late readings of long ago would not fit: they say nothing about when it was last heard.
        ahead = max(times_ms[row] - start_ms, -2_000_000_000)
        told = heard[sensor]
        if told.readings == 0:
            told.milli, told.last_ms, told.readings = milli[row], ahead, 1
        else:
            told.milli = max(told.milli, milli[row])
            told.last_ms = max(told.last_ms, ahead)
            told.readings = min(told.readings + 1, 65_535)
        sums = kinds[shard, kind_of[sensor]]
        sums[_READINGS] += 1
        sums[_LAST_MS] = max(sums[_LAST_MS], times_ms[row])
        sums[_VALUE] += values[row]
        if not np.isnan(surprisals[row]):
            sums[_EXPECTED] += expected[row]
            sums[_SPREAD] += spread[row]
            sums[_SCORED] += 1
            top = tops[shard]
            if surprisals[row] > 0 and surprisals[row] >= top[TOP - 1, _SURPRISAL]:
                _rank(top, surprisals[row], sensor, values[row], expected[row])


@inlined
def _rank(top: Floats, surprisal: float, sensor: int, value: float, expected: float) -> None:
    """Put a reading among the most unusual, each sensor once; of equals the lower sensor first."""
    at = TOP - 1
    for place in range(TOP):
        if top[place, _SURPRISAL] > 0 and top[place, _SENSOR] == sensor:
            at = place
            break
    else:
        if top[at, _SURPRISAL] == surprisal and top[at, _SENSOR] < sensor:
            return
    if top[at, _SURPRISAL] >= surprisal and top[at, _SENSOR] == sensor:
        return
    while at > 0 and (
        top[at - 1, _SURPRISAL] < surprisal
        or (top[at - 1, _SURPRISAL] == surprisal and top[at - 1, _SENSOR] > sensor)
    ):
        for column in range(4):
            top[at, column] = top[at - 1, column]
        at -= 1
    top[at, _SURPRISAL], top[at, _SENSOR] = surprisal, sensor
    top[at, _TOP_VALUE], top[at, _TOP_EXPECTED] = value, expected
