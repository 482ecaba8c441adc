"""Running a flow: stop in order, resume, and say what went wrong first."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import TestingSink

from flows.running import RecoveryError, lasting, owned, run_flow, stop_on_signals
from flows.sources import Stop
from tests.flows.processes import ROOT


class Numbers(FixedPartitionedSource[int, int]):
    """The numbers from 0, or from where the last run ended, up to a limit or a stop."""

    def __init__(self, stop: Stop, until: int) -> None:
        self.stop, self.until = stop, until

    def list_parts(self) -> list[str]:
        return ["numbers"]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Any:
        return _Part(self, resume_state or 0)


class _Part(StatefulSourcePartition[int, int]):
    def __init__(self, source: Numbers, at: int) -> None:
        self.source, self.at = source, at

    def next_batch(self) -> list[int]:
        if self.source.stop.asked or self.at == self.source.until:
            raise StopIteration
        self.at += 1
        return [self.at - 1]

    def next_awake(self) -> datetime:
        return datetime(2000, 1, 1, tzinfo=UTC)

    def snapshot(self) -> int:
        return self.at


def counting(out: list[Any], stop: Stop, until: int, check: Any = None) -> Dataflow:
    flow = Dataflow("counting")
    numbers = op.input("source", flow, Numbers(stop, until))
    if check is not None:
        numbers = op.map("check", numbers, check)
    op.output("out", numbers, TestingSink(out))
    return flow


def test_runs_to_the_end() -> None:
    out: list[int] = []
    run_flow(counting(out, Stop(), 100))
    assert out == list(range(100))


@pytest.mark.parametrize("left", [b"", b"somebody's notes"])
def test_what_is_no_recovery_state_is_named(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "part-0.sqlite3"
    path.write_bytes(left)
    with pytest.raises(RecoveryError) as error:
        run_flow(counting([], Stop(), 3), tmp_path, 0.05)
    told = f"{path}: damaged, or no recovery state: delete {tmp_path} to start anew"
    assert str(error.value) == told


@pytest.mark.parametrize("spoil", ["cut", "overwritten"])
def test_recovery_state_that_is_damaged_further_on_is_named(tmp_path: Path, spoil: str) -> None:
    run_flow(counting([], Stop(), 3), tmp_path, 0.05)
    (path,) = tmp_path.glob("part-*.sqlite3")
    kept = path.read_bytes()
    path.write_bytes(kept[:3000] if spoil == "cut" else kept[:100] + b"\xff" * 3900 + kept[4000:])
    with pytest.raises(RecoveryError, match=r"part-0\.sqlite3: damaged, or no recovery state"):
        run_flow(counting([], Stop(), 3), tmp_path, 0.05)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RecoveryError, match="permission denied"):
        run_flow(counting([], Stop(), 3), tmp_path, 0.05)


def test_where_the_engine_cannot_begin_it_says_so(tmp_path: Path) -> None:
    # Linked, not made: root too is stopped by a place where there can be no files.
    (tmp_path / "recovery").symlink_to("/proc/self")
    with pytest.raises(RecoveryError, match=r"recovery: cannot be made: |permission denied"):
        run_flow(counting([], Stop(), 3), tmp_path / "recovery", 0.05)


def test_a_data_directory_is_made_and_has_one_owner(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    with (
        owned(data),
        pytest.raises(RecoveryError, match="new/data is in use by another citywatch"),
        owned(data),
    ):
        pass
    with owned(data):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_and_it_resumes(tmp_path: Path, number: int) -> None:
    def ask(n: int) -> int:
        if n == 50:
            os.kill(os.getpid(), number)
        return n

    stop = Stop()
    stop_on_signals(stop)
    first: list[int] = []
    run_flow(counting(first, stop, 1_000_000, ask), tmp_path / "recovery", 0.05)
    assert stop.asked
    assert 50 < len(first) < 1_000_000
    second: list[int] = []
    run_flow(counting(second, Stop(), len(first) + 10), tmp_path / "recovery", 0.05)
    assert first + second == list(range(len(first) + 10))


def test_what_went_wrong_first_comes_out() -> None:
    def fail(n: int) -> int:
        raise OSError(28, "no space left", "alerts.jsonl")

    with pytest.raises(OSError, match=r"no space left: 'alerts\.jsonl'"):
        run_flow(counting([], Stop(), 10, fail))


def test_what_it_came_of_is_not_told_instead() -> None:
    """A step's errors reach us wrapped, with causes of their own."""

    def fail(n: int) -> int:
        raise ValueError("the snapshot is damaged") from OSError("byte 7")

    with pytest.raises(ValueError, match="the snapshot is damaged"):
        run_flow(counting([], Stop(), 10, fail))


def test_a_directory_left_by_a_crash_at_the_very_start_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "recovery").mkdir()  # killed between making it and filling it
    out: list[int] = []
    run_flow(counting(out, Stop(), 3), tmp_path / "recovery", 0.05)
    assert out == [0, 1, 2]


def test_what_is_made_to_last_is_not_looked_through() -> None:
    try:
        with lasting():
            assert not gc.isenabled()
            before = gc.get_freeze_count()
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()


def test_what_could_not_be_made_does_not_last() -> None:
    before = gc.get_freeze_count()
    with pytest.raises(ValueError, match="half"), lasting():
        raise ValueError("half")
    assert gc.isenabled()
    assert gc.get_freeze_count() == before


FAILING = """
import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource
from flows import __main__ as cli
from flows.running import run_flow
from sinks.kafka import KafkaSink, Letter, Outbox

outbox = Outbox({"bootstrap.servers": "127.0.0.1:1", "message.max.bytes": 2000})
flow = Dataflow("failing")
up = op.input("in", flow, TestingSource([("key", size) for size in (1, 1, 5000, 1)]))
for topic in ("evidence", "deadletter"):
    op.output(topic, up, KafkaSink(outbox, topic, lambda size: [Letter(b"", b"x" * size)]))
cli.app = lambda: run_flow(flow, None, 10.0)
cli.main()
"""


FILLING = """
import resource, sys
from pathlib import Path
from flows import __main__ as cli
from flows.running import run_flow
from flows.sources import Stop
from tests.flows.test_running import counting

def fill(n):
    if n == 50:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return n

cli.app = lambda: run_flow(counting([], Stop(), 1_000_000, fill), Path(sys.argv[1]), 0.05)
cli.main()
"""


def ended(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        # What the engine says of itself is the user's to ask for.
        env={**os.environ, "RUST_BACKTRACE": "0", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
def test_a_disk_that_is_full_while_it_runs_is_named(tmp_path: Path) -> None:
    found = ended(FILLING, str(tmp_path))
    last = found.stderr.splitlines()[-1]
    assert last == f"citywatch: {tmp_path}: disk I/O error"
    assert found.returncode == 1
    assert "Traceback" not in found.stderr


@pytest.mark.slow
def test_what_cannot_be_delivered_ends_the_process_with_one_line() -> None:
    """Two sinks have something to send still: neither may hold up or drown the first's reason."""
    found = ended(FAILING)
    said = [line for line in found.stderr.splitlines() if line.startswith("citywatch: ")]
    assert len(said) == 1
    assert said[0].startswith("citywatch: evidence: message not delivered: ")
    assert said[0].endswith("Message size too large")
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert "destructor" not in found.stderr
