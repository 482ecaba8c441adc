"""Short ways to start what a user starts, and to see what it does."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.__main__ import main

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
"""When waiting is given up: so busy no machine is, and nothing that works waits for it."""


def eventually(holds: Callable[[], object], what: str = "") -> None:
    """Wait until something holds; a deadline, not a pause, so a quick machine is quick."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"{what or holds} did not hold within {PATIENCE_S:g} s")
        time.sleep(0.002)


@contextlib.contextmanager
def without_waiting(limit_s: float = 10.0) -> Iterator[None]:
    """Fail when it took as long as what must not be waited for, which has to take far longer.

    It tells waiting from not waiting and is no measure of speed: a busy machine stops for seconds.
    """
    began = time.monotonic()
    yield
    assert time.monotonic() - began < limit_s


@contextlib.contextmanager
def started(*arguments: str | Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Run ``citywatch`` in a process of its own, and see that none is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        family = offspring(process.pid)
        process.kill()
        process.communicate()
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def run(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``citywatch`` to its end."""
    with started(*arguments, **env) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def here(*arguments: str | Path) -> int:
    """Run ``citywatch`` in this process, which saves the second its imports take."""
    before = sys.argv
    sys.argv = ["citywatch", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
    return 0


def one_line(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    """The last thing said was one line on stderr, of citywatch, with these words."""
    said = capsys.readouterr()
    assert said.err.count("\n") == 1, said.err
    assert said.err.startswith("citywatch: ")
    for word in words:
        assert word in said.err


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def alive(pid: int) -> bool:
    """Say whether a process runs; one that only waits to be noticed dead does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def offspring(pid: int) -> dict[int, str]:
    """Return all processes that a process started, and those they did: pid to command line."""
    parent: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found: dict[int, str] = {}
    front = [pid]
    while front:
        front = [child for child, of in parent.items() if of in front]
        for child in front:
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ")
                found[child] = line.decode()
    return found
