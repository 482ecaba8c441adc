"""The tail tells the hub every version in the log's order, and finds a store that was emptied."""

import asyncio
import contextlib

import pytest
import redis

from sinks.control_room.hub import Hub
from sinks.control_room.store_tail import StoreTail
from sinks.redis import StoreWriter
from sinks.store import EmbeddedStore
from tests.sinks.alerts import alert

PATIENCE_S = 10.0


def versions(hub: Hub) -> list[tuple[str, int]]:
    entries = hub.log.after(hub.log.start, hub.log.end, 1 << 20) or []
    return [(entry.id, entry.version) for entry in entries]


async def until(changed: asyncio.Event, hub: Hub, wanted: list[tuple[str, int]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while versions(hub) != wanted:
            changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), 0.05)


@pytest.mark.system
async def test_versions_arrive_in_order_and_an_emptied_store_is_another_epoch(
    store: EmbeddedStore,
) -> None:
    hub, changed = Hub(), asyncio.Event()
    writer = StoreWriter(store.url)
    writer.put_alerts([])
    writer.put_overview({"clock": 1})
    writer.flush()
    tail = StoreTail(store.url, "city", hub, changed.set)
    running = asyncio.create_task(tail.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not hub.log.epoch:
                await asyncio.sleep(0.01)
        writer.put_alerts([alert("fl-1", 1), alert("fl-2", 1), alert("fl-1", 2)])
        writer.flush()
        await until(changed, hub, [("fl-1", 1), ("fl-2", 1), ("fl-1", 2)])
        before = hub.log.epoch
        writer.close()
        with redis.Redis.from_url(store.url) as client:
            client.flushall()
        again = StoreWriter(store.url)
        again.put_alerts([alert("fl-3", 1)])
        again.flush()
        again.close()
        async with asyncio.timeout(PATIENCE_S):
            while hub.log.epoch == before:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await tail.close()
