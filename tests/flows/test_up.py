"""Processes that are watched over: small ones here, the real ones in ``test_room``."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import up
from flows.up import Child, Supervisor, UpError, port_is_free
from tests.flows.processes import alive, eventually, free_port, without_waiting

pytestmark = pytest.mark.system

WAITS = "import signal; print('up', flush=True); signal.pause()"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"
PARENT = """
import subprocess, sys, signal
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(child.pid, flush=True)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.pause()
"""


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def children() -> Iterator[list[Child]]:
    made: list[Child] = []
    yield made
    for child in made:
        if child.process is not None:
            child.process.kill()
            child.process.wait()


def child(made: list[Child], tmp_path: Path, code: str, name: str = "one") -> Child:
    made.append(Child(name, [sys.executable, "-S", "-c", code], tmp_path / f"{name}.log"))
    return made[-1]


def told(one: Child, words: str) -> None:
    eventually(lambda: words in one.last_words(), what=f"{one.name} saying {words!r}")


class TestChild:
    def test_that_keeps_dying_waits_longer_each_time(
        self, children: list[Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock()
        monkeypatch.setattr(up, "time", clock)
        one = child(children, tmp_path, "raise SystemExit('no')")
        pauses = []
        for _ in range(7):
            assert not one.look()  # it is due: starts
            assert one.process is not None
            one.process.wait()
            assert one.look(), "it has just died"
            assert not one.look()
            died = clock.now
            while one.process is None:
                clock.now += 0.05
                one.look()
            pauses.append(clock.now - died)
            one.process.wait()
            one.process, one._due = None, 0.0
        assert pauses == sorted(pauses)
        assert pauses[0] == pytest.approx(0.2, abs=0.1)
        assert pauses[-1] == pauses[-2] == pytest.approx(5.0, abs=0.1)

    def test_that_was_steady_comes_back_soon(
        self, children: list[Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock()
        monkeypatch.setattr(up, "time", clock)
        one = child(children, tmp_path, WAITS)
        one.deaths = 4
        one.start()
        clock.now += up.STEADY_S + 1
        assert one.process is not None
        one.process.kill()
        one.process.wait()
        assert one.look()
        clock.now += 0.3
        one.look()
        assert one.process is not None

    def test_that_ended_well_is_done(self, children: list[Child], tmp_path: Path) -> None:
        one = child(children, tmp_path, "print('bye')")
        one.start()
        assert one.process is not None
        assert one.process.wait() == 0
        for _ in range(3):
            assert not one.look(), "that is no death"
        assert one.done
        one.ask_to_end()
        one.end(time.monotonic() + 1)

    def test_that_should_not_end_is_started_again_however_it_ended(
        self, children: list[Child], tmp_path: Path
    ) -> None:
        one = child(children, tmp_path, "")
        one.ends = False
        one.look()
        assert one.process is not None
        assert one.process.wait() == 0
        assert one.look(), "somebody has ended it"
        assert not one.done

    def test_does_not_show_what_it_is_told(self, tmp_path: Path) -> None:
        one = Child("one", ["true"], tmp_path / "one.log", {"PASSWORD": "correct-horse-battery"})
        assert "correct-horse-battery" not in repr(one)

    def test_says_its_last_words(self, children: list[Child], tmp_path: Path) -> None:
        one = child(children, tmp_path / "logs", "print('bye', flush=True); raise SystemExit(3)")
        assert one.last_words() == ""
        one.start()
        assert one.process is not None
        one.process.wait()
        assert one.last_words() == "bye"

    def test_ends_on_sigterm(self, children: list[Child], tmp_path: Path) -> None:
        one = child(children, tmp_path, WAITS)
        one.start()
        told(one, "up")
        one.ask_to_end()
        one.end(time.monotonic() + 10)
        assert one.process is not None
        assert one.process.returncode == -signal.SIGTERM

    def test_that_does_not_listen_is_ended_by_force(
        self, children: list[Child], tmp_path: Path
    ) -> None:
        one = child(children, tmp_path, DEAF)
        one.start()
        told(one, "up")
        one.ask_to_end()
        one.end(time.monotonic() + 0.05)
        assert one.process is not None
        assert one.process.returncode == -signal.SIGKILL

    def test_takes_all_it_started_with_it(self, children: list[Child], tmp_path: Path) -> None:
        one = child(children, tmp_path, PARENT)
        one.start()
        eventually(lambda: one.last_words().isdigit(), "the grandchild's pid")
        grandchild = int(one.last_words())
        assert alive(grandchild)
        one.end(time.monotonic())
        eventually(lambda: not alive(grandchild), "the grandchild's end")

    def test_that_never_started_needs_no_end(self, children: list[Child], tmp_path: Path) -> None:
        one = child(children, tmp_path, WAITS)
        one.ask_to_end()
        one.end(time.monotonic())
        assert one.process is None


class TestSupervisor:
    def test_starts_again_what_dies_and_says_so(
        self, children: list[Child], tmp_path: Path
    ) -> None:
        one = child(children, tmp_path, WAITS)
        two = child(children, tmp_path, WAITS, "two")
        said: list[str] = []
        pids: list[int] = []

        def turn() -> None:
            if two.process is not None and two.process.pid not in pids:
                pids.append(two.process.pid)
                os.kill(two.process.pid, signal.SIGKILL)
            if len(pids) == 2:
                room.asked = True

        with Supervisor([one, two], said.append) as room:
            room.run(turn, time.monotonic() + 20)
        assert len(pids) == 2
        assert said
        assert said[0].startswith("two died, starting it again")
        assert one.deaths == 0

    def test_says_once_what_came_to_its_end(self, children: list[Child], tmp_path: Path) -> None:
        one, two = child(children, tmp_path, WAITS), child(children, tmp_path, "", "two")
        two.farewell = "no more"
        said: list[str] = []

        def turn() -> None:
            room.asked = said != [] and two.done

        with Supervisor([one, two], said.append) as room:
            room.run(turn, time.monotonic() + 20)
            room.asked = False
            room.run(lambda: None, time.monotonic() + 0.25)
        assert said == ["no more"]

    def test_ends_at_its_time(self, children: list[Child], tmp_path: Path) -> None:
        one = child(children, tmp_path, WAITS)
        with Supervisor([one], print) as room:
            room.run(lambda: None, time.monotonic() + 0.15)
        assert one.process is not None
        assert one.process.returncode is not None

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_ends_all_when_asked(
        self, children: list[Child], tmp_path: Path, number: signal.Signals
    ) -> None:
        for name in ("one", "two", "three"):
            child(children, tmp_path, WAITS, name)
        asking = threading.Timer(0.3, os.kill, (os.getpid(), number))
        with Supervisor(children, print) as room:
            asking.start()
            room.run(lambda: None, time.monotonic() + 20)
        asking.join()
        assert all(c.process is not None and c.process.returncode is not None for c in children)

    def test_goes_on_without_a_terminal_when_it_was_told_to(
        self, children: list[Child], tmp_path: Path
    ) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        with Supervisor([child(children, tmp_path, WAITS)], print) as room:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not room.asked

    def test_ends_even_the_deaf(self, children: list[Child], tmp_path: Path) -> None:
        for name in ("one", "two", "three"):
            child(children, tmp_path, DEAF, name).start()
        for each in children:
            told(each, "up")
        with without_waiting():  # they would wait for ever
            Supervisor(children, print).end()
        assert all(c.process is not None and c.process.returncode is not None for c in children)

    def test_ends_them_when_a_turn_fails(self, children: list[Child], tmp_path: Path) -> None:
        one = child(children, tmp_path, WAITS)

        def turn() -> None:
            if one.process is not None:
                raise RuntimeError("no")

        with pytest.raises(RuntimeError, match="no"), Supervisor([one], print) as room:
            room.run(turn, time.monotonic() + 10)
        assert one.process is not None
        assert one.process.returncode is not None

    def test_starts_the_first_and_waits_until_it_answers(
        self, children: list[Child], tmp_path: Path
    ) -> None:
        one = child(children, tmp_path, WAITS)
        with Supervisor([one], print) as room:
            room.start_first(lambda: one.last_words() == "up")
            assert one.last_words() == "up"
        assert one.process is not None
        assert one.process.returncode is not None

    def test_says_why_the_first_did_not_start(self, children: list[Child], tmp_path: Path) -> None:
        one = child(children, tmp_path, "print('no room'); raise SystemExit(1)")
        with (
            pytest.raises(UpError, match="the one did not start: no room"),
            Supervisor([one], print) as room,
        ):
            room.start_first(lambda: False)

    def test_waits_only_so_long_for_the_first(self, children: list[Child], tmp_path: Path) -> None:
        one = child(children, tmp_path, WAITS)
        with (
            pytest.raises(UpError, match="the one did not answer"),
            Supervisor([one], print) as room,
        ):
            room.start_first(lambda: False, 0.05)
        assert one.process is not None
        assert one.process.returncode is not None


def test_a_port_of_the_other_family_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("needs IPv6")
    with socket.socket(socket.AF_INET6) as taken:
        try:
            taken.bind(("::1", 0))
        except OSError:
            pytest.skip("needs an address ::1")
        port = int(taken.getsockname()[1])
        taken.listen()
        assert not port_is_free("::1", port)
    assert port_is_free("::1", port)


def test_a_port_is_free_until_somebody_listens() -> None:
    port = free_port()
    assert port_is_free("127.0.0.1", port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert not port_is_free("127.0.0.1", port)
