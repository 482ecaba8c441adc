"""What is read of a real store: feeds that live, the overview, and silence as silence."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
import redis.asyncio

from operators.events import City, FeedHealth
from sinks.control_room.hub import Hub
from sinks.control_room.value_poll import ValuePoll
from sinks.redis import StoreWriter
from sinks.store import EmbeddedStore, Keys


@pytest.mark.system
async def test_feeds_and_overview_are_told_as_they_are(store: EmbeddedStore) -> None:
    told: dict[str, Any] = {}
    hub = SimpleNamespace(
        series={},
        put_feeds=lambda health, mode, now: told.update(feeds=health, mode=mode) or True,
        put_overview=lambda values, now: told.update(overview=values) or False,
        put_city=lambda city: told.update(city=city),
    )
    client = redis.asyncio.Redis.from_url(store.url)
    poll = ValuePoll(client, Keys(), hub)  # type: ignore[arg-type]
    try:
        assert await poll.poll(0.0)
        assert (told["feeds"], told["overview"], poll.city_page) == ({}, {}, None)
        writer = StoreWriter(store.url)
        writer.put_feeds([FeedHealth("traffic", 5, 1.5, 20, 0, 7, 1)], "catching_up")
        writer.put_overview({"clock": 9})
        writer.flush()
        writer.close()
        await poll.poll(1.0)
    finally:
        await client.aclose()
    assert list(told["feeds"]) == ["traffic"]
    assert told["mode"] == "catching_up"
    assert told["overview"] == {"clock": b"9"}


@pytest.mark.system
async def test_what_nobody_looks_at_any_more_is_not_kept(store: EmbeddedStore) -> None:
    series = {"rl-1": SimpleNamespace(loaded=False, last=0, put=lambda points: False)}
    hub = SimpleNamespace(
        series=series,
        put_feeds=lambda *_: False,
        put_overview=lambda *_: False,
        put_city=lambda city: None,
    )
    client, keys = redis.asyncio.Redis.from_url(store.url), Keys()
    poll = ValuePoll(client, keys, hub)  # type: ignore[arg-type]
    soon = 1000 * time.time() + 30_000
    try:
        await client.zadd(keys.watch, {"long-ago": 1.0, "another-hub-s": soon})
        await poll.poll(0.0)
        kept = await client.zrange(keys.watch, 0, -1)
        left_ms = await client.pttl(keys.watch)
    finally:
        await client.aclose()
    assert set(kept) == {b"rl-1", b"another-hub-s"}
    assert 50_000 < left_ms <= 60_000


@pytest.mark.system
async def test_a_city_without_a_page_stops_nothing_and_is_said_once(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(city: City) -> bytes:
        raise OverflowError("a corner is beyond the world")

    hub = Hub()
    client = redis.asyncio.Redis.from_url(store.url)
    poll = ValuePoll(client, Keys(), hub)
    writer = StoreWriter(store.url)
    try:
        writer.put_city(City("Lanjiang", "UTC"))
        writer.flush()
        await poll.poll(0.0)
        page = poll.city_page
        assert page is not None
        assert hub.city_tag == page.tag, "by which a screen learns that it is another city's"
        monkeypatch.setattr("sinks.control_room.value_poll.city_page", fail)
        writer.put_city(City("Nowhere", "UTC"))
        writer.put_overview({"clock": 9})
        writer.flush()
        for now in (10.0, 20.0):
            await poll.poll(now)
    finally:
        writer.close()
        await client.aclose()
    assert hub.clock == 9
    assert poll.city_page is page
    assert caplog.messages == ["hub: no page of the city Nowhere"]
