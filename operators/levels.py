"""Official levels: crossed, or about to be.

A crossing counts once two readings in a row are over the level, so one spike is no emergency.
Before that, a forecast says how likely a crossing is and when.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.level_forecast import LevelForecast
from operators.events import NO_LEVEL, Evidence, Readings
from operators.evidence import sensor_evidence
from operators.fan import ahead_s, as_said, fan
from operators.foresight import Foresee, Learnt
from operators.growing import grown, room_for
from operators.registry import Registry
from operators.upstream import OnItsWay, Upstream

__all__ = ["LIKELY", "WatchLevels"]

LIKELY = 0.7
"""Chance from which a forecast crossing is evidence, when two readings in a row say so."""
STEEPER = 2.0
"""A forecast is asked for where even twice the slope of late would reach a level in time."""
CLOSE = 0.7
"""Share of the first level from which it is asked what others learnt, whatever the slope, of values
that vary by factors."""
SLOPE_RATE = 0.3
SLOPE_S = 300.0
"""How much of a slope a reading teaches: this share, less where readings follow each other faster
than this, for then a step is mostly noise."""
SURPRISAL_OF_LEVEL = {1: 7.0, 2: 6.0, 3: 5.0, 4: 4.0, NO_LEVEL: 0.0}
"""Levels are set by people so as to be rare: what crossing each is taken to be worth."""
NOWHERE = -1
UNMET = 0
MET, GRADED, POOLED, GAUGE, FACTORS = 1, 2, 4, 8, 16
"""What a sensor that was met is watched for, if anything: its levels, what it learns with others,
what comes down its river; and whether its values vary by factors."""


class _Looked(NamedTuple):
    """What one pass over the watched rows saw, row by row."""

    crossed: NDArray[np.int8]
    """Worst level that this reading and the one before are over."""
    near: NDArray[np.bool_]
    """Whether a level could be reached within the sensor's horizon, or is close."""
    value: NDArray[np.float64]
    """The larger the worse: a sensor whose threat is below is watched upside down."""
    slot: NDArray[np.intp]
    """Place of its sensor among those whose crossings are forecast."""

    @classmethod
    def room(cls, rows: int) -> _Looked:
        return cls(
            np.empty(rows, np.int8),
            np.empty(rows, np.bool_),
            np.empty(rows, np.float64),
            np.empty(rows, np.intp),
        )


class _Known(NamedTuple):
    """What is known of rows besides their trend; None where it is nothing."""

    learnt: Learnt | None
    coming: OnItsWay | None


class WatchLevels:
    """Crossings of a process's sensors.

    Notes
    -----
    State: 6 bytes a sensor; where a crossing is forecast, that of ``LevelForecast`` and 25 bytes
    more, that of ``Foresee`` and that of ``Upstream``. Cost: 10 ns a reading of a sensor without
    levels, .1 us with forecasts, .6 us more where sensors learn together, 2 us more of a gauge with
    company along its river; 25 us where a level is near, 20 us more where that is told. How rows
    are cut into batches changes nothing.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.forecast = LevelForecast()
        self.together = Foresee(registry)
        self.upstream = Upstream(registry)
        self._role = np.empty(0, np.uint8)
        self._over = np.empty(0, np.int8)
        self._slot = np.empty(0, np.int32)
        self._ahead = np.empty(0, np.int8)
        self._track = np.empty((0, 3))

    def evidence(self, rows: Readings) -> Iterator[tuple[int, Evidence]]:
        """Return crossings, seen and expected, each with its row; rows must be possible values."""
        watched, roles = self._watched(rows.sensor)
        if not len(watched):
            return
        mine = rows.take(watched)
        looked, crossed, near = self._look(mine)
        if crossed:
            for row in np.flatnonzero(looked.crossed < NO_LEVEL).tolist():
                yield int(watched[row]), self._say(mine, row, int(looked.crossed[row]))
        for row, said in self._forecasts(mine, looked, near, roles):
            yield int(watched[row]), said

    def _watched(self, sensors: NDArray[np.intp]) -> tuple[NDArray[np.intp], int]:
        """Return the rows whose sensors are watched, and all that any of these is watched for."""
        rows = np.empty(len(sensors), np.intp)
        count, roles = _pick(sensors, self._role, rows)
        if count == NOWHERE:
            self._meet(sensors)
            count, roles = _pick(sensors, self._role, rows)
        return rows[:count], roles

    def _look(self, rows: Readings) -> tuple[_Looked, bool, bool]:
        """Return what there is to see of each row; whether any crosses a level, or comes near."""
        columns, looked = self.registry.columns, _Looked.room(len(rows.sensor))
        crossed, near = _pass_over(
            rows.sensor,
            rows.time,
            rows.value,
            columns.levels,
            columns.sign,
            columns.horizon_s,
            self._role,
            self._over,
            self._slot,
            self._track,
            looked,
        )
        return looked, crossed, near

    def _forecasts(
        self, rows: Readings, looked: _Looked, any_near: bool, roles: int
    ) -> Iterator[tuple[int, Evidence]]:
        """Observe all rows; ask for crossings where one is near, at each of its readings."""
        near, coming, learnt = looked.near, None, None
        if roles & GAUGE:
            coming = self.upstream.observe(rows, looked.value)
            near |= self.upstream.close(rows, looked.value, coming) & (looked.crossed == NO_LEVEL)
            any_near = bool(near.any())
        if roles & POOLED:
            learnt = self.together.observe(rows, near)
        slots = looked.slot
        watched = (slots != NOWHERE).nonzero()[0]
        if not any_near:
            self._observe(rows, looked, watched)
            return
        asked = np.zeros(len(self._ahead), np.bool_)
        asked[slots[near]] = True
        asking = asked[slots[watched]]
        self._observe(rows, looked, watched[~asking])
        for part in rounds(slots, watched[asking]):
            self.forecast.observe(slots[part], rows.time[part], looked.value[part])
            ahead = np.full(len(part), NO_LEVEL, np.int8)
            horizons = self.registry.columns.horizon_s[rows.sensor[part]]
            for horizon_s in np.unique(horizons[near[part]]):
                which = np.flatnonzero(near[part] & (horizons == horizon_s))
                ahead[which] = yield from self._expected(
                    rows, part[which], looked, float(horizon_s), _Known(learnt, coming)
                )
            self._ahead[slots[part]] = ahead

    def _observe(self, rows: Readings, looked: _Looked, part: NDArray[np.intp]) -> None:
        """Observe rows that nothing is asked of."""
        slots = looked.slot[part]
        self.forecast.observe(slots, rows.time[part], looked.value[part])
        self._ahead[slots] = NO_LEVEL

    def _expected(
        self,
        rows: Readings,
        part: NDArray[np.intp],
        looked: _Looked,
        horizon_s: float,
        known: _Known,
    ) -> Any:
        slots, signs = looked.slot[part], self.registry.columns.sign[rows.sensor[part]]
        flip = np.where(signs < 0, -1.0, 1.0)
        levels = self.registry.columns.levels[rows.sensor[part]] * flip[:, None]
        arriving = None if known.coming is None else known.coming.of(part)
        correct = None if arriving is None else arriving.correct
        chance, seconds = self.forecast.crossing(slots, levels, horizon_s, correct)
        if known.learnt is not None:
            chance, seconds = known.learnt.blend(part, chance, seconds, horizon_s)
        likely = np.nan_to_num(chance) >= LIKELY
        ahead = np.where(likely.any(axis=1), likely.argmax(axis=1) + 1, NO_LEVEL).astype(np.int8)
        confirmed = np.maximum(ahead, self._ahead[slots])
        told = np.flatnonzero(confirmed < np.minimum(looked.crossed[part], NO_LEVEL))
        if not len(told):
            return ahead
        further = None if arriving is None else arriving.take(told).correct
        quantiles = self.forecast.quantiles(slots[told], ahead_s(horizon_s), further)
        upright = quantiles * flip[told, None, None]
        upright.sort(axis=1)
        sensors, columns = rows.sensor[part[told]], self.registry.columns
        bands = as_said(upright, columns.low[sensors], columns.high[sensors])
        for number, band in zip(told.tolist(), bands, strict=True):
            row, level = int(part[number]), int(confirmed[number])
            wait_s, probability = seconds[number, level - 1], chance[number, level - 1]
            crossing = level, round(float(probability), 2), float(wait_s)
            yield row, self._say_ahead(rows, row, crossing, horizon_s, band)
        return ahead

    def _say_ahead(
        self,
        rows: Readings,
        row: int,
        crossing: tuple[int, float, float],
        horizon_s: float,
        bands: Sequence[Sequence[float]],
    ) -> Evidence:
        """Say that a level will be crossed: which, how likely, and in how many seconds."""
        sensor, (level, chance, wait_s) = int(rows.sensor[row]), crossing
        time, name = int(rows.time[row]), self.registry.sensors[sensor].id
        reading = time, float(rows.value[row])
        forecast = fan((name, level, chance, wait_s), reading, horizon_s, bands)
        onset = time + int(wait_s * 1000) // 60_000 * 60_000
        return self._say(rows, row, level, onset=onset, probability=chance, forecast=forecast)

    def _say(self, rows: Readings, row: int, level: int, **ahead: Any) -> Evidence:
        sensor = int(rows.sensor[row])
        return sensor_evidence(
            self.registry,
            sensor,
            "level",
            time=int(rows.time[row]),
            value=float(rows.value[row]),
            expected=float(self.registry.columns.levels[sensor, level - 1]),
            surprisal=SURPRISAL_OF_LEVEL[level] - (1.0 if ahead else 0.0),
            level=level,
            channel="forecast" if ahead else "level",
            **ahead,
        )

    def _meet(self, sensors: NDArray[np.intp]) -> None:
        """Make room for sensors, and say what those are watched for that were not met before."""
        size = room_for(sensors)
        self._role = grown(self._role, size, UNMET)
        self._over = grown(self._over, size, NO_LEVEL)
        self._slot = grown(self._slot, size, NOWHERE)
        new, columns = sensors[self._role[sensors] == UNMET], self.registry.columns
        graded = columns.graded[new]
        role = np.where(graded, MET | GRADED, MET)
        role |= np.where(self.together.hears(new), POOLED, 0)
        role |= np.where(self.together.varies_by_factors(new), FACTORS, 0)
        self._role[new] = role | np.where(self.upstream.hears(new), GAUGE, 0)
        self._place(new[graded & (columns.horizon_s[new] > 0)])

    def _place(self, sensors: NDArray[np.intp]) -> None:
        unplaced = self._slot[sensors] == NOWHERE
        if unplaced.any():
            new, known = np.unique(sensors[unplaced]), len(self._ahead)
            self._slot[new] = np.arange(known, known + len(new))
            self._ahead = np.append(self._ahead, np.full(len(new), NO_LEVEL, np.int8))
            fresh = np.tile([0.0, np.nan, 0.0], (len(new), 1))
            self._track = np.concatenate([self._track, fresh])
            self.forecast.grow(len(self._ahead))

    def take(self, shard: int, sensors: NDArray[np.intp]) -> Any:
        """Return the state of one shard, whose sensors are given."""
        others = self.together.take(shard, sensors), self.upstream.take(sensors)
        if not len(sensors):
            return None, others
        self._meet(sensors)
        forecast = np.flatnonzero(self._slot[sensors] != NOWHERE).astype(np.uint32)
        slots = self._slot[sensors[forecast]].astype(np.intp)
        slow = self._ahead[slots], self._track[slots], self.forecast.take(slots)
        return (self._over[sensors], forecast, slow), others

    def put(self, shard: int, sensors: NDArray[np.intp], state: Any) -> None:
        """Continue one shard from what ``take`` returned."""
        own, (together, upstream) = state
        self.together.put(shard, sensors, together)
        self.upstream.put(shard, sensors, upstream)
        if own is None:
            return
        self._meet(sensors)
        over, forecast, (ahead, track, slow) = own
        self._over[sensors] = self._still_there(sensors, over)
        # One that is no more in the city file is not watched, but has a place for its state.
        self._place(sensors[forecast])
        slots = self._slot[sensors[forecast]].astype(np.intp)
        self._ahead[slots] = self._still_there(sensors[forecast], ahead)
        self._track[slots] = track
        self.forecast.put(slots, slow)

    def _still_there(self, sensors: NDArray[np.intp], levels: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return levels of sensors, none where the city file has taken it away since."""
        bounds = self.registry.columns.levels[sensors, np.minimum(levels, NO_LEVEL - 1) - 1]
        return np.where(np.isnan(bounds), NO_LEVEL, levels).astype(np.int8)


@compiled
def _pick(
    sensors: NDArray[np.intp], roles: NDArray[np.uint8], rows: NDArray[np.intp]
) -> tuple[int, int]:
    """Note which rows are watched; return how many, ``NOWHERE`` where a sensor was not met yet."""
    count, every = 0, 0
    for row in range(len(sensors)):
        role = roles[sensors[row]] if sensors[row] < len(roles) else UNMET
        if role == UNMET:
            return NOWHERE, every
        if role != MET:
            rows[count] = row
            count += 1
            every |= role
    return count, every


@compiled
def _pass_over(
    sensors: NDArray[np.intp],
    times_ms: NDArray[np.int64],
    values: NDArray[np.float64],
    levels: NDArray[np.float64],
    signs: NDArray[np.int8],
    horizons_s: NDArray[np.float64],
    roles: NDArray[np.uint8],
    over: NDArray[np.int8],
    slots: NDArray[np.int32],
    track: NDArray[np.float64],
    looked: _Looked,
) -> tuple[bool, bool]:
    """Note which level each reading is over, and whether one could be reached in time.

    Returns whether any is over one, and whether any could reach one.
    """
    any_crossed = any_near = False
    for row in range(len(sensors)):
        sensor = sensors[row]
        flip = -1.0 if signs[sensor] < 0 else 1.0
        value, lowest = values[row] * flip, np.inf
        reached = NO_LEVEL
        for level in range(NO_LEVEL - 1, 0, -1):
            bound = levels[sensor, level - 1] * flip
            if value >= bound:
                reached = level
            if bound < lowest:
                lowest = bound
        crossed = max(reached, over[sensor])
        over[sensor] = reached
        near, slot = False, slots[sensor]
        if slot != NOWHERE:
            before = track[slot, 1]
            gap_s = max(times_ms[row] - track[slot, 0], 1.0) / 1000
            slope = 0.0 if np.isnan(before) else (value - before) / gap_s
            track[slot, 2] += min(SLOPE_RATE, gap_s / SLOPE_S) * (slope - track[slot, 2])
            track[slot, 0], track[slot, 1] = times_ms[row], value
            climb = STEEPER * horizons_s[sensor] * track[slot, 2]
            # The first reading over red has not been said yet: until then what was expected stands.
            near = crossed > 1 and value + climb >= lowest
        # Whatever its slope: what others went through may tell.
        if roles[sensor] & FACTORS:
            near |= CLOSE * lowest <= value < lowest
        looked.crossed[row], looked.near[row] = crossed, near
        looked.value[row], looked.slot[row] = value, slot
        any_crossed |= crossed < NO_LEVEL
        any_near |= near
    return any_crossed, any_near


def rounds(slots: NDArray[Any], rows: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Split rows so that no part holds a slot twice; each slot's rows keep their order."""
    while len(rows):
        _, first = np.unique(slots[rows], return_index=True)
        first.sort()
        yield rows[first]
        rows = np.delete(rows, first)
