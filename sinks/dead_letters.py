"""Keep the messages that could not be used, each with its reason, and count the reasons.

Nothing disappears: what the flow could not use is here. Nothing grows without end either: a full
file is set aside under its number, and only the last few are kept.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.codec import encode
from operators.events import BadMessage
from sinks.jsonl import AppendFile, keeps

__all__ = ["DeadLetterFile", "DeadLetterPlace", "DeadLetterSink", "reason_kind"]

FULL_BYTES = 16 << 20
KEPT = 3  # full files set aside
REASONS = 100  # kinds of reasons counted apart; further ones are counted as "other"


class DeadLetterPlace(NamedTuple):
    """What a snapshot holds: which file, how far, and the counts up to there."""

    number: int
    offset: int
    counts: dict[str, int]


def reason_kind(reason: str) -> str:
    """Return a reason without what was found, so that equal faults count together.

    Examples
    --------
    >>> reason_kind("value: expected number, got 'abc'")
    'value: expected number'
    >>> reason_kind("[17].value: expected number, got None")  # of a gateway's message
    '[].value: expected number'
    """
    return re.sub(r"^\[\d+\]", "[]", reason.partition(", got ")[0])


class DeadLetterFile:
    """A file of bad messages, one per line, that starts over when it is full.

    Parameters
    ----------
    path
        The file being written; full ones are its name with a number before the suffix.
    place
        Where to continue; None starts a new file and sets an old one aside.

    Notes
    -----
    State on disk: `KEPT` + 1 files of about `full_bytes`. In memory: the counts of `REASONS`
    kinds. On resume everything written after the snapshot is taken back.
    """

    def __init__(
        self, path: Path, place: DeadLetterPlace | None, full_bytes: int = FULL_BYTES
    ) -> None:
        self._path = path
        self._full_bytes = full_bytes
        self.counts: Counter[str] = Counter()
        """Messages per kind of reason."""
        if place is None:
            self._number = max(self._numbers(), default=0) + 1
            if path.exists() and path.stat().st_size:
                self._set_aside()  # of a pipe or a device the size is 0
            self._file = AppendFile(path, 0)
        else:
            self._number = place.number
            self.counts.update(place.counts)
            self._file = AppendFile(path, self._go_back(place))

    def put(self, messages: list[BadMessage]) -> None:
        """Write messages."""
        for message in messages:
            kind = reason_kind(message.reason)
            known = kind in self.counts or len(self.counts) < REASONS
            self.counts[kind if known else "other"] += 1
        self._file.write([encode(message) + b"\n" for message in messages])
        if self._file.offset >= self._full_bytes and keeps(self._path):
            self._file.close()
            self._set_aside()
            self._file = AppendFile(self._path, 0)

    def place(self) -> DeadLetterPlace:
        """Put everything on the disk; return where a resumed flow continues."""
        return DeadLetterPlace(self._number, self._file.sync(), dict(self.counts))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _go_back(self, place: DeadLetterPlace) -> int:
        """Make the file of a snapshot the one being written; return how much of it holds."""
        for number in sorted(self._numbers()):
            if number == place.number:
                self._aside(number).replace(self._path)
            elif number > place.number:
                self._aside(number).unlink()
        held = self._path.stat().st_size if self._path.exists() else 0
        # Somebody may have cleared the letters away: no reason for the flow not to go on.
        return min(held, place.offset)

    def _set_aside(self) -> None:
        self._path.replace(self._aside(self._number))
        self._number += 1
        for number in self._numbers():
            if number < self._number - KEPT:
                self._aside(number).unlink()

    def _aside(self, number: int) -> Path:
        return self._path.with_suffix(f".{number}{self._path.suffix}")

    def _numbers(self) -> list[int]:
        names = self._path.parent.glob(f"{self._path.stem}.*{self._path.suffix}")
        parts = [name.name.split(".")[-2] for name in names]
        return [int(part) for part in parts if part.isdigit()]


class DeadLetterSink(FixedPartitionedSink[BadMessage, DeadLetterPlace]):
    """A dead-letter file as a sink of ``(key, message)``, whatever the key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.counts: Counter[str] = Counter()
        """Messages per kind of reason, once the flow runs."""

    def list_parts(self) -> list[str]:
        """Return the one partition: there is one file."""
        return ["dead_letters"]

    def part_fn(self, item_key: str) -> int:
        """Return the one partition's index."""
        return 0

    def build_part(
        self, step_id: str, for_part: str, resume_state: DeadLetterPlace | None
    ) -> _DeadLetterPart:
        """Open the file where the snapshot was."""
        file = DeadLetterFile(self._path, resume_state)
        self.counts = file.counts
        return _DeadLetterPart(file)


class _DeadLetterPart(StatefulSinkPartition[BadMessage, DeadLetterPlace]):
    def __init__(self, file: DeadLetterFile) -> None:
        self._file = file

    def write_batch(self, values: list[BadMessage]) -> None:
        self._file.put(values)

    def snapshot(self) -> DeadLetterPlace:
        return self._file.place()

    def close(self) -> None:
        self._file.close()
