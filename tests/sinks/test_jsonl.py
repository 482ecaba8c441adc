"""Files that a resumed flow continues."""

from pathlib import Path

import pytest

from sinks.jsonl import AppendFile


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
