"""Play a transcript: what the store, the clock and the screens do, and what each screen gets.

One step a line. ``A > {...}`` a screen says, ``A < {...}`` it gets next, ``A < nothing``; ``store``
appends a version to the log (its message is just ``"<id> v<version>"``); ``reload``, ``cells``,
``feeds``, ``overview`` and ``points`` are the store's news; ``page`` answers a wish for older
entries, ``story`` one for a warning's versions, ``command`` one to write; ``A stalls`` stops its
network; ``wait`` lets seconds pass. Everything after ``#`` is for the reader.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from sinks.control_room.alert_log import Entry
from sinks.control_room.channels import Page
from sinks.control_room.client import Client
from sinks.control_room.hub import Hub, Record, Story
from sinks.control_room.latest import Series
from sinks.control_room.protocol import encode

__all__ = ["Room", "play"]


class FakeSocket:
    """An outlet that remembers, and whose network can stall."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.unsent = 0
        self.stalled = False
        self.closed: int | None = None
        self.aborted = False

    def write(self, frame: bytes) -> None:
        self.got.append(json.loads(frame))
        self.unsent += len(frame) if self.stalled else 0

    def buffered(self) -> int:
        return self.unsent

    def close(self, code: int, why: str) -> None:
        self.closed = code

    def abort(self) -> None:
        self.aborted = True


class Room:
    """A hub with a hand-driven store, clock and screens."""

    def __init__(self) -> None:
        self.hub = Hub(wrap=lambda payload: payload)
        self.now = 100.0
        self.entries: list[Entry] = []
        self.sockets: dict[str, FakeSocket] = {}
        self.clients: dict[str, Client] = {}

    def turn(self) -> None:
        for _ in self.hub.turn(self.now, 0):
            pass

    def join(self, name: str) -> None:
        self.sockets[name] = FakeSocket()
        self.clients[name] = self.hub.join(self.sockets[name], 0)

    def say(self, name: str, text: str) -> None:
        self.hub.receive(self.clients[name], text, self.now, 0)

    def entry(self, words: str) -> Entry:
        """``wl-1 v2 level=1 was=2 status=cleared district=a hazard=flood cell=8a``."""
        name, version, *options = words.split()
        given = dict(option.split("=") for option in options)
        level = int(given.get("level", 3))
        return Entry(
            at=(len(self.entries) + 1, 0),
            id=name,
            version=int(version[1:]),
            status=given.get("status", "active"),
            level=level,
            was=int(given.get("was", level)),
            district=given.get("district", "a"),
            hazard=given.get("hazard", "flood"),
            cells=frozenset([given.get("cell", "8a")]),
            body=encode(given.get("body", f"{name} {version}")),
        )

    def store(self, words: str) -> None:
        entry = self.entry(words)
        self.entries.append(entry)
        self.hub.append([entry], entry.at[0])

    def reload(self, words: str) -> None:
        """Everything stored so far, in a log of this epoch; the hub remembers none of it."""
        epoch, why = words.split()
        latest = {entry.id: entry for entry in self.entries}
        active = [entry for entry in latest.values() if entry.status == "active"]
        self.hub.reload(epoch, (len(self.entries), 0), active, why)

    def page(self, words: str) -> None:
        wish = self.hub.wishes.popleft()
        assert isinstance(wish, Page), wish
        later = [entry for entry in self.entries if entry.at > wish.after]
        found: Any = later[: int(words)] if words.isdigit() else words
        self.hub.paged(wish, found, self.now)

    def command(self, words: str) -> None:
        """Expect a command to be written, and answer that it was, or why not."""
        body, _, error = words.partition(" refused ")
        wish = self.hub.wishes.popleft()
        assert isinstance(wish, Record), wish
        assert json.loads(encode(wish.command)) == json.loads(body)
        self.hub.recorded(wish, error or None)

    def story(self, alert: str) -> None:
        wish = self.hub.wishes.popleft()
        assert isinstance(wish, Story), wish
        assert wish.asked.alert == alert
        self.hub.told(wish, [entry.body for entry in self.entries if entry.id == alert])

    def values(self, channel: str, words: str) -> None:
        raw = {key: encode(value) for key, value in json.loads(words).items()}
        match channel:
            case "cells":
                self.hub.cells.put(raw)
            case "feeds":
                self.hub.put_feeds(raw, "live", self.now)
            case "overview":
                self.hub.put_overview(raw, self.now)

    def points(self, words: str) -> None:
        sensor, points = words.split(" ", 1)
        series = self.hub.series.setdefault(sensor, Series())
        series.put(json.loads(points))
        series.loaded = True

    def beat(self) -> None:
        for _ in self.hub.beat(self.now, 0):
            pass


def play(path: Path) -> None:
    """Play a transcript; an assertion names the line that differs."""
    room = Room()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        step = re.sub(r"(^|\s)#.*", "", line).strip()
        if step:
            _step(room, step, f"{path.name}:{number}")


def _step(room: Room, step: str, where: str) -> None:
    word, _, rest = step.partition(" ")
    rest = rest.strip()
    match word:
        case "store" | "reload" | "page" | "story" | "command" | "points":
            getattr(room, word)(rest)
        case "cells" | "feeds" | "overview":
            room.values(word, rest)
        case "here" | "away":
            room.hub.store_is(word == "here")
        case "wait":
            room.now += float(rest)
        case "beat":
            room.turn()
            room.beat()
        case _:
            _screen(room, word, rest, where)


def _screen(room: Room, name: str, step: str, where: str) -> None:
    verb, _, rest = step.partition(" ")
    if verb == "joins":
        return room.join(name)
    if verb == ">":
        return room.say(name, rest)
    room.turn()
    socket = room.sockets[name]
    match verb:
        case "<" if rest == "nothing":
            assert socket.got == [], where
        case "<":
            assert socket.got, f"{where}: expected {rest}, got nothing"
            got = socket.got.pop(0)
            expected = json.loads(rest)
            shown = {key: got.get(key) for key in expected} if expected["t"] in _LONG else got
            assert shown == expected, f"{where}: expected {rest}, got {json.dumps(got)}"
        case "stalls":
            socket.stalled = True
        case "drains":
            socket.stalled, socket.unsent = False, 0
        case "leaves":
            room.hub.leave(room.clients[name])
        case "closed":
            assert socket.closed == int(rest), f"{where}: got {socket.closed}"
        case "aborted":
            assert socket.aborted, where
        case _:
            raise ValueError(f"{where}: no such step: {name} {step}")


_LONG = {"hello", "hb"}
"""Messages of which a transcript shows only some fields."""
