"""Screens for the fan-out benchmark: many real WebSocket connections, as light as can be.

A process holds some of a hub's screens. They say what the screen in a browser says. A *watcher*
reads every message and notes when each version came; the others only count versions, so that on
a small machine the hub is what is measured and not they.
"""

from __future__ import annotations

import multiprocessing
import select
import socket
import time
from array import array
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import msgspec

__all__ = ["Screens", "hang"]

HELLO = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: citywatch.v1\r\n\r\n"
)
CHANNELS = ("alerts", "cells", "feeds", "overview")
MARK = b'"certainty":'  # every version has it once, as a key, and no text has it unescaped
PING, PING_BYTES = b"\x89\x04", 4  # no text has these bytes; unanswered, the hub hangs up
CHUNK = 1 << 20
PATIENCE_S = 20.0
HEADER_2, HEADER_8 = 126, 127  # how a frame says that its length follows, and in how many bytes
STUCK_BYTES = 4096  # what the system may hold for a screen that does not read, about


class _Version(msgspec.Struct):
    latency_us: dict[str, int]


class _Events(msgspec.Struct):
    a: list[_Version]


_decode = msgspec.json.Decoder(_Events).decode


class Screens:
    """A process with screens of one hub, driven from here.

    Parameters
    ----------
    watching
        Whether they read what they get, or only count it.
    """

    def __init__(self, port: int, watching: bool) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._least: Synchronized[int] = spawn.Value("q", 0, lock=False)
        arguments = (theirs, self._least, port, watching)
        self._process = spawn.Process(target=_process, args=arguments, daemon=True)
        self._process.start()
        self.count = 0

    @property
    def pid(self) -> int:
        """Id of the process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def least(self) -> int:
        """How many versions the screens have got on average; may be a moment old."""
        return self._least.value if self.count else 1 << 62

    def join(self, count: int) -> None:
        """Connect this many more, one after the other, and wait until they are served."""
        self._ask(count)
        self.count += count

    def finish(self, versions: int) -> array[int]:
        """Wait until every screen has got this many versions, end the process, return the notes.

        Returns
        -------
        Per version and watcher: when it was due, stored and sent, and when it came, in
        microseconds of the wall clock.
        """
        notes = array("q", self._ask(-versions))
        self._process.join()
        return notes

    def _ask(self, what: int) -> Any:
        with suppress(BrokenPipeError):  # it has ended, and has said why
            self._pipe.send(what)
        if not self._pipe.poll(PATIENCE_S + 5):
            raise RuntimeError("screens: no answer")
        answer = self._pipe.recv()
        if isinstance(answer, str):
            raise RuntimeError(f"screens: {answer}")
        return answer

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.join()


def hang(port: int) -> socket.socket:
    """Connect a screen that asks for everything and reads nothing."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STUCK_BYTES)
    line.settimeout(PATIENCE_S)
    line.connect(("127.0.0.1", port))
    line.sendall(HELLO)
    _until(line, b'"hello"', b"")
    _subscribe(line)
    return line


def _subscribe(line: socket.socket) -> None:
    for number, channel in enumerate(CHANNELS, 1):
        text = b'{"t":"sub","id":%d,"ch":"%s"}' % (number, channel.encode())
        line.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)  # masked with zeros


class _Counter:
    """A screen that counts versions."""

    def __init__(self) -> None:
        self.versions = 0
        self._rest = b""

    def take(self, data: bytes, now_us: int) -> None:
        data = self._rest + data
        self.versions += data.count(MARK)
        # Shorter than the mark, so nothing is counted twice.
        self._rest = data[-len(MARK) + 1 :]


class _Watcher:
    """A screen that notes when each version came."""

    def __init__(self, notes: array[int]) -> None:
        self.versions = 0
        self._notes = notes
        self._rest = bytearray()

    def take(self, data: bytes, now_us: int) -> None:
        self._rest += data
        at = 0
        while frame := _frame(self._rest, at):
            first, at = frame
            if self._rest.startswith(b'{"t":"ev"', first):
                self._note(self._rest[first:at], now_us)
        del self._rest[:at]

    def _note(self, message: bytearray, now_us: int) -> None:
        for version in _decode(message).a:
            hops = version.latency_us
            due = hops["at"]
            stored = due + hops["stored"]
            self._notes.extend((due, stored, stored + hops["sent"], now_us))
            self.versions += 1


def _frame(data: bytearray, at: int) -> tuple[int, int] | None:
    """Return where the payload of the frame at a place begins and ends; None when not all here."""
    if len(data) < at + 2:
        return None
    size, first = data[at + 1], at + 2
    if size in (HEADER_2, HEADER_8):
        first += 2 if size == HEADER_2 else 8
        size = int.from_bytes(data[at + 2 : first])
    return (first, first + size) if len(data) >= first + size else None


class _Crowd:
    """The screens of one process, and the loop that reads them."""

    def __init__(self, port: int, watching: bool) -> None:
        self.notes = array("q")
        self._port = port
        self._watching = watching
        self._lines: dict[int, tuple[socket.socket, _Counter | _Watcher]] = {}
        self._poll = select.epoll()

    def add(self) -> None:
        """Connect a screen and wait until it has its snapshot."""
        line = socket.create_connection(("127.0.0.1", self._port))
        line.settimeout(PATIENCE_S)
        line.sendall(HELLO)
        got = _until(line, b'"hello"', b"")
        _subscribe(line)
        got = _until(line, b'"snap"', got)
        line.setblocking(False)
        screen = _Watcher(self.notes) if self._watching else _Counter()
        screen.take(got[got.index(b"\r\n\r\n") + 4 :], 0)
        self._lines[line.fileno()] = line, screen
        self._poll.register(line.fileno(), select.EPOLLIN)

    def read(self, pipe: Connection, seen: Callable[[int], None]) -> None:
        """Read until something is said in the pipe."""
        self._poll.register(pipe.fileno(), select.EPOLLIN)
        while not self.turn(pipe.fileno(), seen):
            pass
        self._poll.unregister(pipe.fileno())

    def turn(self, pipe: int, seen: Callable[[int], None]) -> bool:
        """Read what has come; say whether something is in the pipe."""
        called = False
        for number, _ in self._poll.poll(0.1):
            if number == pipe:
                called = True
                continue
            line, screen = self._lines[number]
            data = _some(line)
            screen.take(data, time.time_ns() // 1000)
            if (ping := data.find(PING)) >= 0:
                token = data[ping + len(PING) :][:PING_BYTES]
                line.sendall(b"\x8a\x84\0\0\0\0" + token)
        if self._lines:
            seen(sum(screen.versions for _, screen in self._lines.values()) // len(self._lines))
        return called

    def fewest(self) -> int:
        """Return the versions of the screen that got fewest."""
        return min((screen.versions for _, screen in self._lines.values()), default=1 << 62)

    def most(self) -> int:
        """Return the versions of the screen that got most."""
        return max((screen.versions for _, screen in self._lines.values()), default=0)


def _until(line: socket.socket, word: bytes, got: bytes) -> bytes:
    while word not in got:
        got += _some(line)
    return got


def _some(line: socket.socket) -> bytes:
    data = line.recv(CHUNK)
    if not data:
        raise ConnectionError("the hub hung up")
    return data


def _process(pipe: Connection, least: Synchronized[int], port: int, watching: bool) -> None:
    def seen(versions: int) -> None:
        least.value = versions

    crowd = _Crowd(port, watching)
    try:
        while True:
            crowd.read(pipe, seen)
            asked = pipe.recv()
            if asked <= 0:
                break
            for _ in range(asked):
                crowd.add()
            pipe.send(None)
        deadline = time.monotonic() + PATIENCE_S
        while crowd.fewest() < -asked and time.monotonic() < deadline:
            crowd.turn(-1, seen)
        if crowd.fewest() < -asked or crowd.most() > max(-asked, 0):
            got = f"{crowd.fewest()} to {crowd.most()}"
            raise RuntimeError(f"expected {-asked} versions at each, got {got}")
        pipe.send(crowd.notes.tobytes())
    except (OSError, RuntimeError) as error:
        pipe.send(str(error))
