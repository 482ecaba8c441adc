"""Simulated feeds, made once; signals as they were; none of the caller's settings."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.clock import default_start
from simulators.feed import write_feed
from simulators.simulation import Simulation
from tests.flows.kafka_reader import reader, watchful
from tests.sinks.conftest import embedded_store, store

__all__ = ["as_before", "embedded_store", "feed", "quiet_feed", "reader", "store", "watchful"]


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _write(at: Path, scenario: str, hours: float, sensors: int) -> Path:
    write_feed(Simulation(scenario, 3, default_start(3), hours, sensors), at)
    return at


@pytest.fixture(scope="session")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six hours of 600 sensors with a cloudburst: 48,000 readings, some warnings."""
    return _write(tmp_path_factory.mktemp("cloudburst"), "cloudburst", 6, 600)


@pytest.fixture(scope="session")
def quiet_feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half an hour of 150 sensors: a feed that takes no time."""
    return _write(tmp_path_factory.mktemp("quiet"), "quiet", 0.5, 150)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Undo what a run does to this process."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    interval = sys.getswitchinterval()
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    sys.setswitchinterval(interval)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the caller has set, such as a broker for the tests, out of what is tested."""
    for name in list(os.environ):
        if name.startswith("CITYWATCH_"):
            monkeypatch.delenv(name)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A terminal that is wide and without colours, in a directory without a configuration."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.chdir(tmp_path)
