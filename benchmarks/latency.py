"""How long from a reading that should warn to the warning on a screen, under load.

``python -m benchmarks.latency`` starts a broker, a store, the production processes (prompt mode, two
of readings at the highest load are not needed: one), a hub and one screen, and publishes readings
in an open loop: at 1,000, 20,000 and 50,000 a second, whatever the flow can take. Ten times a
second one of them is a second reading over an official level, of a sensor far from all others, and
calls for a warning of its own. Its latency counts from when it should have been sent, so a
publisher, a broker or a flow that falls behind shows. Detectors have been through 160 readings a
sensor before, so that ordinary noise makes evidence as it does in a city; snapshots go on.

The hops are the warning's own stamps, ``latency_us``: from the log's timestamp (milliseconds) to
polled, to screened, to decided, to stored, to sent by the hub. Everything runs on this machine, its
processes compete. ``--quick`` is for seeing that it runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.request import urlopen

import numpy as np
from confluent_kafka import Producer
from websockets.asyncio.client import connect

from benchmarks.report import arguments, measured, publish, spread, table
from benchmarks.rig import Rig, made_city, rig, values
from flows.kafka import Topics
from flows.progress import Bar
from operators.codec import encode
from operators.events import City, Levels, Sensor

__all__ = ["FULL", "QUICK", "main"]

SEED = 1
PACKAGES = ("bytewax", "confluent-kafka", "numba", "numpy", "redis", "websockets")
SENSORS = 10_000
PARTITIONS = 8
WARM_READINGS = 160
ALARMS_PER_S = 10
SETTLE_S = 3.0
GRACE_S = 5.0
TICK_S = 0.002
HOPS = ("source", "screened", "decided", "stored", "sent")


class Load(NamedTuple):
    """So many readings a second for so long, so often."""

    per_s: int
    seconds: float
    rounds: int


FULL = {
    "L1-1k": Load(1_000, 30.0, 3),
    "L2-20k": Load(20_000, 30.0, 3),
    "L3-50k": Load(50_000, 30.0, 3),
}
QUICK = {"L2-20k": Load(20_000, 10.0, 1)}
"""Scenario ids are for good: results of different commits are compared by them."""


def city_with_alarms(alarms: int) -> City:
    """Return the made-up city, and beside it gas sensors three kilometres from each other."""
    made = made_city(SENSORS)
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


# --- what is published -----------------------------------------------------------------------


class Feed:
    """Readings on their way to the broker."""

    def __init__(self, bench: Rig, topics: Topics, load: Load) -> None:
        self.due_us: dict[str, int] = {}
        """When the reading that calls for each sensor's warning should have been sent."""
        self._load = load
        self._topic = topics.readings
        self._rng = np.random.default_rng(SEED)
        self._names = [sensor.id for sensor in made_city(SENSORS).sensors]
        self._producer = Producer(
            {**bench.place.options(), "linger.ms": 1, "queue.buffering.max.messages": 1_000_000}
        )

    def warm(self) -> None:
        """Publish what came before, as fast as it goes."""
        start = int(time.time() * 1000) - 60_000 * (WARM_READINGS + 1)
        everybody = np.arange(SENSORS)
        for number in range(WARM_READINGS):
            said = values(self._rng, everybody).tolist()
            for name, value in zip(self._names, said, strict=True):
                self._put(name, start + number * 60_000, value)
            self._producer.poll(0)
        self._producer.flush(120)

    def run(self) -> int:
        """Publish for as long as the load says; return how late the latest message was, in us."""
        load, latest = self._load, 0
        total = int(load.per_s * load.seconds)
        said = values(self._rng, np.arange(total) % SENSORS).tolist()
        alarms = int(load.seconds * ALARMS_PER_S)
        alarm_at = [(n + 0.5) / ALARMS_PER_S for n in range(alarms)]
        begun, sent, alarm = time.time(), 0, 0
        while sent < total or alarm < alarms:
            now = time.time() - begun
            due = min(total, int(now * load.per_s))
            time_ms = int((begun + now) * 1000)
            for number in range(sent, due):
                self._put(self._names[number % SENSORS], time_ms, said[number])
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
            time.sleep(max(0.0, TICK_S - (time.time() - begun - now)))
        self._producer.flush(30)
        return latest

    def _put(self, name: str, time_ms: int, value: float) -> None:
        message = f'{{"sensor":"{name}","time":{time_ms},"value":{value}}}'
        while True:
            try:
                return self._producer.produce(self._topic, message, name)
            except BufferError:
                self._producer.poll(0.05)


# --- who runs --------------------------------------------------------------------------------


@contextmanager
def _deployed(bench: Rig, topics: Topics, load: Load, data: Path) -> Iterator[int]:
    """Run production and a hub; yield the hub's port."""
    city = city_with_alarms(int(load.seconds * ALARMS_PER_S))
    (data / "city.json").write_bytes(encode(city))
    told = {
        "CITYWATCH_KAFKA": bench.kafka,
        "CITYWATCH_KAFKA_PREFIX": topics.prefix,
        "CITYWATCH_REDIS": bench.redis,
        "CITYWATCH_REGION": topics.prefix,
        "CITYWATCH_CITY": str(data),
        "CITYWATCH_DATA_DIR": str(data),
    }
    port = _free_port()
    hub = ["sinks.control_room", "--redis", bench.redis, "--region", topics.prefix]
    commands = [
        *(["flows", "run", "--flow", flow] for flow in ("warnings", "reports", "readings")),
        [*hub, "--port", str(port)],
    ]
    processes = []
    try:
        for command in commands:
            with (data / "log").open("ab") as log:
                line = [sys.executable, "-m", *command]
                environment = {**os.environ, **told}
                processes.append(subprocess.Popen(line, env=environment, stdout=log, stderr=log))
        yield port
        ended = [p.args for p in processes if p.poll() is not None]
        if ended:
            raise RuntimeError(f"ended early: {ended}: {(data / 'log').read_text()[-2000:]}")
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    import socket  # noqa: PLC0415 (only here)

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


class Caught(NamedTuple):
    """What one run of one load came to; times in milliseconds."""

    total: list[float]
    hops: dict[str, list[float]]
    missing: int
    publisher_late: float


def _run(bench: Rig, name: str, load: Load) -> Caught:
    topics = Topics(name)
    bench.place.create(topics, PARTITIONS)
    with tempfile.TemporaryDirectory(prefix="citywatch-") as scratch:
        data = Path(scratch)
        feed = Feed(bench, topics, load)
        with _deployed(bench, topics, load, data) as port:
            feed.warm()
            _wait_until_live(port)
            screen = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.latency", "--screen", str(port), scratch]
            )
            time.sleep(SETTLE_S)
            late = feed.run()
            time.sleep(GRACE_S)
            screen.send_signal(signal.SIGTERM)
            screen.wait(10)
            seen = json.loads((data / "seen.json").read_text())
    total = [(seen[key][0] - due) / 1000 for key, due in feed.due_us.items() if key in seen]
    stamps = [hops for _, hops in seen.values() if hops]
    hops = {hop: [each[hop] / 1000 for each in stamps if hop in each] for hop in HOPS}
    return Caught(total, hops, len(feed.due_us) - len(total), late / 1000)


def _wait_until_live(port: int, patience_s: float = 180.0) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                if json.load(answer)["flow"] == "live":
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise RuntimeError("the flow did not come up with the present")
        time.sleep(0.2)


def _measure(quick: bool) -> dict[str, Any]:
    loads = QUICK if quick else FULL
    found = {}
    with rig() as bench:
        for name, load in loads.items():
            with Bar(f"measuring {name}") as bar:
                runs = []
                for number in range(load.rounds):
                    runs.append(_run(bench, f"{bench.prefix}-{name.lower()}-{number}", load))
                    bar.show((number + 1) / load.rounds)
            found[name] = _figures(runs)
    workloads = {name: load._asdict() for name, load in loads.items()}
    workload = {"seed": SEED, "sensors": SENSORS, "alarms_per_s": ALARMS_PER_S, **workloads}
    return {"workload": workload, "scenarios": found}


def _figures(runs: list[Caught]) -> dict[str, Any]:
    parts = (("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9))
    figures: dict[str, Any] = {
        part: spread([float(np.percentile(run.total, at)) for run in runs], 2) for part, at in parts
    }
    figures["missing"] = sum(run.missing for run in runs)
    figures["warnings"] = sum(len(run.total) for run in runs)
    figures["publisher_late_ms"] = round(max(run.publisher_late for run in runs), 2)
    figures["hops_ms"] = {
        hop: {
            part: round(median(float(np.percentile(run.hops[hop], at)) for run in runs), 2)
            for part, at in parts[:2]
        }
        for hop in HOPS
        if all(run.hops[hop] for run in runs)
    }
    return figures


def _rows(result: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, figures in result["scenarios"].items():
        hops = figures["hops_ms"]
        yield (
            name,
            *(f"{figures[part]['median']:.1f}" for part in ("p50", "p99", "p99.9")),
            *(
                f"{hops[hop]['p50']:.1f} / {hops[hop]['p99']:.1f}" if hop in hops else ""
                for hop in HOPS
            ),
            str(figures["missing"]),
        )


def main(given: list[str] | None = None) -> int:
    """Measure, print; return 0."""
    words = sys.argv[1:] if given is None else given
    if words[:1] == ["--screen"]:
        asyncio.run(_screen(int(words[1]), Path(words[2], "seen.json")))
        return 0
    options = arguments("latency", __doc__, words)
    result = measured(lambda: _measure(options.quick), PACKAGES)
    heads = ("load", "p50", "p99", "p99.9", *(f"{hop} p50/p99" for hop in HOPS), "missing")
    shown = table("Reading to screen, milliseconds", heads, _rows(result))
    publish(result, options.json, [shown])
    return 0


if __name__ == "__main__":
    sys.exit(main())
