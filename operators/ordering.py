"""Fix the order of readings before it matters.

In ordered mode readings go on in event-time order once their shard's clock is past them: poll size
and arrival order change nothing downstream. In prompt mode they go on at once, in the order of
their partition, which a restart sees again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from operators.counters import Counters
from operators.event_clock import NEVER
from operators.events import Readings
from operators.growing import grown, room_for

__all__ = ["BEYOND", "OrderReadings", "RowBatch", "join_readings"]

BEYOND = "time far beyond the feed's end"
"""Why a message that was held to the end is rejected there."""
FRESH, DUPLICATE, OVERTAKEN = 0, 1, 2


class RowBatch(NamedTuple):
    """Readings of a process's shards; none older than its shard's watermark will follow."""

    rows: Readings
    watermarks: NDArray[np.int64]
    """One a shard."""
    reached: NDArray[np.int64]
    """How far each shard's sensors have come together: who said nothing until then is silent."""
    ended: frozenset[int] = frozenset()
    """Shards of which nothing will follow."""


def join_readings(parts: Iterable[Readings]) -> Readings:
    """Return the rows of all parts, one after the other."""
    whole = list(parts)
    if len(whole) == 1:
        return whole[0]
    if not whole:
        return Readings.empty()
    return Readings(*(np.concatenate(columns) for columns in zip(*whole, strict=True)))


class OrderReadings:
    """Readings in the order in which they are scored, each (sensor, time) once.

    Parameters
    ----------
    prompt
        Let readings go on as they arrive; one that is not newer than its sensor's last is
        rejected. Otherwise hold each until its shard's watermark has passed it.

    Notes
    -----
    State: 8 bytes a sensor; ordered, also the readings since the watermark (32 bytes each). Cost:
    10 ns a reading promptly, one sort per batch ordered. Of duplicates, the first to arrive counts.
    """

    def __init__(self, counters: Counters, prompt: bool = False) -> None:
        self.counters = counters
        self.prompt = prompt
        self._held: list[Readings] = []
        self._last = np.empty(0, np.int64)

    def pass_on(self, batch: RowBatch) -> RowBatch:
        """Return what may go on."""
        self.counters.add("order", "received", len(batch.rows.sensor))
        rows = batch.rows if self.prompt else self._due(batch)
        if batch.ended:
            self._give_up(batch.ended)
        return batch._replace(rows=self._each_once(rows))

    def _due(self, batch: RowBatch) -> Readings:
        if len(batch.rows.sensor):
            self._held.append(batch.rows)
        rows = join_readings(self._held)
        due = rows.time < batch.watermarks[rows.shard]
        if not due.all():
            self._held, rows = [rows.take(~due)], rows.take(due)
        else:
            self._held = []
        # Stable: of duplicates the one that arrived first comes first.
        return rows.take(np.lexsort((rows.sensor, rows.time)))

    def _each_once(self, rows: Readings) -> Readings:
        if not len(rows.sensor):
            return rows
        self._grow(room_for(rows.sensor))
        verdict = np.zeros(len(rows.sensor), np.int8)
        if _judge(rows.sensor, rows.time, self._last, verdict):
            for kind, reason in ((DUPLICATE, "duplicate"), (OVERTAKEN, "older than its last")):
                count = int((verdict == kind).sum())
                self.counters.add("order", "rejected", count, reason)
            rows = rows.take(verdict == FRESH)
        self.counters.add("order", "sent", len(rows.sensor))
        return rows

    def _give_up(self, ended: frozenset[int]) -> None:
        """Reject what is still held of shards that ended: it claims to be from after the end."""
        rows = join_readings(self._held)
        ahead = np.isin(rows.shard, list(ended))
        self.counters.add("order", "rejected", int(ahead.sum()), BEYOND)
        self._held = [] if ahead.all() else [rows.take(~ahead)]

    def _grow(self, size: int) -> None:
        self._last = grown(self._last, size, NEVER)

    def held(self, shard: int) -> Readings:
        """Return the readings of one shard that wait for their time."""
        held = join_readings(self._held)
        return held.take(held.shard == shard)

    def hold(self, readings: Readings) -> None:
        """Let readings wait that another process held."""
        if len(readings.sensor):
            self._held.append(readings)
            self.counters.add("order", "received", len(readings.sensor))

    def reject(self, count: int, reason: str) -> None:
        """Count readings that another process held, and that nobody can use any more."""
        self.counters.add("order", "received", count)
        self.counters.add("order", "rejected", count, reason)

    def take(self, sensors: NDArray[np.intp]) -> Any:
        """Return the state of the given sensors."""
        self._grow(room_for(sensors))
        return self._last[sensors]

    def put(self, sensors: NDArray[np.intp], state: Any) -> None:
        """Continue the given sensors from what ``take`` returned for them."""
        self._grow(room_for(sensors))
        self._last[sensors] = state


@compiled
def _judge(
    sensors: NDArray[np.intp],
    times: NDArray[np.int64],
    last: NDArray[np.int64],
    verdict: NDArray[np.int8],
) -> int:
    """Say of each reading whether it is newer than its sensor's last; return how many are not."""
    stale = 0
    for row in range(len(sensors)):
        sensor = sensors[row]
        if times[row] > last[sensor]:
            last[sensor] = times[row]
        else:
            verdict[row] = DUPLICATE if times[row] == last[sensor] else OVERTAKEN
            stale += 1
    return stale
