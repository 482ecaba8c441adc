"""Read a feed, chunk by chunk: the files of a feed directory, or a simulated city as it happens.

A chunk is as many messages of one feed as are read at once; its key says where to read it again,
so a source that remembers a key and how many messages it has used can resume in the middle.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from operators.events import TIME_END_MS
from operators.intake import FeedName

__all__ = ["FILES", "Chunk", "DirectoryFeed", "Feed", "FeedError", "feed_paths", "spans_ms"]

POLL_SIZE = 30_000
FILES: dict[FeedName, str] = {
    "readings": "readings.jsonl",
    "reports": "reports.jsonl",
    "commands": "commands.jsonl",
}
DAY_MS = 86_400_000
SECONDS = 1e8, 1e11
"""Times in this range are of 1970 to 1973 in milliseconds, and of 1973 on in seconds."""
COMPANY = 9
"""Messages among which one wrong clock is outvoted; odd, so that there is a middle one."""
_TIME = re.compile(rb'"time"\s*:\s*\[?\s*(\d{1,15})')


class FeedError(ValueError):
    """A feed directory that cannot be read: says which file, and why."""


class Chunk(NamedTuple):
    """Messages of one feed, in order of arrival."""

    key: Any
    offset: int
    """Number of the first message in its feed."""
    lines: list[bytes]
    arrival_ms: NDArray[np.int64]
    """When each message is there, never decreasing; of an untimed feed only the first and last."""


class Feed(Protocol):
    """What a source reads from."""

    @property
    def names(self) -> tuple[FeedName, ...]:
        """Which feeds there are."""
        ...

    def seek(self, name: FeedName, key: Any) -> None:
        """Read from this chunk on."""
        ...

    def read(self, name: FeedName) -> Chunk | None:
        """Return the next chunk; None at the end.

        One without lines when none is ready yet: its time says up to when all has been made.
        """
        ...

    def progress(self) -> float:
        """Return the share that has been read, 0 to 1; NaN where there is no end."""
        ...

    def close(self) -> None:
        """Let go of files and processes."""
        ...


def feed_paths(directory: Path) -> dict[FeedName, Path]:
    """Return the files of a feed directory, plain or gzipped.

    Raises
    ------
    FeedError
        When the directory is not there, holds neither readings nor reports, or a file of it
        cannot be read.
    """
    if not directory.is_dir():
        raise FeedError(f"{directory}: no such feed directory")
    found: dict[FeedName, Path] = {}
    for name, file in FILES.items():
        for path in (directory / file, directory / f"{file}.gz"):
            if path.exists():
                _must_be_readable(path)
                found[name] = path
                break
    if "readings" not in found and "reports" not in found:
        raise FeedError(f"{directory}: expected readings.jsonl or reports.jsonl (or .gz) in it")
    return found


def _must_be_readable(path: Path) -> None:
    """Refuse what could not be opened: inside the flow the engine would panic over it."""
    if path.is_dir():
        raise FeedError(f"{path}: is a directory")
    if not os.access(path, os.R_OK):
        raise FeedError(f"{path}: permission denied")


class DirectoryFeed:
    """The files of a feed directory.

    Parameters
    ----------
    poll_size
        Messages per chunk; the results do not depend on it.
    timed
        Look up when each message is there, for a source that paces them (1 us each).
    """

    def __init__(self, directory: Path, poll_size: int = POLL_SIZE, *, timed: bool = False) -> None:
        self.timed = timed
        self.directory = directory
        self.poll_size = poll_size
        self._paths = feed_paths(directory)
        self._files: dict[FeedName, _LineFile] = {
            name: _LineFile(path) for name, path in self._paths.items()
        }

    @property
    def names(self) -> tuple[FeedName, ...]:
        """Which feeds there are; without a file of readings there are none of them, at once."""
        readings: FeedName = "readings"
        return tuple(dict.fromkeys((readings, *self._paths)))

    def path(self, name: FeedName) -> Path:
        """Return the file of a feed."""
        return self._paths[name]

    def seek(self, name: FeedName, key: Any) -> None:
        """Read from this chunk on."""
        self._files[name].seek(*key)

    def read(self, name: FeedName) -> Chunk | None:
        """Return the next lines of a file.

        Raises
        ------
        FeedError
            When it cannot be unpacked, or its times are seconds.
        """
        file = self._files.get(name)
        if file is None:
            return None
        key = file.position
        lines = file.read(self.poll_size)
        if not lines:
            return None
        looked_at = lines if self.timed else [*lines[:COMPANY], *lines[-COMPANY:]]
        times = np.fromiter(map(_time_of, looked_at), np.int64, len(looked_at))
        arrival = np.maximum(np.maximum.accumulate(_steady(times)), file.arrived)
        if SECONDS[0] < arrival[-1] < SECONDS[1]:
            raise FeedError(
                f"{self.path(name)}:{key[0] + 1}: time: expected milliseconds since 1970, got"
                f" {times[0]}: are these seconds?"
            )
        if not self.timed:
            arrival = arrival[[0, -1]]
        file.arrived = int(arrival[-1])
        return Chunk(key, key[0], lines, arrival)

    def progress(self) -> float:
        """Return the share of the bytes on disk that has been read."""
        total = sum(path.stat().st_size for path in self._paths.values())
        return sum(file.read_bytes() for file in self._files.values()) / max(1, total)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()


def spans_ms(directory: Path, most_ms: int) -> dict[FeedName, tuple[int, int]]:
    """Return the first and the last time of each file that has messages.

    Parameters
    ----------
    most_ms
        How far is read.
    """
    feed, found = DirectoryFeed(directory), dict[FeedName, tuple[int, int]]()
    for name in feed.names:
        while (chunk := feed.read(name)) is not None:
            first = found.get(name, chunk.arrival_ms.tolist())[0]
            found[name] = first, int(chunk.arrival_ms[-1])
            if found[name][1] - first >= most_ms:
                break
    feed.close()
    return found


class _LineFile:
    """Lines of one file, which may be gzipped; knows the number and byte of the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw: IO[bytes] = path.open("rb")
        packed = path.suffix == ".gz"
        self._lines: Any = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
        self.position = (0, 0)
        self.arrived = 0

    def read(self, count: int) -> list[bytes]:
        try:
            raw = list(islice(self._lines, count))
        except (EOFError, OSError, zlib.error) as error:
            where = f"{self._path}: after line {self.position[0]}"
            raise FeedError(f"{where}: cannot be unpacked: {error}") from None
        number, byte = self.position
        self.position = number + len(raw), byte + sum(map(len, raw))
        return [line.rstrip(b"\r\n") for line in raw]

    def seek(self, number: int, byte: int) -> None:
        self._lines.seek(byte)
        self.position = number, byte

    def read_bytes(self) -> int:
        return self._raw.tell()

    def close(self) -> None:
        self._lines.close()
        self._raw.close()


def _steady(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return times that one message with a wrong clock cannot drag: medians of nine around each."""
    if len(times) < COMPANY:
        return times
    around = np.pad(times, COMPANY // 2, mode="reflect")
    steady = np.median(sliding_window_view(around, COMPANY), axis=1).astype(np.int64)
    # At the ends company is one-sided: only what is very far from it is doubted there.
    ends = np.r_[: COMPANY // 2, len(times) - COMPANY // 2 : len(times)]
    near = np.abs(times[ends] - steady[ends]) <= DAY_MS
    steady[ends] = np.where(near, times[ends], steady[ends])
    return np.asarray(steady)


def _time_of(line: bytes) -> int:
    """Return when a message says it was made, 0 where that is no time: the intake will tell why."""
    found = _TIME.search(line)
    time = int(found[1]) if found else 0
    return time if time < TIME_END_MS else 0
