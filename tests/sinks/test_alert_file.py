"""The alert file in a flow that is aborted."""

from datetime import timedelta
from pathlib import Path

import pytest
from bytewax.dataflow import Dataflow
from bytewax.operators import input as read_from
from bytewax.operators import output
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSource, run_main

from operators.codec import decode_alert
from sinks.alert_file import AlertFileSink
from tests.sinks.alerts import alert, history


def write(path: Path, items: list, recovery: Path | None = None) -> None:
    flow = Dataflow("replay")
    output("alerts", read_from("in", flow, TestingSource(items, 3)), AlertFileSink(path))
    config = None if recovery is None else RecoveryConfig(str(recovery))
    run_main(flow, epoch_interval=timedelta(0), recovery_config=config)


def test_latencies_are_left_out_and_every_line_is_a_version(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    versions = [alert("wl-1", 1, latency_us={"screen": 5}), alert("wl-1", 2)]
    write(path, [("wl-1", version) for version in versions])
    lines = path.read_bytes().splitlines()
    assert b"latency_us" not in b"".join(lines)
    assert [decode_alert(line).version for line in lines] == [1, 2]


def test_same_bytes_after_aborts(tmp_path: Path) -> None:
    items = [(version.id, version) for version in history(60, 3)]
    write(tmp_path / "whole.jsonl", items)

    recovery = tmp_path / "recovery"
    recovery.mkdir()
    init_db_dir(recovery, 1)
    for cut in (10, 35, 60):
        stopped = [*items[:cut], TestingSource.ABORT(), *items[cut:]]
        write(tmp_path / "cut.jsonl", stopped, recovery)
    write(tmp_path / "cut.jsonl", items, recovery)
    assert (tmp_path / "cut.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("trouble", ["cleared away", "turned over", "shortened"])
def test_a_file_that_somebody_shortened_is_gone_on_with(
    tmp_path: Path, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, recovery = tmp_path / "alerts.jsonl", tmp_path / "recovery"
    recovery.mkdir()
    init_db_dir(recovery, 1)
    items = [(version.id, version) for version in history(20, 3)]
    write(path, [*items[:15], TestingSource.ABORT(), *items[15:]], recovery)
    told = path.read_bytes().splitlines(keepends=True)
    match trouble:
        case "cleared away":
            path.unlink()
        case "turned over":
            path.rename(tmp_path / "alerts.jsonl.1")
            path.write_bytes(b"")
        case "shortened":
            path.write_bytes(b"".join(told[:5]))
    held = path.read_bytes() if path.exists() else b""
    write(path, items, recovery)
    rest = path.read_bytes().removeprefix(held).splitlines()
    assert [decode_alert(line) for line in rest] == [v for _, v in items][-len(rest) :]
    assert rest
    assert f"{path}: expected at least {len(b''.join(told))} bytes, got {len(held)}" in caplog.text


def test_a_new_run_starts_the_file_anew(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    for _ in range(2):
        write(path, [("wl-1", alert("wl-1"))])
    assert len(path.read_bytes().splitlines()) == 1


def test_of_a_device_nothing_is_missed_on_resume(caplog: pytest.LogCaptureFixture) -> None:
    part = AlertFileSink(Path("/dev/null")).build_part("alerts", "alerts", 100)
    part.write_batch([alert("wl-1")])
    assert part.snapshot() > 100
    part.close()
    assert not caplog.records
