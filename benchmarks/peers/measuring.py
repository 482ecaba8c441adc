"""What peers share beside the job: their arguments, and how time is taken.

Only the standard library: this runs inside every peer's own environment.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

__all__ = ["Stopwatch", "given"]

TICKS = os.sysconf("SC_CLK_TCK")


def given(name: str) -> argparse.Namespace:
    """Return the arguments of a peer: broker, topic, store, and how many readings there are."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.peers.{name}")
    parser.add_argument("--kafka", required=True, metavar="HOST:PORT")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--redis", required=True, metavar="URL")
    parser.add_argument("--readings", required=True, type=int, help="how many the topic holds")
    return parser.parse_args()


class Stopwatch:
    """Wall and processor time from the first message to the last alert.

    Starting up is left out: `start` is called when the first message has reached the peer's code,
    `mark` when all is done that there was to do; the last time it is called counts.

    Parameters
    ----------
    family
        The process whose processor time counts, with all those below it; None is this one.
    """

    def __init__(self, family: int | None = None) -> None:
        self._family = os.getpid() if family is None else family
        self._first_message_at: float | None = None
        self._from = self._to = (0.0, 0.0)

    def start(self) -> None:
        """Start once; later calls change nothing."""
        if self._first_message_at is None:
            self._first_message_at = time.time()
            self._from = (time.perf_counter(), processor_s(self._family))

    def mark(self) -> None:
        """Note that everything so far is done."""
        self._to = (time.perf_counter(), processor_s(self._family))

    def line(self, readings: int) -> str:
        """Return the measurement as the one line of JSON that a peer prints."""
        wall, core = (after - before for before, after in zip(self._from, self._to, strict=True))
        measured = {"readings": readings, "wall_s": round(wall, 4), "core_s": round(core, 3)}
        return json.dumps({**measured, "first_message_at": self._first_message_at})

    def report(self, readings: int) -> None:
        """Print the measurement."""
        sys.stdout.write(self.line(readings) + "\n")


def processor_s(family: int) -> float:
    """Return the processor time of a process and all below it, running or ended."""
    parents, used = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text()
        except OSError:  # it has just ended
            continue
        fields = text.rpartition(")")[2].split()
        parents[int(entry.name)] = int(fields[1])
        used[int(entry.name)] = sum(map(int, fields[11:15]))
    members = {family}
    while more := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= more
    return sum(used.get(pid, 0) for pid in members) / TICKS
