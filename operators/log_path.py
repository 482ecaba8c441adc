"""The path of the evidence log, from the bytes a source polled to warnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from operators.codec import Rejected
from operators.evidence_log import decode_log
from operators.intake import Poll, dead_letters
from operators.registry import Registry
from operators.warning_path import WarningPath

__all__ = ["LogPath"]


class LogPath:
    """What happens to the messages of the evidence log.

    Notes
    -----
    State: that of ``WarningPath``. A message that is none of ours is a dead letter.
    """

    def __init__(self, warnings: WarningPath, registry: Registry, where: str) -> None:
        self.warnings = warnings
        self._registry = registry
        self._where = where

    def on_batch(self, items: Iterable[Poll]) -> Iterator[Any]:
        """Return what the warnings' path says, and what was bad."""
        for poll in items:
            bad = []
            for line, raw in enumerate(poll.lines):
                try:
                    said = decode_log(raw, self._registry)
                except ValueError as error:
                    bad.append(Rejected(line, str(error)))
                else:
                    yield from self.warnings.on_batch([said])
            yield from dead_letters(poll, bad, (0,), self._where)

    @property
    def over(self) -> bool:
        """Whether nothing will be told any more."""
        return self.warnings.over

    def snapshot(self) -> bytes:
        """Return the state of the warnings' path."""
        return self.warnings.snapshot()

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        self.warnings.restore(state)
