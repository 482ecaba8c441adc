"""Run a flow to its end, or until somebody asks it to stop."""

from __future__ import annotations

import fcntl
import gc
import os
import re
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType

from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from flows.sources import Stop

__all__ = ["ENDED", "RecoveryError", "lasting", "owned", "run_flow", "stop_on_signals"]

EPOCH_S = 2.0
"""How often state is snapshotted: what a crash costs in work done again."""
SWITCH_INTERVAL_S = 5e-4
"""A second Python thread in the process, should there ever be one, waits no longer than this."""
ENDED = 143
"""Exit status of who was asked to stop before an end: else it is taken for the end."""
DATABASE = b"SQLite format 3\0"


class RecoveryError(RuntimeError):
    """What was kept to go on with cannot be used."""


def stop_on_signals(stop: Stop) -> None:
    """End in order on SIGTERM and SIGINT: Bytewax itself would drop everything at once."""

    def ask(_signal: int, _frame: FrameType | None) -> None:
        stop.asked = True

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)


@contextmanager
def owned(data: Path) -> Iterator[None]:
    """Make a data directory, and keep everybody else from it while the context lasts.

    Raises
    ------
    RecoveryError
        When somebody has it already.
    """
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecoveryError(f"{data} is in use by another citywatch") from None
        yield


@contextmanager
def lasting() -> Iterator[None]:
    """Make things that stay: the garbage collector looks through them neither now nor later.

    A city's registry is a million objects; looking through them as they are made takes as long as
    making them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if enabled:
            gc.enable()


def run_flow(flow: Dataflow, recovery_dir: Path | None = None, epoch_s: float = EPOCH_S) -> None:
    """Run with one worker; resume where the recovery directory says, if there is one.

    Raises
    ------
    RecoveryError
        When the recovery directory holds something else, or cannot be written.
    Exception
        What went wrong first, not the engine's wrapping of it.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # What is here now stays: a garbage collector that looks through a city's registry again and
    # again, because messages come and go, costs as much as everything else.
    gc.collect()
    gc.freeze()
    recovery = None
    if recovery_dir is not None:
        kept = list(recovery_dir.glob("part-*.sqlite3"))
        for path in kept:
            _must_be_a_database(path)
        if not kept:
            recovery_dir.mkdir(parents=True, exist_ok=True)
        if not os.access(recovery_dir, os.W_OK | os.X_OK):
            raise RecoveryError(f"{recovery_dir}: permission denied")
        if not kept:
            _make_database(recovery_dir)
        recovery = RecoveryConfig(recovery_dir)  # type: ignore[no-untyped-call]
    try:
        cli_main(  # type: ignore[no-untyped-call]
            flow, epoch_interval=timedelta(seconds=epoch_s), recovery_config=recovery
        )
    except BytewaxRuntimeError as error:
        raise _first(error) from None
    except RuntimeError as error:
        if recovery_dir is None or "Sqlite" not in str(error):
            raise
        raise RecoveryError(f"{recovery_dir}: {_said(error)}") from None
    finally:
        gc.unfreeze()


def _make_database(recovery_dir: Path) -> None:
    try:
        init_db_dir(recovery_dir, 1)  # type: ignore[no-untyped-call]
    except BaseException as error:
        # The engine's own kind of panic cannot be imported, and is no Exception: a full disk, say.
        if type(error).__name__ != "PanicException":
            raise
        raise RecoveryError(f"{recovery_dir}: cannot be made: {_said(error)}") from None


def _said(error: BaseException) -> str:
    """Return what the database said, out of what the engine made of it."""
    found = re.search(r'Some\("(.*?)"\)', str(error))
    return found[1] if found else str(error)


def _must_be_a_database(path: Path) -> None:
    """Raise where the engine would panic: it was cut short, or is somebody else's."""
    with path.open("rb") as file:
        whole = file.read(len(DATABASE)) == DATABASE
    if not (whole and _is_sound(path)):
        told = "damaged, or no recovery state"
        raise RecoveryError(f"{path}: {told}: delete {path.parent} to start anew")


def _is_sound(path: Path) -> bool:
    """Say whether all pages of a database are what they should be."""
    with closing(sqlite3.connect(path)) as database:
        try:
            return bool(database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.OperationalError:
            return True  # nobody could look: somebody has locked it, say
        except sqlite3.DatabaseError:
            return False


def _first(error: BaseException) -> BaseException:
    """Return what started it: the engine wraps an error once per layer.

    What that came of itself stays its cause: a refused command, say, of a store that failed.
    """
    while isinstance(error, BytewaxRuntimeError) and error.__cause__ is not None:
        error = error.__cause__
    return error
