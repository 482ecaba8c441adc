"""Releasing a feed: each message once from wherever it resumes, in time's order, at its time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows import sources
from flows.feeds import Chunk, DirectoryFeed, Feed
from flows.sources import FeedSource, Pace, Stop
from operators.intake import FeedName, Poll

T0 = 1_763_881_200_000
SPEED = 60.0
NEAR_MS = 4000
"""Arrival is told from nine messages: at a chunk's ends it is that far off here."""


class Clock:
    """The wall clock: it moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sources, "time", clock)
    return clock


def stamp(name: str, at: int) -> bytes:
    return b'{"id":"%s-%d","time":%d}' % (name[:3].encode(), at, at)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Readings each second for two minutes, a report each seven seconds."""
    for name, step, end in (("readings", 1, 120), ("reports", 7, 100)):
        lines = [stamp(name, T0 + 1000 * s) for s in range(0, end, step)]
        (tmp_path / f"{name}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return tmp_path


def source(directory: Path, poll_size: int = 10, pace: Pace | None = None, **more: Any) -> Any:
    def opened() -> Feed:
        return DirectoryFeed(directory, poll_size, timed=pace is not None)

    return FeedSource(opened, pace=pace, **more)


OPENED: list[Any] = []


def part(made: FeedSource, state: Any = None) -> Any:
    OPENED.append(made.build_part("source", "feed", state))
    return OPENED[-1]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close what a test opened."""
    yield
    while OPENED:
        OPENED.pop().close()


def drain(made: Any, count: int | None = None) -> list[Poll]:
    """Return polls until the end, or so many turns."""
    polls: list[Poll] = []
    turns = 0
    while count is None or turns < count:
        try:
            polls += made.next_batch()
        except StopIteration:
            break
        turns += 1
        assert turns < 100_000, "a source that does not end"
    return polls


def messages(polls: list[Poll]) -> dict[str, list[tuple[int, bytes]]]:
    """Return what each feed gave, numbered."""
    found: dict[str, list[tuple[int, bytes]]] = {}
    for poll in polls:
        (stretch,) = poll.stretches
        found.setdefault(poll.feed, []).extend(enumerate(poll.lines, stretch.offset))
    return found


def expected(directory: Path) -> dict[str, list[tuple[int, bytes]]]:
    return {
        name: list(enumerate((directory / f"{name}.jsonl").read_bytes().splitlines()))
        for name in ("readings", "reports")
    }


class TestAtOnce:
    @pytest.mark.parametrize("poll_size", [1, 7, 10, 1000])
    def test_every_message_once_and_each_feed_ends_once(
        self, directory: Path, poll_size: int
    ) -> None:
        polls = drain(part(source(directory, poll_size)))
        assert messages(polls) == expected(directory)
        assert sorted(poll.feed for poll in polls if poll.ended) == ["readings", "reports"]
        assert all(poll.clock_ms is None for poll in polls)

    def test_the_feed_that_is_furthest_behind_goes_first(self, directory: Path) -> None:
        reached = {"readings": 0, "reports": 0}
        for poll in drain(part(source(directory, 10))):
            if poll.lines:
                others = [at for name, at in reached.items() if name != poll.feed]
                assert all(reached[poll.feed] <= at + NEAR_MS for at in others)
                reached[poll.feed] = int(poll.lines[-1].rpartition(b":")[2][:-1])
            if poll.ended:
                del reached[poll.feed]

    @pytest.mark.parametrize("poll_size", [3, 50])
    def test_resumed_anywhere_it_goes_on_with_the_next_message(
        self, directory: Path, poll_size: int
    ) -> None:
        whole = expected(directory)
        turns = len(drain(part(source(directory, 10))))
        for turn in range(turns + 2):
            first = part(source(directory, 10))
            before = messages(drain(first, turn))
            state = first.snapshot()
            after = messages(drain(part(source(directory, poll_size), state)))
            for name, lines in whole.items():
                assert before.get(name, []) + after.get(name, []) == lines, (turn, name)

    def test_resumed_again_and_again_it_loses_no_place(self, directory: Path) -> None:
        """A feed whose turn did not come in between goes on where the first run left it."""
        first = part(source(directory, 10))
        found = messages(drain(first, 5))
        state = first.snapshot()
        for turns in (0, 1, 1, None):
            made = part(source(directory, 10), state)
            for name, lines in messages(drain(made, turns)).items():
                found[name] = found.get(name, []) + lines
            state = made.snapshot()
        assert found == expected(directory)

    def test_its_progress_is_told_with_the_time_reached(self, directory: Path) -> None:
        told: list[tuple[float, int]] = []
        drain(part(source(directory, on_progress=lambda share, at: told.append((share, at)))))
        assert [share for share, _ in told] == sorted(share for share, _ in told)
        assert told[-1][0] == 1.0
        assert max(at for _, at in told) == pytest.approx(T0 + 119_000, abs=NEAR_MS)

    def test_asked_to_stop_it_ends_where_it_is(self, directory: Path) -> None:
        stop = Stop()
        made = part(source(directory, stop=stop))
        before = messages(drain(made, 3))
        stop.asked = True
        with pytest.raises(StopIteration):
            made.next_batch()
        after = messages(drain(part(source(directory), made.snapshot())))
        assert before["readings"] + after["readings"] == expected(directory)["readings"]


class TestPaced:
    def pace(self, live_after_s: int = 30, **more: Any) -> Pace:
        return Pace(T0 + 1000 * live_after_s, SPEED, **more)

    def test_the_past_comes_at_once_and_the_rest_at_its_time(
        self, directory: Path, clock: Clock
    ) -> None:
        made = part(source(directory, 10, self.pace()))
        began = clock.now
        released: list[tuple[float, int]] = []
        while True:
            try:
                polls = made.next_batch()
            except StopIteration:
                break
            for poll in polls:
                times = [int(line.rpartition(b":")[2][:-1]) for line in poll.lines]
                released += [(clock.now - began, at - T0) for at in times]
        assert len(released) == 120 + 15
        for wall_s, at_ms in released:
            due_s = max(0.0, (at_ms - 39_000) / 1000 / SPEED)  # the clock starts within a chunk
            assert due_s <= wall_s + 0.2
            assert wall_s <= max(0.0, (at_ms - 29_000) / 1000 / SPEED) + 0.05

    def test_every_message_once_and_no_time_goes_back(self, directory: Path, clock: Clock) -> None:
        polls = drain(part(source(directory, 10, self.pace())))
        assert messages(polls) == expected(directory)
        clocks = [poll.clock_ms for poll in polls if poll.clock_ms is not None]
        assert clocks == sorted(clocks)

    def test_no_message_is_far_ahead_of_the_clock_it_comes_with(
        self, directory: Path, clock: Clock
    ) -> None:
        for poll in drain(part(source(directory, 10, self.pace()))):
            if poll.lines and poll.clock_ms is not None:
                assert int(poll.lines[-1].rpartition(b":")[2][:-1]) <= poll.clock_ms + NEAR_MS

    def test_after_a_stall_nothing_is_due_that_did_not_come_before_the_clock(
        self, directory: Path, clock: Clock
    ) -> None:
        made = part(source(directory, 10, self.pace()))
        rest = expected(directory)
        for stall in range(6):
            clock.now += 0.03 * stall
            for poll in drain(made, 1):
                rest[poll.feed] = rest[poll.feed][len(poll.lines) :]
                left = [int(line.rpartition(b":")[2][:-1]) for _, line in rest[poll.feed]]
                assert poll.clock_ms is None or not left or left[0] + NEAR_MS > poll.clock_ms

    def test_while_nothing_arrives_it_ticks_with_the_clock(
        self, directory: Path, clock: Clock
    ) -> None:
        lines = [stamp("readings", T0 + 1000 * s) for s in (*range(40), 7200)]
        (directory / "readings.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        made = part(source(directory, 10, self.pace()))
        drain(made, 200)
        ticks = []
        for _ in range(1000):
            # Every feed is told; one is counted.
            told = [poll for poll in made.next_batch() if poll.feed == "readings"]
            ticks += [poll for poll in told if not poll.lines]
        wall_s = 1000 * sources.IDLE_S
        assert wall_s / sources.TICK_S * 0.5 <= len(ticks) <= wall_s / sources.TICK_S + 1

    def test_a_slowed_down_replay_goes_by_its_readings_alone(
        self, directory: Path, clock: Clock
    ) -> None:
        polls = drain(part(source(directory, 10, Pace(0, SPEED, tells_time=False))))
        assert messages(polls) == expected(directory)
        assert all(poll.clock_ms is None for poll in polls)
        assert clock.now - 100.0 == pytest.approx(120 / SPEED, abs=0.3)

    def test_resumed_anywhere_it_goes_on_with_the_next_message(
        self, directory: Path, clock: Clock
    ) -> None:
        whole = expected(directory)
        for turn in range(0, 200, 9):
            first = part(source(directory, 10, self.pace()))
            before = messages(drain(first, turn))
            after = messages(drain(part(source(directory, 17, self.pace()), first.snapshot())))
            for name, lines in whole.items():
                assert before.get(name, []) + after.get(name, []) == lines, (turn, name)


@pytest.mark.parametrize("pace", [None, Pace(0, SPEED), Pace(0, SPEED, tells_time=False)])
def test_a_feed_with_nothing_in_it_is_over(tmp_path: Path, pace: Pace | None, clock: Clock) -> None:
    (tmp_path / "readings.jsonl").write_bytes(b"")
    assert [poll.feed for poll in drain(part(source(tmp_path, pace=pace))) if poll.ended]


class Slow:
    """A feed that is not ready at first."""

    names: tuple[FeedName, ...] = ("readings",)

    def __init__(self) -> None:
        self.asked = 0
        self.closed = False

    def seek(self, name: FeedName, key: Any) -> None: ...

    def read(self, name: FeedName) -> Chunk | None:
        self.asked += 1
        if self.asked <= 3:
            return Chunk(None, 0, [], np.array([T0]))
        return Chunk(0, 0, [b"a"], np.array([T0])) if self.asked == 4 else None

    def progress(self) -> float:
        return float("nan")

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    "pace", [None, Pace(T0, 1.0), Pace(0, 1.0)], ids=["at once", "paced", "paced from the start"]
)
def test_a_feed_that_is_not_ready_is_asked_again(pace: Pace | None, clock: Clock) -> None:
    feed = Slow()
    made = part(FeedSource(lambda: feed, pace=pace))
    assert messages(drain(made))["readings"] == [(0, b"a")]
    made.close()
    assert feed.closed


class Stalled(Slow):
    """A feed whose second minute takes long to be made."""

    ready = False

    def read(self, name: FeedName) -> Chunk | None:
        self.asked += 1
        if self.asked > 1 and not self.ready:
            return Chunk(None, 0, [], np.array([T0 + 59_000]))
        times = T0 + 1000 * np.arange(60) + 60_000 * self.ready
        self.ready = False
        return Chunk(self.asked, 0, [stamp("readings", int(at)) for at in times], times)


def test_what_is_still_being_made_is_not_told_to_be_missing(clock: Clock) -> None:
    """Held up, a simulated city is behind: its silence is ours, not the sensors'."""
    feed = Stalled()
    made = part(FeedSource(lambda: feed, pace=Pace(T0, 60.0)))
    first = drain(made, 5)
    clock.now += 40.0
    during = drain(made, 300)
    assert max(poll.clock_ms or 0 for poll in during) == T0 + 59_000
    assert first[0].live
    assert not during[-1].live
    feed.ready = True
    after = drain(made, 3)
    assert sum(len(poll.lines) for poll in after) >= 60
    made.close()
