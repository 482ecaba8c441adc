"""The hub as a process: killed, started again, stopped."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sinks.redis import StoreWriter
from tests.flows.processes import PATIENCE_S, eventually, free_port
from tests.sinks.alerts import alert
from tests.sinks.control_room.screen import Screen

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[3]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextmanager
def hub_process(url: str, port: int) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-m", "sinks.control_room", "--redis", url, "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: listens(port) or process.poll() is not None, "somebody who listens")
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()


async def test_a_killed_hub_costs_a_screen_nothing(store) -> None:
    writer, port = StoreWriter(store.url), free_port()
    with hub_process(store.url, port) as process:
        async with Screen(port) as screen:
            await screen.follow()
            await screen.next("snap")
            writer.put_alerts([alert("wl-1", n) for n in range(1, 4)])
            writer.flush()
            await screen.until(lambda: len(screen.versions) == 3)
            os.kill(process.pid, signal.SIGKILL)
            await screen.end()
    writer.put_alerts([alert("wl-1", n) for n in range(4, 300)])
    writer.flush()
    with hub_process(store.url, port):
        async with Screen(port, screen.cur) as again:
            await again.follow()
            await again.until(lambda: len(again.versions) >= 296)
    assert again.versions == [("wl-1", n) for n in range(4, 300)]
    writer.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopped_hub_ends_in_order(store, number) -> None:
    port = free_port()
    with hub_process(store.url, port) as process:
        async with Screen(port) as screen:
            await screen.next("hello")
            process.send_signal(number)
            assert await screen.end() == 1012
            assert process.wait(PATIENCE_S) == 0
