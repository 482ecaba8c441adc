"""How far each shard's feed has come in event time, and which of its messages are late.

A clock is stepped once per block of messages, to the time that a quarter of the block has reached:
a few sensors whose clocks run ahead cannot drag it. Blocks are counted from the shard's first
message, so lateness depends on nothing but the order of that shard's messages: not on how they
were cut into polls, nor on which other shards a process has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, inlined

__all__ = ["ALLOWED_LATENESS_MS", "FOREVER", "LEAST_COMPANY", "NEVER", "EventClocks", "Judged"]

ALLOWED_LATENESS_MS = 300_000
"""How far behind its feed's clock a message may arrive and still count."""
FAR_AHEAD_MS = 86_400_000
"""How far beyond its company a message's time may be and still be believed at a feed's end."""
LEAST_COMPANY = 4
NEVER = -(1 << 62)
FOREVER = 1 << 62


class Judged(NamedTuple):
    """What their shards' clocks say of messages, one by one."""

    late: NDArray[np.bool_]
    """Whether it came too late."""
    behind: NDArray[np.int64]
    """How far it was behind (ms); ``NEVER`` before the clock ran."""
    lates: int
    """How many came too late."""
    timed: int
    """How many came when their clock ran."""


class EventClocks:
    """The clocks of some shards.

    Parameters
    ----------
    shards
        How many.
    block
        Messages per step of a clock.

    Notes
    -----
    State: the times of at most one block a shard. Cost: 7 ns a message.

    Examples
    --------
    >>> clocks = EventClocks(1, block=2)
    >>> times = np.array([1_000_000, 1_000_000, 400_000, 900_000])
    >>> clocks.judge(np.zeros(4, np.intp), times).late.tolist()
    [False, False, True, False]
    >>> clocks.now.tolist()
    [1000000]
    """

    def __init__(
        self, shards: int, block: int = 64, lateness_ms: int = ALLOWED_LATENESS_MS
    ) -> None:
        self.lateness_ms = lateness_ms
        self.now = np.full(shards, NEVER, np.int64)
        self.latest = np.full(shards, NEVER, np.int64)
        """The latest believable time: where a shard's feed ends."""
        self._open = np.zeros((shards, block), np.int64)  # in order, as many as are held
        self._held = np.zeros(shards, np.int64)

    def judge(self, shards: NDArray[np.intp], times: NDArray[np.int64]) -> Judged:
        """Take the times of the next messages in order of arrival; say how late each is."""
        late, behind = np.empty(len(times), np.bool_), np.empty(len(times), np.int64)
        clocks = self._open, self._held, self.now, self.latest
        lates, timed = _advance(shards, times, *clocks, self.lateness_ms, late, behind)
        return Judged(late, behind, lates, timed)

    def close(self, shard: int) -> None:
        """Judge what is left of a block: the shard's feed has ended.

        ``latest`` is then where it ends. ``now`` is not drawn there: one sensor whose clock is
        ahead does not say that the others have fallen silent.
        """
        held = self._open[shard, : self._held[shard]]
        if len(held) >= LEAST_COMPANY:
            self.now[shard] = max(self.now[shard], _step(held, self.latest, shard))
        elif self.latest[shard] > NEVER:
            # Too few to outvote one of them: believe them as far as the block before would have.
            believed = held[held <= self.latest[shard] + FAR_AHEAD_MS]
            self.latest[shard] = max(self.latest[shard], believed.max(initial=NEVER))
        elif len(held):
            self.now[shard] = _step(held, self.latest, shard)
        self._held[shard] = 0

    @property
    def watermarks(self) -> NDArray[np.int64]:
        """No message older than this will count any more, shard by shard."""
        return np.maximum(self.now - self.lateness_ms, NEVER)

    def take(self, shard: int) -> Any:
        """Return one shard's clock."""
        held = self._open[shard, : self._held[shard]].copy()
        return int(self.now[shard]), int(self.latest[shard]), held

    def put(self, shard: int, state: Any) -> None:
        """Set one shard's clock to what ``take`` returned."""
        self.now[shard], self.latest[shard], held = state
        self._held[shard] = len(held)
        self._open[shard, : len(held)] = held


@compiled
def _step(ranked: NDArray[np.int64], latest: NDArray[np.int64], shard: int) -> int:
    """Return what a quarter of a sorted block has reached; note the latest believable time."""
    size = len(ranked)
    low, high = ranked[size // 4], ranked[size - 1 - size // 4]
    limit = high + max(FAR_AHEAD_MS, 4 * (high - low))
    for time in ranked:
        if time <= limit:
            latest[shard] = max(latest[shard], time)
    return high  # type: ignore[no-any-return]


@inlined
def _insert(ranked: NDArray[np.int64], held: int, time: int) -> None:
    """Put a time among those of a block: they mostly come in order, so its place is near."""
    while held > 0 and ranked[held - 1] > time:
        ranked[held] = ranked[held - 1]
        held -= 1
    ranked[held] = time


@compiled
def _advance(
    shards: NDArray[np.intp],
    times: NDArray[np.int64],
    opened: NDArray[np.int64],
    held: NDArray[np.int64],
    now: NDArray[np.int64],
    latest: NDArray[np.int64],
    lateness_ms: int,
    late: NDArray[np.bool_],
    behind: NDArray[np.int64],
) -> tuple[int, int]:
    block, lates, timed = opened.shape[1], 0, 0
    for row in range(len(times)):
        shard, time = shards[row], times[row]
        runs = now[shard] != NEVER
        late[row] = runs and time < now[shard] - lateness_ms
        behind[row] = now[shard] - time if runs else NEVER
        lates += late[row]
        timed += runs
        _insert(opened[shard], held[shard], time)
        held[shard] += 1
        if held[shard] == block:
            now[shard] = max(now[shard], _step(opened[shard], latest, shard))
            held[shard] = 0
    return lates, timed
