"""Files that a resumed flow continues."""

import os
from pathlib import Path

import pytest

from sinks.jsonl import AppendFile, keeps


def test_what_the_snapshot_does_not_vouch_for_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.jsonl"
    file = AppendFile(path, 0)
    file.write([b"one\n"])
    kept = file.sync()
    file.write([b"two\n", b"three\n"])
    file.close()
    again = AppendFile(path, kept)
    again.write([b"four\n"])
    again.close()
    assert path.read_bytes() == b"one\nfour\n"


def test_a_file_that_lost_bytes_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\n")
    with pytest.raises(ValueError, match="expected at least 10 bytes, got 4"):
        AppendFile(path, 10)


def test_a_device_is_only_written_to() -> None:
    file = AppendFile(Path("/dev/null"), 100)
    file.write([b"one\n"])
    assert file.sync() == 104
    file.close()


def test_a_pipe_gets_every_line(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = AppendFile(path, 0)
    file.write([b"one\n", b"two\n"])
    file.sync()
    file.close()
    assert os.read(reader, 100) == b"one\ntwo\n"
    os.close(reader)


def test_a_full_disk_is_told_with_the_file() -> None:
    file = AppendFile(Path("/dev/full"), 0)
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        file.write([b"one\n"])
    file.close()


def test_what_keeps_is_told_from_what_forgets(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert all(keeps(path) for path in (tmp_path, tmp_path / "file", tmp_path / "new"))
    assert not keeps(Path("/dev/null"))
