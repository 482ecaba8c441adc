"""``citywatch up`` with real processes: what is killed comes back, and screens miss nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import redis
from msgspec.structs import replace
from redis import Redis
from rich.console import Console
from websockets.exceptions import WebSocketException

from flows.feeds import spans_ms
from flows.kafka import KafkaPlace
from flows.kafka import Topics as Names
from flows.live import HOUR_MS, LivePlan
from flows.room import OVER, Up, _Room, _same_run, _Status, all_steady, outlook
from flows.run import make_parts
from flows.settings import load_settings
from flows.up import Child, UpError
from sinks.redis import StoreWriter
from sinks.store import EmbeddedStore, Keys, connect, store_url
from tests.broker import LocalBroker
from tests.flows.processes import (
    PATIENCE_S,
    alive,
    eventually,
    free_port,
    offspring,
    run,
    started,
    without_waiting,
)
from tests.kafka_fixture import Topics
from tests.sinks.alerts import alert
from tests.sinks.control_room.screen import Screen

pytestmark = pytest.mark.system

SHORT = {"CITYWATCH_HISTORY_H": "1", "CITYWATCH_EPOCH_S": "0.5"}
SMALL = ("--sensors", "300", "--speed", "600", "--scenario", "cloudburst")
PARTS = {"store": "valkey", "screen": "flows.screen", "flow": "flows.live"}


def page(port: int, path: str = "/") -> bytes | None:
    """Return what the screen's server answers; None while there is no answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            body: bytes = answer.read()
            return body
    except OSError:
        return None


def part(process: subprocess.Popen[str], name: str) -> int | None:
    """Return the pid of the store, the screen or the flow."""
    for pid, command in offspring(process.pid).items():
        if PARTS[name] in command:
            return pid
    return None


def commands(client: Redis, name: str) -> int:
    """Return how often the store was sent a command."""
    told: Any = client.info("commandstats")
    return int(told.get(f"cmdstat_{name}", {"calls": 0})["calls"])


async def becomes(holds: Callable[[], object], what: str) -> None:
    """Wait in a thread until something holds, so that sockets here are still read."""
    await asyncio.to_thread(eventually, holds, what)


class Wall:
    """A screen that connects again for ever, as a wall's does, and remembers what it was sent."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.versions: list[tuple[str, int]] = []
        self.shown: dict[str, int] = {}
        self.resets = 0
        self.connections = 0

    async def watch(self) -> None:
        cursor = None
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with Screen(self.port, cursor) as screen:
                    self.connections += 1
                    screen.versions, screen.shown = self.versions, self.shown
                    await screen.follow()
                    while screen.closed is None:
                        screen._changed.clear()
                        await screen._changed.wait()
                        self.shown = screen.shown
                cursor = screen.cur
                self.resets += sum(message["t"] == "reset" for message in screen.got)
            await asyncio.sleep(0.05)


class Clerk:
    """Somebody who issues versions of one warning, beside those of the flow."""

    def __init__(self, url: str) -> None:
        self.writer = StoreWriter(url)
        self.version = 0

    def issue(self, count: int) -> None:
        first, self.version = self.version + 1, self.version + count
        self.writer.put_alerts([alert("wl-clerk", n) for n in range(first, self.version + 1)])
        self.writer.flush()


def overview(url: str) -> dict[str, Any]:
    with connect(url) as client:
        return {k.decode(): json.loads(v) for k, v in client.hgetall(Keys().overview).items()}


async def test_what_is_killed_comes_back_and_a_screen_misses_nothing(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    command = ("up", *SMALL, "--port", str(port), "--data-dir", data)
    with started(*command, **SHORT) as process:
        assert process.stderr is not None
        address = await asyncio.to_thread(process.stderr.readline)
        assert f"http://127.0.0.1:{port}" in address
        store = await asyncio.to_thread(process.stderr.readline)
        drain = asyncio.create_task(asyncio.to_thread(process.stderr.read))
        await becomes(lambda: page(port, "/healthz"), "an answer at /healthz")
        assert b"<html" in (page(port) or b"").lower()

        url = store_url(data / "store.sock")
        assert url in store, "whoever reads the store is told where it is"
        clock = lambda: overview(url).get("clock", 0)  # noqa: E731
        await becomes(clock, "the flow's first time")
        wall, clerk = Wall(port), Clerk(url)
        watching = asyncio.create_task(wall.watch())
        clerk.issue(20)
        await becomes(lambda: wall.shown.get("wl-clerk") == 20, "the screen's picture")

        async def kill(name: str) -> None:
            before = part(process, name)
            assert before is not None
            family = [before, *offspring(before)]
            os.kill(before, signal.SIGKILL)
            await becomes(lambda: part(process, name) not in (None, before), f"another {name}")
            await becomes(lambda: not any(map(alive, family)), f"the end of the old {name}'s")

        await kill("screen")
        clerk.issue(20)
        await becomes(lambda: wall.shown.get("wl-clerk") == 40, "the screen's return")
        assert wall.connections > 1

        reached = clock()
        await kill("flow")
        await becomes(lambda: clock() > reached, "time going on")
        clerk.issue(20)
        await becomes(lambda: wall.shown.get("wl-clerk") == 60, "versions after the flow's death")
        assert wall.resets == 0
        whole(wall.versions, {"wl-clerk": 60})

        await kill("store")
        clerk.issue(20)
        await becomes(lambda: wall.shown.get("wl-clerk") == 80, "the store's return")
        reached = clock()
        await becomes(lambda: clock() > reached, "time going on after the store's death")
        with connect(url) as client:
            log = [(e[b"id"].decode(), int(e[b"v"])) for _, e in client.xrange(Keys().log)]
        whole(log, {"wl-clerk": 80})
        watching.cancel()
        clerk.writer.close()

        everybody = offspring(process.pid)
        assert len(everybody) >= 4, everybody
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, 10) == 0
        assert not [command for pid, command in everybody.items() if alive(pid)]
        said = await drain
        assert "Traceback" not in said
        for name in PARTS:
            assert f"{name} died, starting it again" in said


def whole(versions: list[tuple[str, int]], last: dict[str, int]) -> None:
    """Each version once, each warning's in order and without a gap."""
    told: defaultdict[str, list[int]] = defaultdict(list)
    for name, version in versions:
        told[name].append(version)
    for name, story in told.items():
        assert story == list(range(story[0], story[0] + len(story))), name
    for name, version in last.items():
        assert told[name][-1] == version


def test_a_person_is_told_when_it_begins() -> None:
    plan = LivePlan("", "", "", 60.0, 1, 1.0, 1_763_881_200_000, event_after_h=1.5)
    zone = ZoneInfo("Asia/Chongqing")
    early = plan.live_from_ms
    assert outlook(plan, early, zone) == ": flood begins at Sun 16:30, in 90 s"
    slow = replace(plan, speed=1.0, scenario="gas_leak")
    assert outlook(slow, early, zone) == ": gas leak begins at Sun 16:30, in 90 min"
    assert outlook(plan, early + 90 * 60_000, zone) == ""
    for other in ({"scenario": "quiet"}, {"feed": "somewhere"}, {"event_after_h": None}):
        assert outlook(replace(plan, **other), early, zone) == ""


class TestPlan:
    PLAN = LivePlan("redis://:secret@a:1", "city", "", 60.0, 1, 1.0, 7)

    def test_is_for_us_alone_and_never_half_written(self, tmp_path: Path) -> None:
        path = tmp_path / "plan.json"
        for old in (path, tmp_path / "plan.new"):
            old.write_bytes(msgspec.json.encode(self.PLAN))
            old.chmod(0o644)
        before = path.stat().st_ino
        assert _same_run(path, replace(self.PLAN, live_from_ms=9)) == self.PLAN
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_ino != before, "another file takes its place at once"
        assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]

    @pytest.mark.parametrize("raw", [b"", b"{", b'{"redis":"a","speed":null}', b"\xff", b"[]"])
    def test_that_is_damaged_is_one_line_that_says_what_to_do(
        self, tmp_path: Path, raw: bytes
    ) -> None:
        path = tmp_path / "plan.json"
        path.write_bytes(raw)
        with pytest.raises(UpError) as error:
            _same_run(path, self.PLAN)
        assert str(error.value).startswith(f"{path}: not the plan of a run (")
        assert str(error.value).endswith(f": give another --data-dir, or delete {tmp_path}")
        assert "\n" not in str(error.value)
        assert path.read_bytes() == raw


def test_no_command_line_shows_the_store_s_password(tmp_path: Path) -> None:
    settings = load_settings(redis="redis://me:SECRET@a:1", sensors=150)
    room = _Room(Up(), settings, tmp_path)
    children = room._children(str(settings.redis), None)
    assert [child.name for child in children] == ["screen", "flow"]
    assert "SECRET" not in " ".join(part for child in children for part in child.command)
    assert "SECRET" not in repr(children)
    told = children[0].environment
    assert told is not None
    assert told["CITYWATCH_REDIS"] == "redis://me:SECRET@a:1"


def test_who_is_ended_from_outside_is_started_again(tmp_path: Path) -> None:
    """With status 0 too: nobody but the feed comes to an end by itself."""
    room = _Room(Up(), load_settings(sensors=150), tmp_path)
    children = room._children("unix:///s", EmbeddedStore(tmp_path))
    assert [(child.name, child.ends) for child in children] == [
        ("store", False),
        ("screen", False),
        ("flow", False),
    ]


def test_a_store_that_dies_while_it_is_looked_at_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = LivePlan("", "city", "", 60.0, 1, 1.0, 7)
    with EmbeddedStore(tmp_path) as store, connect(store.url) as client:
        client.hset(Keys().overview, "clock", "9")
        client.zadd(Keys().active, {"wl-1": 1})
        status = _Status(Console(quiet=True), store.url, "city", plan, None)
        for dies_at in ("zrange", "hget"):

            def dies(*_: Any) -> Any:
                raise redis.ConnectionError("gone")

            with monkeypatch.context() as patched:
                patched.setattr(status._client, dies_at, dies)
                status._told = 0.0
                status.show()
        status._told = 0.0
        with status:
            status.show()
    with without_waiting():
        status._told = 0.0
        status.show()  # nor is anybody held up who could start it again


def test_it_ends_after_its_time_and_goes_on_from_there(tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = ("up", *SMALL, "--port", str(free_port()), "--data-dir", data, "--for", "4")
    first = run(*command, **SHORT)
    assert first.returncode == 0, first.stderr
    assert not [p for p in ("screen", "flow", "store") if f"{p} died" in first.stderr]
    other = run(*command, "--seed", "9", **SHORT)
    assert other.returncode == 1
    assert other.stderr.count("\n") == 1, "one line"
    assert "give another --data-dir" in other.stderr


def test_ctrl_c_while_it_is_starting_leaves_nothing(tmp_path: Path) -> None:
    command = ("up", *SMALL, "--port", str(free_port()), "--data-dir", tmp_path / "data")
    with started(*command, **SHORT) as process:
        eventually(lambda: offspring(process.pid), "a first process")
        everybody = list(offspring(process.pid))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    try:
        eventually(lambda: not any(map(alive, everybody)), "the end of what it started")
    finally:
        for pid in filter(alive, everybody):
            os.kill(pid, signal.SIGKILL)
    assert "Traceback" not in said


def test_a_recorded_feed_is_watched_to_its_end(quiet_feed: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = ("up", "--feed", quiet_feed, "--speed", "3600", "--port", str(free_port()))
    limit = ("--for", "60")  # nobody waits longer for what is not said
    with started(*command, *limit, "--data-dir", data, "--history", "0") as process:
        assert process.stderr is not None
        said = []
        while OVER not in "".join(said):
            said.append(process.stderr.readline())
            assert said[-1], said
        with connect(store_url(data / "store.sock")) as client:
            client.config_resetstat()
            eventually(lambda: commands(client, "zrange") >= 3, "three looks after the end")
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=PATIENCE_S)[1].splitlines()
    assert process.returncode == 0, said
    assert not [line for line in said if "flow died" in line], "a feed that ends is no crash"
    assert sum(OVER in line for line in said) == 1


def test_of_a_feed_that_is_short_half_is_learnt_and_half_is_seen(
    quiet_feed: Path, tmp_path: Path
) -> None:
    def plan(**settings: Any) -> LivePlan:
        return _Room(Up(feed=quiet_feed), load_settings(**settings), tmp_path)._plan("unix:///s")

    first, last = spans_ms(quiet_feed, 1 << 60)["readings"]
    assert plan().live_from_ms == pytest.approx((first + last) / 2, abs=2)
    assert plan().history_h == pytest.approx((last - first) / 2 / HOUR_MS)
    for hours in (0.1, 0.4):
        assert plan(history_h=hours).live_from_ms == first + int(hours * HOUR_MS)


def test_what_is_short_is_told_by_its_readings(quiet_feed: Path, tmp_path: Path) -> None:
    """One report, or one command, whose clock is wrong, is not when a feed begins or ends."""
    feed = tmp_path / "feed"
    shutil.copytree(quiet_feed, feed)
    first, last = spans_ms(feed, 1 << 60)["readings"]
    (feed / "reports.jsonl").write_bytes(b'{"id":"r","time":2081491200000}')
    (feed / "commands.jsonl").write_bytes(b'{"id":"c"}')
    plan = _Room(Up(feed=feed), load_settings(), tmp_path)._plan("unix:///s")
    assert plan.live_from_ms == pytest.approx((first + last) / 2, abs=2)


def test_a_clock_that_stands_is_an_end_only_while_all_are_well() -> None:
    one = Child("one", [], Path("log"))
    assert all_steady([one])
    one.deaths = 1
    assert not all_steady([one])


class TestWithABroker:
    """What it starts then, not that it runs: the processes have tests of their own."""

    def room(self, broker: LocalBroker, topics: Topics, data: Path, **more: Any) -> _Room:
        settings = load_settings(
            kafka=broker.address,
            kafka_prefix=topics.prefix.strip("-"),
            kafka_sasl_password="correct-horse-battery",
            sensors=150,
        )
        data.mkdir(exist_ok=True)
        room = _Room(Up(scenario="cloudburst", **more), settings, data)
        plan = room._plan("redis://127.0.0.1:1")
        (data / "plan.json").write_bytes(msgspec.json.encode(plan))
        return room

    def test_the_flow_is_the_production_processes_and_a_city(
        self, kafka_broker: LocalBroker, topics: Topics, tmp_path: Path
    ) -> None:
        room = self.room(kafka_broker, topics, tmp_path, processes=2)
        children = room._children("redis://127.0.0.1:1", None)
        assert [child.name for child in children] == [
            "screen",
            "warnings",
            "reports",
            "readings-1",
            "readings-2",
            "city",
        ]
        told = children[-1].environment
        assert told is not None
        prefix = told["CITYWATCH_KAFKA_PREFIX"]
        assert prefix.startswith(topics.prefix)
        assert told["CITYWATCH_REDIS"] == "redis://127.0.0.1:1"
        assert all(child.environment == told for child in children[1:])
        screen = children[0].environment
        assert screen is not None
        assert screen["CITYWATCH_REDIS"] == "redis://127.0.0.1:1"
        assert "correct-horse-battery" not in repr(children)
        names = Names(prefix)
        place = KafkaPlace(kafka_broker.address)
        assert len(place.partitions(names.readings)) == 8
        (made,) = make_parts("readings", load_settings(city=tmp_path, kafka="a:1"))
        assert len(made.registry.sensors) == 150, "every process finds the city's file"

    def test_it_goes_on_with_its_topics_and_another_run_has_others(
        self, kafka_broker: LocalBroker, topics: Topics, tmp_path: Path
    ) -> None:
        first = self.room(kafka_broker, topics, tmp_path / "a")._prefix()
        assert self.room(kafka_broker, topics, tmp_path / "a")._prefix() == first
        assert self.room(kafka_broker, topics, tmp_path / "b")._prefix() != first

    def test_more_processes_than_partitions_have_no_work(
        self, kafka_broker: LocalBroker, topics: Topics, tmp_path: Path
    ) -> None:
        room = self.room(kafka_broker, topics, tmp_path, processes=3)
        topics.make(f"{room._prefix().removeprefix(topics.prefix)}.readings", 2)
        with pytest.raises(UpError, match="has 2 partitions: more processes have no work"):
            room._children("redis://127.0.0.1:1", None)


class TestMistakes:
    def test_a_port_that_is_taken(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            ended = run("up", "--port", port, "--data-dir", tmp_path / "data")
        assert ended.returncode == 1
        assert ended.stderr == (
            f"citywatch: port {port} of 127.0.0.1 is taken: choose another by --port\n"
        )

    def test_a_feed_that_is_not_there(self, tmp_path: Path) -> None:
        ended = run("up", "--feed", tmp_path / "nowhere", "--port", str(free_port()))
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1
        assert "nowhere" in ended.stderr

    def test_a_data_directory_that_is_in_use(self, tmp_path: Path) -> None:
        """Two stores on one socket and two flows on one recovery state would spoil both."""
        data = tmp_path / "data"
        command = ("up", *SMALL, "--data-dir", data, "--port")
        with started(*command, str(free_port()), **SHORT) as first:
            assert first.stderr is not None
            first.stderr.readline()
            second = run(*command, str(free_port()), "--for", "1", **SHORT)
            first.terminate()
            first.communicate(timeout=PATIENCE_S)
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert "data" in second.stderr
