"""Poll what has no log: how the feeds are doing, the overview, watched series, the city."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Any

import msgspec

from operators.events import City
from operators.kinds import KINDS
from sinks.control_room.city_page import city_page
from sinks.control_room.hub import Hub
from sinks.control_room.pages import Document
from sinks.control_room.store_rows import as_health, as_point, as_text
from sinks.store import Keys

__all__ = ["ValuePoll"]

CITY_S = 2.0
WATCH_S = 30.0
WATCHED_MS = 60_000
SERIES_POINTS = 500
FEEDS = sorted({kind.feed for kind in KINDS.values()} | {"reports", "other"})

log = logging.getLogger(__name__)

_decode_city = msgspec.json.Decoder(City).decode


class ValuePoll:
    """The values of one region, as last read."""

    def __init__(self, client: Any, keys: Keys, hub: Hub) -> None:
        self._client = client
        self._keys = keys
        self._hub = hub
        self._city_at = self._watch_at = -math.inf
        self._city = b""
        self.city_page: Document | None = None
        """What the screen needs of the city; None until a flow has named one."""

    async def poll(self, now: float) -> bool:
        """Tell the hub what there is; return whether any of it is new."""
        await self._poll_city(now)
        changed = await self._poll_health(now)
        return await self._poll_series(now) or changed

    async def _poll_health(self, now: float) -> bool:
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.hgetall(self._keys.overview)
            for feed in FEEDS:
                pipe.hgetall(self._keys.feed(feed))
            overview, *rows = await pipe.execute()
        feeds = {feed: row for feed, row in zip(FEEDS, rows, strict=True) if row}
        catching_up = any(row.get(b"mode") == b"catching_up" for row in feeds.values())
        health = {feed: as_health(row) for feed, row in feeds.items()}
        values = {as_text(name): value for name, value in overview.items()}
        mode = "catching_up" if catching_up else "live"
        changed = self._hub.put_feeds(health, mode, now)
        return self._hub.put_overview(values, now) or changed

    async def _poll_series(self, now: float) -> bool:
        watched = dict(self._hub.series)
        if not watched:
            return False
        asked = [sensor for sensor, series in watched.items() if not series.loaded]
        if asked or now - self._watch_at > WATCH_S:
            wall_ms = round(1000 * time.time())
            until = dict.fromkeys(watched, wall_ms + WATCHED_MS)
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.zadd(self._keys.watch, until)
                # What nobody looks at any more goes, and with the last screen all of it.
                pipe.zremrangebyscore(self._keys.watch, "-inf", wall_ms)
                pipe.pexpire(self._keys.watch, WATCHED_MS)
                await pipe.execute()
            self._watch_at = now
        async with self._client.pipeline(transaction=False) as pipe:
            for sensor, series in watched.items():
                after = f"({series.last}-0" if series.loaded else "-"
                pipe.xrevrange(self._keys.sensor(sensor), min=after, count=SERIES_POINTS)
            rows = await pipe.execute()
        changed = False
        for series, points in zip(watched.values(), rows, strict=True):
            changed |= series.put([as_point(fields) for _, fields in reversed(points)])
            series.loaded = True
        return changed or bool(asked)

    async def _poll_city(self, now: float) -> None:
        if now - self._city_at < CITY_S:
            return
        self._city_at = now
        raw = await self._client.get(self._keys.city) or b""
        if raw and raw != self._city:
            self._city = raw
            try:
                city = _decode_city(raw)
            except msgspec.DecodeError as error:
                log.error("store: %s is not a city: %s", self._keys.city, error)
                return
            self._hub.put_city(city)
            try:
                self.city_page = await asyncio.to_thread(_page, city)
                self._hub.city_tag = self.city_page.tag
            except Exception:  # warnings must come through, whatever city they are of
                log.exception("hub: no page of the city %s", city.name)


def _page(city: City) -> Document:
    return Document(city_page(city))
