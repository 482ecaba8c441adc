"""Snapshots of shards: whole or not at all, never ahead of what was said, one owner each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flows.vault import Keep, Snapshot, Vault, VaultError
from operators.intake import Poll, Stretch
from tests.flows.processes import eventually

HOLDS = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1)"
HOLDS += "; sys.stdout.flush(); sys.stdin.read()"


@dataclass
class Outbox:
    """What was sent, and what of it has arrived, as the test says."""

    sent: int = 0
    settled: int = 0


class Opened:
    """Vaults that are closed after the test, as a process's end would."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.open: list[Vault] = []

    def __call__(self, shards: Sequence[int] = (0,), *outboxes: Outbox) -> Vault:
        self.open.append(Vault(self.directory, shards, outboxes))
        return self.open[-1]

    def close(self) -> None:
        """Let the shards go without another word: what a kill leaves."""
        while self.open:
            vault = self.open.pop()
            vault._queue.put(None)
            vault._writer.join()
            vault._locks.close()


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path / "readings")
    yield opened
    opened.close()


def epochs(vault: Vault, count: int) -> None:
    for _ in range(count):
        vault.epoch_ended()


def given_to_write(vault: Vault) -> bool:
    """Whether something was given to the writer, or has been written."""
    return bool(vault._queue.qsize() or list(vault.directory.glob("*.[ns]*")))


class TestVault:
    def test_state_belongs_to_one_topic(self, vault: Opened) -> None:
        first = vault()
        first.belong("a.readings", "")
        first.belong("b.readings", "id-1")  # there is no state yet
        first.stage(0, Snapshot(41, b"state"))
        first.close()
        vault.open.clear()
        again = vault()
        again.belong("b.readings", "id-1")
        with pytest.raises(VaultError, match=r"readings: holds the state of b\.readings: delete"):
            again.belong("c.readings", "id-1")
        with pytest.raises(VaultError, match=r"of a b\.readings that was deleted"):
            again.belong("b.readings", "id-2")
        again.belong("b.readings", "")  # nobody knows now,
        with pytest.raises(VaultError, match="that was deleted"):  # and what was known is kept
            again.belong("b.readings", "id-2")

    def test_whose_state_it_is_is_written_once(self, vault: Opened) -> None:
        made = vault()
        made.belong("a.readings", "id-1")
        before = (vault.directory / "topic").stat().st_ino
        made.belong("a.readings", "id-1")
        assert (vault.directory / "topic").stat().st_ino == before

    def test_a_full_disk_keeps_nobody_from_starting(
        self, vault: Opened, caplog: pytest.LogCaptureFixture
    ) -> None:
        fresh = vault.directory / f"topic.{os.getpid()}"
        vault.directory.mkdir(parents=True, exist_ok=True)
        fresh.symlink_to("/dev/full")
        made = vault()
        made.belong("a.readings", "id-1")
        assert "no room to note the topic: No space left on device" in caplog.text
        assert not fresh.is_symlink()
        made.belong("a.readings", "id-1")
        assert (vault.directory / "topic").read_text() == "a.readings\nid-1"

    @pytest.mark.parametrize("noted", [b"", b"a.readings", b"\xff\xfe"])
    def test_where_nobody_can_tell_whose_state_it_is_somebody_has_to(
        self, vault: Opened, noted: bytes
    ) -> None:
        made = vault()
        made.belong("a.readings", "id-1")
        (vault.directory / "topic").write_bytes(noted)
        made.belong("b.readings", "id-1")  # there is no state yet
        made.stage(0, Snapshot(1, b"state"))
        made.close()
        vault.open.clear()
        again = vault()
        (vault.directory / "topic").write_bytes(noted)
        with pytest.raises(VaultError, match="topic: damaged: delete it if this is the state of a"):
            again.belong("a.readings", "id-1")

    def test_who_was_not_known_is_known_from_then_on(self, vault: Opened) -> None:
        one = vault()
        one.belong("a.readings", "")
        one.stage(0, Snapshot(1, b"state"))
        one.close()
        vault.open.clear()
        again = vault()
        again.belong("a.readings", "id-1")
        with pytest.raises(VaultError, match="that was deleted"):
            again.belong("a.readings", "id-2")

    @pytest.mark.parametrize("state", [b"", b"state", bytes(range(256)) * 5000])
    def test_what_is_kept_is_found_again(self, vault: Opened, state: bytes) -> None:
        first = vault((0, 3))
        assert first.load(3) is None
        first.stage(3, Snapshot(41, state))
        first.close()
        vault.open.clear()
        again = vault((0, 3))
        assert again.load(3) == Snapshot(41, state)
        assert again.load(0) is None

    def test_the_last_snapshot_counts(self, vault: Opened) -> None:
        first = vault()
        for offset in range(5):
            first.stage(0, Snapshot(offset, b"%d" % offset))
            first.epoch_ended()
        first.close()
        vault.open.clear()
        assert vault().load(0) == Snapshot(4, b"4")

    @pytest.mark.parametrize(
        "damage",
        [
            lambda raw: b"",
            lambda raw: raw[:10],
            lambda raw: raw[:-1],
            lambda raw: raw + b"x",
            lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
            lambda raw: b"somebody's notes, longer than the head of a snapshot",
        ],
        ids=["empty", "cut in its head", "cut", "longer", "one bit", "not ours"],
    )
    def test_a_damaged_file_is_named(self, vault: Opened, damage: Any) -> None:
        first = vault()
        first.stage(0, Snapshot(7, b"state"))
        first.close()
        vault.open.clear()
        path = vault.directory / "0.snapshot"
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(VaultError) as error:
            vault().load(0)
        assert str(error.value) == f"{path}: damaged, or not a snapshot: delete it to start anew"

    def test_no_bit_of_a_file_changes_unnoticed(self, vault: Opened) -> None:
        """Nor one of the place in its head: a shard would read on from elsewhere."""
        first = vault()
        first.stage(0, Snapshot(7, b"state"))
        first.close()
        vault.open.clear()
        path, again = vault.directory / "0.snapshot", vault()
        raw = path.read_bytes()
        for bit in range(8 * len(raw)):
            damaged = bytearray(raw)
            damaged[bit // 8] ^= 1 << bit % 8
            path.write_bytes(damaged)
            with pytest.raises(VaultError, match="delete it to start anew"):
                again.load(0)
        path.write_bytes(raw)
        assert again.load(0) == Snapshot(7, b"state")

    def test_a_file_of_another_version_is_named(self, vault: Opened) -> None:
        first = vault()
        first.stage(0, Snapshot(7, b"state"))
        first.close()
        vault.open.clear()
        path = vault.directory / "0.snapshot"
        raw = path.read_bytes()
        path.write_bytes(raw[:7] + b"1" + raw[8:])
        with pytest.raises(VaultError) as error:
            vault().load(0)
        assert str(error.value) == (
            f"{path}: of another version of citywatch: delete it to start anew"
        )

    def test_killed_while_writing_the_one_before_stands(self, vault: Opened) -> None:
        first = vault()
        first.stage(0, Snapshot(7, b"whole"))
        first.close()
        vault.open.clear()
        (vault.directory / "0.new").write_bytes(b"half a snapsh")
        second = vault()
        assert second.load(0) == Snapshot(7, b"whole")
        second.stage(0, Snapshot(8, b"next"))
        second.close()
        vault.open.clear()
        assert vault().load(0) == Snapshot(8, b"next")
        assert not list(vault.directory.glob("*.new"))

    def test_a_shard_has_one_owner(self, vault: Opened) -> None:
        vault((0, 1))
        with pytest.raises(VaultError, match=r"partition 1 is being worked on by another process"):
            vault((2, 1))
        vault((2, 3))  # nothing is held by the one that was refused

    @pytest.mark.system
    def test_an_owner_in_another_process_keeps_it_until_it_dies(self, vault: Opened) -> None:
        vault.directory.mkdir()
        command = [sys.executable, "-S", "-c", HOLDS, str(vault.directory / "5.lock")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with pytest.raises(VaultError, match="partition 5"):
                vault((5,))
            other.kill()
        vault((5,))

    def test_it_waits_for_what_was_said_to_be_handed_over_and_to_arrive(
        self, vault: Opened
    ) -> None:
        """An epoch ends at the source while its items are still on their way to the outbox.

        said     . 1 .   .
        staged   . . S   .
        handed   .       1     .
        arrived  .             1
        epoch        |     |      |
        """
        outbox = Outbox(sent=3, settled=3)
        made = vault((0,), outbox)
        made.stage(0, Snapshot(10, b"after 1"))
        made.epoch_ended()
        outbox.sent += 1
        epochs(made, 3)
        assert not given_to_write(made)
        outbox.settled += 1
        made.epoch_ended()
        eventually(lambda: made.load(0), "the snapshot")

    def test_what_is_said_later_is_not_waited_for(self, vault: Opened) -> None:
        outbox = Outbox()
        made = vault((0,), outbox)
        made.stage(0, Snapshot(10, b"state"))
        epochs(made, 2)
        outbox.sent += 1
        made.epoch_ended()
        eventually(lambda: made.load(0), "the snapshot")

    def test_it_waits_for_every_outbox(self, vault: Opened) -> None:
        one, two = Outbox(1, 1), Outbox(1, 0)
        made = vault((0,), one, two)
        made.stage(0, Snapshot(10, b"state"))
        epochs(made, 5)
        assert not given_to_write(made)
        two.settled = 1
        made.epoch_ended()
        eventually(lambda: made.load(0), "the snapshot")

    def test_killed_before_anything_arrived_nothing_is_kept(self, vault: Opened) -> None:
        made = vault((0,), Outbox(1, 0))
        made.stage(0, Snapshot(10, b"state"))
        epochs(made, 5)
        vault.close()
        assert vault().load(0) is None

    def test_closing_writes_what_may_be_written_and_only_that(self, vault: Opened) -> None:
        outbox = Outbox(1, 1)
        made = vault((0, 1), outbox)
        made.stage(0, Snapshot(10, b"arrived"))
        epochs(made, 2)
        outbox.sent = 2  # and never settled
        made.stage(1, Snapshot(10, b"not arrived"))
        made.close()
        vault.open.clear()
        again = vault((0, 1))
        assert again.load(0) == Snapshot(10, b"arrived")
        assert again.load(1) is None

    def test_it_is_behind_while_more_waits_than_a_round_of_shards(self, vault: Opened) -> None:
        made = vault((0, 1), Outbox(1, 0))
        for offset in range(3):
            assert not made.behind
            made.stage(offset % 2, Snapshot(offset, b""))
            made.epoch_ended()
        assert made.behind

    def test_a_directory_that_cannot_be_written_is_named(self, vault: Opened) -> None:
        made = vault()
        (vault.directory / "0.new").mkdir()  # in the way, also for root
        made.stage(0, Snapshot(10, b""))
        epochs(made, 2)
        eventually(lambda: made._failed, "the failure")
        with pytest.raises(VaultError, match=r"readings: cannot be written: .*0\.new"):
            made.epoch_ended()

    def test_a_full_disk_leaves_the_one_before_and_is_tried_again(
        self, vault: Opened, caplog: pytest.LogCaptureFixture
    ) -> None:
        made = vault()
        fresh = vault.directory / "0.new"
        fresh.symlink_to("/dev/full")
        made.stage(0, Snapshot(10, b"state"))
        epochs(made, 2)
        eventually(lambda: not fresh.is_symlink(), "an attempt")
        assert made.load(0) is None
        made.stage(0, Snapshot(20, b"later"))
        made.close()
        assert "no room for a snapshot: No space left on device" in caplog.text
        vault.open.clear()
        assert vault().load(0) == Snapshot(20, b"later")

    def test_what_cannot_be_written_at_the_end_is_told_too(self, vault: Opened) -> None:
        made = vault()
        (vault.directory / "0.new").mkdir()
        made.stage(0, Snapshot(10, b""))
        with pytest.raises(VaultError, match="cannot be written"):
            made.close()
        vault.open.clear()
        vault()  # it has let its shards go all the same


# --- the step that is kept -------------------------------------------------------------------


class Ask(NamedTuple):
    """An item that comes from no partition."""

    name: str


@dataclass
class Recorder:
    """A path that remembers what it has seen, and says it again."""

    keep: Keep | None = None
    seen: list[Any] = field(default_factory=list)
    noted: list[dict[int, int]] = field(default_factory=list)

    def on_batch(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            assert self.keep is not None
            self.noted.append(dict(self.keep.offsets))
            self.seen.append(item)
            yield item


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def poll(*stretches: tuple[int, int, int]) -> Poll:
    told = tuple(Stretch(*stretch) for stretch in stretches)
    return Poll("readings", [b"x"] * sum(s.size for s in told), told)


def keeping(made: Vault, every_s: float = 10.0) -> tuple[Keep, Recorder, Clock, list[int]]:
    path, clock, taken = Recorder(), Clock(), list[int]()

    def take(shard: int) -> bytes:
        taken.append(shard)
        return b"state of %d" % shard

    path.keep = Keep(path, made, take, clock, every_s)
    return path.keep, path, clock, taken


class TestKeep:
    def test_passes_items_through_one_after_the_other(self, vault: Opened) -> None:
        keep, path, _, _ = keeping(vault())
        items = [poll((0, 0, 2)), Ask("a"), poll((0, 2, 1))]
        assert list(keep.on_batch(items)) == path.seen == items

    def test_notes_how_far_it_has_come_after_the_path_has_seen_it(self, vault: Opened) -> None:
        keep, path, _, _ = keeping(vault((4, 7)))
        list(keep.on_batch([poll((0, 5, 2), (1, 0, 1)), poll((0, 9, 1)), Ask("a"), poll()]))
        assert path.noted == [{}, {0: 7, 1: 1}, {0: 10, 1: 1}, {0: 10, 1: 1}]
        assert keep.offsets == {0: 10, 1: 1}

    def test_gives_every_shard_its_turn_in_the_time_for_all(self, vault: Opened) -> None:
        made = vault((4, 7, 9, 2))
        keep, _, clock, taken = keeping(made, every_s=8.0)
        for second in range(17):
            if second == 1:
                assert taken == []
            list(keep.on_batch([poll(*((shard, second, 1) for shard in range(4)))]))
            clock.now += 1.0
            made.epoch_ended()
            eventually(lambda: not made.behind, "the writer")
        assert len(taken) == 8
        assert sorted(taken[:4]) == sorted(taken[4:]) == [0, 1, 2, 3]
        epochs(made, 2)
        for shard in made.shards:
            eventually(lambda shard=shard: made.load(shard).offset > 8, "the second round")

    def test_who_is_started_again_goes_on_with_the_next_shard(self, vault: Opened) -> None:
        shards, rounds = (4, 7, 9), list[int]()
        for _ in range(5):
            made = vault(shards)
            keep, _, _, taken = keeping(made)
            list(keep.on_batch([poll(*((shard, 0, 1) for shard in range(3)))]))
            keep.stage_one()
            made.close()
            vault.open.remove(made)
            rounds += taken
        assert rounds == [1, 2, 0, 1, 2]

    def test_a_pause_is_not_made_up_for_at_once(self, vault: Opened) -> None:
        made = vault((0, 1))
        keep, _, clock, taken = keeping(made, every_s=2.0)
        clock.now += 1000.0
        for offset in range(9):
            clock.now += offset == 8
            list(keep.on_batch([poll((0, offset, 1), (1, offset, 1))]))
            made.epoch_ended()
            eventually(lambda: not made.behind, "the writer")
            if offset == 7:
                assert taken == [1, 0], "the one that was due, and that of now"
        assert taken == [1, 0, 1]

    def test_a_shard_that_has_seen_nothing_new_has_no_turn(self, vault: Opened) -> None:
        keep, _, _, taken = keeping(vault((0, 1)))
        for offset in (3, 4):
            list(keep.on_batch([poll((1, offset, 1))]))
            for _ in range(4):
                keep.stage_one()
        assert taken == [1, 1]

    def test_takes_nothing_while_the_vault_is_behind(self, vault: Opened) -> None:
        made = vault((0,), Outbox(1, 0))
        keep, _, clock, taken = keeping(made, every_s=1.0)
        for second in range(20):
            clock.now += 1.0
            list(keep.on_batch([poll((0, second, 1))]))
            made.epoch_ended()
        assert len(taken) == 2

    def test_the_engine_has_nothing_to_keep(self, vault: Opened) -> None:
        keep, path, _, _ = keeping(vault())
        list(keep.on_batch([poll((0, 0, 1))]))
        assert keep.snapshot() == b""
        keep.restore(b"")
        assert len(path.seen) == 1
