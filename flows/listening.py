"""A source that also hears what people say: two sources in one.

A flow must not have two. Each Bytewax source counts epochs on a clock of its own and may not begin
the next one before all have ended the last: two whose clocks are half an epoch apart let each other
run once an epoch. With epochs of .5 s a reading waited .5 s, on an idle machine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

__all__ = ["Listening"]


@dataclass
class Listening(FixedPartitionedSource[Any, Any]):
    """A source, and beside it one that is asked only when it wants to be.

    Parameters
    ----------
    source
        Decides how soon it is asked again.
    control
        Its own part is asked for items when its ``next_awake`` is over. It decides when the flow
        ends: people have something to say also when the feed is over.
    """

    source: Any
    control: Any

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        parts: list[str] = self.source.list_parts()
        return parts

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> _Both:
        """Open both where the snapshot left them."""
        main, control = resume_state or (None, None)
        return _Both(
            self.source.build_part(step_id, for_part, main),
            self.control.build_part(step_id, for_part, control),
        )


class _Both(StatefulSourcePartition[Any, Any]):
    def __init__(self, main: Any, control: Any) -> None:
        self._main = main
        self._control = control
        self._due = 0.0
        """When the control source wants to be asked again, on a clock that nobody sets."""
        self._over = False

    def next_batch(self) -> list[Any]:
        items: list[Any] = []
        if not self._over:
            try:
                items += self._main.next_batch()
            except StopIteration:
                self._over = True
        if self._over or time.monotonic() >= self._due:
            try:
                items += self._control.next_batch()
            except StopIteration:
                if not items:
                    raise
            awake = self._control.next_awake()
            wait_s = 0.0 if awake is None else (awake - datetime.now(UTC)).total_seconds()
            self._due = time.monotonic() + wait_s
        return items

    def next_awake(self) -> datetime | None:
        awake: datetime | None = (self._control if self._over else self._main).next_awake()
        return awake

    def snapshot(self) -> Any:
        return self._main.snapshot(), self._control.snapshot()

    def close(self) -> None:
        self._main.close()
        self._control.close()
