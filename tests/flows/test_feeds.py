"""Reading feed directories: every chunk again from its key, whatever the file and the poll size."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pytest

from flows.feeds import Chunk, DirectoryFeed, FeedError, feed_paths, spans_ms
from operators.intake import FeedName

T0 = 1_763_881_200_000


def reading(number: int, time_ms: int | None = None) -> bytes:
    time_ms = T0 + 1000 * number if time_ms is None else time_ms
    return b'{"sensor":"s-%d","time":%d,"value":%d.5}' % (number, time_ms, number)


def write(directory: Path, lines: list[bytes], *, packed: bool = False, end: bytes = b"\n") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    content = b"\n".join(lines) + end
    if packed:
        (directory / "readings.jsonl.gz").write_bytes(gzip.compress(content))
    else:
        (directory / "readings.jsonl").write_bytes(content)
    return directory


def chunks(feed: DirectoryFeed, name: FeedName = "readings") -> list[Chunk]:
    found = []
    while (chunk := feed.read(name)) is not None:
        found.append(chunk)
    return found


def all_lines(feed: DirectoryFeed) -> list[bytes]:
    return [line for chunk in chunks(feed) for line in chunk.lines]


class TestPaths:
    def test_a_directory_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(FeedError, match=r"nowhere: no such feed directory"):
            feed_paths(tmp_path / "nowhere")

    def test_a_file_in_place_of_a_directory(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(FeedError, match=r"file: no such feed directory"):
            feed_paths(tmp_path / "file")

    def test_a_directory_with_nothing_to_read(self, tmp_path: Path) -> None:
        (tmp_path / "commands.jsonl").write_bytes(b"")
        with pytest.raises(FeedError, match=r"expected readings\.jsonl or reports\.jsonl"):
            feed_paths(tmp_path)

    def test_a_directory_in_place_of_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "readings.jsonl").mkdir()
        with pytest.raises(FeedError, match=r"readings\.jsonl: is a directory"):
            feed_paths(tmp_path)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read(self, tmp_path: Path) -> None:
        (write(tmp_path, [b"a"]) / "readings.jsonl").chmod(0)
        with pytest.raises(FeedError, match=r"readings\.jsonl: permission denied"):
            feed_paths(tmp_path)

    def test_what_is_there_plain_before_packed(self, tmp_path: Path) -> None:
        write(tmp_path, [b"a"])
        write(tmp_path, [b"a"], packed=True)
        (tmp_path / "reports.jsonl.gz").write_bytes(gzip.compress(b"x\n"))
        assert {name: path.name for name, path in feed_paths(tmp_path).items()} == {
            "readings": "readings.jsonl",
            "reports": "reports.jsonl.gz",
        }


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
class TestLines:
    @pytest.mark.parametrize("poll_size", [1, 7, 100, 10_000])
    def test_come_once_in_order_numbered(
        self, tmp_path: Path, packed: bool, poll_size: int
    ) -> None:
        lines = [reading(n) for n in range(100)]
        feed = DirectoryFeed(write(tmp_path, lines, packed=packed), poll_size)
        found = chunks(feed)
        feed.close()
        assert [line for chunk in found for line in chunk.lines] == lines
        assert [chunk.offset for chunk in found] == list(range(0, 100, poll_size))
        assert all(len(chunk.lines) <= poll_size for chunk in found)

    def test_are_found_again_by_key_with_another_poll_size(
        self, tmp_path: Path, packed: bool
    ) -> None:
        draw = random.Random(2)
        # Of many lengths, and some of more than one byte a character.
        lines = [b"x" * draw.randrange(40) + "水".encode() for _ in range(300)]
        directory = write(tmp_path, lines, packed=packed)
        first = DirectoryFeed(directory, 13)
        for chunk in chunks(first):
            again = DirectoryFeed(directory, draw.randrange(1, 50))
            again.seek("readings", chunk.key)
            assert all_lines(again) == lines[chunk.offset :]
            again.close()
        first.close()

    def test_may_lack_the_last_newline_or_be_empty_or_come_from_windows(
        self, tmp_path: Path, packed: bool
    ) -> None:
        directory = write(tmp_path, [b"a", b"", b"b\r", b"c"], packed=packed, end=b"")
        feed = DirectoryFeed(directory, 2)
        assert all_lines(feed) == [b"a", b"", b"b", b"c"]
        feed.close()

    def test_of_an_empty_file_are_none(self, tmp_path: Path, packed: bool) -> None:
        feed = DirectoryFeed(write(tmp_path, [], packed=packed, end=b""))
        assert feed.read("readings") is None
        assert feed.read("readings") is None
        feed.close()

    def test_read_are_progress_from_0_to_1(self, tmp_path: Path, packed: bool) -> None:
        feed = DirectoryFeed(write(tmp_path, [reading(n) for n in range(99)], packed=packed), 9)
        assert feed.progress() == 0
        shares = []
        while feed.read("readings") is not None:
            shares.append(feed.progress())
        feed.close()
        assert shares == sorted(shares)
        assert shares[-1] == 1


def test_a_packed_file_that_is_cut_off_or_not_one_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(b"\n".join(reading(n) for n in range(5000)))
    for content in (whole[: len(whole) // 2], b"this is no gzip file\n"):
        (tmp_path / "readings.jsonl.gz").write_bytes(content)
        feed = DirectoryFeed(tmp_path)
        with pytest.raises((FeedError, OSError), match=r"readings\.jsonl\.gz"):
            all_lines(feed)
        feed.close()


class TestArrival:
    def arrivals(self, tmp_path: Path, lines: list[bytes], poll_size: int = 1000) -> list[int]:
        feed = DirectoryFeed(write(tmp_path, lines), poll_size, timed=True)
        times = [int(t) for chunk in chunks(feed) for t in chunk.arrival_ms]
        feed.close()
        return times

    def test_is_when_a_message_was_made(self, tmp_path: Path) -> None:
        times = self.arrivals(tmp_path, [reading(n) for n in range(50)])
        assert times[4:-4] == [T0 + 1000 * n for n in range(4, 46)]
        near_the_ends = zip((*times[:4], *times[-4:]), (0, 1, 2, 3, 46, 47, 48, 49), strict=True)
        assert all(abs(at - (T0 + 1000 * n)) <= 4000 for at, n in near_the_ends)

    def test_never_decreases_not_even_between_chunks(self, tmp_path: Path) -> None:
        draw = random.Random(4)
        lines = [reading(n, T0 + 1000 * n - draw.randrange(300_000)) for n in range(500)]
        times = self.arrivals(tmp_path, lines, 11)
        assert times == sorted(times)

    @pytest.mark.parametrize("wrong", [0, 5_000, 4_070_908_800_000, 10**15 - 1])
    @pytest.mark.parametrize("place", [0, 1, 25, 48, 49])
    def test_is_not_dragged_by_one_wrong_clock(
        self, tmp_path: Path, wrong: int, place: int
    ) -> None:
        lines = [reading(n) for n in range(50)]
        lines[place] = reading(place, wrong)
        times = self.arrivals(tmp_path, lines)
        assert all(abs(t - (T0 + 1000 * n)) <= 5000 for n, t in enumerate(times))

    def test_of_what_does_not_say_its_time_is_that_of_its_company(self, tmp_path: Path) -> None:
        lines = [reading(n) for n in range(50)]
        lines[20] = b"rubbish"
        times = self.arrivals(tmp_path, lines)
        assert abs(times[20] - (T0 + 20_000)) <= 5000

    def test_is_none_that_no_calendar_knows(self, tmp_path: Path) -> None:
        ticks = b'{"sensor":"a","time":638867000000000,"value":1}'
        assert self.arrivals(tmp_path, [ticks, ticks]) == [0, 0]

    def test_of_a_gateway_is_its_first_reading(self, tmp_path: Path) -> None:
        line = b'{"sensor":["a","b"],"time":[%d,%d],"value":[1,2]}' % (T0 + 7, T0 + 9)
        assert self.arrivals(tmp_path, [line]) == [T0 + 7]

    def test_of_an_untimed_feed_is_its_first_and_last(self, tmp_path: Path) -> None:
        feed = DirectoryFeed(write(tmp_path, [reading(n) for n in range(50)]), 50)
        chunk = feed.read("readings")
        feed.close()
        assert chunk is not None
        assert chunk.arrival_ms[0] == pytest.approx(T0, abs=4000)
        assert chunk.arrival_ms[-1] == pytest.approx(T0 + 49_000, abs=4000)


class TestTheSpans:
    def test_are_from_the_first_message_to_the_last_of_each_file(self, tmp_path: Path) -> None:
        write(tmp_path, [reading(n) for n in range(50)])
        (tmp_path / "reports.jsonl").write_bytes(
            b"".join(b'{"id":"r","time":%d}\n' % (T0 + at) for at in (20_000, 90_000))
        )
        assert spans_ms(tmp_path, 10**9) == {
            "readings": (T0, T0 + 49_000),
            "reports": (T0 + 20_000, T0 + 90_000),
        }

    def test_are_read_no_further_than_they_have_to_be(self, tmp_path: Path) -> None:
        write(tmp_path, [reading(n) for n in range(100_000)])
        first, last = spans_ms(tmp_path, 1000 * 1000)["readings"]
        assert first == pytest.approx(T0, abs=4000)
        assert T0 + 1000 * 1000 <= last < T0 + 99_000 * 1000

    def test_of_nothing_are_none(self, tmp_path: Path) -> None:
        assert spans_ms(write(tmp_path, [], end=b""), 1000) == {}
