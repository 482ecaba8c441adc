"""The channels a client can follow, and what each owes it now.

A subscription knows only how far its client has been served. What is owed is what lies between
there and the present, so nothing is queued per client and nothing can be sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from sinks.control_room.alert_log import AlertLog, Entry, Wanted
from sinks.control_room.client import Client
from sinks.control_room.latest import Latest, Series
from sinks.control_room.protocol import Position, cursor, encode, join

__all__ = ["AlertSub", "LatestSub", "Page", "SeriesSub", "Subscription", "Turn"]

PAGE_BYTES = 64 << 10


class Page(NamedTuple):
    """A wish: the entries after a position the hub does not remember."""

    client: Client
    sub: AlertSub
    after: Position


class Turn:
    """What all clients served in one turn share, so that a frame is built once.

    A turn goes as far as the log went when it began: what comes meanwhile is for the next, or
    clients served earlier and later would be owed different frames from then on.
    """

    def __init__(self, log: AlertLog, wrap: Callable[[bytes], bytes], now: float) -> None:
        self.log = log
        self.wrap = wrap
        self.now = now
        self._end = log.end
        self.pages: list[Page] = []
        self._frames: dict[Any, Any] = {}

    @property
    def end(self) -> Position:
        """The last entry clients are sent, unless the log has become another one meanwhile."""
        return min(self._end, self.log.end)

    def once(self, key: Any, build: Callable[[], Any]) -> Any:
        """Return what was built for a key, building it the first time."""
        if key not in self._frames:
            self._frames[key] = build()
        return self._frames[key]


class AlertSub:
    """Warnings: a snapshot, or a resume, and then every version in order.

    Notes
    -----
    State: a position. While it is behind, the client is sent no more than it takes; once it has
    caught up, versions are sent as they come, and a client that does not take them is slow.
    """

    def __init__(self, sub_id: int, wanted: Wanted, at: tuple[str, Position] | None) -> None:
        self.id = sub_id
        self.wanted = wanted
        self._resume = at
        self._begun = False
        self._at: Position = (0, 0)
        self._snapshot: Iterator[bytes] | None = None
        self._asked: Page | None = None
        self._live = False

    def served(self, end: Position) -> bool:
        """Say whether the client has everything up to a position, and nothing after it."""
        return self._live and self._at == end

    def serve(self, client: Client, turn: Turn) -> None:
        """Send what is owed, as far as the client takes it."""
        if not self._begun:
            self._begin(client, turn)
        if self._send_snapshot(client, turn):
            self._send_events(client, turn)

    def restart(self, client: Client, turn: Turn, why: str) -> None:
        """Start again, because the log is another one now."""
        if self._begun:
            self._reset(client, turn, why)

    def paged(self, page: Page, turn: Turn, entries: list[Entry] | str) -> None:
        """Go on with entries from the store, or with the reason why it has not got them."""
        if self._asked is not page:
            return  # answered too late: the subscription has started again since
        self._asked = None
        if isinstance(entries, str):
            self._reset(page.client, turn, entries)
        elif entries:
            frame, self._at = self._build(entries, turn)
            if frame:
                page.client.write_alerts(frame, turn.now)

    def _reset(self, client: Client, turn: Turn, why: str) -> None:
        """Tell the client that it may have a gap, and start again from a snapshot."""
        client.write(turn.wrap(encode({"t": "reset", "id": self.id, "why": why})))
        self._start_snapshot(turn)

    def _begin(self, client: Client, turn: Turn) -> None:
        self._begun = True
        if self._resume is None:
            return self._start_snapshot(turn)
        epoch, self._at = self._resume
        if epoch != turn.log.epoch:
            return self._reset(client, turn, "epoch")
        if not turn.log.knows(self._at):
            self._ask(client, turn)

    def _ask(self, client: Client, turn: Turn) -> None:
        self._asked = Page(client, self, self._at)
        turn.pages.append(self._asked)

    def _start_snapshot(self, turn: Turn) -> None:
        self._begun, self._asked, self._live = True, None, False
        self._at = turn.log.end
        shown = [entry for entry in turn.log.active.values() if self.wanted.shows(entry)]
        shown.sort(key=lambda entry: (entry.level, -entry.at[0]))
        self._snapshot = self._pages(shown, cursor(turn.log.epoch, self._at), turn.wrap)

    def _pages(
        self, shown: list[Entry], cur: str, wrap: Callable[[bytes], bytes]
    ) -> Iterator[bytes]:
        pages = list(_pages(shown))
        for part, page in enumerate(pages, 1):
            head = {"t": "snap", "id": self.id, "part": part, "of": len(pages)}
            # A cursor promises everything up to it, which only the last part can.
            yield wrap(join(head | {"cur": cur if part == len(pages) else None}, "items", page))

    def _send_snapshot(self, client: Client, turn: Turn) -> bool:
        """Send pages while the client takes them; return whether all are sent."""
        while self._snapshot is not None and not client.busy():
            page = next(self._snapshot, None)
            if page is None:
                self._snapshot = None
            else:
                client.write_alerts(page, turn.now)
        return self._snapshot is None

    def _send_events(self, client: Client, turn: Turn) -> None:
        while not self._asked and self._at < turn.end:
            if not self._live and client.busy():
                return
            key = (self._at, turn.end, self.id, self.wanted.wish)
            built = turn.once(key, lambda: self._next(turn))
            if built is None:
                return self._ask(client, turn)
            frame, self._at = built
            if frame:
                client.write_alerts(frame, turn.now)
        self._live = self._asked is None

    def _next(self, turn: Turn) -> tuple[bytes | None, Position] | None:
        entries = turn.log.after(self._at, turn.end, PAGE_BYTES)
        return None if entries is None else self._build(entries, turn)

    def _build(self, entries: list[Entry], turn: Turn) -> tuple[bytes | None, Position]:
        """Return the frame of those wanted, None when none is, and the position after all."""
        at = entries[-1].at
        bodies = [entry.body for entry in entries if self.wanted.passes(entry)]
        if not bodies:
            return None, at
        head = {"t": "ev", "id": self.id, "cur": cursor(turn.log.epoch, at)}
        return turn.wrap(join(head, "a", bodies)), at


class LatestSub:
    """Latest values: all there are, and then those that changed."""

    def __init__(self, sub_id: int, latest: Latest) -> None:
        self.id = sub_id
        self._latest = latest
        self._seen: int | None = None

    def serve(self, client: Client, turn: Turn) -> None:
        """Send what changed since the client was last served, unless it is behind."""
        change = self._latest.change
        if self._seen == change or client.busy():
            return
        frame = turn.once((self._latest, self.id, self._seen, change), lambda: self._build(turn))
        client.write(frame)
        self._seen = change

    def _build(self, turn: Turn) -> bytes:
        head = encode({"t": "st", "id": self.id})[:-1]
        return turn.wrap(head + b',"k":' + self._latest.since(self._seen) + b"}")


class SeriesSub:
    """One sensor's series: its recent points, and then the new ones.

    Parameters
    ----------
    facts
        Looks up what the city file says of the sensor: kind, unit, levels.
    """

    def __init__(
        self, sub_id: int, sensor: str, series: Series, facts: Callable[[str], dict[str, Any]]
    ) -> None:
        self.id = sub_id
        self.sensor = sensor
        self._series = series
        self._facts = facts
        self._seen: int | None = None

    def serve(self, client: Client, turn: Turn) -> None:
        """Send the points the client has not got, once the store has been asked."""
        if not self._series.loaded or self._series.last == self._seen or client.busy():
            return
        message: dict[str, Any] = {"t": "series", "id": self.id, "sensor": self.sensor}
        if self._seen is None:
            message |= {**self._facts(self.sensor), "points": self._series.since(0)}
        else:
            message |= {"add": self._series.since(self._seen)}
        client.write(turn.wrap(encode(message)))
        self._seen = self._series.last


Subscription: TypeAlias = AlertSub | LatestSub | SeriesSub


def _pages(entries: list[Entry]) -> Iterator[list[bytes]]:
    """Return the messages in pages of at most `PAGE_BYTES`, at least one page."""
    page: list[bytes] = []
    size = 0
    for entry in entries:
        if page and size + len(entry.body) > PAGE_BYTES:
            yield page
            page, size = [], 0
        page.append(entry.body)
        size += len(entry.body)
    yield page
