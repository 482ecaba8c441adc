"""A source that reads a log to its end first, and then hears what happens.

Who writes a log alone, and applies what it writes at once, needs to read it only when it starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.kafka_source import KafkaPart, KafkaSource
from flows.sources import IDLE_S

__all__ = ["LogFirst"]


@dataclass
class LogFirst(FixedPartitionedSource[Any, None]):
    """A log of one partition, and what comes after.

    Parameters
    ----------
    log
        Read to where it ended at the start (``to_end``).
    then
        Opened and asked from then on.
    written
        How far the log goes by now, as far as the flow has written it: noted for its group, so
        that ordinary tools see no lag where there is none.
    held
        Whether the log does not take what is written: nothing happens then, and the broker is
        said to be away.
    """

    log: KafkaSource
    then: Any
    written: Callable[[], int]
    held: Callable[[], bool]

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return self.log.list_parts()

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _LogFirst:
        """Open the log."""
        return _LogFirst(self, step_id, self.log.build_part(step_id, for_part, None))


class _LogFirst(StatefulSourcePartition[Any, None]):
    def __init__(self, source: LogFirst, step_id: str, log: KafkaPart) -> None:
        self._source = source
        self._step_id = step_id
        self._log = log
        self._then: Any = None
        self._held_since_ms: int | None = None

    def next_batch(self) -> list[Any]:
        source = self._source
        if self._then is None:
            try:
                return self._log.next_batch()
            except StopIteration:
                if source.log.stop.near:
                    raise
            self._then = source.then.build_part(self._step_id, source.then.list_parts()[0], None)
            # It has just answered; from now on the other source tells.
            return [_away_since(None)]
        if source.held() and not source.log.stop.near:
            return self._hold()
        if self._held_since_ms is None:
            return list(self._then.next_batch())
        self._held_since_ms = source.log.broker.away_since_ms = None
        return [_away_since(None), *self._then.next_batch()]

    def _hold(self) -> list[Any]:
        new = self._held_since_ms is None
        self._held_since_ms = self._held_since_ms or int(time.time() * 1000)
        # Each time: the log's own look, at a snapshot, finds a broker that answers.
        self._source.log.broker.away_since_ms = self._held_since_ms
        time.sleep(IDLE_S)
        return [_away_since(self._held_since_ms)] if new else []

    def next_awake(self) -> datetime | None:
        awake: datetime | None = (self._then or self._log).next_awake()
        return awake

    def snapshot(self) -> None:
        if self._then is not None:
            self._log.pass_to(self._source.log.partitions[0], self._source.written())
            self._then.snapshot()
        self._log.snapshot()

    def close(self) -> None:
        self._log.close()
        if self._then is not None:
            self._then.close()


def _away_since(at_ms: int | None) -> dict[str, Any]:
    return {"broker": {"away_since": at_ms}}
