"""Fix the order of readings before it matters.

Event time runs on its own clock here: ``EventClock`` says how far a feed has come, and
``OrderReadings`` lets readings go on in event-time order once the clock is past them (ordered
mode), or at once (prompt mode). With that, poll size and arrival order change nothing downstream.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.counters import Counters
from operators.events import Readings

__all__ = ["ALLOWED_LATENESS_MS", "EventClock", "OrderReadings", "ShardRows", "join_readings"]

FAR_AHEAD_MS = 86_400_000
"""How far beyond its company a message's time may be and still be believed at a feed's end."""
LEAST_COMPANY = 4
ALLOWED_LATENESS_MS = 300_000
"""How far behind its feed's clock a reading may arrive and still count."""
NEVER = -(1 << 62)
BEYOND = "time far beyond the feed's end"
"""Why a message that was held to the end is rejected there."""


class ShardRows(NamedTuple):
    """Readings of one shard; none older than ``watermark`` will follow, nor any after ``last``."""

    shard: int
    rows: Readings
    watermark: int
    last: bool = False


class EventClock:
    """How far a feed has come in event time, and which of its messages are late.

    The clock is stepped once per block of messages, to the time that a quarter of the block
    has reached: a few sensors whose clocks run ahead cannot drag it. Blocks are counted from the
    feed's first message, so lateness does not depend on how the feed was cut into polls.

    Notes
    -----
    State: the times of at most one block. Cost: a partial sort per block.

    Examples
    --------
    >>> clock = EventClock(block=2)
    >>> clock.late(np.array([1_000_000, 1_000_000, 400_000, 900_000])).tolist()
    [False, False, True, False]
    >>> clock.now
    1000000
    """

    def __init__(self, block: int = 64, lateness_ms: int = ALLOWED_LATENESS_MS) -> None:
        self.block = block
        self.lateness_ms = lateness_ms
        self.now = NEVER
        self.latest = NEVER
        self._open = np.empty(0, np.int64)

    def late(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Take the times of the next messages in order of arrival; say which came too late."""
        before = len(self._open)
        whole = np.concatenate([self._open, times])
        full = len(whole) // self.block
        blocks = whole[: full * self.block].reshape(full, self.block)
        clock = np.maximum.accumulate(np.r_[self.now, self._step(blocks)])
        self._open = whole[full * self.block :]
        self.now = int(clock[-1])
        return np.asarray(whole < np.repeat(clock, self.block)[: len(whole)] - self.lateness_ms)[
            before:
        ]

    def _step(self, blocks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what a quarter of each block has reached, and note the latest believable time."""
        if not blocks.size:
            return np.empty(0, np.int64)
        size = blocks.shape[1]
        low, high = size // 4, size - 1 - size // 4
        ranked = np.partition(blocks, (low, high), axis=1)
        limit = ranked[:, high] + np.maximum(FAR_AHEAD_MS, 4 * (ranked[:, high] - ranked[:, low]))
        believed = np.where(blocks <= limit[:, None], blocks, NEVER)
        self.latest = max(self.latest, int(believed.max()))
        return ranked[:, high]

    def close(self) -> None:
        """Go to the latest believable time of all: the feed has ended, nothing comes late now."""
        if len(self._open) < LEAST_COMPANY and self.latest > NEVER:
            # Too few to outvote one of them: believe them as far as the block before would have.
            believed = self._open[self._open <= self.latest + FAR_AHEAD_MS]
            self.latest = max(self.latest, int(believed.max(initial=NEVER)))
        else:
            self._step(self._open[None, :])
        self.now = max(self.now, self.latest)
        self._open = self._open[:0]

    @property
    def watermark(self) -> int:
        """No message older than this will count any more."""
        return max(NEVER, self.now - self.lateness_ms)


def join_readings(parts: Iterable[Readings]) -> Readings:
    """Return the rows of all parts, one after the other."""
    whole = list(parts)
    if len(whole) == 1:
        return whole[0]
    if not whole:
        return Readings.empty()
    return Readings(*(np.concatenate(columns) for columns in zip(*whole, strict=True)))


class OrderReadings:
    """Readings of one shard in event-time order, each (sensor, time) once.

    Parameters
    ----------
    prompt
        Let readings go on as they arrive; one that is not newer than its sensor's last is
        rejected. Otherwise hold each until the watermark has passed it.

    Notes
    -----
    State: ordered, the readings since the watermark (24 bytes each), which waits for the slowest
    feed's clock: minutes of a busy city, hours beside sparse reports; prompt, 8 bytes a sensor.
    Cost: one sort per batch. Of duplicates, the one that arrived first counts.
    """

    def __init__(self, counters: Counters, prompt: bool = False) -> None:
        self.counters = counters
        self.prompt = prompt
        self._held: list[Readings] = []
        self._last = np.empty(0, np.int64)

    def on_batch(self, items: Iterable[ShardRows]) -> Iterator[ShardRows]:
        """Return what may go on, once for all items that arrived together."""
        batch = list(items)
        self._held.extend(item.rows for item in batch if len(item.rows.sensor))
        self.counters.add("order", "received", sum(len(item.rows.sensor) for item in batch))
        watermark = batch[-1].watermark
        rows = join_readings(self._held)
        self._held = []
        if not self.prompt:
            due = rows.time < watermark
            if not due.all():
                self._held = [rows.take(~due)]
                rows = rows.take(due)
        rows = self._in_order(rows)
        if batch[-1].last:
            self._give_up()
        yield ShardRows(batch[-1].shard, rows, watermark, batch[-1].last)

    def _give_up(self) -> None:
        """Reject what is still held at the end: it claims to be from after the feed's end."""
        ahead = sum(len(rows.sensor) for rows in self._held)
        self.counters.add("order", "rejected", ahead, BEYOND)
        self._held = []

    def _in_order(self, rows: Readings) -> Readings:
        order = np.lexsort((rows.sensor, rows.time))
        rows = rows.take(order)
        repeated = np.zeros(len(order), np.bool_)
        repeated[1:] = (np.diff(rows.time) == 0) & (np.diff(rows.sensor) == 0)
        if self.prompt and len(order):
            repeated |= self._not_newer(rows)
        self.counters.add("order", "rejected", int(repeated.sum()), "duplicate")
        self.counters.add("order", "sent", int(len(order) - repeated.sum()))
        return rows.take(~repeated) if repeated.any() else rows

    def _not_newer(self, rows: Readings) -> NDArray[np.bool_]:
        top = int(rows.sensor.max()) + 1
        if top > len(self._last):
            grown = np.full(top, NEVER, np.int64)
            grown[: len(self._last)] = self._last
            self._last = grown
        stale = rows.time <= self._last[rows.sensor]
        np.maximum.at(self._last, rows.sensor, rows.time)
        return stale

    def snapshot(self) -> bytes:
        """Return what is held, and the last times."""
        return pickle.dumps((join_readings(self._held), self._last))

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        held, self._last = pickle.loads(state)
        self._held = [Readings(*held)] if len(held.sensor) else []
        self.counters.add("order", "received", len(held.sensor))
