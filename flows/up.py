"""Everything on this machine: the store, the flow and the screen, each a process, watched over.

Whatever dies is started again, after a pause that grows while it keeps dying. Ctrl-C, SIGTERM and
a terminal that is closed end all of them, in order first and by force after two seconds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

__all__ = ["Child", "Supervisor", "UpError", "port_is_free"]

PATIENCE_S = 2.0
"""What a process gets to end in order."""
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 30.0
"""A process that has run this long starts again at the shortest pause."""


class UpError(RuntimeError):
    """Something that keeps everything from starting; says what to do."""


@dataclass
class Child:
    """One process, its log, and how often it died."""

    name: str
    command: list[str]
    log: Path
    environment: dict[str, str] | None = field(default=None, repr=False)
    """What it gets instead of ours."""
    process: subprocess.Popen[bytes] | None = None
    ends: bool = True
    """Whether it may end by itself, with status 0; else somebody has ended it from outside."""
    farewell: str = ""
    """What is said when it has."""
    deaths: int = 0
    done: bool = False
    """Whether it has ended because there was nothing more to do."""
    _started: float = 0.0
    _due: float = 0.0

    def start(self) -> None:
        """Start it in a session of its own: a Ctrl-C at the terminal is the supervisor's to see."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        out: IO[bytes]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env=self.environment,
                start_new_session=True,
            )
        self._started = time.monotonic()

    def look(self) -> bool:
        """Start it again if it has died and its pause is over; return whether it has just died."""
        if self.done:
            return False
        if self.process is None:
            if time.monotonic() >= self._due:
                self.start()
            return False
        status = self.process.poll()
        self.done = self.ends and status == 0
        if status is None or self.done:
            return False
        steady = time.monotonic() - self._started > STEADY_S
        self.deaths = 1 if steady else self.deaths + 1
        self._due = time.monotonic() + PAUSES_S[min(self.deaths, len(PAUSES_S)) - 1]
        self.process = None
        return True

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def end(self, deadline: float) -> None:
        """Wait until the deadline, then end it and all it started."""
        if self.process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, deadline - time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def last_words(self) -> str:
        """Return the end of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-8:])


@dataclass
class Supervisor:
    """Processes that are kept running, and all ended when its context ends.

    Parameters
    ----------
    say
        Told, in a sentence, when something died, or came to its end.
    """

    children: list[Child]
    say: Callable[[str], None]
    asked: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGTERM, self._ask)
        # A terminal that is closed leaves nobody behind; who said nohup wants all to go on.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def start_first(self, answers: Callable[[], bool], patience_s: float = 10.0) -> None:
        """Start the first process and wait until it answers: the others need it.

        Raises
        ------
        UpError
            When it ends, or does not answer in time.
        """
        first = self.children[0]
        first.start()
        deadline = time.monotonic() + patience_s
        while not self.asked and not answers():
            if first.process is None or first.process.poll() is not None:
                raise UpError(f"the {first.name} did not start: {first.last_words()}")
            if time.monotonic() > deadline:
                raise UpError(f"the {first.name} did not answer within {patience_s:.0f} s")
            time.sleep(0.01)

    def run(self, each_turn: Callable[[], None], until: float | None = None) -> None:
        """Watch until asked to stop, or until this time of the monotonic clock."""
        while not self.asked and (until is None or time.monotonic() < until):
            if all(child.done for child in self.children):
                return
            for child in self.children:
                was_done = child.done
                if child.look():
                    self.say(f"{child.name} died, starting it again ({child.log})")
                elif child.done and child.farewell and not was_done:
                    self.say(child.farewell)
            each_turn()
            time.sleep(0.1)

    def end(self) -> None:
        """End every process: who reads first, what is read last."""
        deadline = time.monotonic() + PATIENCE_S
        for child in reversed(self.children[1:]):
            child.ask_to_end()
        for child in reversed(self.children[1:]):
            child.end(deadline)
        self.children[0].ask_to_end()
        self.children[0].end(deadline + 0.5)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True


def port_is_free(host: str, port: int) -> bool:
    """Say whether nobody listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def python(*arguments: str) -> list[str]:
    """Return a command line of this very interpreter."""
    return [sys.executable, "-m", *arguments]
