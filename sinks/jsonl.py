"""A file of one message per line that a resumed flow continues exactly where its snapshot was."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["AppendFile"]


class AppendFile:
    """Lines at the end of a file; what lies beyond the offset it is opened at is cut off.

    Parameters
    ----------
    path
        The file; its folder is made when missing.
    offset
        Bytes to keep: those a snapshot vouches for, 0 for a new file.

    Raises
    ------
    ValueError
        When the file is shorter than the offset: somebody changed it between two runs.

    Notes
    -----
    Nothing is buffered here, so a killed process loses no line; `sync` also survives the machine.
    """

    def __init__(self, path: Path, offset: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        held = self._file.seek(0, os.SEEK_END)
        if held < offset:
            self._file.close()
            raise ValueError(f"{path}: expected at least {offset} bytes, got {held}")
        self._file.truncate(offset)
        self.offset = offset
        """Where the next line begins."""

    def write(self, lines: list[bytes]) -> None:
        """Write lines, their newlines included."""
        rest = memoryview(b"".join(lines))
        while rest:
            written = self._file.write(rest)
            self.offset += written
            rest = rest[written:]

    def sync(self) -> int:
        """Put everything on the disk; return the offset that now holds."""
        os.fsync(self._file.fileno())
        return self.offset

    def close(self) -> None:
        """Close the file."""
        self._file.close()
