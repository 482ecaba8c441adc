"""A simulated city as a feed: the simulation's bytes, from any block on, and no process left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from flows.feeds import Chunk
from flows.simulated_feed import Simulated, SimulatedFeed
from operators.codec import encode
from operators.intake import FeedName
from simulators.clock import default_start
from simulators.simulation import Simulation
from tests.flows.processes import ROOT, alive, eventually, offspring

pytestmark = pytest.mark.system

CITY = Simulated("gas_leak", 5, default_start(5), 6.0, 150, 1.0)

Open = Callable[[int], SimulatedFeed]


@pytest.fixture
def opened() -> Iterator[Open]:
    made: list[SimulatedFeed] = []

    def build(first: int) -> SimulatedFeed:
        made.append(SimulatedFeed(CITY, first))
        return made[-1]

    yield build
    for feed in made:
        feed.close()


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return CITY.build()


def take(feed: SimulatedFeed, name: FeedName, count: int) -> list[Chunk]:
    """Wait for so many chunks."""
    found: list[Chunk] = []

    def enough() -> bool:
        chunk = feed.read(name)
        assert chunk is not None, "a city does not end"
        if chunk.lines:
            found.append(chunk)
        return len(found) == count

    eventually(enough, what=f"{count} blocks of {name}")
    return found


def test_gives_the_bytes_of_the_simulation_history_first(
    opened: Open, simulation: Simulation
) -> None:
    feed = opened(-2)
    for number, chunk in zip(range(-2, 3), take(feed, "readings", 5), strict=True):
        block = simulation.block(number)
        assert chunk.key == number
        assert chunk.lines == block.lines()
        assert np.array_equal(chunk.arrival_ms, block.arrival_ms)
    assert feed.names == ("readings", "reports")
    assert np.isnan(feed.progress())


def test_gives_the_reports_of_the_simulation(opened: Open, simulation: Simulation) -> None:
    for chunk in take(opened(0), "reports", 3):
        assert chunk.lines == [encode(report) for report in simulation.block(chunk.key).reports]


def test_resumes_at_a_block_each_feed_its_own(opened: Open, simulation: Simulation) -> None:
    feed = opened(0)
    feed.seek("readings", 4)
    feed.seek("reports", 2)
    [chunk] = take(feed, "readings", 1)
    assert chunk.key == 4
    assert chunk.lines == simulation.block(4).lines()
    [told] = take(feed, "reports", 1)
    assert told.key >= 2


def test_close_ends_its_process(opened: Open) -> None:
    feed = opened(0)
    take(feed, "readings", 1)
    assert feed._process is not None
    pid = feed._process.pid
    assert pid is not None
    feed.close()
    assert not alive(pid)


def test_close_before_the_first_read_is_nothing(opened: Open) -> None:
    opened(0).close()


PARENT = """
from tests.flows.test_simulated_feed import CITY, take
from flows.simulated_feed import SimulatedFeed
import signal
if __name__ == "__main__":
    feed = SimulatedFeed(CITY, 0)
    take(feed, "readings", 1)
    print("reading", flush=True)
    signal.pause()
"""


def test_its_process_does_not_outlive_a_killed_parent() -> None:
    command = [sys.executable, "-c", PARENT]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    try:
        assert parent.stdout.readline() == "reading\n"
        makers = list(offspring(parent.pid))
        assert makers
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    eventually(lambda: not any(map(alive, makers)), "the end of the maker of blocks")
