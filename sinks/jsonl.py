"""A file of one message per line that a resumed flow continues exactly where its snapshot was."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["AppendFile", "keeps"]


def keeps(path: Path) -> bool:
    """Say whether what is written there can be read again: a pipe or a device forgets it.

    A directory counts as what keeps: whoever opens it is told that it is one.
    """
    return path.is_file() or path.is_dir() or not path.exists()


class AppendFile:
    """Lines at the end of a file; what lies beyond the offset it is opened at is cut off.

    Parameters
    ----------
    path
        The file; its folder is made when missing. A pipe or a device is only written to.
    offset
        Bytes to keep: those a snapshot vouches for, 0 for a new file.

    Raises
    ------
    ValueError
        When the file is shorter than the offset: somebody changed it between two runs.
    OSError
        When the disk is full, say; it names the file.

    Notes
    -----
    Nothing is buffered here, so a killed process loses no line; `sync` also survives the machine.
    """

    def __init__(self, path: Path, offset: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._keeps = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        if self._keeps:
            self._cut(offset)
        self.offset = offset
        """Where the next line begins."""

    def write(self, lines: list[bytes]) -> None:
        """Write lines, their newlines included."""
        rest = memoryview(b"".join(lines))
        with self._named():
            while rest:
                written = self._file.write(rest)
                self.offset += written
                rest = rest[written:]

    def sync(self) -> int:
        """Put everything on the disk; return the offset that now holds."""
        if self._keeps:
            with self._named():
                os.fsync(self._file.fileno())
        return self.offset

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _cut(self, offset: int) -> None:
        held = self._file.seek(0, os.SEEK_END)
        if held < offset:
            self._file.close()
            raise ValueError(f"{self._path}: expected at least {offset} bytes, got {held}")
        self._file.truncate(offset)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Let an error say which file: of one that is open the system does not."""
        try:
            yield
        except OSError as error:
            error.filename = str(self._path)
            raise
