"""The hub as screens meet it: a real store, a real server, real WebSockets."""

import asyncio
import gzip
import json
import random
import socket
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus, NegotiationError
from websockets.http11 import Request, Response

from operators.events import CellState, City, FeedHealth, Levels, Sensor, SeriesPoints
from sinks.control_room.pages import document
from sinks.control_room.server import HubServer
from sinks.redis import StoreWriter
from sinks.store import EmbeddedStore, Keys, connect
from tests.flows.processes import without_waiting
from tests.sinks.alerts import alert, history
from tests.sinks.control_room.screen import Screen

pytestmark = pytest.mark.system


@pytest.fixture
def writer(store):
    writer = StoreWriter(store.url)
    yield writer
    writer.close()


@pytest.fixture
async def hub(store) -> AsyncIterator[HubServer]:
    async with HubServer(store.url, port=0) as server:
        yield server


def put(writer: StoreWriter, *alerts) -> None:
    writer.put_alerts(alerts)
    writer.flush()


async def city_known(hub: HubServer) -> None:
    async with asyncio.timeout(10):
        while not hub.tail.values.city_page:
            await asyncio.sleep(0.02)


# --- what a screen gets ----------------------------------------------------------------------


async def test_snapshot_and_then_every_version_in_order(writer, hub) -> None:
    put(writer, alert("wl-1"), alert("wl-2"), alert("wl-2", 2, status="cleared"))
    versions = history(200, 1)
    async with Screen(hub.port) as screen:
        hello = await screen.next("hello")
        await screen.follow()
        await screen.next("snap")
        assert screen.shown == {"wl-1": 1}
        for at in range(0, 200, 7):
            put(writer, *versions[at : at + 7])
            await asyncio.sleep(0)
        await screen.until(lambda: len(screen.versions) == 200)
    assert screen.versions == [(v.id, v.version) for v in versions]
    assert (hello["v"], hello["max_in"]) == (1, 4096)
    assert screen.line.subprotocol == "citywatch.v1"


async def test_versions_say_how_long_each_hop_took(writer, hub) -> None:
    async with Screen(hub.port) as screen:
        await screen.follow()
        await screen.next("snap")
        decided = time.time_ns() // 1000
        hops = {"source": 100, "screened": 20, "decided": 3, "at": decided}
        put(writer, alert("wl-1", latency_us=hops), alert("wl-2"))
        await screen.until(lambda: len(screen.versions) == 2)
        came = time.time_ns() // 1000
        timed, bare = (a for m in screen.got if m["t"] == "ev" for a in m["a"])
        way = timed["latency_us"]
        assert 0 < way["stored"] <= way["stored"] + way["sent"] <= came - decided
        assert {name: way[name] for name in hops} == hops
        assert bare["latency_us"] is None
        put(writer, alert("wl-3"))
        await screen.until(lambda: len(screen.versions) == 3)
        hub.hub.store_is(False)  # a change of the flow's state is worth a heartbeat
        await screen.until(lambda: screen.got[-1].get("us"))
        assert screen.got[-1]["us"]["source"] == {"p50": 100, "p99": 100}
        assert screen.got[-1]["us"]["total"]["p99"] >= 123 + way["stored"]


async def test_a_screen_that_was_away_misses_nothing_and_gets_nothing_twice(writer, hub) -> None:
    """Thrown off at random moments, while versions keep coming."""
    versions, rng = history(1500, 2), random.Random(2)
    seen, cur, at = [], None, 0
    async with Screen(hub.port) as first:
        await first.follow()
        await first.next("snap")
        cur = first.cur
    while at < len(versions):
        for _ in range(rng.randint(0, 4)):  # while it is away
            put(writer, *versions[at : at + 25])
            at += 25
        async with Screen(hub.port, cur) as screen:
            await screen.follow()
            put(writer, *versions[at : at + 10])
            at += 10
            enough = rng.randint(1, 9)
            await screen.until(lambda s=screen, n=enough: len(s.versions) >= n)
            screen.line.transport.abort()
        seen += screen.versions
        cur = screen.cur
    async with Screen(hub.port, cur) as screen:
        await screen.follow()
        expected = [(v.id, v.version) for v in versions]
        await screen.until(lambda: len(seen) + len(screen.versions) >= len(expected))
    assert seen + screen.versions == expected
    assert "reset" not in {message["t"] for message in screen.got}


async def test_a_new_hub_resumes_screens_of_the_old_one(store, writer) -> None:
    """More was missed than one page, and the hub remembers none of it."""
    async with HubServer(store.url, port=0) as old, Screen(old.port) as screen:
        await screen.follow()
        await screen.next("snap")
        put(writer, alert("wl-1"))
        await screen.until(lambda: screen.versions)
        cur = screen.cur
    put(writer, *(alert("wl-1", n) for n in range(2, 502)))
    async with HubServer(store.url, port=0) as new, Screen(new.port, cur) as screen:
        await screen.follow()
        await screen.until(lambda: len(screen.versions) >= 500)
        put(writer, alert("wl-1", 502))
        await screen.until(lambda: len(screen.versions) >= 501)
    assert screen.versions == [("wl-1", n) for n in range(2, 503)]


@pytest.mark.parametrize(
    ("at", "why"), [("elsewhere:1-0", "epoch"), ("{e}:1-0", "trimmed"), ("{e}:9{m}-0", "future")]
)
async def test_a_resume_that_cannot_be_whole_is_a_reset(store, writer, hub, at, why) -> None:
    client, keys = connect(store.url), Keys()
    put(writer, *(alert(f"wl-{n}") for n in range(5)))
    epoch = client.get(keys.epoch).decode()
    client.close()
    async with Screen(hub.port, at.format(e=epoch, m=10**13)) as screen:
        await screen.follow()
        assert (await screen.next("reset"))["why"] == why
        await screen.until(lambda: len(screen.shown) == 5)
    assert screen.versions == []


async def test_an_entry_the_log_lost_in_the_middle_is_a_reset(store, writer, hub) -> None:
    client, keys = connect(store.url), Keys()
    put(writer, *(alert(f"wl-{n}") for n in range(5)))
    epoch = client.get(keys.epoch).decode()
    lost = client.xrange(keys.log)[2][0].decode()
    client.xdel(keys.log, lost)
    client.close()
    async with Screen(hub.port, f"{epoch}:{lost}") as screen:
        await screen.follow()
        await screen.next("reset", why="epoch")


async def test_versions_do_not_wait_for_one_another_on_the_line(hub) -> None:
    async with Screen(hub.port) as screen:
        await screen.next("hello")
        (connection,) = hub._server.connections
        line = connection.transport.get_extra_info("socket")
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_filters(writer, hub) -> None:
    async with Screen(hub.port) as screen:
        await screen.follow(f={"level_max": 2, "district": ["yuzhong"]})
        await screen.next("snap")
        put(writer, alert("a", level=3), alert("b", level=1), alert("c", level=1, district="x"))
        put(writer, alert("b", 2, level=3), alert("b", 3, level=3), alert("d", level=2))
        await screen.until(lambda: ("d", 1) in screen.versions)
    assert screen.versions == [("b", 1), ("b", 2), ("d", 1)]


async def test_values_series_and_city(writer, hub, store) -> None:
    city = City(
        "Lanjiang",
        "Asia/Chongqing",
        sensors=(Sensor("rl-1", "rain", 1, 2, unit="mm/h", levels=Levels(red=50)),),
    )
    writer.put_city(city)
    writer.put_cells([CellState("8a", 2, 3.25, 100, 4, 2, 1)])
    writer.put_feeds([FeedHealth("traffic", 5, 1.5, 20, 0, 10, 1)])
    writer.put_overview({"clock": 5000, "speed": 60})
    writer.put_series([SeriesPoints("rl-1", ((1000, 1.0, 0.5, float("nan")),))])
    writer.flush()
    async with Screen(hub.port) as screen:
        for number, channel in enumerate(["cells", "feeds", "overview"], 1):
            await screen.say(t="sub", id=number, ch=channel)
        assert (await screen.next("st", id=1))["k"] == {"8a": [2, 3.25, 100, 4, 2, 1]}
        await screen.until(lambda: any(m.get("k", {}).get("traffic") for m in screen.got))
        await screen.until(lambda: any(m.get("k", {}).get("clock") == 5000 for m in screen.got))
        await city_known(hub)
        await screen.say(t="sensor", id=4, sensor="rl-1")
        series = await screen.next("series")
        writer.put_series([SeriesPoints("rl-1", ((2000, 1.1, 0.5, 1.5),))])
        writer.put_cells([CellState("8b", 4, 1.0, 200, 1, 0, 0)])
        writer.flush()
        await screen.until(lambda: any(m.get("add") == [[2000, 1.1, 0.5, 1.5]] for m in screen.got))
        await screen.until(lambda: any("8b" in m.get("k", {}) for m in screen.got))
    assert series["points"] == [[1000, 1, 0.5, None]]
    assert (series["kind"], series["unit"], series["levels"]["red"]) == ("rain", "mm/h", 50)
    client = connect(store.url)
    assert client.zrange(Keys().watch, 0, -1) == [b"rl-1"]
    client.close()


async def test_a_command_is_written_once_whichever_hub_gets_it(store, writer, hub) -> None:
    put(writer, alert("wl-1"))
    ack = {"t": "cmd", "id": "c-1", "op": "ack", "alert": "wl-1", "version": 1}
    async with HubServer(store.url, port=0) as other:
        for server in (hub, other, hub):
            async with Screen(server.port) as screen:
                await screen.follow()
                await screen.next("snap")
                await screen.say(**ack)
                await screen.next("ok", id="c-1")
    client = connect(store.url)
    ((_, entry),) = client.xrange(Keys().commands)
    client.close()
    assert json.loads(entry[b"b"])["op"] == "ack"


async def test_history_of_a_warning(writer, hub) -> None:
    put(writer, *(alert("wl-1", n) for n in range(1, 61)), alert("wl-2"))
    async with Screen(hub.port) as screen:
        await screen.say(t="history", id=7, alert="wl-1")
        story = await screen.next("history", id=7)
        await screen.say(t="history", id=8, alert="nobody")
        nothing = await screen.next("history", id=8)
    assert [version["version"] for version in story["a"]] == list(range(11, 61))
    assert nothing["a"] == []


# --- what can go wrong -----------------------------------------------------------------------


async def test_store_killed_and_back_with_its_data_goes_on_without_a_gap(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path) as store:
        writer = StoreWriter(store.url)
        async with HubServer(store.url, port=0) as hub, Screen(hub.port) as screen:
            await screen.follow()
            await screen.next("snap")
            put(writer, alert("wl-1"))
            writer.put_feeds([FeedHealth("traffic", 5, 1.5, 20, 0, 10, 1)])
            writer.flush()
            await screen.next("hb", flow="live")
            client = connect(store.url)
            client.execute_command("WAITAOF", "1", "0", "2000")
            client.close()
            await asyncio.to_thread(store.kill)
            await screen.until(
                lambda: screen.got[-1]["t"] == "hb" and screen.got[-1]["flow"] == "stale"
            )
            await asyncio.to_thread(store.start)
            put(writer, alert("wl-1", 2))
            await screen.until(lambda: len(screen.versions) == 2)
            await screen.until(lambda: screen.got[-1].get("flow") == "live")
        writer.close()
    assert screen.versions == [("wl-1", 1), ("wl-1", 2)]
    assert "reset" not in {message["t"] for message in screen.got}


async def test_store_replaced_resets_every_screen(store, writer, hub) -> None:
    put(writer, alert("wl-1"), alert("wl-2"))
    async with Screen(hub.port) as screen:
        await screen.follow()
        await screen.next("snap")
        client = connect(store.url)
        client.flushall()
        client.close()
        await screen.next("reset", why="epoch")
        put(writer, alert("wl-3"))
        await screen.until(lambda: "wl-3" in screen.shown)


async def test_what_cannot_be_read_costs_only_itself(store, writer, hub) -> None:
    client, keys = connect(store.url), Keys()
    put(writer, alert("wl-1"))
    async with Screen(hub.port) as screen:
        await screen.follow()
        await screen.next("snap")
        client.xadd(keys.log, {"id": "x", "v": 1, "b": "not json"})
        client.xadd(keys.cells, {"b": "[1"})
        client.set(keys.city, "{}")
        client.hset(keys.overview, "clock", '"noon"')
        put(writer, alert("wl-1", 2))
        await screen.until(lambda: screen.versions)
        cur = screen.cur
    client.hset(keys.alert("wl-1"), "b", "{")
    async with HubServer(store.url, port=0) as new, Screen(new.port, cur) as screen:
        await screen.follow()
        put(writer, alert("wl-1", 3))
        await screen.until(lambda: screen.versions)
    assert screen.versions == [("wl-1", 3)]
    client.close()


async def test_a_hub_without_a_store_says_so_and_recovers(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    async with HubServer(store.url, port=0) as hub, Screen(hub.port) as screen:
        await screen.follow()
        assert (await screen.next("hb"))["cur"] is None
        assert screen.got[-1]["flow"] == "stale"
        await asyncio.to_thread(store.start)
        await screen.next("snap")
    store.stop()


async def test_a_client_that_does_not_read_is_dropped_and_others_go_on(writer, hub) -> None:
    async with Screen(hub.port) as reader:
        await reader.follow()
        await reader.next("snap")
        deaf = socket.create_connection(("127.0.0.1", hub.port))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(
            b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: citywatch.v1\r\n\r\n"
        )
        assert b"101" in await asyncio.to_thread(deaf.recv, 300)
        body = b'{"t":"sub","id":1,"ch":"alerts"}'
        deaf.sendall(bytes([0x81, 0x80 | len(body), 0, 0, 0, 0]) + body)
        count = 0
        while not hub.hub.slow:
            put(writer, *(alert(f"x-{count}-{n}", reason="x" * 4000) for n in range(20)))
            count += 1
            await asyncio.sleep(0)
            assert count < 1000
        await reader.until(lambda: len(reader.versions) == 20 * count)
        assert len(hub.hub.clients) == 1
        deaf.close()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not json", 4400),
        ('{"t":"sub","id":1,"ch":"secrets"}', 4400),
        (b'{"t":"unsub","id":1}', 4400),
        ('{"t":"unsub","id":1}' + " " * 4096, 1009),
    ],
)
async def test_what_is_not_allowed_ends_the_connection(hub, text, code) -> None:
    async with Screen(hub.port) as screen:
        await screen.line.send(text)
        assert await screen.end() == code
    assert {message["t"] for message in screen.got} <= {"hello", "hb"}


async def test_a_flood_ends_the_connection(hub) -> None:
    async with Screen(hub.port) as screen:
        for _ in range(30):
            await screen.say(t="unsub", id=1)
        assert await screen.end() == 4429


async def test_too_many_subscriptions_end_the_connection(hub) -> None:
    async with Screen(hub.port) as screen:
        for number in range(17):
            await screen.say(t="sub", id=number, ch="cells")
        assert await screen.end() == 4429


async def test_bad_text_ends_the_connection(hub) -> None:
    async with Screen(hub.port) as screen:
        await screen.line.send(b"\xff\xfe", text=True)
        assert await screen.end() == 1007


async def test_other_origins_and_other_protocols_are_refused(hub) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with Screen(hub.port, origin="http://evil.example"):
            pass
    with pytest.raises(InvalidStatus, match="403"):
        async with Screen(hub.port, origin=f"http://127.0.0.1:{hub.port + 1}"):
            pass
    async with Screen(hub.port, origin=f"http://localhost:{hub.port}") as screen:
        await screen.next("hello")
    async with Screen(hub.port, origin=f"http://LOCALHOST:{hub.port}") as screen:
        await screen.next("hello")
    with pytest.raises((InvalidStatus, NegotiationError)):
        async with Screen(hub.port, subprotocols=["citywatch.v9"]):
            pass


async def test_no_more_clients_than_the_limit(hub, monkeypatch) -> None:
    monkeypatch.setattr("sinks.control_room.server.CLIENTS", 2)
    async with Screen(hub.port) as a, Screen(hub.port) as b:
        await a.next("hello")
        await b.next("hello")
        with pytest.raises(InvalidStatus, match="503"):
            async with Screen(hub.port):
                pass


async def test_stopping_tells_the_screens_to_come_back(store) -> None:
    async with HubServer(store.url, port=0) as hub, Screen(hub.port) as screen:
        await screen.next("hello")
        hub._server.close(code=1012)
        assert await screen.end() == 1012


async def test_stopping_waits_for_nobody(store) -> None:
    async with HubServer(store.url, port=0) as hub:
        with socket.create_connection(("127.0.0.1", hub.port)) as silent:
            while not hub._lines:
                await asyncio.sleep(0.01)
            with without_waiting():  # the client says nothing, ever
                await hub.__aexit__(None, None, None)
            assert silent.recv(1) == b""


# --- pages -----------------------------------------------------------------------------------


def fetch(port: int, path: str, **headers: str) -> tuple[int, str, bytes]:
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
        with urllib.request.urlopen(request) as reply:
            return reply.status, reply.headers["Content-Type"], reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


async def test_documents(writer, hub) -> None:
    assert (await asyncio.to_thread(fetch, hub.port, "/city.json"))[0] == 503
    writer.put_city(City("Lanjiang", "Asia/Chongqing"))
    writer.flush()
    await city_known(hub)
    status, kind, body = await asyncio.to_thread(fetch, hub.port, "/city.json?x=1")
    assert (status, kind, json.loads(body)["name"]) == (200, "application/json", "Lanjiang")
    assert json.loads(body)["cells"] == {}
    packed = await asyncio.to_thread(
        partial(fetch, hub.port, "/city.json", **{"Accept-Encoding": "gzip"})
    )
    assert gzip.decompress(packed[2]) == body
    status, kind, body = await asyncio.to_thread(fetch, hub.port, "/healthz")
    assert (status, json.loads(body)["ok"]) == (200, True)
    status, kind, body = await asyncio.to_thread(fetch, hub.port, "/vendor/maplibre-gl.js")
    assert (status, kind) == (200, "text/javascript; charset=utf-8")
    assert len(body) > 500_000


class AnySize:
    """A page as long as its address says."""

    def get(self, request: Request) -> Response:
        return document(bytes(int(request.path.partition("?")[2])))


@pytest.mark.slow
async def test_a_slow_line_gets_a_large_page_whole(hub) -> None:
    """The readers take nothing for longer than the library waits, and then all of it slowly."""
    # What the kernel keeps would hide that the hub had given up.
    hub._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
    hub.tail.values.city_page = AnySize()
    # How much is left when the last of it is handed to the kernel depends on the size.
    sizes = range(1_000_000, 1_066_000, 6000)

    def read(size: int) -> int:
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            line.connect(("127.0.0.1", hub.port))
            line.sendall(b"GET /city.json?%d HTTP/1.1\r\nHost: hub\r\n\r\n" % size)
            time.sleep(10.5)
            got = b""
            while part := line.recv(20_000):
                got += part
                time.sleep(0.001)
        return len(got.partition(b"\r\n\r\n")[2])

    with ThreadPoolExecutor(len(sizes)) as threads:
        loop = asyncio.get_running_loop()
        got = await asyncio.gather(*(loop.run_in_executor(threads, read, size) for size in sizes))
    assert got == [*sizes]
