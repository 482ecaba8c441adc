"""Put the shards' window summaries together, window by window."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from operators.ordering import NEVER
from operators.windows import ShardWindow

__all__ = ["CityWindow", "MergeWindows"]


class CityWindow(NamedTuple):
    """Every shard's summary of one window, in order of shard; or, with none, only the time."""

    end: int
    watermark: int
    shards: tuple[ShardWindow, ...] = ()


class MergeWindows:
    """Windows of a city.

    Notes
    -----
    State: the summaries of windows that some shard has not finished, one number a shard.
    """

    def __init__(self, shards: int) -> None:
        self._watermarks = [NEVER] * shards
        self._open: dict[int, dict[int, ShardWindow]] = {}

    def on_batch(self, items: Iterable[ShardWindow]) -> Iterator[CityWindow]:
        """Return the windows that every shard has finished, oldest first."""
        for item in items:
            self._watermarks[item.shard] = max(self._watermarks[item.shard], item.watermark)
            if item.cells is not None:
                self._open.setdefault(item.end, {})[item.shard] = item
        watermark = min(self._watermarks)
        for end in sorted(end for end in self._open if end <= watermark):
            shards = self._open.pop(end)
            yield CityWindow(end, end, tuple(shards[number] for number in sorted(shards)))
        yield CityWindow(watermark, watermark)

    def snapshot(self) -> bytes:
        """Return the unfinished windows."""
        return pickle.dumps((self._watermarks, self._open))

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        self._watermarks, self._open = pickle.loads(state)
