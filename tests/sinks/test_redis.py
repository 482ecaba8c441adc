"""Writing to a real store: what it then holds, and what its failures change (nothing)."""

import random
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from bytewax.dataflow import Dataflow
from bytewax.operators import input as read_from
from bytewax.operators import map as op_map
from bytewax.operators import output
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSource, run_main

import sinks.redis
from operators.codec import decode_alert, encode
from operators.events import CellState, City, FeedHealth, Sensor, SeriesPoints
from sinks.ending import Ending
from sinks.redis import RedisSink, StoreWriter
from sinks.store import EmbeddedStore, Keys, StoreError, connect
from tests.laws.sink_laws import oracle, read_model
from tests.sinks.alerts import alert, history
from tests.sinks.cutting_proxy import CuttingProxy

pytestmark = pytest.mark.system
keys = Keys()


@pytest.fixture
def client(store):
    client = connect(store.url)
    yield client
    client.close()


@pytest.fixture
def writer(store):
    writer = StoreWriter(store.url)
    yield writer
    writer.close()


def test_an_active_warning_is_in_every_index(writer, client) -> None:
    writer.put_alerts([alert("wl-1", 1, level=2), alert("wl-1", 2, level=1), alert("fl-2")])
    writer.flush()
    row = client.hgetall(keys.alert("wl-1"))
    (_, first), (entry, second), _ = client.xrange(keys.log)
    assert (row[b"v"], row[b"level"], row[b"o"]) == (b"2", b"1", entry)
    assert {b"status", b"district", b"hazard", b"lon", b"lat", b"b"} < row.keys()
    assert set(second) == {b"id", b"v", b"level", b"was", b"status", b"b"}
    assert (first[b"was"], second[b"was"]) == (b"2", b"2")
    assert client.zrange(keys.active, 0, -1) == [b"wl-1", b"fl-2"]
    near = client.geosearch(keys.geo, longitude=106.55, latitude=29.56, radius=1, unit="km")
    assert sorted(near) == [b"fl-2", b"wl-1"]
    assert client.ttl(keys.alert("wl-1")) == -1
    assert client.get(keys.schema) == b"1"


def test_newest_first_within_a_level(writer, client) -> None:
    writer.put_alerts([alert("a", level=2, time=10), alert("b", level=2, time=20)])
    writer.put_alerts([alert("c", level=1, time=1)])
    writer.flush()
    assert client.zrange(keys.active, 0, -1) == [b"c", b"b", b"a"]


def test_a_cleared_warning_leaves_the_indexes_and_expires(writer, client) -> None:
    writer.put_alerts([alert("wl-1", 1), alert("wl-1", 2, status="cleared")])
    writer.flush()
    assert client.zcard(keys.active) == client.zcard(keys.geo) == 0
    assert 6 * 86_400 < client.ttl(keys.alert("wl-1")) <= 7 * 86_400
    assert client.hget(keys.alert("wl-1"), "status") == b"cleared"


def test_the_store_says_how_long_a_version_took_to_reach_it(writer, client) -> None:
    decided = time.time_ns() // 1000 - 2_000_000
    # What a text says must not be taken for the field.
    reason = '"stored":0,"sent":0,"at":7}'
    hops = {"source": 1, "screened": 2, "decided": 3, "at": decided}
    writer.put_alerts([alert("wl-1", reason=reason, latency_us=hops)])
    writer.flush()
    kept = decode_alert(client.hget(keys.alert("wl-1"), "b"))
    ((_, entry),) = client.xrange(keys.log)
    assert entry[b"b"] == client.hget(keys.alert("wl-1"), "b")
    assert list(kept.latency_us) == ["source", "screened", "decided", "stored", "sent", "at"]
    assert 2_000_000 <= kept.latency_us["stored"] < 12_000_000
    assert kept.latency_us | {"stored": 0} == hops | {"stored": 0, "sent": 0}
    assert kept.reason == reason


def test_a_version_decided_after_it_was_stored_took_no_time(writer, client) -> None:
    ahead = time.time_ns() // 1000 + 60_000_000
    writer.put_alerts([alert("wl-1", latency_us={"decided": 3, "at": ahead})])
    writer.flush()
    kept = decode_alert(client.hget(keys.alert("wl-1"), "b"))
    assert kept.latency_us == {"decided": 3, "stored": 0, "sent": 0, "at": ahead}


@pytest.mark.parametrize("hops", [None, {}, {"engine": 90}, {"stored": 0, "sent": 0}])
def test_a_version_that_was_not_timed_is_stored_as_it_is(writer, client, hops) -> None:
    version = alert("wl-1", latency_us=hops)
    writer.put_alerts([version])
    writer.flush()
    assert client.hget(keys.alert("wl-1"), "b") == encode(version)


def test_a_place_off_the_map_does_not_stop_the_batch(writer, client) -> None:
    writer.put_alerts([alert("a", lon=0.0, lat=90.0), alert("b"), alert("c", lat=float("nan"))])
    writer.flush()
    assert client.xlen(keys.log) == 3
    assert client.zrange(keys.geo, 0, -1) == [b"b"]


def test_cells_keep_their_latest_and_disappear_when_silent(writer, client) -> None:
    cells = [CellState("8a", 2, 3.25, 100, 4, 2, 1), CellState("8a", 1, 6.5, 200, 4, 3, 1)]
    writer.put_cells(cells)
    writer.flush()
    assert client.hget(keys.cell("8a"), "surprisal") == b"6.5"
    assert 0 < client.ttl(keys.cell("8a")) <= 600
    ((_, entry),) = client.xrange(keys.cells)
    assert entry[b"b"] == b'{"8a":[1,6.5,200,4,3,1]}'


def test_points_sent_twice_are_one_and_late_ones_are_left_out(writer, client) -> None:
    points = ((1000, 1.0, 0.5, 1.5), (2000, 1.1, 0.5, float("nan")))
    writer.put_series([SeriesPoints("rl-1", points)] * 2)
    writer.put_series([SeriesPoints("rl-1", ((1500, 9.0, 0.5, 1.5), (3000, 1.2, 0.5, 1.5)))])
    writer.flush()
    rows = client.xrange(keys.sensor("rl-1"))
    assert [row[b"t"] for _, row in rows] == [b"1000", b"2000", b"3000"]
    assert rows[0][1] == {b"t": b"1000", b"v": b"1.0", b"lo": b"0.5", b"hi": b"1.5"}
    assert 0 < client.ttl(keys.sensor("rl-1")) <= 3600


def test_feeds_overview_and_city(writer, client) -> None:
    writer.put_feeds([FeedHealth("traffic", 5, 1.5, 20, 0, 10, 1)], "catching_up")
    writer.put_overview({"clock": 5, "quiet_since": None})
    writer.put_city(City("Lanjiang", "Asia/Chongqing"))
    writer.flush()
    feed = client.hgetall(keys.feed("traffic"))
    assert (feed[b"rate"], feed[b"mode"]) == (b"1.5", b"catching_up")
    assert 0 < client.ttl(keys.feed("traffic")) <= 30
    assert client.hgetall(keys.overview) == {b"clock": b"5", b"quiet_since": b"null"}
    assert client.get(keys.city).startswith(b'{"name":"Lanjiang"')


def test_a_city_is_sent_once_by_whom_connects_and_again_when_it_is_another(writer, client) -> None:
    sensors = tuple(Sensor(f"s-{n}", "rain", 1, 2) for n in range(2000))
    for name in ("Lanjiang", "Nowhere"):
        city = City(name, "UTC", sensors=sensors)
        before = client.info("stats")["total_net_input_bytes"]
        writer.put_city(city)
        writer.flush()
        taken = client.info("stats")["total_net_input_bytes"] - before
        assert 1.0 < taken / len(encode(city)) < 1.5
        assert client.get(keys.city) == encode(city)


def test_logs_are_bounded(writer, client, monkeypatch) -> None:
    monkeypatch.setattr(sinks.redis, "LOG_ENTRIES", 500)
    monkeypatch.setattr(sinks.redis, "CELL_ENTRIES", 100)
    monkeypatch.setattr(sinks.redis, "POINTS", 100)
    writer.put_alerts([alert("wl-1", n) for n in range(1, 3001)])
    for n in range(1, 1001):
        writer.put_cells([CellState("8a", 4, 1.0, n, 1, 0, 0)])
    writer.put_series([SeriesPoints("s", tuple((n, 1.0, 0.0, 2.0) for n in range(1, 1001)))])
    writer.flush()
    assert 500 <= client.xlen(keys.log) < 650
    assert 100 <= client.xlen(keys.cells) < 250
    assert 100 <= client.xlen(keys.sensor("s")) < 250


def test_another_schema_is_refused(store, client) -> None:
    client.set(keys.schema, "2")
    with pytest.raises(StoreError, match=r"schema: expected 1, got b'2'"):
        StoreWriter(store.url).put_alerts([alert("wl-1")])


def test_what_the_store_refuses_for_good_is_an_error(writer, client) -> None:
    client.set(keys.log, "not a stream")
    with pytest.raises(StoreError, match=r"refused.*WRONGTYPE"):
        writer.put_alerts([alert("wl-1")])


def test_a_store_that_stays_away_is_an_error_in_the_end(tmp_path: Path) -> None:
    writer = StoreWriter(f"unix://{tmp_path}/nobody.sock", patience_s=0.3)
    with pytest.raises(StoreError, match=r"1 commands held, away for \d+ s"):
        writer.put_alerts([alert("wl-1")])


def test_a_wrong_password_is_an_error_at_once(store, client) -> None:
    client.config_set("requirepass", "secret")
    try:
        with pytest.raises(StoreError, match="refused"):
            StoreWriter(store.url).put_alerts([alert("wl-1")])
    finally:
        client.config_set("requirepass", "")


def test_replies_are_collected_before_too_much_is_held(writer, client) -> None:
    for n in range(1, 1200):
        writer.put_overview({"clock": n})
        assert len(writer._line._held) <= 513
    writer.flush()
    assert writer._line._held == []
    assert client.hget(keys.overview, "clock") == b"1199"


def test_an_emptied_store_gets_the_active_warnings_and_the_city_back(writer, client) -> None:
    writer.put_city(City("Lanjiang", "Asia/Chongqing", sensors=(Sensor("s", "rain", 1, 2),)))
    writer.put_alerts([alert("wl-1"), alert("wl-2"), alert("wl-2", 2, status="cleared")])
    writer.flush()
    client.flushall()
    client.function_flush()
    writer.put_alerts([alert("wl-3")])
    writer.flush()
    assert set(client.zrange(keys.active, 0, -1)) == {b"wl-3", b"wl-1"}
    assert client.exists(keys.city, keys.epoch) == 2


class TestRestarted:
    """A flow that has just started knows from the store what it may have to give back."""

    @pytest.fixture
    def held(self, writer) -> None:
        versions = [alert("wl-1"), alert("wl-2"), alert("wl-1", 2, level=1)]
        writer.put_alerts([*versions, alert("wl-2", 2, status="cleared")])
        writer.flush()

    def forget_all(self, part, client) -> None:
        """The store loses everything, and the part finds out."""
        client.flushall()
        client.function_flush()
        part.write_batch([{"clock": 1}])
        part.snapshot()
        part.close()

    def part(self, store, **more):
        return RedisSink(store.url, **more).build_part("store", "store", None)

    def test_gives_back_what_the_one_before_wrote(self, store, client, held) -> None:
        before = client.hget(keys.alert("wl-1"), "b")
        part = self.part(store)
        self.forget_all(part, client)
        assert client.zrange(keys.active, 0, -1) == [b"wl-1"]
        assert client.hget(keys.alert("wl-1"), "b") == before
        story = [("wl-1", 1), ("wl-2", 1), ("wl-1", 2), ("wl-2", 2)]
        assert read_model(store.url)["log"] == story, "also to those who follow the log"

    def test_what_has_ended_since_does_not_come_back(self, store, client, held) -> None:
        part = self.part(store)
        part.write_batch([alert("wl-1", 3, status="cleared")])
        part.snapshot()
        self.forget_all(part, client)
        assert client.zcard(keys.active) == 0

    def test_one_that_writes_no_warnings_gives_none_back(self, store, client, held) -> None:
        part = self.part(store, warns=False)
        self.forget_all(part, client)
        assert client.zcard(keys.active) == 0

    def test_a_store_that_is_away_is_not_waited_for(self, tmp_path: Path, caplog) -> None:
        part = RedisSink(f"unix://{tmp_path}/nobody.sock").build_part("store", "store", None)
        part.close()
        assert "cannot be asked which warnings it has" in caplog.text


@pytest.mark.parametrize("seed", range(2))
def test_lost_requests_and_replies_double_nothing(store, tmp_path, seed: int) -> None:
    """Every twentieth exchange is cut, before or after the store acted on it."""
    proxy = CuttingProxy(tmp_path / "p.sock", store.socket, 0.05, seed)
    versions, rng = history(400, seed), random.Random(seed)
    writer, at = StoreWriter(proxy.url), 0
    while at < len(versions):
        count = rng.randint(1, 5)
        writer.put_alerts(versions[at : at + count])
        at += count
        if rng.random() < 0.5:
            writer.flush()
    writer.flush()
    writer.close()
    proxy.close()
    assert proxy.cuts > 3
    assert read_model(store.url) == oracle(versions)


def test_store_killed_again_and_again_equals_the_oracle(tmp_path: Path) -> None:
    """It forgets up to a second each time; the writer gives back what it forgot."""
    versions = history(400, 5)
    with EmbeddedStore(tmp_path) as store:
        writer = StoreWriter(store.url)
        for n in range(0, 400, 40):
            writer.put_alerts(versions[n : n + 20])
            writer.flush()
            writer.put_alerts(versions[n + 20 : n + 30])
            store.kill()
            starting = threading.Timer(0.1, store.start)
            starting.start()
            writer.put_alerts(versions[n + 30 : n + 40])
            starting.join()
        writer.flush()
        assert read_model(store.url) == oracle(versions)
        writer.close()


def test_a_full_store_is_relieved_and_nothing_is_dropped(store, client, writer) -> None:
    writer.put_cells([CellState("8a", 4, 1.0, 1, 1, 0, 0)])
    writer.flush()
    for _ in range(3000):
        client.xadd(keys.cells, {"b": b"x" * 2000})
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", used + 100_000)
    try:
        versions = [alert(f"wl-{n}", reason="x" * 1000) for n in range(300)]
        for version in versions:
            writer.put_alerts([version])
        writer.flush()
    finally:
        client.config_set("maxmemory", 0)
    assert client.xlen(keys.log) == 300


def test_in_a_flow_every_kind_of_item_finds_its_place(store, client) -> None:
    items = [
        ("a", alert("wl-1", 1)),
        ("c", CellState("8a", 2, 3.0, 1, 1, 1, 0)),
        ("o", {"clock": 7, "mode": "catching_up"}),
        ("f", FeedHealth("traffic", 5, 1.5, 20, 0, 10, 1)),
        ("s", SeriesPoints("rl-1", ((1, 1.0, 0.0, 2.0),))),
        ("a", alert("wl-1", 2)),
        TestingSource.ABORT(),
        ("a", alert("wl-1", 3)),
    ]
    flow = Dataflow("deliver")
    output("store", read_from("in", flow, TestingSource(items)), RedisSink(store.url))
    run_main(flow)
    run_main(flow)
    assert read_model(store.url)["log"] == [("wl-1", 1), ("wl-1", 2), ("wl-1", 3)]
    assert client.hgetall(keys.overview) == {b"clock": b"7"}
    assert client.hget(keys.feed("traffic"), "mode") == b"catching_up"
    assert client.xlen(keys.sensor("rl-1")) == 1
    assert client.exists(keys.cell("8a")) == 1


def test_asked_to_end_while_the_store_is_away_loses_nothing(tmp_path: Path) -> None:
    versions = history(40, 2)
    items = [(version.id, version) for version in versions]
    (tmp_path / "recovery").mkdir()
    init_db_dir(tmp_path / "recovery", 1)
    with EmbeddedStore(tmp_path) as store:
        for cut in (13, 27):
            ending = Ending()

            def interrupt(item, at=items[cut], ending=ending):
                if item == at:
                    ending.asked = True
                    store.stop()
                return item

            with pytest.raises(StoreError, match="the end was asked for"):
                deliver(items, RedisSink(store.url, ending=ending), tmp_path, interrupt)
            store.start()
        deliver(items, RedisSink(store.url), tmp_path, lambda item: item)
        assert read_model(store.url) == oracle(versions)


def deliver(items, sink: RedisSink, data: Path, each) -> None:
    flow = Dataflow("deliver")
    passed = op_map("each", read_from("in", flow, TestingSource(items)), each)
    output("store", passed, sink)
    config = RecoveryConfig(str(data / "recovery"))
    run_main(flow, epoch_interval=timedelta(0), recovery_config=config)


def test_a_city_given_to_the_sink_is_written_at_the_start(store, client) -> None:
    flow = Dataflow("deliver")
    sink = RedisSink(store.url, city=City("Lanjiang", "Asia/Chongqing"))
    output("store", read_from("in", flow, TestingSource([("o", {"clock": 1})])), sink)
    run_main(flow)
    assert client.get(keys.city).startswith(b'{"name":"Lanjiang"')
