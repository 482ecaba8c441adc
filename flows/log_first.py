"""A source that reads a log to its end first, and then hears what happens.

Who writes a log alone, and applies what it writes at once, needs to read it only when it starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.kafka_source import KafkaPart, KafkaSource

__all__ = ["LogFirst"]


@dataclass
class LogFirst(FixedPartitionedSource[Any, None]):
    """A log of one partition, and what comes after.

    Parameters
    ----------
    log
        Read to where it ended at the start (``to_end``).
    then
        Asked from then on. It is opened at the start: what is wrong with it shows at once.
    written
        How far the log goes by now, as far as the flow has written it: noted for its group, so
        that ordinary tools see no lag where there is none.
    """

    log: KafkaSource
    then: Any
    written: Callable[[], int]

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return self.log.list_parts()

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _LogFirst:
        """Open both."""
        parts: list[str] = self.then.list_parts()
        return _LogFirst(
            self,
            self.log.build_part(step_id, for_part, None),
            self.then.build_part(step_id, parts[0], None),
        )


class _LogFirst(StatefulSourcePartition[Any, None]):
    def __init__(self, source: LogFirst, log: KafkaPart, then: Any) -> None:
        self._source = source
        self._log = log
        self._then = then
        self._over = False

    def next_batch(self) -> list[Any]:
        if not self._over:
            try:
                return self._log.next_batch()
            except StopIteration:
                if self._source.log.stop.asked:
                    raise
            self._over = True
            # It has just answered; from now on the other source tells.
            return [{"broker": {"away_since": None}}]
        items: list[Any] = self._then.next_batch()
        return items

    def next_awake(self) -> datetime | None:
        awake: datetime | None = (self._then if self._over else self._log).next_awake()
        return awake

    def snapshot(self) -> None:
        if self._over:
            self._log.pass_to(self._source.log.partitions[0], self._source.written())
        self._log.snapshot()
        self._then.snapshot()

    def close(self) -> None:
        self._log.close()
        self._then.close()
