"""Which shard each sensor belongs to: the one its readings come by.

A shard is a partition of the log. Producers partition readings by sensor, so a sensor's readings
always meet the state of the same shard; where partitions were added and a sensor came to another,
it moves there with its state.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from operators.growing import grown, room_for

__all__ = ["Homes", "places_in"]

NOWHERE = -1


class Homes:
    """Shards of a process's sensors.

    Notes
    -----
    State: 2 bytes a sensor, and the lists made of them.

    Examples
    --------
    >>> homes = Homes(2)
    >>> homes.note(np.array([5, 3, 5]), np.array([0, 1, 0]))
    >>> homes.sensors(0).tolist(), homes.sensors(1).tolist()
    ([5], [3])
    """

    def __init__(self, shards: int) -> None:
        self.changes = [0] * shards
        """Grows whenever a shard gains or loses a sensor."""
        self._home = np.empty(0, np.int16)
        self._listed: dict[int, tuple[int, NDArray[np.intp]]] = {}

    def note(self, sensors: NDArray[np.intp], shards: NDArray[np.intp]) -> None:
        """Take the shards that readings came by."""
        if not len(sensors):
            return
        self._home = grown(self._home, room_for(sensors), NOWHERE)
        changed = np.zeros(len(self.changes), np.bool_)
        if _move_in(sensors, shards, self._home, changed):
            for shard in np.flatnonzero(changed):
                self.changes[shard] += 1

    def sensors(self, shard: int) -> NDArray[np.intp]:
        """Return a shard's sensors, ascending."""
        change, found = self._listed.get(shard, (-1, None))
        if found is None or change != self.changes[shard]:
            found = np.flatnonzero(self._home == shard)
            self._listed[shard] = self.changes[shard], found
        return found


def places_in(home: NDArray[np.intp], sensors: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return where sensors are among those given, which are ascending; -1 where they are not.

    Examples
    --------
    >>> places_in(np.array([2, 5, 7]), np.array([7, 3])).tolist()
    [2, -1]
    """
    at = np.searchsorted(home, sensors)
    there = at < len(home)
    there[there] = home[at[there]] == sensors[there]
    return np.where(there, at, NOWHERE)


@compiled
def _move_in(
    sensors: NDArray[np.intp],
    shards: NDArray[np.intp],
    home: NDArray[np.int16],
    changed: NDArray[np.bool_],
) -> bool:
    """Note where sensors are now; return whether anything has changed."""
    anything = False
    for row in range(len(sensors)):
        before = home[sensors[row]]
        if before != shards[row]:
            anything = True
            home[sensors[row]] = shards[row]
            changed[shards[row]] = True
            if before >= 0:
                changed[before] = True
    return anything
