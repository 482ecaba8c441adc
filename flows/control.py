"""What people say while the flow runs: commands from the store, and series they look at.

A slow source beside the fast one: it asks the store, and looks for the answer at its next turn. So
the flow waits for the store only to be connected and, at the end of an epoch in which there were
commands, to have it noted how far they were read; a store known to be late or away is not asked to.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import redis
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.sources import Stop
from operators.codec import bad_message, decode_commands
from operators.event_clock import NEVER
from operators.events import BadMessage
from operators.intake import CommandRows
from operators.series import Watch
from sinks.repeated import Repeated
from sinks.store import Keys, connect

__all__ = ["ControlSource"]

POLL = timedelta(milliseconds=20)
"""A source that sleeps longer holds up every other at the end of an epoch."""
WATCH_S = 1.0
AWAY_S = 1.0
"""A store that is away is not looked for again for so long: the flow waits to be connected."""
ANSWER_S = 1.0
"""How long the flow waits for the store at most, where it does."""
LOST_S = 30.0
"""Without an answer for so long a connection is taken for lost: to find another would be waiting,
for a store that stands still as for one that is gone."""
COUNT = 100
SOURCE = "store/commands"
"""What the stream is called in dead letters."""

Said: TypeAlias = CommandRows | Watch | BadMessage

log = logging.getLogger(__name__)
log.addFilter(Repeated())


@dataclass
class ControlSource(FixedPartitionedSource[Said, str]):
    """Commands and watches of one region.

    Notes
    -----
    Resumes after the last command of the snapshot's epoch; commands are idempotent by id. What is
    no command is a bad message; its offset is when the store got it, in milliseconds. While the
    store is away nothing is said, and the cursor stays where it was. What is said is heard within
    two turns, 40 ms, of an idle flow.
    """

    url: str
    region: str = "city"
    stop: Stop = field(default_factory=Stop)
    commands: bool = True
    """Whether commands are read, or only watches."""
    remembers: bool = False
    """Keep in the store how far commands were read, where no snapshot of the flow does."""
    arrived: Callable[[], bool] = lambda: True
    """Says whether all that the flow passed on has arrived: until then nothing counts as read."""

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return ["control"]

    def build_part(
        self, step_id: str, for_part: str, resume_state: str | None
    ) -> _ControlPartition:
        """Connect, and read on after the last command that took effect."""
        return _ControlPartition(self, resume_state or "0")


class _ControlPartition(StatefulSourcePartition[Said, str]):
    def __init__(self, source: ControlSource, cursor: str) -> None:
        self.source = source
        self.keys = Keys(source.region)
        self.cursor = cursor
        self._client: redis.Redis | None = None
        self._line: Any = None
        self._open: list[Callable[[Any], list[Said]]] = []
        """What hears the answer to each question asked and not answered yet."""
        self._asked = 0.0
        self._watched: tuple[str, ...] = ()
        self._looked = -math.inf
        self._again = 0.0
        self._passed_on = self._remembered = cursor
        self._placed = not source.remembers
        """Whether it is known how far commands were read."""

    def next_batch(self) -> list[Said]:
        if self.source.stop.near:
            raise StopIteration
        if time.monotonic() < self._again:
            return []
        # Commands that were read have moved the cursor: they must go on whatever comes after.
        heard: list[Said] = []
        try:
            while self._open and self._answered():
                heard += self._open.pop(0)(self._line.read_response())
            if not self._open:
                self._ask()
        except (redis.RedisError, OSError) as error:
            log.warning("commands: not heard for now: %s", error)
            self._hang_up()
            self._again = time.monotonic() + AWAY_S
        return heard

    def next_awake(self) -> datetime:
        return datetime.now(UTC) + POLL

    def snapshot(self) -> str:
        news = self.source.remembers and self._passed_on != self._remembered
        if news and self.source.arrived() and self._is_there():
            # What was read before the last epoch began has been passed on by now.
            try:
                self._connected().set(self.keys.commands_read, self._passed_on)
                self._remembered = self._passed_on
            except redis.RedisError:
                self._again = time.monotonic() + AWAY_S
        self._passed_on = self.cursor
        return self.cursor

    def close(self) -> None:
        """Hang up."""
        self._hang_up()

    def _connected(self) -> redis.Redis:
        if self._client is None:
            self._client = connect(self.source.url, retries=0, answer_s=ANSWER_S)
        return self._client

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.disconnect()
        self._client = self._line = None
        self._open = []

    def _ask(self) -> None:
        questions: list[tuple[Any, ...]] = []
        if not self._placed:
            # Before anything is read: all commands there are would be more than are remembered.
            questions.append(("GET", self.keys.commands_read))
            self._open.append(self._recalled)
        elif self.source.commands:
            keys = self.keys.commands, self.cursor
            questions.append(("XREAD", "COUNT", COUNT, "STREAMS", *keys))
            self._open.append(self._commands)
        if time.monotonic() - self._looked >= WATCH_S:
            self._looked = time.monotonic()
            since = int(1000 * time.time())
            questions.append(("ZRANGEBYSCORE", self.keys.watch, since, "+inf"))
            self._open.append(self._watches)
        if questions:
            if self._line is None:
                self._line = self._connected().connection_pool.get_connection()
            self._line.send_packed_command(self._line.pack_commands(questions), False)
            self._asked = time.monotonic()

    def _answered(self) -> bool:
        if self._line.can_read(0):
            return True
        if time.monotonic() - self._asked > LOST_S:
            raise redis.TimeoutError("no answer")
        return False

    def _is_there(self) -> bool:
        """Say whether the store answers, as far as is known."""
        now = time.monotonic()
        return now >= self._again and not (self._open and now - self._asked > ANSWER_S)

    def _recalled(self, answer: Any) -> list[Said]:
        if answer:
            self.cursor = self._passed_on = self._remembered = answer.decode()
        self._placed = True
        return []

    def _commands(self, answer: Any) -> list[Said]:
        if not answer:
            return []
        ((_, entries),) = answer.items() if isinstance(answer, dict) else answer
        self.cursor = entries[-1][0].decode()
        raw = [dict(zip(*[iter(fields)] * 2, strict=True)).get(b"b", b"") for _, fields in entries]
        told = decode_commands(raw)
        bad = (
            bad_message(SOURCE, 0, _sent_ms(entries[line][0]), reason, raw[line])
            for line, reason in told.rejected
        )
        return [CommandRows(told.events, NEVER), *bad]

    def _watches(self, answer: Any) -> list[Said]:
        names = tuple(sorted(name.decode() for name in answer))
        if names == self._watched:
            return []
        self._watched = names
        return [Watch(names)]


def _sent_ms(entry: bytes) -> int:
    return int(entry.partition(b"-")[0])
