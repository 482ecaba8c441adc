"""Put the shards' window summaries together, window by window."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from operators.event_clock import NEVER
from operators.windows import ShardWindow

__all__ = ["WAIT_MS", "CityWindow", "MergeWindows"]

WAIT_MS = 86_400_000
"""How long reports wait for the window of their time; those of a time that is over do not."""


class CityWindow(NamedTuple):
    """Every shard's summary of one window, in order of shard; or, with none, only the time."""

    end: int
    watermark: int
    shards: tuple[ShardWindow, ...] = ()
    last: bool = False
    """Nothing will follow."""


class MergeWindows:
    """Windows of a city.

    Parameters
    ----------
    shards
        Their numbers; a window is whole when every one of them has finished it. One that is heard
        of later is waited for from then on.

    Notes
    -----
    State: the summaries of windows that some shard has not finished, three numbers a shard. A
    summary that comes again (its process was restarted) is left out: the first one counts.
    """

    def __init__(self, shards: Iterable[int]) -> None:
        self._watermarks = dict.fromkeys(shards, NEVER)
        self._summed = dict.fromkeys(self._watermarks, NEVER)
        self._ended: set[int] = set()
        self._passed = NEVER
        self._open: dict[int, dict[int, ShardWindow]] = {}

    def on_batch(self, items: Iterable[ShardWindow]) -> Iterator[CityWindow]:
        """Return the windows that every shard has finished, oldest first."""
        for item in items:
            for known in (self._watermarks, self._summed):
                known.setdefault(item.shard, NEVER)
            self._watermarks[item.shard] = max(self._watermarks[item.shard], item.watermark)
            if item.cells is not None and item.end > self._summed[item.shard]:
                self._summed[item.shard] = item.end
                self._open.setdefault(item.end, {})[item.shard] = item
            if item.last:
                self._ended.add(item.shard)
        watermark = self._reached()
        for end in sorted(end for end in self._open if end <= watermark):
            shards = self._open.pop(end)
            yield CityWindow(end, end, tuple(shards[number] for number in sorted(shards)))
        last = len(self._ended) == len(self._watermarks)
        if last or watermark > self._passed:
            self._passed = watermark
            yield CityWindow(watermark, watermark, last=last)

    def _reached(self) -> int:
        """Return how far the slowest shard has come that has not ended."""
        open_ = [w for shard, w in self._watermarks.items() if shard not in self._ended]
        return min(open_) if open_ else max(self._watermarks.values())

    def snapshot(self) -> bytes:
        """Return the unfinished windows."""
        state = self._watermarks, self._summed, self._ended, self._open, self._passed
        return pickle.dumps(state)

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        watermarks, summed, ended, self._open, self._passed = pickle.loads(state)
        # Shards may have been added since: a window waits for them too.
        for shard in self._watermarks.keys() & watermarks.keys():
            self._watermarks[shard], self._summed[shard] = watermarks[shard], summed[shard]
        self._ended = ended & self._watermarks.keys()
