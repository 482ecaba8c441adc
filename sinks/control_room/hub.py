"""Who gets what: the hub, without a socket, a store or a clock.

The store's side tells it what is new, the clients' side what is wished; a turn then sends every
client what it is owed. What only the shell can do (read older entries, write a command) is left
in `wishes`, and answered with `paged` and `recorded`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import msgspec

from operators.events import TIME_END_MS, VERDICTS, City, Command
from sinks.control_room.alert_log import AlertLog, Entry, Wanted
from sinks.control_room.channels import AlertSub, LatestSub, Page, SeriesSub, Turn
from sinks.control_room.client import Client, Outlet
from sinks.control_room.hops import WayTimes
from sinks.control_room.latest import Latest, Series
from sinks.control_room.protocol import (
    MAX_IN,
    ClientMessage,
    Close,
    Cmd,
    History,
    Position,
    RefusedError,
    Sub,
    Unsub,
    WatchSensor,
    cursor,
    decode,
    encode,
    frame,
    join,
    parse_cursor,
)

__all__ = ["BEAT_S", "Hub", "Record", "Story", "Wish"]

BEAT_S = 5
STALE_S = 10.0  # nothing new from the flow for this long, and the screen must look frozen
ANSWERED = 10_000  # ids of commands already recorded
VERSION = "0.1.0"


class Record(NamedTuple):
    """A wish: write a command to the store, once."""

    client: Client
    command: Command


class Story(NamedTuple):
    """A wish: the versions of one warning."""

    client: Client
    asked: History


Wish: TypeAlias = Page | Record | Story


class Hub:
    """Everything a control room's screens share.

    Parameters
    ----------
    wrap
        Turns a message into what the outlets take.

    Notes
    -----
    State: the end of the log and the active warnings (`AlertLog`), the latest value of every
    cell, feed and overview field, the series somebody watches, and the clients. `now` is
    seconds of a clock that never steps; `wall_ms` is for people.
    """

    def __init__(self, wrap: Callable[[bytes], bytes] = frame) -> None:
        self.log = AlertLog()
        self.cells, self.feeds, self.overview = Latest(), Latest(), Latest()
        self.series: dict[str, Series] = {}
        self.clients: dict[Client, None] = {}
        self.wishes: deque[Wish] = deque()
        self.slow = 0
        """Clients dropped for not taking what they were sent."""
        self.refused = 0
        """Clients closed for what they said."""
        self._wrap = wrap
        self._ready = False
        self._turned: Position = (0, 0)
        """How far the last turn went; the log may have grown since."""
        self._mode = "live"
        self._facts: dict[str, dict[str, Any]] = {}
        self.city_tag: str | None = None
        """Of the city's page; None until there is one."""
        self._changed_at: float | None = None
        self._store_here = False
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._unsent: list[Entry] = []
        self._sending: list[Entry] = []
        self._way = WayTimes()
        self._said_of_way: dict[str, Any] = {"hub_us": None, "us": None}
        self._lag_ms = 0

    # The store's side.

    def reload(self, epoch: str, end: Position, active: Iterable[Entry], why: str) -> None:
        """Start again from what the store holds; whoever was following gets a snapshot."""
        self.log.reload(epoch, end, active)
        self._turned = end
        turn = self._turn(0.0)
        for client in self.clients:
            for sub in client.subs.values():
                if isinstance(sub, AlertSub):
                    sub.restart(client, turn, why)
        self._ready = True

    def append(self, entries: list[Entry], wall_ms: float) -> None:
        """Note new entries of the log, in order."""
        self.log.append(entries)
        self._unsent += entries
        self._lag_ms = max(self._lag_ms, *(round(wall_ms) - entry.at[0] for entry in entries))

    def put_feeds(self, feeds: dict[str, bytes], mode: str, now: float) -> bool:
        """Note how all feeds are doing; one not named is gone, which is the alarm."""
        self._mode = mode
        alive = self.feeds.put(feeds)
        if alive:
            self._changed_at = now
        return self.feeds.only(feeds) or alive

    def put_overview(self, overview: dict[str, bytes], now: float) -> bool:
        """Note the overview; a clock that moves is a sign of life."""
        before, clock = self.overview.get("clock"), overview.get("clock")
        # The first one seen may be that of a flow that ended yesterday.
        if None not in (before, clock) and clock != before:
            self._changed_at = now
        return self.overview.only(overview)

    def put_city(self, city: City) -> None:
        """Note what the city file says of the sensors."""
        self._facts = {
            sensor.id: {"kind": sensor.kind, "unit": sensor.unit, "levels": sensor.levels}
            for sensor in city.sensors
        }

    def store_is(self, here: bool) -> bool:
        """Note whether the store answers; return whether that is news."""
        news = here != self._store_here
        self._store_here = here
        return news

    def paged(self, page: Page, entries: list[Entry] | str, now: float) -> None:
        """Answer a wish for older entries: with them, or with why they are not to be had."""
        client, sub, _ = page
        if client in self.clients and client.subs.get(sub.id) is sub:
            sub.paged(page, self._turn(now), entries)

    def recorded(self, record: Record, error: str | None) -> None:
        """Answer a wish to write a command."""
        if error is None:
            self._answered[record.command.id] = None
            if len(self._answered) > ANSWERED:
                self._answered.popitem(last=False)
        if record.client in self.clients:
            self._answer(record.client, record.command.id, error)

    def told(self, story: Story, versions: list[bytes]) -> None:
        """Answer a wish for a warning's versions, oldest first; those trimmed are missing."""
        if story.client in self.clients:
            head = {"t": "history", "id": story.asked.id, "alert": story.asked.alert}
            story.client.write(self._wrap(join(head, "a", versions)))

    # The clients' side.

    def join(self, outlet: Outlet, wall_ms: float) -> Client:
        """Welcome a client."""
        client = Client(outlet)
        self.clients[client] = None
        hello = {"t": "hello", "v": 1, "server": VERSION, "hb": BEAT_S, "max_in": MAX_IN}
        client.write(self._wrap(encode(hello | {"history": True, "now": round(wall_ms)})))
        return client

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self.clients.pop(client, None)
        client.subs.clear()

    def receive(self, client: Client, text: str | bytes, now: float, wall_ms: float) -> None:
        """Take a client's message; close the connection if it is not allowed."""
        try:
            client.heard(now)
            self._obey(client, decode(text), wall_ms)
        except RefusedError as refused:
            self.refused += 1
            self.leave(client)
            client.outlet.close(refused.code, refused.why)

    def _obey(self, client: Client, message: ClientMessage, wall_ms: float) -> None:
        match message:
            case Sub(id=sub_id, ch="alerts", f=wish, at=at):
                resume = None if at is None else parse_cursor(at)
                client.follow(AlertSub(sub_id, Wanted(wish), resume))
            case Sub(f=None, at=None):
                client.follow(LatestSub(message.id, getattr(self, message.ch)))
            case Sub():
                raise RefusedError(Close.BAD_MESSAGE, f"f, at: channel {message.ch} takes neither")
            case WatchSensor(id=sub_id, sensor=sensor):
                series = self.series.setdefault(sensor, Series())
                client.follow(SeriesSub(sub_id, sensor, series, self._facts_of))
            case Unsub(id=sub_id):
                client.subs.pop(sub_id, None)
            case History():
                self.wishes.append(Story(client, message))
            case Cmd():
                self._command(client, message, wall_ms)

    def _command(self, client: Client, cmd: Cmd, wall_ms: float) -> None:
        if cmd.id in self._answered:
            return self._answer(client, cmd.id, None)
        error = self._fault(cmd)
        if error is not None:
            return self._answer(client, cmd.id, error)
        command = Command(
            id=cmd.id,
            time=self.clock or round(wall_ms),
            by="screen",
            alert=cmd.alert,
            version=cmd.version,
            op=cmd.op,
            until=cmd.until,
            note=cmd.note,
        )
        self.wishes.append(Record(client, command))

    def _fault(self, cmd: Cmd) -> str | None:
        """Return why a command cannot be taken; None when it can."""
        if cmd.op not in VERDICTS and cmd.alert not in self.log.active:
            return f"alert: expected an active one, got {cmd.alert}"
        if cmd.op == "shelve" and cmd.until is None:
            return "until: shelve needs an end, got null"
        # An answer, not the end of the connection: a screen would send it again with the next.
        if cmd.until is not None and not 0 <= cmd.until < TIME_END_MS:
            return f"until: expected 0 to {TIME_END_MS - 1}, got {cmd.until}"
        return None

    def _answer(self, client: Client, command_id: str, error: str | None) -> None:
        reply = {"t": "ok", "id": command_id}
        if error is not None:
            reply = {"t": "err", "id": command_id, "why": error}
        client.write(self._wrap(encode(reply)))

    # Time.

    def turn(self, now: float, wall_ms: float) -> Iterator[None]:
        """Send every client what it is owed, pausing after each so that others may run.

        A client that does not take what it is sent is dropped: a screen that is behind and does
        not know it is worse than one that is gone. A new one gets a heartbeat with the first
        thing it wished for, so that it need not wait to know the time.
        """
        turn = self._turn(now)
        self._turned = turn.end
        fresh, self._unsent = self._unsent, []
        for entry in fresh:
            entry.send(round(1000 * wall_ms))
        self._sending += fresh
        for client in list(self.clients):
            if client.slow(now):
                self._drop(client)
                continue
            if self._ready:
                for sub in list(client.subs.values()):
                    sub.serve(client, turn)
            if client.subs and not client.greeted:
                client.greeted = True
                self._beats(now, wall_ms)(client)
            yield
        self.wishes.extend(turn.pages)

    def delivered(self, wall_ms: float) -> None:
        """Note that the turn is over: its versions have been handed to the sockets."""
        # While catching up, a reading's age says when it was and not how long its way is.
        live = self._mode == "live"
        for entry in self._sending:
            sent_us = max(0, round(1000 * wall_ms) - entry.stored_us)
            self._way.add(entry.hops if live else None, sent_us)
        self._sending = []

    def beat(self, now: float, wall_ms: float) -> Iterator[None]:
        """Send every client a heartbeat, pausing after each; forget series nobody watches."""
        # Worked out once a beat: the greetings between two say the same.
        self._said_of_way = {"hub_us": self._way.sent(), "us": self._way.hops()}
        beat = self._beats(now, wall_ms)
        self._lag_ms = 0
        self._prune()
        for client in list(self.clients):
            beat(client)
            yield

    def _beats(self, now: float, wall_ms: float) -> Callable[[Client], None]:
        """Return what sends a client the heartbeat of this moment.

        The cursor in it also covers what a filter left out; a client not served up to it, or
        that follows no warnings and was served none, gets none.
        """
        end, facts = self._turned, self._heartbeat(now, wall_ms)
        cur = cursor(self.log.epoch, end) if self._ready else None
        full = self._wrap(encode({"t": "hb", "cur": cur, **facts}))
        bare = self._wrap(encode({"t": "hb", "cur": None, **facts}))

        def beat(client: Client) -> None:
            alerts = [sub for sub in client.subs.values() if isinstance(sub, AlertSub)]
            earned = bool(alerts) and all(sub.served(end) for sub in alerts)
            client.write(full if earned else bare)

        return beat

    @property
    def cursor(self) -> str | None:
        """The cursor of the end of the log; None before the store was read."""
        return cursor(self.log.epoch, self.log.end) if self._ready else None

    @property
    def clock(self) -> int | None:
        """Event time of the flow; None when nobody said."""
        try:
            return int(float(self.overview.get("clock") or b""))
        except ValueError:
            return None

    def flow(self, now: float) -> str:
        """Return whether the flow is ``live``, ``catching_up`` or ``stale``."""
        silent = self._changed_at is None or now - self._changed_at > STALE_S
        return "stale" if silent or not self._store_here else self._mode

    def status(self, now: float) -> dict[str, Any]:
        """Return what ``/healthz`` says."""
        return {
            "ok": self._ready and self._store_here,
            "store": self._store_here,
            "flow": self.flow(now),
            "cur": self.cursor,
            "clients": len(self.clients),
            "slow": self.slow,
            "refused": self.refused,
        }

    def _heartbeat(self, now: float, wall_ms: float) -> dict[str, Any]:
        age_s = None if self._changed_at is None else now - self._changed_at
        progress = self.overview.get("progress")
        return {
            "lag_ms": self._lag_ms,
            "now": round(wall_ms),
            "clock": self.clock,
            "flow": self.flow(now),
            "flow_age_ms": None if age_s is None else round(1000 * age_s),
            **self._said_of_way,
            "city": self.city_tag,
            "feeds": msgspec.Raw(self.feeds.since(None)),
            "progress": None if progress is None else msgspec.Raw(progress),
        }

    def _turn(self, now: float) -> Turn:
        return Turn(self.log, self._wrap, now)

    def _drop(self, client: Client) -> None:
        self.slow += 1
        self.leave(client)
        client.outlet.abort()

    def _facts_of(self, sensor: str) -> dict[str, Any]:
        return self._facts.get(sensor, {"kind": "", "unit": "", "levels": None})

    def _prune(self) -> None:
        watched = {
            sub.sensor
            for client in self.clients
            for sub in client.subs.values()
            if isinstance(sub, SeriesSub)
        }
        for sensor in set(self.series) - watched:
            del self.series[sensor]
