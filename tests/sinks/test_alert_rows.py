"""A version as the store wants it, and the same again from what the store holds."""

import time

import msgspec
import pytest

from operators.codec import encode
from sinks.alert_rows import alert_row, held_rows
from sinks.redis import StoreWriter
from sinks.store import EmbeddedStore, Keys, connect
from tests.sinks.alerts import alert

KEYS = Keys()


def test_a_version_that_was_not_timed_is_as_it_was_encoded() -> None:
    version = alert("wl-1", 2, level=1)
    row = alert_row(version)
    assert row[:5] == ["wl-1", 2, version.time, "active", 1]
    assert row[-1] == encode(version)


def test_a_timed_one_has_room_for_the_hops_to_come_before_when_it_was_decided() -> None:
    row = alert_row(alert("wl-1", latency_us={"at": 7, "source": 1}))
    assert b'"latency_us":{"source":1,"stored":0,"sent":0,"at":7}' in row[-1]


@pytest.mark.system
class TestHeldRows:
    def test_are_what_was_written_with_how_long_it_took(self, store: EmbeddedStore) -> None:
        at = time.time_ns() // 1000 - 5_000_000
        versions = [alert("wl-1"), alert("wl-2", level=1, latency_us={"decided": 3, "at": at})]
        writer = StoreWriter(store.url)
        writer.put_alerts([*versions, alert("wl-3"), alert("wl-3", 2, status="cleared")])
        writer.flush()
        writer.close()
        with connect(store.url) as client:
            rows = held_rows(client, KEYS, 60.0, 100, 100)
            bodies = {name: client.hget(KEYS.alert(name), "b") for name in ("wl-1", "wl-2")}
        assert [row[:2] for row in rows.recent] == [
            ["wl-1", 1],
            ["wl-2", 1],
            ["wl-3", 1],
            ["wl-3", 2],
        ]
        assert {row[0]: row[-1] for row in rows.active} == bodies
        assert [row[:-1] for row in rows.active] == [alert_row(v)[:-1] for v in versions]
        hops = msgspec.json.decode(rows.active[1][-1])["latency_us"]
        assert hops["stored"] >= 5_000_000

    def test_are_bounded_and_the_newest_and_highest_are_kept(self, store: EmbeddedStore) -> None:
        writer = StoreWriter(store.url)
        writer.put_alerts([alert(f"wl-{n}", level=1 + n % 4) for n in range(12)])
        writer.flush()
        writer.close()
        with connect(store.url) as client:
            rows = held_rows(client, KEYS, 60.0, 5, 3)
        assert [row[0] for row in rows.recent] == [f"wl-{n}" for n in range(7, 12)]
        assert {row[4] for row in rows.active} == {1}
        assert len(rows.active) == 3

    def test_leave_out_what_is_old_or_no_version(self, store: EmbeddedStore) -> None:
        with connect(store.url) as client:
            client.xadd(KEYS.log, {"b": encode(alert("wl-old"))}, id="1000-0")
            client.xadd(KEYS.log, {"b": b"{"})
            client.xadd(KEYS.log, {"other": b"field"})
            client.zadd(KEYS.active, {"wl-gone": 1.0})
            assert held_rows(client, KEYS, 60.0, 100, 100) == ([], [])
