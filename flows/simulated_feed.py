"""A simulated city as a feed: made in a process of its own, ten minutes at a time, a block ahead.

The simulation is a function of its arguments and the block number, so a source that resumes asks
for the same blocks again and gets the same bytes.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

import numpy as np

from flows.feeds import Chunk
from operators.codec import encode
from operators.intake import FeedName
from simulators.simulation import Simulation

__all__ = ["Simulated", "SimulatedFeed"]

NAMES: tuple[FeedName, ...] = ("readings", "reports")
WAIT_S = 0.002


@dataclass(frozen=True)
class Simulated:
    """Which city, and what happens in it: the arguments of ``Simulation``."""

    scenario: str
    seed: int
    start_ms: int
    hours: float
    sensors: int
    event_after_h: float | None = None

    def build(self) -> Simulation:
        """Return the simulation; a second or two for the default city."""
        return Simulation(
            self.scenario,
            self.seed,
            self.start_ms,
            self.hours,
            self.sensors,
            self.event_after_h,
        )


class SimulatedFeed:
    """Blocks of a simulation, in order, without end.

    Parameters
    ----------
    first
        Number of the first block; a negative one is history from before the run.

    Notes
    -----
    A chunk is one block; its key is the block's number. Offsets count from the first message of
    this process: block numbers, not offsets, are what it resumes by.
    """

    def __init__(self, simulated: Simulated, first: int) -> None:
        self.simulated = simulated
        self._from: dict[FeedName, int] = dict.fromkeys(NAMES, first)
        self._ready: dict[FeedName, deque[Chunk]] = {name: deque() for name in NAMES}
        self._offset: dict[FeedName, int] = dict.fromkeys(NAMES, 0)
        self._made_ms = 0  # when the last reading of the last block arrives
        self._process: SpawnProcess | None = None
        self._blocks: Connection | None = None

    @property
    def names(self) -> tuple[FeedName, ...]:
        """Return readings and reports."""
        return NAMES

    def seek(self, name: FeedName, key: Any) -> None:
        """Read from this block on."""
        self._from[name] = key

    def read(self, name: FeedName) -> Chunk | None:
        """Return the next block's messages; none while it is still being made."""
        if not self._ready[name]:
            self._receive()
        if not self._ready[name]:
            return Chunk(None, 0, [], np.array([self._made_ms]))
        return self._ready[name].popleft()

    def progress(self) -> float:
        """Return NaN: a city does not end."""
        return float("nan")

    def close(self) -> None:
        """End the process that makes the blocks."""
        if self._blocks is not None:
            self._blocks.close()
        if self._process is not None:
            self._process.terminate()
            self._process.join()

    def _receive(self) -> None:
        if self._blocks is None:
            self._start()
        assert self._blocks is not None
        if not self._blocks.poll(WAIT_S):
            return
        number, lines, arrival, reports, told = pickle.loads(self._blocks.recv_bytes())
        self._made_ms = max(self._made_ms, int(arrival[-1])) if lines else self._made_ms
        self._put("readings", number, lines, arrival)
        self._put("reports", number, reports, told)

    def _put(self, name: FeedName, number: int, lines: list[bytes], arrival: Any) -> None:
        if lines and number >= self._from[name]:
            self._ready[name].append(Chunk(number, self._offset[name], lines, arrival))
            self._offset[name] += len(lines)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._blocks, theirs = context.Pipe(duplex=False)
        first = min(self._from.values())
        self._process = context.Process(
            target=_make_blocks, args=(theirs, self.simulated, first), daemon=True
        )
        self._process.start()
        theirs.close()


def _make_blocks(out: Connection, simulated: Simulated, first: int) -> None:
    """Send blocks until nobody takes them any more; a full pipe is what paces this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us, in its own time
    os.nice(5)  # the flow comes first
    simulation = simulated.build()
    number = first
    try:
        while True:
            block = simulation.block(number)
            reports = [encode(report) for report in block.reports]
            told = np.array([report.time for report in block.reports], np.int64)
            sent = number, block.lines(), block.arrival_ms, reports, told
            out.send_bytes(pickle.dumps(sent, protocol=5))
            number += 1
    except (BrokenPipeError, ConnectionResetError):
        return
