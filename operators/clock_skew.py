"""Notice sensors whose clocks are off, as their readings arrive.

Once readings are in the order of their times nothing can be seen of it any more; those that come
too late to count are seen here too. What such a sensor measures is right, so its weight stays.
Times are those of the shard's clock at arrival.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.clock_skew import ClockBank
from operators.events import Readings
from operators.growing import room_for
from operators.maintenance import FaultItem, MaintenanceList

__all__ = ["WatchClocks"]


class WatchClocks:
    """Clocks of a process's sensors.

    Notes
    -----
    State: 16 bytes a sensor, and an item for each whose clock is off. Cost: 10 ns a reading.
    """

    def __init__(self) -> None:
        self.bank = ClockBank()
        self.list = MaintenanceList()

    def hear(self, rows: Readings, behind_ms: NDArray[np.int64]) -> None:
        """Take readings in order of arrival, and how far each is behind its shard's clock."""
        if not len(rows.sensor):
            return
        self.bank.grow(room_for(rows.sensor))
        turned = self.bank.judge_and_learn(rows.sensor, behind_ms / 1000.0)
        for row in np.flatnonzero(turned):
            sensor, shard = int(rows.sensor[row]), int(rows.shard[row])
            now = int(rows.time[row] + behind_ms[row])
            if turned[row] > 0:
                # By how much says more than what it measured: minutes, ahead above 0.
                ahead = round(-float(behind_ms[row]) / 60_000, 1)
                self.list.begin(shard, FaultItem(sensor, "clock", now, ahead, 0.0))
            else:
                self.list.end(shard, sensor, now)

    def take(self, shard: int, sensors: NDArray[np.intp]) -> Any:
        """Return one shard's state, whose sensors are given."""
        self.bank.grow(room_for(sensors))
        return self.bank.take(sensors), self.list.take(shard, sensors)

    def put(self, shard: int, sensors: NDArray[np.intp], state: Any) -> None:
        """Continue one shard from what ``take`` returned for the same sensors."""
        bank, items = state
        self.bank.put(sensors, bank)
        self.list.put(shard, sensors, items)
