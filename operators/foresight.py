"""What sensors of a kind learnt together, told beside what each sees coming by itself.

A trend says that a value rises; what happened when it rose before says whether it goes on. That is
learnt over weeks by all sensors of a kind of one shard, with the weather beside them, and believed
as far as it has seen levels exceeded: in a new city the trend speaks alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.pooled_forecast import BEAT_S, HORIZONS_S, PooledForecast
from models.weather import QUANTITIES
from operators.events import Readings
from operators.factors import Scale, scaled_one
from operators.growing import grown, room_for
from operators.registry import Registry

__all__ = ["ENOUGH", "Foresee", "Learnt"]

ENOUGH = 100.0
"""Onsets, counted over all sensors, that make what was learnt of a level count as much as the
trend: some ten episodes at ten sensors."""
SUREST = 1e-6
NOWHERE = -1
UNSEEN = -2

Floats = NDArray[np.float64]


class _Columns(NamedTuple):
    """Rows as ``PooledForecast.observe`` takes them."""

    sensor: NDArray[np.intp]
    pool: NDArray[np.intp]
    time: NDArray[np.int64]
    value: Floats
    levels: Floats
    asked: NDArray[np.bool_]
    sky: NDArray[np.intp]
    quantity: NDArray[np.int8]

    @classmethod
    def room(cls, rows: int) -> _Columns:
        sensor, pool, sky = np.empty((3, rows), np.intp)
        time, value, levels = np.empty(rows, np.int64), np.empty(rows), np.empty((rows, 4))
        asked, quantity = np.empty(rows, np.bool_), np.empty(rows, np.int8)
        return cls(sensor, pool, time, value, levels, asked, sky, quantity)

    def first(self, rows: int) -> _Columns:
        return _Columns._make(column[:rows] for column in self)


class Learnt(NamedTuple):
    """What was learnt, of some rows."""

    position: NDArray[np.intp]
    """Where each row is in the others, ``NOWHERE`` where it was not asked."""
    chance: Floats
    """Shape (asked, 4, horizons)."""
    came: Floats

    def blend(
        self, rows: NDArray[np.intp], chance: Floats, seconds: Floats, horizon_s: float
    ) -> tuple[Floats, Floats]:
        """Return chance and time of crossing with what was learnt, where anything was.

        Parameters
        ----------
        rows
            Which rows are meant.
        chance, seconds
            What the trend says of each of them and each level, within the horizon.
        """
        known = np.flatnonzero(self.position[rows] != NOWHERE)
        within = np.flatnonzero(np.asarray(HORIZONS_S) <= horizon_s)
        if not len(known) or not len(within):
            return chance, seconds
        at = self.position[rows[known]]
        # Exceeded at the end of any horizon, it was crossed within: the true chance is no less.
        each = np.maximum.accumulate(np.nan_to_num(self.chance[at][:, :, within]), axis=2)
        said, own = each[:, :, -1], chance[known]
        # An onset is seen from each hour of the horizon before it.
        onsets = self.came[at][:, :, within[-1]] * BEAT_S / HORIZONS_S[within[-1]]
        weight = np.where(np.isnan(self.chance[at][:, :, 0]), 0.0, onsets / (onsets + ENOUGH))
        joint = _sigmoid((1.0 - weight) * _log_odds(own) + weight * _log_odds(said))
        when = np.asarray(HORIZONS_S)[np.argmax(each >= said[:, :, None] / 2.0, axis=2)]
        first, open_ = np.where(np.isnan(seconds[known]), when, seconds[known]), own < 1.0
        chance, seconds = chance.copy(), seconds.copy()
        chance[known] = np.where(open_ & (weight > 0.0), joint, own)
        mixed = (1.0 - weight) * first + weight * when
        seconds[known] = np.where(open_ & (weight > 0.0), mixed, seconds[known])
        return chance, seconds


class Foresee:
    """What the sensors of a process's shards learn together, kind by kind.

    Notes
    -----
    Kinds whose crossings are looked for an hour or more ahead: those whose values begin at 0 as
    they are, for they vary by factors; others as ``as_factors`` makes them, where a sensor has two
    official levels or more. What a shard's sensors of ``QUANTITIES`` measure is its weather. A
    shard learns from its own sensors alone, so it can move to another process. How rows are cut
    into batches changes nothing. State: that of ``PooledForecast``, a pool a shard and kind and a
    weather a shard, and 5 bytes a sensor; 56 bytes of memory a sensor that learns.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.forecast = PooledForecast()
        self._slot = np.empty(0, np.int32)
        self._learns = np.empty(0, np.bool_)
        """Not those that have a place for their state alone: the city file has changed since."""
        self._scale = Scale.of(np.empty((0, 4)), np.empty(0, np.bool_))
        self._pools: dict[tuple[int, str], int] = {}
        self._pool_at: NDArray[np.intp] = np.empty((0, 0), np.intp)
        self._quantity = np.empty(0, np.int8)
        """Of each kind its position among the quantities of the weather, -1 of others."""

    def observe(self, rows: Readings, near: NDArray[np.bool_]) -> Learnt:
        """Learn rows, in their order; say what is known of those that are near a level."""
        position = np.full(len(rows.sensor), NOWHERE, np.intp)
        columns = _Columns.room(len(rows.sensor))
        while (count := self._lay_out(rows, near, columns, position)) == NOWHERE:
            self._meet(rows)
        if not count:
            return Learnt(position, np.empty((0, 4, 0)), np.empty((0, 4, 0)))
        return Learnt(position, *self.forecast.observe(*columns.first(count)))

    def _lay_out(
        self,
        rows: Readings,
        near: NDArray[np.bool_],
        columns: _Columns,
        position: NDArray[np.intp],
    ) -> int:
        """Return how many rows it learns, once they are laid out."""
        places = self._learns, self._slot, self._quantity, self._pool_at
        kinds, scale = self.registry.columns.kind, self._scale
        return int(_fill(rows, near, kinds, *places, scale, columns, position))

    def _meet(self, rows: Readings) -> None:
        """Give sensors, kinds and shards met for the first time their place."""
        self._slots(rows.sensor)
        mine = (self._learns[rows.sensor] | (self._quantities(rows.sensor) >= 0)).nonzero()[0]
        self._place_pools(rows.take(mine))

    def hears(self, sensors: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Say of which sensors it learns: those that are forecast, and those of the weather."""
        heard: NDArray[np.bool_] = self._is_mine(sensors) | (self._quantities(sensors) >= 0)
        return heard

    def varies_by_factors(self, sensors: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Say which of those that are forecast have values that begin at 0 as they are."""
        return self._is_mine(sensors) & self._by_factors(sensors)

    def _quantities(self, sensors: NDArray[np.intp]) -> NDArray[np.int8]:
        columns = self.registry.columns
        if len(self._quantity) < len(columns.kind_names):
            places = {name: number for number, name in enumerate(QUANTITIES)}
            found = [places.get(name, -1) for name in columns.kind_names]
            self._quantity = np.array(found, np.int8)
        quantities: NDArray[np.int8] = self._quantity[columns.kind[sensors]]
        return quantities

    def _place_pools(self, rows: Readings) -> None:
        kinds, (shards, known) = self.registry.columns.kind[rows.sensor], self._pool_at.shape
        size = max(shards, room_for(rows.shard)), max(known, room_for(kinds))
        if size != self._pool_at.shape:
            wider: NDArray[np.intp] = np.full(size, NOWHERE, np.intp)
            wider[:shards, :known] = self._pool_at
            self._pool_at = wider
            self.forecast.weather.grow(len(wider))
        new = (self._pool_at[rows.shard, kinds] == NOWHERE).nonzero()[0]
        for shard, kind in dict.fromkeys(
            zip(rows.shard[new].tolist(), kinds[new].tolist(), strict=True)
        ):
            weather, name = self._quantity[kind] >= 0, self.registry.columns.kind_names[kind]
            self._pool_at[shard, kind] = 0 if weather else self._pool(shard, name)

    def _pool(self, shard: int, kind: str) -> int:
        pool = self._pools.setdefault((shard, kind), len(self._pools))
        self.forecast.grow(len(self._scale.span), len(self._pools))
        return pool

    def _slots(self, sensors: NDArray[np.intp]) -> NDArray[np.int32]:
        """Return where sensors are in the forecast; negative of those that do not learn together.

        Those met for the first time get their place.
        """
        try:
            slots = self._slot[sensors]
        except IndexError:
            slots = np.array([UNSEEN], np.int32)
        if len(slots) and slots.min() == UNSEEN:
            self._slot = grown(self._slot, room_for(sensors), UNSEEN)
            self._learns = grown(self._learns, len(self._slot), False)
            new = sensors[self._slot[sensors] == UNSEEN]
            self._learns[new] = mine = self._is_mine(new)
            self._slot[new[~mine]] = NOWHERE
            self._place(new[mine])
            slots = self._slot[sensors]
        return slots

    def _is_mine(self, sensors: NDArray[np.intp]) -> NDArray[np.bool_]:
        columns = self.registry.columns
        levels = columns.levels[sensors]
        apart = np.fmax.reduce(levels, axis=1) > np.fmin.reduce(levels, axis=1)
        mine: NDArray[np.bool_] = (
            columns.graded[sensors]
            & (columns.horizon_s[sensors] >= BEAT_S)
            & (self._by_factors(sensors) | apart)
        )
        return mine

    def _by_factors(self, sensors: NDArray[np.intp]) -> NDArray[np.bool_]:
        columns = self.registry.columns
        rising: NDArray[np.bool_] = (columns.low[sensors] == 0.0) & (columns.sign[sensors] > 0)
        return rising

    def _place(self, sensors: NDArray[np.intp]) -> None:
        new, columns = np.unique(sensors[self._slot[sensors] < 0]), self.registry.columns
        if not len(new):
            return
        slots = len(self._scale.span)
        self._slot[new] = np.arange(slots, slots + len(new))
        levels, plain = columns.levels[new], self._by_factors(new)
        scaled = np.where(plain[:, None], np.nan, levels)
        scale = Scale.of(scaled, columns.sign[new] >= 0).but_plain(plain, levels)
        self._scale = self._scale.extended(scale)
        self.forecast.grow(len(self._scale.span), len(self._pools))

    def take(self, shard: int, sensors: NDArray[np.intp]) -> Any:
        """Return the state of one shard, whose sensors are given."""
        pools = {
            kind: self.forecast.pools.take(np.array([pool]))
            for (of, kind), pool in self._pools.items()
            if of == shard
        }
        weather = self.forecast.weather
        heard = weather.take(np.array([shard])) if shard < weather.n else b""
        if not len(sensors):
            return pools, heard, np.empty(0, np.uint32), b""
        mine = (self._slots(sensors) >= 0).nonzero()[0].astype(np.uint32)
        return pools, heard, mine, self.forecast.sensors.take(self._slot[sensors[mine]])

    def put(self, shard: int, sensors: NDArray[np.intp], state: Any) -> None:
        """Continue one shard from what ``take`` returned."""
        pools, heard, mine, slow = state
        if len(heard):
            self.forecast.weather.put(np.array([shard]), heard)
        for kind, pool in pools.items():
            self.forecast.pools.put(np.array([self._pool(shard, kind)]), pool)
        if len(sensors):
            self._slots(sensors)
            # One that is no more in the city file is not watched, but has a place for its state.
            self._place(sensors[mine])
            self.forecast.sensors.put(self._slot[sensors[mine]], slow)


def _log_odds(chance: Floats) -> Floats:
    inside = np.clip(np.nan_to_num(chance), SUREST, 1.0 - SUREST)
    result: Floats = np.log(inside / (1.0 - inside))
    return result


def _sigmoid(odds: Floats) -> Floats:
    result: Floats = 1.0 / (1.0 + np.exp(-odds))
    return result


@compiled
def _fill(
    rows: Readings,
    near: NDArray[np.bool_],
    kinds: NDArray[np.intp],
    learns: NDArray[np.bool_],
    slots: NDArray[np.int32],
    quantities: NDArray[np.int8],
    pools: NDArray[np.intp],
    scale: Scale,
    columns: _Columns,
    position: NDArray[np.intp],
) -> int:
    """Lay out the rows that are learnt, and number those of them that are asked about.

    Returns how many are learnt, ``NOWHERE`` where somebody has no place yet.
    """
    count, asked = 0, 0
    for row in range(len(rows.sensor)):
        sensor, shard = rows.sensor[row], rows.shard[row]
        kind = kinds[sensor]
        if sensor >= len(slots) or slots[sensor] == UNSEEN or kind >= len(quantities):
            return NOWHERE
        slot, quantity = slots[sensor], quantities[kind]
        if quantity < 0 and not learns[sensor]:
            continue
        if shard >= pools.shape[0] or kind >= pools.shape[1] or pools[shard, kind] == NOWHERE:
            return NOWHERE
        columns.sensor[count], columns.pool[count] = slot, pools[shard, kind]
        columns.time[count], columns.value[count] = rows.time[row], rows.value[row]
        columns.sky[count], columns.quantity[count] = shard, quantity
        columns.asked[count] = near[row] and quantity < 0
        if quantity < 0:
            columns.value[count] = scaled_one(rows.value[row], slot, scale)
            for level in range(4):
                columns.levels[count, level] = scale.levels[slot, level]
        if columns.asked[count]:
            position[row] = asked
            asked += 1
        count += 1
    return count
