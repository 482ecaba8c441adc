"""Production processes under an open-loop load, with a screen that notes what it is told.

Readings are published at a given rate whatever the flow can take. Now and then one of them is a
second reading over an official level, of a sensor far from all others: it calls for a warning of
its own, whose latency counts from when it should have been sent.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.request import urlopen

import numpy as np
from confluent_kafka import Producer
from websockets.asyncio.client import connect

from benchmarks.rig import Rig, made_city, values
from flows.kafka import Topics
from operators.codec import encode
from operators.events import City, Levels, Sensor

__all__ = ["ALARMS_PER_S", "TOGETHER", "Deployment", "Feed", "Load", "write_city"]

SEED = 1
WARM_READINGS = 160
ALARMS_PER_S = 10
TICK_S = 0.002
APART = ("warnings", "reports", "readings")
TOGETHER = ("city",)


class Load(NamedTuple):
    """So many readings a second of so many sensors, for so long, so often."""

    per_s: int
    seconds: float
    rounds: int
    sensors: int = 10_000
    before_s: float = 15.0
    """Under the same load before it counts: a broker that has just started is still compiling."""
    flows: tuple[str, ...] = APART
    """The processes, who is told first; the last has the readings."""

    @property
    def alarms(self) -> int:
        """How many readings call for a warning."""
        return int(self.seconds * ALARMS_PER_S)


def city_with_alarms(load: Load) -> City:
    """Return the made-up city, and beside it gas sensors three kilometres from each other."""
    made, alarms = made_city(load.sensors), load.alarms
    side = int(np.ceil(np.sqrt(alarms)))
    levels = Levels(blue=5.0, yellow=10.0, orange=20.0, red=50.0)
    sensors = tuple(
        Sensor(
            f"al-{n:05d}",
            "gas_ch4",
            107.5 + 0.03 * (n % side),
            28.0 + 0.03 * (n // side),
            district="d1",
            levels=levels,
        )
        for n in range(alarms)
    )
    return City(made.name, made.timezone, made.districts, made.sensors + sensors)


class Feed:
    """Readings on their way to the broker."""

    def __init__(self, bench: Rig, topics: Topics, load: Load) -> None:
        self.due_us: dict[str, int] = {}
        """When the reading that calls for each sensor's warning should have been sent."""
        self._load = load
        self._topic, self._reports = topics.readings, topics.reports
        self._rng = np.random.default_rng(SEED)
        self._names = [sensor.id for sensor in made_city(load.sensors).sensors]
        self._producer = Producer(
            {
                **bench.place.options(),
                "linger.ms": 0,
                "max.in.flight.requests.per.connection": 5,
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def warm(self) -> None:
        """Publish what came before, as fast as it goes."""
        start = int(time.time() * 1000) - 60_000 * (WARM_READINGS + 1)
        everybody = np.arange(self._load.sensors)
        for number in range(WARM_READINGS):
            said = values(self._rng, everybody).tolist()
            for name, value in zip(self._names, said, strict=True):
                self._put(name, start + number * 60_000, value)
            self._producer.poll(0)
        # As in any city somebody has called: so the reports have a state that is kept, too.
        told = b'{"id":"r-1","time":%d,"lon":107.5,"lat":28.0,"text":"a tree is on the road"}'
        self._producer.produce(self._reports, told % start)
        self._producer.flush(120)

    def run(self) -> int:
        """Publish for as long as the load says; return how late the latest message was, in us."""
        load, latest = self._load, 0
        total = int(load.per_s * (load.before_s + load.seconds))
        said = values(self._rng, np.arange(total) % load.sensors).tolist()
        alarms = load.alarms
        alarm_at = [load.before_s + (n + 0.5) / ALARMS_PER_S for n in range(alarms)]
        begun, sent, alarm = time.time(), 0, 0
        while sent < total or alarm < alarms:
            now = time.time() - begun
            due = min(total, int(now * load.per_s))
            time_ms = int((begun + now) * 1000)
            for number in range(sent, due):
                self._put(self._names[number % load.sensors], time_ms, said[number])
            sent = due
            while alarm < alarms and alarm_at[alarm] <= now:
                # The first reading over the level was a second earlier; the second one counts.
                name = f"al-{alarm:05d}"
                self._put(name, time_ms - 1000, 7.0)
                self._put(name, time_ms, 7.5)
                self.due_us[name] = int((begun + alarm_at[alarm]) * 1e6)
                latest = max(latest, int((now - alarm_at[alarm]) * 1e6))
                alarm += 1
            self._producer.poll(0)
            soon = alarm_at[alarm] - now if alarm < alarms else TICK_S
            time.sleep(max(0.0, min(TICK_S, soon) - (time.time() - begun - now)))
        self._producer.flush(30)
        return latest

    def _put(self, name: str, time_ms: int, value: float) -> None:
        message = f'{{"sensor":"{name}","time":{time_ms},"value":{value}}}'
        while True:
            try:
                return self._producer.produce(self._topic, message, name)
            except BufferError:
                self._producer.poll(0.05)


@dataclass
class Deployment:
    """The city's flows, a hub and a screen, as processes; a context that ends them all."""

    bench: Rig
    topics: Topics
    data: Path
    flows: tuple[str, ...]
    port: int = 0
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _screen: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.port = self.port or _free_port()
        for flow in self.flows:
            self.start(flow)
        hub = ["sinks.control_room", "--redis", self.bench.redis, "--region", self.topics.prefix]
        self._run("hub", [*hub, "--port", str(self.port)])
        return self

    def start(self, flow: str) -> None:
        """Start a flow, or start it again."""
        self._run(flow, ["flows", "run", "--flow", flow, "--metrics-port", "0"])

    def kill(self, flow: str) -> None:
        """Kill a flow as a crash would."""
        self.running[flow].kill()
        self.running[flow].wait()

    def watch(self) -> None:
        """Let a screen note from now on when each warning comes."""
        line = [sys.executable, "-m", "benchmarks.deployment", str(self.port), str(self.data)]
        self._screen = subprocess.Popen(line)

    def seen(self) -> dict[str, tuple[int, dict[str, int] | None]]:
        """End the screen; return when the first version of each alarm came, and its hops."""
        assert self._screen is not None
        self._screen.send_signal(signal.SIGTERM)
        self._screen.wait(10)
        said: dict[str, tuple[int, dict[str, int] | None]]
        said = json.loads((self.data / "seen.json").read_text())
        return said

    def wait_until_live(self, patience_s: float = 240.0) -> None:
        """Wait until the flow is up with the present."""
        deadline = time.monotonic() + patience_s
        while self._flow() != "live":
            self.check()
            if time.monotonic() > deadline:
                raise RuntimeError("the flow did not come up with the present")
            time.sleep(0.2)

    def check(self) -> None:
        """Raise if a process has ended by itself."""
        ended = [name for name, process in self.running.items() if process.poll() is not None]
        if ended:
            log = "".join((self.data / f"{name}.log").read_text()[-1000:] for name in ended)
            raise RuntimeError(f"ended: {', '.join(ended)}: {log}")

    def metrics(self, flow: str) -> str:
        """Return what a flow's metrics page says."""
        lines = (self.data / f"{flow}.log").read_text().splitlines()
        url = next(line.split()[-1] for line in reversed(lines) if line.startswith("metrics at"))
        with urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def _flow(self) -> str | None:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return str(json.load(answer)["flow"])
        except OSError:
            return None

    def _run(self, name: str, command: list[str]) -> None:
        told = {
            "KAFKA": self.bench.kafka,
            "KAFKA_PREFIX": self.topics.prefix,
            "REDIS": self.bench.redis,
            "REGION": self.topics.prefix,
            "CITY": str(self.data),
            "DATA_DIR": str(self.data),
        }
        environment = {**os.environ, **{f"CITYWATCH_{key}": told[key] for key in told}}
        with (self.data / f"{name}.log").open("ab") as log:
            line = [sys.executable, "-m", *command]
            self.running[name] = subprocess.Popen(line, env=environment, stdout=log, stderr=log)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        processes = [*self.running.values(), *([self._screen] if self._screen else [])]
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def write_city(load: Load, data: Path) -> None:
    """Write the city file that all processes read."""
    (data / "city.json").write_bytes(encode(city_with_alarms(load)))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _screen(port: int, out: Path) -> None:
    """Note when each warning arrives, until told to stop; run in a process of its own."""
    seen: dict[str, tuple[int, Any]] = {}
    url = f"ws://127.0.0.1:{port}/ws"
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def listen() -> None:
        async with connect(url, subprotocols=["citywatch.v1"], compression=None) as line:  # type: ignore[list-item]
            await line.send('{"t":"sub","id":1,"ch":"alerts","f":null,"at":null}')
            async for text in line:
                now = time.time_ns() // 1000
                message = json.loads(text)
                if message["t"] != "ev":
                    continue
                for alert in message["a"]:
                    key = alert["evidence"][0]["key"] if alert["evidence"] else ""
                    if key.startswith("al-") and alert["version"] == 1:
                        seen.setdefault(key, (now, alert["latency_us"]))

    task = asyncio.create_task(listen())
    await stop.wait()
    task.cancel()
    out.write_text(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(_screen(int(sys.argv[1]), Path(sys.argv[2], "seen.json")))
