"""Dead letters: kept, counted, bounded, and never doubled."""

import os
from pathlib import Path

from operators.events import BadMessage
from sinks.dead_letters import DeadLetterFile


def letters(*offsets: int, reason: str = "value: expected number, got 'x'") -> list[BadMessage]:
    return [BadMessage("feed", 0, offset, reason, "") for offset in offsets]


def offsets(path: Path) -> list[int]:
    return [
        int(line.split(b'"offset":')[1].split(b",")[0]) for line in path.read_bytes().splitlines()
    ]


def test_reasons_are_counted_without_what_was_found(tmp_path: Path) -> None:
    file = DeadLetterFile(tmp_path / "d.jsonl", None)
    file.put(letters(1, 2) + letters(3, reason="value: expected number, got 'y'"))
    file.put(letters(4, reason="time: missing"))
    assert file.counts == {"value: expected number": 3, "time: missing": 1}
    file.close()


def test_kinds_of_reasons_are_bounded(tmp_path: Path) -> None:
    file = DeadLetterFile(tmp_path / "d.jsonl", None)
    for n in range(500):
        file.put(letters(n, reason=f"reason {n}"))
    assert len(file.counts) == 101
    assert file.counts["other"] == 400
    file.close()


def test_a_resumed_flow_takes_back_what_came_after_the_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    file = DeadLetterFile(path, None)
    file.put(letters(1, 2))
    place = file.place()
    file.put(letters(3))
    file.close()
    again = DeadLetterFile(path, place)
    again.put(letters(3, 4))
    assert offsets(path) == [1, 2, 3, 4]
    assert again.counts == {"value: expected number": 4}
    again.close()


def test_full_files_are_set_aside_and_only_the_last_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    file = DeadLetterFile(path, None, full_bytes=300)
    for n in range(20):
        file.put(letters(n))
    file.close()
    aside = sorted(p for p in tmp_path.iterdir() if p != path)
    assert len(aside) == 3
    assert all(p.stat().st_size < 500 for p in aside)
    kept = [offset for p in [*aside, path] for offset in offsets(p)]
    assert kept == list(range(20))[-len(kept) :]


def test_a_snapshot_before_the_file_was_set_aside_still_holds(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    file = DeadLetterFile(path, None, full_bytes=450)
    file.put(letters(1))
    place = file.place()
    for n in range(2, 9):
        file.put(letters(n))
    file.close()
    again = DeadLetterFile(path, place, full_bytes=10_000)
    again.put(letters(*range(2, 9)))
    again.close()
    assert offsets(path) == list(range(1, 9))
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_run_sets_the_last_run_s_letters_aside(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    for n in range(3):
        file = DeadLetterFile(path, None)
        file.put(letters(n))
        file.close()
    assert offsets(path) == [2]
    assert offsets(tmp_path / "d.1.jsonl") == [0]
    assert offsets(tmp_path / "d.2.jsonl") == [1]


def test_letters_somebody_cleared_away_do_not_stop_the_flow(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    file = DeadLetterFile(path, None)
    file.put(letters(1))
    place = file.place()
    file.close()
    path.unlink()
    again = DeadLetterFile(path, place)
    again.put(letters(2))
    again.close()
    assert offsets(path) == [2]


def test_a_pipe_is_never_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = DeadLetterFile(path, None, full_bytes=1)
    file.put(letters(1))
    file.put(letters(2))
    file.place()
    file.close()
    assert os.read(reader, 10_000).count(b"\n") == 2
    os.close(reader)
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]
