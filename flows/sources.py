"""Release a feed's messages into the flow: as fast as it can, or paced by the clock.

One partition, so that one worker has one source on its hot path. It never blocks for longer than
two milliseconds, and asks to be called again at once: that wait is the flow's idle time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.feeds import Chunk, Feed, FeedError
from operators.intake import FeedName, Poll, Stretch
from sinks.ending import Ending

__all__ = ["FeedSource", "Pace", "Stop"]

AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)
"""A constant in the past: asking for "now" costs 60 us of parking each time."""
IDLE_S = 0.002
TICK_S = 0.2
"""Wall-clock time between ticks while nothing arrives."""
BEHIND_S = 2.0
"""A feed that is made this much too slowly, by the wall clock, is no longer live."""


@dataclass
class Stop(Ending):
    """Somebody asked the flow to end, or it cannot go on: sources end, sinks flush."""

    failed: FeedError | None = None
    """Why it cannot go on. Raised in a source it would be drowned in the engine's backtrace."""

    def check(self) -> None:
        """Raise what kept the flow from going on."""
        if self.failed is not None:
            raise self.failed


@dataclass(frozen=True)
class Pace:
    """From when on event time runs with the clock, and how fast."""

    live_from_ms: int
    speed: float
    tells_time: bool = True
    """Whether the clock is told downstream; a slowed-down replay goes by its readings alone."""


@dataclass
class _Lane:
    """One feed inside a source: the chunk at hand, and how much of it was released."""

    chunk: Chunk | None = None
    used: int = 0
    skip: int = 0
    ended: bool = False
    made_ms: int | None = None
    """Up to when all has been made, while what comes next is not."""
    reached_ms: int = -1
    resumed: Any = None
    """Where a snapshot said to go on, until the first chunk is read."""

    def position(self) -> Any:
        return self.resumed if self.chunk is None else (self.chunk.key, self.used)


@dataclass
class FeedSource(FixedPartitionedSource[Poll, Any]):
    """A feed as a Bytewax source.

    Parameters
    ----------
    open_feed
        Opens the feed; called where the flow runs.
    pace
        None releases everything at once, with no clock but the readings' own.
    on_progress
        Told the share that has been read, and the event time reached, after every chunk.

    Notes
    -----
    Resumes at the message after the last one of the snapshot's epoch: together with recovery,
    every message takes effect once.
    """

    open_feed: Callable[[], Feed]
    stop: Stop = field(default_factory=Stop)
    pace: Pace | None = None
    on_progress: Callable[[float, int], None] | None = None

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return ["feed"]

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> _FeedPartition:
        """Open the feed where the snapshot left it."""
        return _FeedPartition(self, resume_state)


class _FeedPartition(StatefulSourcePartition[Poll, Any]):
    def __init__(self, source: FeedSource, resume: Any) -> None:
        self.source = source
        self.feed = source.open_feed()
        self.lanes: dict[FeedName, _Lane] = {name: _Lane() for name in self.feed.names}
        for name, (position, ended) in (resume or {}).items():
            self.lanes[name].ended = ended
            if position is not None:
                self.feed.seek(name, position[0])
                self.lanes[name].skip = position[1]
                self.lanes[name].resumed = position
        self._started: tuple[float, int] | None = None
        self._ticked = 0.0
        self._behind = False

    def next_batch(self) -> list[Poll]:
        if self.source.stop.near or all(lane.ended for lane in self.lanes.values()):
            raise StopIteration
        pace = self.source.pace
        try:
            return self._next_chunk() if pace is None else self._release(pace)
        except FeedError as error:
            self.source.stop.asked, self.source.stop.failed = True, error
            raise StopIteration from None

    def next_awake(self) -> datetime:
        return AT_ONCE

    def snapshot(self) -> Any:
        return {name: (lane.position(), lane.ended) for name, lane in self.lanes.items()}

    def close(self) -> None:
        self.feed.close()

    def _next_chunk(self) -> list[Poll]:
        """Return a chunk of the feed that is furthest behind: time waits for the slowest."""
        name = min(
            (name for name, lane in self.lanes.items() if not lane.ended),
            key=lambda name: self.lanes[name].reached_ms,
        )
        lane = self.lanes[name]
        self._fill(name, lane)
        return [self._take(name, lane, None)]

    def _fill(self, name: FeedName, lane: _Lane) -> None:
        if lane.ended or (lane.chunk is not None and lane.used < len(lane.chunk.lines)):
            return
        chunk = self.feed.read(name)
        lane.made_ms = None
        if chunk is None:
            lane.ended = True
        elif not chunk.lines:
            lane.made_ms = int(chunk.arrival_ms[0])
        else:
            lane.chunk, lane.used = chunk, min(lane.skip, len(chunk.lines))
            lane.skip -= lane.used
            lane.reached_ms = int(chunk.arrival_ms[-1])
            if self.source.on_progress is not None:
                self.source.on_progress(self.feed.progress(), lane.reached_ms)

    def _take(self, name: FeedName, lane: _Lane, until_ms: int | None) -> Poll:
        chunk = lane.chunk
        if chunk is None or lane.used >= len(chunk.lines):
            return _poll(name, 0, [], lane.ended, None, self._live)
        end = len(chunk.lines)
        if until_ms is not None:
            end = int(np.searchsorted(chunk.arrival_ms, until_ms, side="right"))
        end = max(end, lane.used)
        lines, offset = chunk.lines[lane.used : end], chunk.offset + lane.used
        lane.used = end
        return _poll(name, offset, lines, lane.ended, None, self._live)

    def _release(self, pace: Pace) -> list[Poll]:
        polls = [poll for name, lane in self.lanes.items() for poll in self._ending(name, lane)]
        clock = self._clock(pace)
        due = {name: self._due(name, lane, clock) for name, lane in self.lanes.items()}
        # Of what is still being made nobody knows that it is missing.
        made = [lane.made_ms for lane in self.lanes.values() if lane.made_ms is not None]
        known = min([clock, *made])
        self._behind = clock - known > BEHIND_S * 1000 * pace.speed
        clock, told = known, known if pace.tells_time else None
        for released in due.values():
            # Only the last tells the time: what comes after the others is not missing.
            polls += [*released[:-1], *(poll._replace(clock_ms=told) for poll in released[-1:])]
        now = time.monotonic()
        if not polls and (now - self._ticked < TICK_S or not pace.tells_time):
            time.sleep(IDLE_S)
            return []
        if pace.tells_time and now - self._ticked >= TICK_S:
            # Every feed is told: each has a clock of its own.
            polls += [_poll(name, 0, [], False, clock, self._live) for name in self.lanes]
            self._ticked = now
        return polls

    def _ending(self, name: FeedName, lane: _Lane) -> Iterator[Poll]:
        """Have something at hand, or say that nothing will follow."""
        was_ended = lane.ended
        self._fill(name, lane)
        if lane.ended and not was_ended:
            yield _poll(name, 0, [], True, None, self._live)

    def _due(self, name: FeedName, lane: _Lane, clock: int) -> list[Poll]:
        """Return all that is due by now, however many chunks that is."""
        polls = list[Poll]()
        while (poll := self._take(name, lane, clock)).lines:
            polls += [poll, *self._ending(name, lane)]
        return polls

    @property
    def _live(self) -> bool:
        return self.source.pace is None or (self._started is not None and not self._behind)

    def _clock(self, pace: Pace) -> int:
        """Return the stream's time: as far as can be released now, then as the clock goes."""
        if self._started is None:
            chunks = [
                lane.chunk
                for lane in self.lanes.values()
                if lane.chunk is not None and lane.used < len(lane.chunk.lines)
            ]
            reached = min((int(chunk.arrival_ms[-1]) for chunk in chunks), default=0)
            # With nothing at hand, be it over or still being made, no clock can start.
            if not chunks or reached < pace.live_from_ms:
                return reached
            self._started = time.monotonic(), max(pace.live_from_ms, self._next_arrival())
        started, event_ms = self._started
        return event_ms + int((time.monotonic() - started) * 1000 * pace.speed)

    def _next_arrival(self) -> int:
        return min(
            int(lane.chunk.arrival_ms[lane.used])
            for lane in self.lanes.values()
            if lane.chunk is not None and lane.used < len(lane.chunk.lines)
        )


def _poll(
    name: FeedName, offset: int, lines: list[bytes], ended: bool, clock: int | None, live: bool
) -> Poll:
    """Return a poll of a feed that is one shard."""
    return Poll(
        name,
        lines,
        (Stretch(0, offset, len(lines)),),
        frozenset({0}) if ended else frozenset(),
        clock,
        frozenset({0}) if live else frozenset(),
    )
