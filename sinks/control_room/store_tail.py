"""Follow the store and tell the hub; fetch and write what the hub wishes.

Two loops: the logs (woken by the store) and the values (polled). A store that goes away is waited
for; one that comes back without the entry last read, or with another epoch, has lost something,
and everybody starts again from a snapshot.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import redis.asyncio as redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from sinks.control_room.alert_log import Entry
from sinks.control_room.channels import Page
from sinks.control_room.hub import Hub, Record, Story, Wish
from sinks.control_room.protocol import Position, encode, parse_position, position_text
from sinks.control_room.store_rows import as_entry, as_text
from sinks.control_room.value_poll import ValuePoll
from sinks.store import ANSWER_S, CONNECT_S, Keys, StoreError, check_schema, set_up_commands

__all__ = ["StoreTail"]

BLOCK_MS = 1000
POLL_S = 0.25
BATCH_ENTRIES = 500
PAGE_ENTRIES = 64
CELL_S = 600.0  # a cell not heard of for this long has expired in the store
COMMAND_ENTRIES = 100_000
COMMAND_S = 86_400
PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.5)
NEVER = "0-0"

log = logging.getLogger(__name__)


class _NewEpochError(StoreError):
    """The store is not the one we were following."""


_decode_cells = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class StoreTail:
    """One hub's view of one region of the store.

    Parameters
    ----------
    changed
        Called after the hub was told something its clients should hear of.
    """

    def __init__(self, url: str, region: str, hub: Hub, changed: Callable[[], None]) -> None:
        self.keys = Keys(region)
        self._hub = hub
        self._changed = changed
        # Without types: the library's say that any reply may be awaitable or not.
        self._client: Any = redis.Redis.from_url(
            url,
            protocol=2,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=CONNECT_S,
            # The loops here do the waiting, so that the hub knows when the store is away.
            retry=Retry(NoBackoff(), 0),
        )
        self._epoch = ""
        self._cells_at = NEVER
        self._cells_heard: dict[str, float] = {}
        self.values = ValuePoll(self._client, self.keys, hub)

    async def run(self) -> None:
        """Follow the store until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._forever(self._follow))
            tasks.create_task(self._forever(self._follow_values))

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def _forever(self, follow: Callable[[], Awaitable[None]]) -> None:
        """Keep following, whatever happens to the store."""
        failures = 0
        while not _cancelled():
            started = time.monotonic()
            try:
                await follow()
            except (RedisError, OSError, StoreError) as error:
                if failures == 0:
                    log.warning("store: %s", error)
            failures = failures + 1 if time.monotonic() - started < 1.0 else 0
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])

    # The logs.

    async def _follow(self) -> None:
        try:
            await self._find_place()
            await self._follow_logs()
        finally:
            if self._hub.store_is(False):
                self._changed()

    async def _follow_logs(self) -> None:
        self._hub.store_is(True)
        while not _cancelled():
            replies, epoch = await self._read_logs()
            if epoch != self._epoch:
                raise _NewEpochError(f"{self.keys.epoch}: expected {self._epoch}, got {epoch}")
            for stream, rows in replies:
                alerts = stream == self.keys.log.encode()
                (self._put_alerts if alerts else self._put_cells)(rows)
            if replies:
                self._changed()

    async def _read_logs(self) -> tuple[list[Any], str]:
        """Wait for entries, and return them with the epoch as it was after them."""
        async with self._client.pipeline(transaction=False) as pipe:
            streams = {
                self.keys.log: position_text(self._hub.log.end),
                self.keys.cells: self._cells_at,
            }
            pipe.xread(streams, count=BATCH_ENTRIES, block=BLOCK_MS)
            pipe.get(self.keys.epoch)
            replies, epoch = await pipe.execute()
        return replies or [], as_text(epoch)

    async def _find_place(self) -> None:
        """Go on after the last entry read when it is still there, else read everything anew."""
        for command in set_up_commands(self.keys):
            reply = await self._client.execute_command(*command)
        check_schema(self.keys, reply)
        epoch = as_text(await self._client.get(self.keys.epoch))
        why = "epoch" if epoch != self._epoch else await self._lost(self._hub.log.end)
        if why is not None:
            await self._reload(epoch, why)
            self._changed()

    async def _reload(self, epoch: str, why: str) -> None:
        last = await self._client.xrevrange(self.keys.log, count=1)
        end = as_text(last[0][0]) if last else NEVER
        active = await self._active()
        # What happened while reading: the snapshot must be that of one position.
        later = [as_entry(*row) for row in await self._client.xrange(self.keys.log, min=f"({end}")]
        for entry in later:
            if entry.id not in active or entry.version > active[entry.id].version:
                active[entry.id] = entry
        shown = [entry for entry in active.values() if entry.status == "active"]
        await self._reload_cells()
        at = later[-1].at if later else parse_position(end)
        self._hub.reload(epoch, at, shown, why)
        self._epoch = epoch

    async def _active(self) -> dict[str, Entry]:
        names = [as_text(name) for name in await self._client.zrange(self.keys.active, 0, -1)]
        async with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hmget(self.keys.alert(name), "o", "b")
            rows = await pipe.execute()
        return {
            name: as_entry(row[0], {b"b": row[1]})
            for name, row in zip(names, rows, strict=True)
            if None not in row
        }

    async def _lost(self, at: Position) -> str | None:
        """Return why the log cannot be followed from a position; None when it can."""
        return (await self._read_after(at, 0))[1]

    async def _read_after(self, at: Position, count: int) -> tuple[list[Any], str | None]:
        """Return the entries after a position, with why they are not all there."""
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.xrange(self.keys.log, min=position_text(at), count=count + 1)
            pipe.xrange(self.keys.log, count=1)
            pipe.xrevrange(self.keys.log, count=1)
            rows, first, last = await pipe.execute()
        if at == (0, 0):
            return rows[:count], await self._trimmed()
        if rows and parse_position(as_text(rows[0][0])) == at:
            return rows[1:], None
        if not last or parse_position(as_text(last[0][0])) < at:
            return [], "future"
        return [], "trimmed" if at < parse_position(as_text(first[0][0])) else "epoch"

    async def _trimmed(self) -> str | None:
        try:
            log = await self._client.xinfo_stream(self.keys.log)
        except ResponseError:
            return None  # there is no log yet, so nothing of it is missing
        return None if log["length"] == log["entries-added"] else "trimmed"

    def _put_alerts(self, rows: list[Any]) -> None:
        self._hub.append([as_entry(*row) for row in rows], 1000 * time.time())

    # The values.

    def _put_cells(self, rows: list[Any]) -> None:
        now = time.monotonic()
        for at, fields in rows:
            self._cells_at = as_text(at)
            try:
                delta = _decode_cells(fields.get(b"b", b""))
            except msgspec.DecodeError as error:
                log.error("store: cells of %s left out: %s", self._cells_at, error)
                continue
            self._hub.cells.put({cell: bytes(raw) for cell, raw in delta.items()})
            self._cells_heard |= dict.fromkeys(delta, now)

    async def _reload_cells(self) -> None:
        last = await self._client.xrevrange(self.keys.cells, count=1)
        self._cells_at = as_text(last[0][0]) if last else NEVER
        prefix = self.keys.cell("")
        names = [key async for key in self._client.scan_iter(f"{prefix}*", count=1000)]
        fields = ("level", "surprisal", "time", "sensors", "unusual", "reports")
        async with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hmget(name, fields)
            rows = await pipe.execute()
        cells = {
            as_text(name)[len(prefix) :]: b"[" + b",".join(row) + b"]"
            for name, row in zip(names, rows, strict=True)
            if None not in row
        }
        self._cells_heard = dict.fromkeys(cells, time.monotonic())
        self._hub.cells.only(cells)

    def _forget_cells(self, now: float) -> bool:
        silent = {cell for cell, heard in self._cells_heard.items() if now - heard > CELL_S}
        for cell in silent:
            del self._cells_heard[cell]
        return self._hub.cells.forget(silent)

    async def _follow_values(self) -> None:
        while not _cancelled():
            now = time.monotonic()
            changed = await self.values.poll(now)
            if self._forget_cells(now) or changed:
                self._changed()
            await asyncio.sleep(POLL_S)

    # The hub's wishes.

    async def fulfil(self, wish: Wish) -> None:
        """Do what the hub asked for, and tell it."""
        match wish:
            case Record():
                self._hub.recorded(wish, await self._record(wish))
            case Story():
                self._hub.told(wish, await self._versions(wish.asked.alert))
            case Page():
                await self._page(wish)
        self._changed()

    async def _versions(self, alert: str) -> list[bytes]:
        """Return what the log still has of one warning, oldest first; nothing without a store."""
        try:
            story = as_text(await self._client.hget(self.keys.alert(alert), "story"))
            async with self._client.pipeline(transaction=False) as pipe:
                for at in story.split():
                    pipe.xrange(self.keys.log, min=at, max=at)
                found = await pipe.execute()
        except (RedisError, OSError):
            return []
        return [fields[b"b"] for rows in found for _, fields in rows]

    async def _page(self, wish: Page) -> None:
        while wish.client in self._hub.clients:
            try:
                rows, why = await self._read_after(wish.after, PAGE_ENTRIES)
            except (RedisError, OSError):
                await asyncio.sleep(PAUSES_S[-1])  # the client waits for the store, as we do
            else:
                entries = [as_entry(*row) for row in rows]
                return self._hub.paged(wish, why or entries, time.monotonic())

    async def _record(self, wish: Record) -> str | None:
        keys = self.keys.commands, self.keys.command(wish.command.id)
        values = COMMAND_ENTRIES, COMMAND_S, encode(wish.command)
        try:
            await self._client.fcall("cw_put_command", 2, *keys, *values)
        except (RedisError, OSError) as error:
            return f"store: away, not recorded: {error}"
        return None


def _cancelled() -> bool:
    # The client library loses a cancellation that meets one of its own time limits.
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
