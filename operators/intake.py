"""Take what a source polled: decode it and place it in time.

Everything a feed can do wrong is dealt with here: a message that cannot be used becomes a
``BadMessage``, one that comes too late is counted and left out, a sensor nobody knows is
registered when its message says where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from operators.codec import (
    DecodedEvents,
    Rejected,
    bad_message,
    decode_commands,
    decode_reports,
)
from operators.counters import Counters
from operators.event_clock import FOREVER, NEVER, EventClocks, Judged
from operators.events import LONGEST_ID, BadMessage, Command, Readings, Report, Sensor
from operators.ordering import RowBatch, join_readings
from operators.reading_codec import DecodedReadings, decode_readings
from operators.registry import UNKNOWN, Registry

__all__ = [
    "PROMPT_LATENESS_MS",
    "CommandRows",
    "FeedName",
    "Poll",
    "ReportRows",
    "Stretch",
    "TakeEvents",
    "TakeReadings",
]

FeedName = Literal["readings", "reports", "commands", "evidence"]

PROMPT_LATENESS_MS = 120_000
"""How far time is held back where a clock paces the stream, for windows to be whole."""
PACED_AHEAD_MS = 900_000
"""How far a message may be ahead of a clock that paces the stream."""
AHEAD = "time: more than 15 min ahead of the clock"
"""That of when it was sent, where the log tells."""
NAME_CHARS = 40
"""So much of a sensor's name is told in a reason: a reading may be all name."""
BLOCKS: dict[str, int] = {"readings": 64, "reports": 16, "commands": 1}
"""Messages per step of each feed's clock: fewer where a feed is slow and its clock is trusted."""

E = TypeVar("E", Report, Command)


class Stretch(NamedTuple):
    """Consecutive messages of one shard inside a poll."""

    shard: int
    offset: int
    """Number of the first in its partition, or line of its file."""
    size: int
    sent_ms: int | None = None
    """When the first was given to the log, by its producer's clock."""


class Poll(NamedTuple):
    """Raw messages of one feed, in order of arrival."""

    feed: FeedName
    lines: Sequence[bytes]
    stretches: tuple[Stretch, ...]
    """Which message came from where; sizes add up to the lines."""
    ended: frozenset[int] = frozenset()
    """Shards of which no message will follow."""
    clock_ms: int | None = None
    """The stream's clock where something paces it; None when only event time counts."""
    live: frozenset[int] = frozenset()
    """Shards that are up with the present: for these the clock speaks."""
    polled_us: int = 0
    """Wall-clock time of the poll, to measure latency from; 0 where nobody measures."""
    sent_ms: NDArray[np.int64] | None = None
    """When each message was given to the log, by its producer's clock, -1 where nobody said; None
    where it says nothing of the times in the messages."""
    decoded: DecodedReadings | None = None
    """What ``TakeReadings.decode`` made of these very lines, where it was asked before their turn.
    It belongs to who takes the poll, once."""


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


class _Clocks:
    """Event time of a feed's shards, and the paced clock beside it where there is one."""

    def __init__(self, shards: int, feed: FeedName) -> None:
        self.event = EventClocks(shards, BLOCKS[feed])
        self.ended: set[int] = set()
        self._paced = np.full(shards, NEVER, np.int64)
        self._now = NEVER

    def hear(self, poll: Poll) -> None:
        if poll.clock_ms is not None:
            self._now = max(self._now, poll.clock_ms)
            live = list(poll.live)
            self._paced[live] = np.maximum(self._paced[live], poll.clock_ms - PROMPT_LATENESS_MS)

    def end(self, shards: frozenset[int]) -> frozenset[int]:
        """Note that shards have ended; return those of which that is news."""
        new = shards - self.ended
        for shard in new:
            self.event.close(shard)
        self.ended |= new
        return frozenset(new)

    @property
    def watermarks(self) -> NDArray[np.int64]:
        """How far each shard has come; past its last message once it has ended."""
        reached = self.event.watermarks
        for shard in self.ended:
            reached[shard] = self.event.latest[shard] + 1
        # Paced time does not wait: a feed without messages is a finding, not a reason to stop.
        return np.maximum(reached, self._paced)

    @property
    def reached(self) -> NDArray[np.int64]:
        """How far each shard's messages have come together, or the clock that paces them."""
        return np.maximum(self.event.now, self._paced)

    def limits_ms(self, poll: Poll) -> NDArray[np.int64]:
        """Return the latest time that each message may have: not far after it was sent.

        So it is the same whenever it is read: days later, or again after a crash. Where the log
        does not tell, or a shard that is up with the present seems to be told of long ago, now
        counts, as far as a clock tells. Without one they wait for their time: a feed may have gaps
        of any length.
        """
        size = len(poll.lines)
        if self._now == NEVER:
            return np.full(size, FOREVER, np.int64)
        if poll.sent_ms is None:
            return np.full(size, self._now + PACED_AHEAD_MS, np.int64)
        limits = np.minimum(poll.sent_ms, self._now)
        old = poll.sent_ms < self._now - PACED_AHEAD_MS
        if old.any():
            live = np.repeat([s.shard in poll.live for s in poll.stretches], _sizes(poll))
            limits[(old & live) | (poll.sent_ms < 0)] = self._now
        return limits + PACED_AHEAD_MS

    def take(self, shard: int) -> Any:
        return self.event.take(shard), shard in self.ended, int(self._paced[shard])

    def put(self, shard: int, state: Any) -> None:
        clock, ended, paced = state
        self.event.put(shard, clock)
        self._paced[shard] = paced
        (self.ended.add if ended else self.ended.discard)(shard)


class TakeReadings:
    """Decoder and clocks of a process's readings.

    Parameters
    ----------
    names
        What the shards are called in dead letters: the numbers of their partitions.
    where
        What the source is called in dead letters.

    Notes
    -----
    State: one block of times per shard. A message is judged by its shard's clock, so
    what is late does not depend on the other shards. Cost: see ``reading_codec.decode_readings``.
    """

    def __init__(
        self, registry: Registry, counters: Counters, names: Sequence[int], where: str
    ) -> None:
        self.registry = registry
        self.counters = counters
        self.names = names
        self.where = where
        self.clocks = _Clocks(len(names), "readings")
        self.heard = Readings.empty(), np.empty(0, np.int64)
        """What came with the last poll, late ones too, and how far behind its clock (ms)."""

    def accept(self, poll: Poll) -> tuple[RowBatch, list[BadMessage], list[Sensor]]:
        """Return the rows that count, what was bad, and sensors that introduced themselves."""
        self.clocks.hear(poll)
        rows, bad, met = Readings.empty(), list[Rejected](), list[Sensor]()
        self.heard = rows, np.empty(0, np.int64)
        if len(poll.lines):
            rows, bad, met = self._rows(poll)
        ended = self.clocks.end(poll.ended)
        letters = list(dead_letters(poll, bad, self.names, self.where))
        return RowBatch(rows, self.clocks.watermarks, self.clocks.reached, ended), letters, met

    def decode(self, lines: Sequence[bytes]) -> DecodedReadings:
        """Do what can be done to messages before their turn, also beside ``accept``."""
        return decode_readings(lines, self.registry.index)

    def _rows(self, poll: Poll) -> tuple[Readings, list[Rejected], list[Sensor]]:
        told = self.decode(poll.lines) if poll.decoded is None else poll.decoded
        sensors, bad, met = told.sensor, told.rejected, list[Sensor]()
        if told.unknown:
            bad, met = self._introduce(told)
        limits_ms, size = self.clocks.limits_ms(poll), len(sensors)
        shards, keep = np.empty(size, np.intp), np.empty(size, np.bool_)
        stretches = np.array([(each.shard, each.size) for each in poll.stretches])
        # Compiled code does not look: rows are of these lines, and each of these in a stretch.
        assert sum(each.size for each in poll.stretches) == len(poll.lines), poll.stretches
        assert not size or told.line[-1] < len(poll.lines), told.line[-1]
        kept = _place(sensors, told.time, told.line, stretches, limits_ms, shards, keep)
        rows, beyond = Readings(sensors, told.time, told.value, shards), Readings.empty()
        if kept < size:
            beyond_limit = told.time > limits_ms[told.line]
            ahead = (beyond_limit & (sensors != UNKNOWN)).nonzero()[0]
            bad = bad + [Rejected(int(told.line[row]), AHEAD) for row in ahead]
            rows, beyond = rows.take(keep), rows.take(ahead)
        judged = self.clocks.event.judge(rows.shard, rows.time)
        late, lates = judged.late, judged.lates
        self.heard = self._timed(rows, beyond, judged)
        self.counters.add("intake", "received", len(late) + len(bad))
        self.counters.add("intake", "rejected", len(bad), "readings")
        self.counters.add("intake", "late", lates, "readings")
        self.counters.add("intake", "sent", len(late) - lates)
        return (rows.take(~late) if lates else rows), bad, met

    def _timed(
        self, rows: Readings, beyond: Readings, judged: Judged
    ) -> tuple[Readings, NDArray[np.int64]]:
        """Return the rows that came when their shard had a clock, and how far behind they were.

        Those too far beyond it to count are heard too: nobody else says whose clock that is.
        """
        if judged.timed == len(rows.sensor) and not len(beyond.sensor):
            return rows, judged.behind
        now = self.clocks.event.now[beyond.shard]
        far = np.where(now == NEVER, NEVER, now - beyond.time)
        behind, rows = np.append(judged.behind, far), join_readings([rows, beyond])
        timed = behind != NEVER
        return rows.take(timed), behind[timed]

    def _introduce(self, told: DecodedReadings) -> tuple[list[Rejected], list[Sensor]]:
        bad, met = list(told.rejected), list[Sensor]()
        # Who was unknown when it was decoded may have introduced itself since.
        told.sensor[list(told.unknown)] = self.registry.index.get_many([*told.unknown.values()])
        for row, name in told.unknown.items():
            if told.sensor[row] != UNKNOWN:
                continue
            since, message = told.introduced.get(name, (0, None))
            told_place = message is not None and told.line[row] >= since
            if message is not None and told_place:
                known = len(self.registry)
                told.sensor[row] = self.registry.introduce(message)
                met += self.registry.sensors[known:]
            if told.sensor[row] == UNKNOWN:
                shown = name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…"
                why = f"sensor: {shown!r} is not in the city file, and "
                if len(name) > LONGEST_ID:
                    why += f"has {len(name)} characters, not 1 to {LONGEST_ID}"
                elif told_place:
                    why += "there is no room for it"
                else:
                    why += "tells no lon and lat in degrees"
                bad.append(Rejected(int(told.line[row]), why))
        return bad, met


class TakeEvents:
    """Decoder and clocks of reports or commands.

    Notes
    -----
    State: one block of times per shard.
    """

    def __init__(
        self, feed: FeedName, counters: Counters, names: Sequence[int], where: str
    ) -> None:
        self.feed = feed
        self.counters = counters
        self.names = names
        self.where = where
        self.clocks = _Clocks(len(names), feed)

    def accept(self, poll: Poll) -> tuple[ReportRows | CommandRows, list[BadMessage]]:
        """Return the events that count, and what was bad."""
        self.clocks.hear(poll)
        if self.feed == "reports":
            told = decode_reports(poll.lines)
            reports = self._in_time(poll, told)
            self.clocks.end(poll.ended)
            out: ReportRows | CommandRows = ReportRows(reports, self.watermark, self.over)
            bad = told.rejected
        else:
            asked = decode_commands(poll.lines)
            commands = self._in_time(poll, asked)
            self.clocks.end(poll.ended)
            out, bad = CommandRows(commands, self.watermark, self.over), asked.rejected
        return out, list(dead_letters(poll, bad, self.names, self.where))

    def _in_time(self, poll: Poll, decoded: DecodedEvents[E]) -> list[E]:
        """Return the events that count; one too far ahead is added to what was rejected."""
        events, bad = decoded.events, decoded.rejected
        self.counters.add("intake", "received", len(events) + len(bad))
        times = np.array([event.time for event in events], np.int64)
        shards = np.repeat([s.shard for s in poll.stretches], _sizes(poll))
        shards = shards.astype(np.intp)[decoded.line]
        ahead = times > self.clocks.limits_ms(poll)[decoded.line]
        bad.extend(Rejected(line, AHEAD) for line in compress(decoded.line, ahead))
        judged = self.clocks.event.judge(shards[~ahead], times[~ahead])
        self.counters.add("intake", "rejected", len(bad), self.feed)
        self.counters.add("intake", "late", judged.lates, self.feed)
        self.counters.add("intake", "sent", len(judged.late) - judged.lates)
        return list(compress(compress(events, ~ahead), ~judged.late))

    @property
    def watermark(self) -> int:
        """How far the slowest shard has come."""
        return int(self.clocks.watermarks.min())

    @property
    def over(self) -> bool:
        """Whether every shard has ended."""
        return len(self.clocks.ended) == len(self.names)

    def take(self) -> Any:
        """Return the state of all shards."""
        return [self.clocks.take(shard) for shard in range(len(self.names))]

    def put(self, state: Any) -> None:
        """Continue from what ``take`` returned."""
        for shard, each in enumerate(state):
            self.clocks.put(shard, each)


def dead_letters(
    poll: Poll, bad: list[Rejected], names: Sequence[int], where: str
) -> Iterator[BadMessage]:
    """Return what was rejected of a poll, with where each message stood."""
    if not bad:
        return
    starts = np.cumsum([0, *(stretch.size for stretch in poll.stretches)])
    for line, reason in sorted(bad):
        number = int(np.searchsorted(starts, line, side="right")) - 1
        stretch = poll.stretches[number]
        at = stretch.offset + line - int(starts[number])
        source = f"{where}/{poll.feed}"
        yield bad_message(source, names[stretch.shard], at, reason, poll.lines[line])


def _sizes(poll: Poll) -> list[int]:
    return [stretch.size for stretch in poll.stretches]


@compiled
def _place(
    sensors: NDArray[np.intp],
    times_ms: NDArray[np.int64],
    lines: NDArray[np.intp],
    stretches: NDArray[np.int64],
    limits_ms: NDArray[np.int64],
    shards: NDArray[np.intp],
    keep: NDArray[np.bool_],
) -> int:
    """Say by which shard each row came, and whether it counts; return how many do.

    Parameters
    ----------
    lines
        Where in the poll each row stood, ascending.
    stretches
        Shard and size of each.
    limits_ms
        The latest time that each message may have.
    """
    at, end, kept = 0, stretches[0, 1], 0
    for row in range(len(sensors)):
        while lines[row] >= end:
            at += 1
            end += stretches[at, 1]
        shards[row] = stretches[at, 0]
        keep[row] = sensors[row] != UNKNOWN and times_ms[row] <= limits_ms[lines[row]]
        kept += keep[row]
    return kept
