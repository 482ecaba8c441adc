"""Keep the state of shards on disk, so that a process goes on where it was killed.

A snapshot is one file per shard: the place in the partition up to which the state has seen its
messages, and the state. Shards take turns, so that none of it holds up the flow for long, and a
file is written only once everything that was said up to then has arrived where it was sent. After
a crash every shard reads on from its own place and says again what it said since; whoever listens
knows it by its number.

Bytewax's own recovery would write all state of all shards at the end of every epoch.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import queue
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from operators.meter import Meter
from operators.packed import Packed

__all__ = ["Keep", "Snapshot", "Vault", "VaultError"]

_HEAD = struct.Struct("<8sqI")
_MAGIC = b"cwvaulta"
"""To be changed with the meaning of any state."""
_OFFSET = struct.Struct("<q")

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a disk without room says."""

log = logging.getLogger(__name__)


class VaultError(RuntimeError):
    """A shard cannot be kept: somebody else has it, or its file is not one of ours."""


class Snapshot(NamedTuple):
    """State of one shard, and the first message it has not seen."""

    offset: int
    state: bytes | Packed

    @property
    def pieces(self) -> Sequence[bytes | memoryview]:
        """The bytes of the state, which may lie apart."""
        return self.state.pieces if isinstance(self.state, Packed) else (self.state,)

    def checksum(self) -> int:
        """Return the CRC-32 of the place and the state: a wrong place loses or repeats messages."""
        check = zlib.crc32(_OFFSET.pack(self.offset))
        for piece in self.pieces:
            check = zlib.crc32(piece, check)
        return check


class _Settling(Protocol):
    """Something that was sent to: how much was, and how much of it has arrived."""

    @property
    def sent(self) -> int: ...

    @property
    def settled(self) -> int: ...


class _Staged(NamedTuple):
    shard: int
    snapshot: Snapshot
    marks: tuple[int, ...] = ()


class Vault:
    """Snapshots of the shards of one flow.

    Parameters
    ----------
    directory
        Where the files are; processes of one machine may share it, each with its own shards.
    shards
        Which are ours. They are locked while this object lives.
    outboxes
        What must have arrived before a snapshot counts.

    Notes
    -----
    State: snapshots not yet written. Cost on the flow's thread: what taking the state costs; a
    thread of its own writes and syncs. A file replaces the one before whole or not at all. Where
    the disk is full the one before stands, the log says so, and the next in turn is tried.

    Raises
    ------
    VaultError
        When another process has one of the shards.
    """

    def __init__(
        self, directory: Path, shards: Sequence[int], outboxes: Sequence[_Settling] = ()
    ) -> None:
        self.directory = directory
        self.shards = shards
        self._outboxes = outboxes
        # Staged in this epoch; in the one before; and those whose messages are on their way.
        self._fresh: list[_Staged] = []
        self._handing: list[_Staged] = []
        self._waiting: list[_Staged] = []
        directory.mkdir(parents=True, exist_ok=True)
        with ExitStack() as locks:
            for shard in shards:
                self._lock(shard, locks)
            self._locks = locks.pop_all()
        self._queue: queue.SimpleQueue[_Staged | None] = queue.SimpleQueue()
        self._failed: Exception | None = None
        self._writer = threading.Thread(target=self._write_all, name="vault", daemon=True)
        self._writer.start()

    def belong(self, topic: str, identity: str) -> None:
        """Be the state of one topic, and of no other: places are of messages of that one.

        Parameters
        ----------
        identity
            Tells it from another of this name, made after it was deleted; empty where nobody knows.

        Raises
        ------
        VaultError
            When what is there is the state of another topic, or nobody can tell.
        """
        path = self.directory / "topic"
        noted = path.read_text(errors="replace") if path.exists() else ""
        if path.exists() and any(path.parent.glob("*.snapshot")):
            then, line, known = noted.partition("\n")
            if not line:
                raise VaultError(f"{path}: damaged: delete it if this is the state of {topic}")
            if then != topic or (identity and known not in ("", identity)):
                other = f"of {then}" if then != topic else f"of a {topic} that was deleted"
                raise VaultError(
                    f"{self.directory}: holds the state {other}: delete it to start anew, or give"
                    " another directory"
                )
            identity = identity or known
        if noted == f"{topic}\n{identity}":
            return
        fresh = path.with_suffix(f".{os.getpid()}")
        try:
            _write_whole(fresh, path, [f"{topic}\n{identity}".encode()])
        except OSError as error:
            fresh.unlink(missing_ok=True)
            if error.errno not in FULL:
                raise
            # Nor do warnings need this: it is tried again at the next start.
            log.error("%s: no room to note the topic: %s", self.directory, error.strerror)

    def load(self, shard: int) -> Snapshot | None:
        """Return a shard's last snapshot; None when there is none.

        Raises
        ------
        VaultError
            When the file is damaged, of another version, or not one of ours.
        """
        path = self._path(shard)
        if not path.exists():
            return None
        with path.open("rb") as file:
            head, state = file.read(_HEAD.size), file.read()
        magic, offset, check = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", 0, 0)
        if magic != _MAGIC and magic[:-1] == _MAGIC[:-1]:
            raise self.unusable(shard, "of another version of citywatch")
        snapshot = Snapshot(offset, state)
        if magic != _MAGIC or snapshot.checksum() != check:
            raise self.unusable(shard, "damaged, or not a snapshot")
        return snapshot

    def last_kept(self) -> int:
        """Return the place among our shards of the one that was kept last; 0 when none was."""
        paths = [self._path(shard) for shard in self.shards]
        kept = [path.stat().st_mtime_ns if path.exists() else 0 for path in paths]
        return kept.index(max(kept))

    def unusable(self, shard: int, why: str) -> VaultError:
        """Return the error that a shard's file is of no use, and what to do about it."""
        return VaultError(f"{self._path(shard)}: {why}: delete it to start anew")

    def stage(self, shard: int, snapshot: Snapshot) -> None:
        """Take a snapshot that may be written once what was said up to now has arrived."""
        self._fresh.append(_Staged(shard, snapshot))

    def epoch_ended(self) -> None:
        """Note that all that was said before the last call has been handed to its outbox."""
        self._check()
        marks = tuple(outbox.sent for outbox in self._outboxes)
        # What this epoch said may still be on its way to the outbox: its turn comes next time.
        self._waiting += [staged._replace(marks=marks) for staged in self._handing]
        self._handing, self._fresh = self._fresh, []
        settled = tuple(outbox.settled for outbox in self._outboxes)
        while self._waiting and all(
            s >= m for s, m in zip(settled, self._waiting[0].marks, strict=True)
        ):
            self._queue.put(self._waiting.pop(0))

    @property
    def behind(self) -> bool:
        """Whether snapshots wait to be written: no use in taking more."""
        held = len(self._waiting) + len(self._handing) + len(self._fresh)
        return held > len(self.shards) or self._queue.qsize() > 1

    def close(self) -> None:
        """Write what may be written, and let the shards go.

        Raises
        ------
        VaultError
            When something could not be written.
        """
        try:
            self.epoch_ended()
            self.epoch_ended()
        finally:
            self._queue.put(None)
            self._writer.join()
            self._locks.close()
        self._check()

    def _check(self) -> None:
        if self._failed is not None:
            raise VaultError(f"{self.directory}: cannot be written: {self._failed}")

    def _write_all(self) -> None:
        while (staged := self._queue.get()) is not None:
            try:
                self._write(staged)
            except OSError as error:
                if error.errno not in FULL:
                    self._failed = error
                    return
                # Warnings need no snapshots: the one before stands until there is room again.
                self._path(staged.shard).with_suffix(".new").unlink(missing_ok=True)
                log.error("%s: no room for a snapshot: %s", self.directory, error.strerror)

    def _write(self, staged: _Staged) -> None:
        path, snapshot = self._path(staged.shard), staged.snapshot
        head = _HEAD.pack(_MAGIC, snapshot.offset, snapshot.checksum())
        _write_whole(path.with_suffix(".new"), path, [head, *snapshot.pieces])

    def _path(self, shard: int) -> Path:
        return self.directory / f"{shard}.snapshot"

    def _lock(self, shard: int, locks: ExitStack) -> None:
        lock = locks.enter_context((self.directory / f"{shard}.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            where = f"{self.directory}: partition {shard}"
            raise VaultError(f"{where} is being worked on by another process") from None


def _write_whole(fresh: Path, path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write a file beside its place, and put it there once all of it is on the disk."""
    with fresh.open("wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


class Keep:
    """A path whose shards are kept in a vault, as a step.

    Parameters
    ----------
    path
        The path; its shards are numbered from 0 here.
    take
        Returns the state of one shard.
    clock
        Seconds that never go back.
    every_s
        In which every shard has its turn.
    meter
        Told how long taking a state took.

    Notes
    -----
    What a poll says about how far its messages go is noted after the path has seen them.
    """

    def __init__(
        self,
        path: Any,
        vault: Vault,
        take: Callable[[int], bytes | Packed],
        clock: Callable[[], float],
        every_s: float = 10.0,
        meter: Meter | None = None,
    ) -> None:
        self.path = path
        self._meter = meter or Meter()
        self.offsets: dict[int, int] = {}
        """First message of each shard that was not seen yet."""
        self._vault = vault
        self._take = take
        self._clock = clock
        self._pause_s = every_s / len(vault.shards)
        self._due = clock() + self._pause_s
        # Else who is killed again and again before a round is over never keeps the last of it.
        self._turn = vault.last_kept()
        self._staged: dict[int, int] = {}

    def on_batch(self, items: Any) -> Any:
        """Pass items through the path, one after the other; then give one shard its turn."""
        for item in items:
            yield from self.path.on_batch([item])
            for stretch in getattr(item, "stretches", ()):
                self.offsets[stretch.shard] = stretch.offset + stretch.size
        if self._clock() >= self._due and not self._vault.behind:
            self._due = max(self._due, self._clock() - self._pause_s) + self._pause_s
            self.stage_one()

    def stage_one(self) -> None:
        """Take the next shard's snapshot."""
        shard = self._turn = (self._turn + 1) % len(self._vault.shards)
        if self.offsets.get(shard) != self._staged.get(shard):
            self._staged[shard] = self.offsets[shard]
            self._meter.start()
            snapshot = Snapshot(self.offsets[shard], self._take(shard))
            self._meter.lap("snapshot")
            self._vault.stage(self._vault.shards[shard], snapshot)

    def snapshot(self) -> bytes:
        """Return nothing: the vault keeps it."""
        return b""

    def restore(self, state: bytes) -> None:
        """Do nothing: the vault has restored the path."""
