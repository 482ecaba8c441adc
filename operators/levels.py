"""Official levels: crossed, or about to be.

A crossing counts once two readings in a row are over the level, so one spike is no emergency.
Before that, a forecast says how likely a crossing is and when.
"""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from models.level_forecast import LevelForecast
from operators.events import NO_LEVEL, Evidence, Readings
from operators.evidence import Found, sensor_evidence
from operators.ordering import ShardRows, join_readings
from operators.registry import Registry

__all__ = ["LIKELY", "WatchLevels"]

LIKELY = 0.7
"""Chance from which a forecast crossing is evidence, when two readings in a row say so."""
STEEPER = 2.0
"""A forecast is asked for where even twice the slope of late would reach a level in time."""
SLOPE_RATE = 0.3
SURPRISAL_OF_LEVEL = {1: 7.0, 2: 6.0, 3: 5.0, 4: 4.0, NO_LEVEL: 0.0}
"""Levels are set by people so as to be rare: what crossing each is taken to be worth."""


class WatchLevels:
    """Crossings of one shard's sensors.

    Notes
    -----
    State: that of ``LevelForecast`` and 26 bytes a sensor. Rows are looked at in rounds that
    hold a sensor at most once, so the result does not depend on how rows were batched.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.forecast = LevelForecast()
        self._over = np.empty(0, np.int8)
        self._ahead = np.empty(0, np.int8)
        self._track = np.empty((0, 3))

    def on_batch(self, items: Iterable[ShardRows]) -> Iterator[Found]:
        """Return crossings, seen and expected."""
        batch = list(items)
        rows = join_readings(item.rows for item in batch)
        columns = self.registry.columns
        levels = columns.levels[rows.sensor]
        graded = ~np.isnan(levels).all(axis=1)
        graded &= (rows.value >= columns.low[rows.sensor]) & (
            rows.value <= columns.high[rows.sensor]
        )
        found: list[Evidence] = []
        for part in rounds(rows.take(graded)):
            found.extend(self._round(part))
        yield Found(f"levels:{batch[0].shard}", tuple(found), batch[-1].watermark)

    def _round(self, rows: Readings) -> Iterator[Evidence]:
        columns = self.registry.columns
        slots = columns.slot[rows.sensor]
        self._grow(int(slots.max()) + 1)
        # A sensor whose threat is below is watched upside down.
        flip = np.where(columns.sign[rows.sensor] < 0, -1.0, 1.0)
        value, levels = rows.value * flip, columns.levels[rows.sensor] * flip[:, None]
        self.forecast.observe(slots, rows.time, value)
        over = worst_over(value, levels)
        confirmed = np.maximum(over, self._over[slots])
        self._over[slots] = over
        yield from self._crossed(rows, confirmed)
        horizon = columns.horizon_s[rows.sensor]
        lowest = np.nanmin(levels, axis=1)
        climb = STEEPER * horizon * self._slopes(slots, rows.time, value)
        near = (horizon > 0) & (over > 1) & (value + climb >= lowest)
        ahead = np.full(len(value), NO_LEVEL, np.int8)
        for horizon_s in np.unique(horizon[near]):
            part = np.flatnonzero(near & (horizon == horizon_s))
            ahead[part] = yield from self._expected(
                rows.take(part), slots[part], levels[part], confirmed[part], float(horizon_s)
            )
        self._ahead[slots] = ahead

    def _slopes(
        self, slots: NDArray[np.intp], times: NDArray[np.int64], value: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Take the next values; return how fast each sensor has been rising, per second."""
        track: NDArray[np.float64] = self._track[slots]
        time_ms, before, slope = track[:, 0], track[:, 1], track[:, 2]
        elapsed_s = np.maximum(times - time_ms, 1.0) / 1000
        now = np.where(np.isnan(before), 0.0, (value - before) / elapsed_s)
        slope = slope + SLOPE_RATE * (now - slope)
        self._track[slots] = np.column_stack([times, value, slope])
        return slope

    def _crossed(self, rows: Readings, level: NDArray[np.int8]) -> Iterator[Evidence]:
        for row in np.flatnonzero(level < NO_LEVEL):
            yield self._say(rows, int(row), int(level[row]), None, None)

    def _expected(
        self,
        rows: Readings,
        slots: NDArray[np.intp],
        levels: NDArray[np.float64],
        reached: NDArray[np.int8],
        horizon_s: float,
    ) -> Generator[Evidence, None, NDArray[np.int8]]:
        chance, seconds = self.forecast.crossing(slots, levels, horizon_s)
        likely = np.nan_to_num(chance) >= LIKELY
        ahead = np.where(likely.any(axis=1), likely.argmax(axis=1) + 1, NO_LEVEL).astype(np.int8)
        confirmed = np.maximum(ahead, self._ahead[slots])
        for row in np.flatnonzero(confirmed < np.minimum(reached, NO_LEVEL)):
            level = int(confirmed[row])
            wait_ms = int(seconds[row, level - 1] * 1000) // 60_000 * 60_000
            onset = int(rows.time[row]) + wait_ms
            yield self._say(rows, int(row), level, onset, float(chance[row, level - 1]))
        return ahead

    def _say(
        self, rows: Readings, row: int, level: int, onset: int | None, chance: float | None
    ) -> Evidence:
        sensor = int(rows.sensor[row])
        worth = SURPRISAL_OF_LEVEL[level] - (0.0 if onset is None else 1.0)
        return sensor_evidence(
            self.registry,
            sensor,
            "level",
            time=int(rows.time[row]),
            value=float(rows.value[row]),
            expected=float(self.registry.columns.levels[sensor, level - 1]),
            surprisal=worth,
            level=level,
            onset=onset,
            probability=None if chance is None else round(chance, 2),
            channel="level" if onset is None else "forecast",
        )

    def _grow(self, size: int) -> None:
        if size > len(self._over):
            more = np.full(size - len(self._over), NO_LEVEL, np.int8)
            self._over = np.append(self._over, more)
            self._ahead = np.append(self._ahead, more)
            fresh = np.tile([0.0, np.nan, 0.0], (len(more), 1))
            self._track = np.concatenate([self._track, fresh])
        self.forecast.grow(size)

    def snapshot(self) -> bytes:
        """Return the forecasts and what was over."""
        return pickle.dumps((self.forecast.snapshot(), self._over, self._ahead, self._track))

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        forecast, self._over, self._ahead, self._track = pickle.loads(state)
        self.forecast = LevelForecast.restore(forecast)


def worst_over(value: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return the worst level each value has reached, ``NO_LEVEL`` where none.

    >>> worst_over(np.array([5.0]), np.array([[9.0, 7.0, 5.0, np.nan]])).tolist()
    [3]
    """
    with np.errstate(invalid="ignore"):
        reached = value[:, None] >= levels
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, NO_LEVEL).astype(np.int8)


def rounds(rows: Readings) -> Iterator[Readings]:
    """Split rows so that no part holds a sensor twice; each sensor's rows keep their order."""
    if not len(rows.sensor):
        return
    order = np.argsort(rows.sensor, kind="stable")
    first = np.r_[True, np.diff(rows.sensor[order]) != 0]
    start = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    occurrence = np.empty(len(order), np.intp)
    occurrence[order] = np.arange(len(order)) - start
    for number in range(int(occurrence.max()) + 1):
        yield rows.take(np.flatnonzero(occurrence == number))
