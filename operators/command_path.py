"""The path of a command that came in a feed: bytes to what a person did."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence

from operators.counters import Counters
from operators.events import BadMessage
from operators.intake import CommandRows, Poll, ReportRows, TakeEvents

__all__ = ["CommandPath"]


class CommandPath:
    """What happens to the commands of a feed.

    Notes
    -----
    State: the feed's clock.
    """

    def __init__(
        self, counters: Counters, shards: Sequence[int] = (0,), where: str = "feed"
    ) -> None:
        self.intake = TakeEvents("commands", counters, shards, where)

    def on_batch(self, items: Iterable[Poll]) -> Iterator[CommandRows | BadMessage]:
        """Return commands, and what was bad."""
        for poll in items:
            rows, bad = self.intake.accept(poll)
            yield from bad
            assert not isinstance(rows, ReportRows)
            yield rows

    def snapshot(self) -> bytes:
        """Return the clock."""
        return pickle.dumps(self.intake.take())

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        self.intake.put(pickle.loads(state))
