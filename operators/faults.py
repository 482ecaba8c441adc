"""Tell sensors that lie from events: a fault is a matter of maintenance, not of warning.

Each scored reading is held against how its sensor moves, repeats itself and stands to its
neighbours. A sensor recognised as faulty becomes a maintenance item, and until it has read well for
a while its readings count a quarter of what they would: too little to speak alone.

Time is that of the readings. What is said of a window depends on what happened before its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.sensor_faults import FAULTS, FaultBank
from operators.events import Evidence
from operators.evidence import FAULTY
from operators.growing import grown, room_for
from operators.maintenance import FaultItem, MaintenanceList
from operators.neighbours import neighbours
from operators.registry import Registry
from operators.screening import Screened

__all__ = ["KINDS", "RecogniseFaults"]

KINDS = (*FAULTS, "range")
"""What is wrong with a sensor, by number: what the bank finds, and impossible values."""
WELL = 6
"""Readings in which nothing is wrong, in a row, after which a fault is over."""
ALONE_MS = 3_600_000
"""How long a sensor must disagree with its neighbours before it drifts, and in how many readings
at least and at most."""
LEAST_ALONE, MOST_ALONE = 9, 60
_LEAP, _RANGE = FAULTS.index("leap"), len(FAULTS)


class RecogniseFaults:
    """Faults of a process's sensors.

    Notes
    -----
    State: 84 bytes a sensor of ``FaultBank`` and 2 of its own, an item for each faulty sensor; who
    its neighbours are (32 bytes) follows from the city file. Cost: .04 us a reading.
    Neighbours are compared within a shard: with many shards few are left, and drifts are missed.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.bank = FaultBank(len(registry))
        self._near = neighbours(registry.city.sensors)
        readings = ALONE_MS / registry.columns.interval_ms[: len(self._near)]
        self._patience = np.clip(readings, LEAST_ALONE, MOST_ALONE).astype(np.uint8)
        self._kind = np.empty(0, np.int8)
        self._well = np.empty(0, np.int8)
        self.list = MaintenanceList()

    def recognise(self, screened: Screened) -> Screened:
        """Return scored readings, those of faulty sensors discounted and marked."""
        rows = screened.rows
        if not len(rows.sensor) and not len(screened.impossible.sensor):
            return screened._replace(fault=np.empty(0, np.int8))
        self._grow(max(room_for(each.sensor) for each in (rows, screened.impossible)))
        found = self.bank.judge_and_learn(
            rows.sensor,
            rows.value,
            screened.expected,
            screened.spread,
            self._near,
            rows.shard,
            self._patience,
        )
        fault, surprisal = self._follow(screened, found), screened.surprisal
        if fault.any():
            surprisal = np.where(fault > 0, FAULTY * surprisal, surprisal)
        return screened._replace(surprisal=surprisal, fault=fault)

    def discount(
        self, found: Iterable[tuple[int, Evidence]], screened: Screened
    ) -> Iterator[tuple[int, Evidence]]:
        """Return evidence with its row; that of faulty sensors says so, and counts less."""
        for row, said in found:
            fault = int(screened.fault[row])
            if fault:
                told = round(FAULTY * said.surprisal, 2)
                yield row, msgspec.structs.replace(said, surprisal=told, fault=KINDS[fault])
            else:
                yield row, said

    def _follow(self, screened: Screened, found: NDArray[np.int8]) -> NDArray[np.int8]:
        """Begin and end items; return what is wrong with each row's sensor."""
        rows, bad, expected = screened.rows, screened.impossible, screened.expected
        order = None
        if len(bad.sensor):
            # A sensor's readings have one order, that of their times.
            order = np.argsort(np.append(rows.time, bad.time), kind="stable")
            nothing = np.full(len(bad.sensor), np.nan)
            expected = np.append(expected, nothing)[order]
            found = np.append(found, np.full(len(bad.sensor), _RANGE, np.int8))[order]
            both = zip(rows, bad, strict=True)
            rows = type(rows)(*(np.append(one, other)[order] for one, other in both))
        fault, changed = np.zeros((2, len(found)), np.int8)
        _follow_rows(rows.sensor, found, self._kind, self._well, fault, changed)
        for row in changed.nonzero()[0]:
            sensor, time = int(rows.sensor[row]), int(rows.time[row])
            shard = int(rows.shard[row])
            if fault[row]:
                value, usual = float(rows.value[row]), float(expected[row])
                told = round(usual, 4) if np.isfinite(usual) else None
                self.list.begin(shard, FaultItem(sensor, KINDS[fault[row]], time, value, told))
            else:
                self.list.end(shard, sensor, time)
        if order is not None:
            fault = fault[np.argsort(order)][: len(screened.rows.sensor)]
        return fault

    def _kinds(self, sensors: NDArray[np.intp]) -> NDArray[np.int8]:
        self._grow(room_for(sensors))
        return self._kind[sensors]

    def _grow(self, size: int) -> None:
        self.bank.grow(size)
        self._kind, self._well = grown(self._kind, size, 0), grown(self._well, size, 0)

    def take(self, shard: int, sensors: NDArray[np.intp]) -> Any:
        """Return one shard's state, whose sensors are given, ascending."""
        kinds = self._kinds(sensors)
        return self.bank.take(sensors), kinds, self._well[sensors], self.list.take(shard, sensors)

    def put(self, shard: int, sensors: NDArray[np.intp], state: Any) -> None:
        """Continue one shard from what ``take`` returned for the same sensors."""
        bank, kinds, well, items = state
        self._kinds(sensors)
        self.bank.put(sensors, bank)
        self.bank.join(sensors, shard)
        self._kind[sensors], self._well[sensors] = kinds, well
        self.list.put(shard, sensors, items)


@compiled
def _follow_rows(
    sensors: NDArray[np.intp],
    found: NDArray[np.int8],
    kinds: NDArray[np.int8],
    well: NDArray[np.int8],
    fault: NDArray[np.int8],
    changed: NDArray[np.int8],
) -> None:
    """Say what is wrong with each row's sensor; a surer sign replaces a less sure one.

    A leap says nothing either way: it may be an event, or one spike more.
    """
    for row in range(len(sensors)):
        sensor, sign = sensors[row], found[row]
        before = kinds[sensor]
        if sign > _LEAP:
            well[sensor] = 0
            if sign > before:
                kinds[sensor], changed[row] = sign, 1
        elif sign == 0 and before > 0:
            well[sensor] += 1
            if well[sensor] >= WELL:
                kinds[sensor], changed[row] = 0, 1
        fault[row] = kinds[sensor]
