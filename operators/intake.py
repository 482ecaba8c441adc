"""Take what a source polled: decode it, place it in time, deal it out to the shards.

Everything a feed can do wrong is dealt with here: a message that cannot be used becomes a
``BadMessage``, one that comes too late is counted and left out, a sensor nobody knows is
registered when its message says where it is.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from itertools import compress
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from operators.codec import (
    DecodedEvents,
    Message,
    Rejected,
    bad_message,
    decode_commands,
    decode_readings,
    decode_reports,
)
from operators.counters import Counters
from operators.events import BadMessage, Command, Readings, Report
from operators.ordering import NEVER, EventClock, ShardRows
from operators.registry import UNKNOWN, Registry

__all__ = ["PROMPT_LATENESS_MS", "CommandRows", "FeedName", "Intake", "Poll", "ReportRows"]

FeedName = Literal["readings", "reports", "commands"]

PROMPT_LATENESS_MS = 120_000
"""How far time is held back in prompt mode, for windows to be whole when they close."""
PACED_AHEAD_MS = 900_000
"""How far a message may be ahead of a clock that paces the stream."""
AHEAD = "time: more than 15 min ahead of the clock"
BLOCKS: dict[str, int] = {"readings": 64, "reports": 16, "commands": 1}
"""Messages per step of each feed's clock: fewer where a feed is slow and its clock is trusted."""

E = TypeVar("E", Report, Command)


class Poll(NamedTuple):
    """Raw messages of one feed, in order of arrival."""

    feed: FeedName
    offset: int
    """Number of the first message in its feed."""
    lines: list[bytes]
    ended: bool = False
    """No message of this feed will follow."""
    clock_ms: int | None = None
    """The stream's clock where something paces it; None when only event time counts."""


class ReportRows(NamedTuple):
    """Reports as they arrived; none older than ``watermark`` will follow."""

    reports: list[Report]
    watermark: int
    last: bool = False


class CommandRows(NamedTuple):
    """Commands as they arrived; none older than ``watermark`` will follow."""

    commands: list[Command]
    watermark: int
    last: bool = False


Out = ShardRows | ReportRows | CommandRows | BadMessage


class Intake:
    """Decoder, clocks and dealer of one source.

    Parameters
    ----------
    feeds
        Names of the feeds this source has; time waits for the slowest of them.
    where
        What the source is called in dead letters.

    Notes
    -----
    State: one block of times per feed and the sensors that introduced themselves. Resumes
    with the source at the same message. Cost: about 1 us a reading.
    """

    def __init__(
        self, registry: Registry, counters: Counters, feeds: Iterable[FeedName], where: str
    ) -> None:
        self.registry = registry
        self.counters = counters
        self.where = where
        self._clocks = {feed: EventClock(BLOCKS[feed]) for feed in feeds}
        self._ended: set[str] = set()
        self._paced = NEVER
        self._told = NEVER
        self._known = len(registry)

    def on_batch(self, items: Iterable[Poll]) -> Iterator[Out]:
        """Return rows per shard, reports and commands, and what was bad, poll by poll."""
        for poll in items:
            if poll.clock_ms is not None:
                self._paced = max(self._paced, poll.clock_ms - PROMPT_LATENESS_MS)
            yield from self._take(poll)

    def _take(self, poll: Poll) -> Iterator[Out]:
        rows, reports, commands = Readings.empty(), list[Report](), list[Command]()
        bad: list[Rejected] = []
        if poll.feed == "readings" and poll.lines:
            rows, bad = self._readings(poll.lines)
        elif poll.feed == "reports" and poll.lines:
            told = decode_reports(poll.lines)
            reports, bad = self._in_time(poll.feed, told), told.rejected
        elif poll.lines:
            asked = decode_commands(poll.lines)
            commands, bad = self._in_time(poll.feed, asked), asked.rejected
        for line, reason in sorted(bad):
            yield bad_message(
                f"{self.where}/{poll.feed}", 0, poll.offset + line, reason, poll.lines[line]
            )
        if poll.ended and poll.feed not in self._ended:
            self._clocks[poll.feed].close()
            self._ended.add(poll.feed)
        yield from self._deal(rows, reports, commands)

    def _deal(
        self, rows: Readings, reports: list[Report], commands: list[Command]
    ) -> Iterator[Out]:
        watermark = self.watermark
        moved = watermark > self._told
        self._told = watermark
        shards = self.registry.columns.shard[rows.sensor]
        for shard in range(self.registry.shards):
            mine = rows if self.registry.shards == 1 else rows.take(shards == shard)
            if moved or len(mine.sensor):
                yield ShardRows(shard, mine, watermark, self._all_ended)
        if moved or reports:
            yield ReportRows(reports, watermark, self._all_ended)
        if moved or commands:
            yield CommandRows(commands, watermark, self._all_ended)

    @property
    def _all_ended(self) -> bool:
        return len(self._ended) == len(self._clocks)

    @property
    def watermark(self) -> int:
        """How far every feed has come; past the last message once all have ended."""
        if self._all_ended:
            return max(self._told, *(clock.now + 1 for clock in self._clocks.values()))
        slowest = min(
            clock.watermark for feed, clock in self._clocks.items() if feed not in self._ended
        )
        # Paced time does not wait: a feed without messages is a finding, not a reason to stop.
        return max(slowest, self._paced, self._told)

    def _readings(self, lines: list[bytes]) -> tuple[Readings, list[Rejected]]:
        names, times, values, line, introduced, bad = decode_readings(lines)
        sensors = self.registry.lookup(names)
        unknown = sensors == UNKNOWN
        if unknown.any():
            bad = bad + self._introduce(names, line, unknown, introduced, sensors)
            unknown = sensors == UNKNOWN
        ahead = self._ahead(times)
        for row in np.flatnonzero(ahead & ~unknown):
            bad.append(Rejected(int(line[row]), AHEAD))
        late = np.zeros(len(times), np.bool_)
        late[~ahead] = self._clocks["readings"].late(times[~ahead])
        unusable = unknown | ahead
        keep = ~(late | unusable)
        self.counters.add("intake", "received", len(names) + len(bad) - int(unusable.sum()))
        self.counters.add("intake", "rejected", len(bad), "readings")
        self.counters.add("intake", "late", int((late & ~unusable).sum()), "readings")
        self.counters.add("intake", "sent", int(keep.sum()))
        rows = Readings(sensors, times, values)
        return (rows if keep.all() else rows.take(keep)), bad

    def _introduce(
        self,
        names: list[str],
        line: NDArray[np.intp],
        unknown: NDArray[np.bool_],
        introduced: dict[str, tuple[int, Message]],
        sensors: NDArray[np.intp],
    ) -> list[Rejected]:
        bad = []
        for row in np.flatnonzero(unknown):
            since, message = introduced.get(names[row], (0, None))
            if message is not None and line[row] >= since:
                sensors[row] = self.registry.introduce(message)
            if sensors[row] == UNKNOWN:
                why = (
                    f"sensor: {names[row]!r} is not in the city file, and its message has no place"
                )
                bad.append(Rejected(int(line[row]), why))
        return bad

    def _in_time(self, feed: FeedName, decoded: DecodedEvents[E]) -> list[E]:
        """Return the events that count; one too far ahead is added to what was rejected."""
        events, bad = decoded.events, decoded.rejected
        self.counters.add("intake", "received", len(events) + len(bad))
        times = np.array([event.time for event in events], np.int64)
        ahead = self._ahead(times)
        bad.extend(Rejected(line, AHEAD) for line in compress(decoded.line, ahead))
        late = self._clocks[feed].late(times[~ahead])
        self.counters.add("intake", "rejected", len(bad), feed)
        self.counters.add("intake", "late", int(late.sum()), feed)
        self.counters.add("intake", "sent", int(len(late) - late.sum()))
        return list(compress(compress(events, ~ahead), ~late))

    def _ahead(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which messages come from after now, where there is a clock to tell.

        Without one they wait for their time: a feed may have gaps of any length.
        """
        if self._paced == NEVER:
            return np.zeros(len(times), np.bool_)
        return np.asarray(times > self._paced + PROMPT_LATENESS_MS + PACED_AHEAD_MS)

    def snapshot(self) -> bytes:
        """Return clocks and self-introduced sensors."""
        new = self.registry.sensors[self._known :]
        return pickle.dumps((self._clocks, self._ended, self._paced, self._told, new))

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot; self-introduced sensors get their old index back."""
        self._clocks, self._ended, self._paced, self._told, new = pickle.loads(state)
        for sensor in new:
            self.registry.register(sensor)
