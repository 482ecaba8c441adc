"""What is on its way down a river, told to the gauges it comes to.

A gauge's own trend knows of a flood when it is there. Those along the same river saw it before, and
how long it takes is learnt from all that has passed. It is believed as far as it has come true: in
a new city the trend speaks alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.arriving import Arriving
from models.level_forecast import HORIZONS_S
from models.upstream_forecast import UpstreamForecast
from operators.events import Readings
from operators.reaches import company
from operators.registry import Registry

__all__ = ["OnItsWay", "Upstream"]

NOWHERE = -1
STEEPER = 2.0
"""A forecast is asked for where even twice the expected change would reach a level in time."""

Floats = NDArray[np.float64]


class OnItsWay(NamedTuple):
    """What is on its way to the gauges of some rows."""

    position: NDArray[np.intp]
    """Where each row is in the other, ``NOWHERE`` where it is no gauge that has company."""
    arriving: Arriving

    def of(self, rows: NDArray[np.intp]) -> Arriving | None:
        """Return it for some of the rows; None where that is nothing at all."""
        at = self.position[rows]
        known = np.flatnonzero(at != NOWHERE)
        if not len(known):
            return None
        each = Arriving.nothing(len(rows))
        for mine, told in zip(each, self.arriving, strict=True):
            mine[known] = told[at[known]]
        return each


class Upstream:
    """Gauges of a process's shards that have company along their river.

    Notes
    -----
    Those with official levels are forecast; those they listen to are heard without, too. A gauge
    listens only to those that come by its own shard: which sensors a process happens to hold
    changes nothing, and a shard can move. Where the company of a gauge has changed in the city
    file, it starts anew. State: that of ``UpstreamForecast`` for gauges with company, 5 bytes a
    sensor of the city file. How rows are cut into batches changes nothing.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.forecast = UpstreamForecast()
        near = company(registry.listed, registry.city.lines)
        # One entry more, for all that introduced themselves later.
        self._slot = np.full(len(near) + 1, NOWHERE, np.int32)
        columns = registry.columns
        foreseen = columns.graded & (columns.horizon_s > 0)
        listens = (near >= 0).any(axis=1) & foreseen[: len(near)]
        gauges = np.union1d(np.flatnonzero(listens), near[listens][near[listens] >= 0])
        self._slot[gauges] = np.arange(len(gauges))
        self._others = np.where(near[gauges] >= 0, self._slot[near[gauges]], NOWHERE)
        self._near = near
        self.forecast.grow(len(gauges))

    def hears(self, sensors: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Say which sensors have company along a river."""
        heard: NDArray[np.bool_] = self._slots(sensors) != NOWHERE
        return heard

    def observe(self, rows: Readings, values: Floats) -> OnItsWay:
        """Learn rows, in their order; say what is on its way after each.

        Parameters
        ----------
        values
            Those of the rows, the larger the worse.
        """
        slots = self._slots(rows.sensor)
        mine = np.flatnonzero(slots != NOWHERE)
        position = np.full(len(slots), NOWHERE, np.intp)
        position[mine] = np.arange(len(mine))
        if not len(mine):
            return OnItsWay(position, Arriving.nothing(0))
        columns = slots[mine], rows.shard[mine], self._others, rows.time[mine], values[mine]
        return OnItsWay(position, self.forecast.observe(*columns))

    def close(self, rows: Readings, values: Floats, coming: OnItsWay) -> NDArray[np.bool_]:
        """Say which rows are worth asking for whatever their slope: water may be on its way."""
        columns = self.registry.columns
        close = np.zeros(len(values), np.bool_)
        if not len(coming.arriving.shift):
            return close
        mine = np.flatnonzero(coming.position != NOWHERE)
        sensors, told = rows.sensor[mine], coming.arriving
        within = np.asarray(HORIZONS_S) <= columns.horizon_s[sensors, None]
        climb = np.where(within & (told.shift != 0.0), told.change, 0.0).max(axis=1, initial=0.0)
        first = columns.first_level[sensors] * np.where(columns.sign[sensors] < 0, -1.0, 1.0)
        close[mine] = values[mine] + STEEPER * climb >= first
        return close

    def _slots(self, sensors: NDArray[np.intp]) -> NDArray[np.int32]:
        return self._slot.take(sensors, mode="clip")

    def take(self, sensors: NDArray[np.intp]) -> Any:
        """Return the state of one shard, whose sensors are given."""
        mine = np.flatnonzero(self.hears(sensors))
        slots = self._slots(sensors[mine]).astype(np.intp)
        return mine, [self._company(n) for n in sensors[mine].tolist()], self.forecast.take(slots)

    def put(self, shard: int, sensors: NDArray[np.intp], state: Any) -> None:
        """Continue one shard from what ``take`` returned."""
        then, names, kept = state
        own = sensors[then]
        moved = UpstreamForecast()
        moved.put(np.arange(len(own)), kept)
        same = np.flatnonzero(
            [n == self._company(s) for n, s in zip(names, own.tolist(), strict=True)]
        )
        slots = self._slots(own[same]).astype(np.intp)
        self.forecast.put(slots, moved.take(same))
        # Elsewhere the shard may have another number.
        self.forecast.move(slots, shard)

    def _company(self, sensor: int) -> tuple[str, ...]:
        """Return by name whom a gauge listens to: numbers differ from process to process."""
        if self._slots(np.array([sensor]))[0] == NOWHERE:
            return ()
        names = self.registry.sensors
        return tuple(names[n].id if n >= 0 else "" for n in self._near[sensor].tolist())
