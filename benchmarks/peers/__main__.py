"""The same job on the same topic in other frameworks: how fast, at what cost, with what alerts.

``python -m benchmarks.peers`` starts a broker and a store, fills a topic with seeded readings once,
and lets each peer in turn read it from its beginning, in a fresh process and an environment of its
own (made on first use, which takes minutes and the network; Flink needs Java 17 and Maven).
``benchmarks/peers/job.py`` says what the job is; a peer whose alerts are not exactly the expected
ones gets no figures. ``--quick`` is for seeing that all run: what it measures is mostly connecting.

Everyone is one worker on the same machine as the broker. A rate is readings by wall clock from the
first message a peer's code sees to its last alert acknowledged by Redis; starting up is left out.
``per core s`` is the same by processor time, of all the processes that the peer started: it is the
fair column for those who use a second core. Rounds are interleaved, each begins with another peer.
Ratios to the plain loop are taken within one round, then their median: they can be compared between
machines, the rates cannot. Below the table it says why somebody has no figures.

``CITYWATCH_KAFKA=HOST:PORT`` names a broker to use; the topics made there are deleted again.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from rich.markup import escape
from rich.table import Table

from benchmarks.peers.environments import NotInstalledError, python_for, versions
from benchmarks.peers.feed import fill, readings
from benchmarks.peers.job import ALERTS, THRESHOLD, reference
from benchmarks.report import measured, publish, table
from benchmarks.rig import broker
from flows.progress import Bar
from sinks.store import EmbeddedStore, connect

__all__ = ["PEERS", "Peer", "main"]

ROOT = Path(__file__).parents[2]
SEED = 1
PACKAGES = ("bytewax", "confluent-kafka")  # of this process, which fills the topic
PARTITIONS = 4
WARM_UPS = 5  # reads of the topic before somebody is measured: the broker compiles for seconds
CLEAR = (THRESHOLD - 1, THRESHOLD + 3)  # no z of the feed may lie between these
BASELINE = "plain loop"
FAILED = "failed"


class Peer(NamedTuple):
    """One way to do the job: a script that takes ``--kafka --topic --redis --readings``.

    ``environment`` names its requirements file; None runs it in the environment of this process.
    """

    name: str
    module: str
    environment: str | None = None
    jar: str | None = None


PEERS = (
    Peer(BASELINE, "benchmarks.peers.plain_loop", "plain"),
    Peer("Quix Streams", "benchmarks.peers.quix", "quix"),
    Peer("Pathway", "benchmarks.peers.pathway_", "pathway"),
    Peer(
        "PyFlink",
        "benchmarks.peers.flink",
        "flink",
        "org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2",
    ),
    Peer("stock Bytewax", "benchmarks.peers.stock_bytewax", "bytewax"),
    Peer("poll loop", "benchmarks.peers.poll_loop", "plain"),
    Peer("citywatch", "benchmarks.peers.citywatch_"),
)


class Workload(NamedTuple):
    """What is read, and how often."""

    sensors: int
    readings: int
    rounds: int
    patience_s: float


FULL = Workload(1000, 1_000_000, 3, 600.0)
QUICK = Workload(200, 80_000, 1, 180.0)


class Measured(NamedTuple):
    """One run of one peer."""

    wall_s: float
    core_s: float


class FailedError(RuntimeError):
    """A peer has no figures; the message says why."""


class Bench(NamedTuple):
    """Where all peers do the job, and what has to come out."""

    kafka: str
    topic: str
    redis: str
    workload: Workload
    expected: set[tuple[str, int]]

    def run(self, peer: Peer, python: Path) -> Measured:
        """Run a peer once and check its alerts."""
        store = connect(self.redis)
        store.delete(ALERTS)
        line = self._line(peer, python)
        entries: Any = store.xrange(ALERTS)
        raised = [(fields[b"sensor"].decode(), int(fields[b"time"])) for _, fields in entries]
        found = set(raised)
        if found != self.expected or len(raised) != len(found):
            missing, wrong = len(self.expected - found), len(found - self.expected)
            again = len(raised) - len(found)
            raise FailedError(f"alerts: {missing} missing, {wrong} wrong, {again} raised again")
        if line["readings"] != self.workload.readings:
            raise FailedError(f"{line['readings']} readings, expected {self.workload.readings}")
        return Measured(line["wall_s"], line["core_s"])

    def _line(self, peer: Peer, python: Path) -> dict[str, Any]:
        command = [str(python), "-m", peer.module, "--kafka", self.kafka, "--topic", self.topic]
        command += ["--redis", self.redis, "--readings", str(self.workload.readings)]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # so that what it starts can be ended with it
        )
        try:
            said, errors = process.communicate(timeout=self.workload.patience_s)
        except subprocess.TimeoutExpired:
            raise FailedError(f"not done after {self.workload.patience_s:g} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode or not said.strip():
            lines = errors.strip().splitlines()
            raise FailedError(lines[-1] if lines else f"ended with {process.returncode}")
        line: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
        return line


@contextmanager
def _topic(kafka: str) -> Iterator[str]:
    """Make a topic; afterwards delete it, and those that peers made for it."""
    name = f"peers-{secrets.token_hex(4)}"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
    try:
        yield name
    finally:
        ours = [topic for topic in admin.list_topics(timeout=30).topics if name in topic]
        for deleted in admin.delete_topics(ours).values():
            deleted.result(30)


def _warm_up(kafka: str, topic: str, count: int) -> None:
    """Read the topic as peers will until a new broker has compiled what it needs for it."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic})
    partitions = [TopicPartition(topic, part, OFFSET_BEGINNING) for part in range(PARTITIONS)]
    with Bar("reading the topic") as bar:
        for number in range(WARM_UPS):
            consumer.assign(partitions)
            left = count
            while left > 0:
                messages = consumer.consume(min(left, 1000), 10.0)
                if not messages:
                    raise RuntimeError(f"{topic}: {left} of {count} readings are not there")
                left -= len(messages)
            bar.show((number + 1) / WARM_UPS)
    consumer.close()


def _install(peers: list[Peer]) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the interpreters of peers, and why others have none."""
    pythons, reasons = {}, {}
    with Bar("installing") as bar:
        for number, peer in enumerate(peers):
            try:
                pythons[peer.name] = (
                    Path(sys.executable)
                    if peer.environment is None
                    else python_for(peer.environment, peer.jar)
                )
            except NotInstalledError as error:
                reasons[peer.name] = f"not installed: {error}"
            bar.show((number + 1) / len(peers))
    return pythons, reasons


def _rounds(
    bench: Bench, peers: list[Peer], pythons: dict[str, Path], reasons: dict[str, str]
) -> list[dict[str, Measured]]:
    """Return the measurements of each round; who fails once is out, with the reason added."""
    found: list[dict[str, Measured]] = []
    rounds = bench.workload.rounds
    with Bar("measuring") as bar:
        for number in range(rounds):
            found.append({})
            first = number % len(peers)
            for place, peer in enumerate(peers[first:] + peers[:first]):
                if peer.name not in reasons:
                    try:
                        found[-1][peer.name] = bench.run(peer, pythons[peer.name])
                    except FailedError as error:
                        reasons[peer.name] = f"{FAILED}: {error}"
                bar.show((number + (place + 1) / len(peers)) / rounds)
    return found


def _figures(name: str, rounds: list[dict[str, Measured]], count: int) -> dict[str, Any]:
    rates = [count / each[name].wall_s for each in rounds]
    pairs = [(each[BASELINE], each[name]) for each in rounds if BASELINE in each]
    return {
        "readings_per_s": round(median(rates)),
        "lowest": round(min(rates)),
        "highest": round(max(rates)),
        "readings_per_core_s": round(median(count / each[name].core_s for each in rounds)),
        "to_plain_loop": round(median(base.wall_s / own.wall_s for base, own in pairs), 3)
        if pairs
        else None,
        "to_plain_loop_per_core": round(median(base.core_s / own.core_s for base, own in pairs), 3)
        if pairs
        else None,
    }


def _run(workload: Workload, peers: list[Peer]) -> dict[str, Any]:
    with Bar("generating") as bar:
        feed = list(readings(workload.sensors, workload.readings, SEED))
        expected, lowest, highest = reference(feed)
        bar.show(1.0)
    if highest > CLEAR[0] or lowest < CLEAR[1]:
        raise RuntimeError(f"the feed is not clear: z up to {highest:.2f} and from {lowest:.2f}")
    pythons, reasons = _install(peers)
    with broker() as kafka, EmbeddedStore() as store, _topic(kafka) as topic:
        with Bar("filling the topic") as bar:
            fill(kafka, topic, feed)
            bar.show(1.0)
        del feed
        _warm_up(kafka, topic, workload.readings)
        bench = Bench(kafka, topic, store.url, workload, expected)
        rounds = _rounds(bench, peers, pythons, reasons)
    return {
        "workload": {
            "seed": SEED,
            "partitions": PARTITIONS,
            "alerts": len(expected),
            **workload._asdict(),
        },
        "peers": {
            peer.name: {
                **({} if peer.environment is None else {"versions": versions(peer.environment)}),
                **(
                    {"reason": reasons[peer.name]}
                    if peer.name in reasons
                    else _figures(peer.name, rounds, workload.readings)
                ),
            }
            for peer in peers
        },
    }


def _tables(result: dict[str, Any]) -> list[Table]:
    load, rows, pinned = result["workload"], [], []
    for name, figures in result["peers"].items():
        stands_on = ", ".join(" ".join(each) for each in figures.get("versions", {}).items())
        if "reason" in figures:
            rows.append((name, *5 * "-"))
            pinned.append((name, figures["reason"]))
            continue
        pinned.append((name, stands_on))
        width = (figures["highest"] - figures["lowest"]) / figures["readings_per_s"]
        wall, core = (f"{figures[key]:,}" for key in ("readings_per_s", "readings_per_core_s"))
        ratios = (_ratio(figures[key]) for key in ("to_plain_loop", "to_plain_loop_per_core"))
        rows.append((name, wall, f"{width:.0%}", next(ratios), core, next(ratios)))
    title = (
        f"{load['readings']:,} readings of {load['sensors']:,} sensors,"
        f" {load['alerts']} alerts, {load['rounds']} rounds"
    )
    heads = ("peer", "readings/s", "spread", "x plain", "per core s", "x plain")
    notes = Table("peer", "what it stands on, or why it has no figures")
    for row in pinned:
        notes.add_row(*map(escape, row))
    return [table(title, heads, rows), notes]


def _ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


def main(arguments: list[str] | None = None) -> int:
    """Fill, run, check, print; return 0 when every peer that was installed did the job."""
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--quick", action="store_true", help="a small workload, once")
    parser.add_argument("--readings", type=int, help="how many readings")
    parser.add_argument("--rounds", type=int, help="how often each peer runs")
    parser.add_argument("--only", metavar="NAME", action="append", choices=names, help="one peer")
    parser.add_argument("--json", metavar="FILE", help="also write the result here; - prints it")
    given = parser.parse_args(arguments)
    workload = QUICK if given.quick else FULL
    changed = {"readings": given.readings, "rounds": given.rounds}
    workload = workload._replace(**{name: value for name, value in changed.items() if value})
    peers = [peer for peer in PEERS if not given.only or peer.name in given.only]
    result = measured(lambda: _run(workload, peers), PACKAGES)
    publish(result, given.json, _tables(result))
    reasons = [figures.get("reason", "") for figures in result["peers"].values()]
    return int(any(reason.startswith(FAILED) for reason in reasons))


if __name__ == "__main__":
    sys.exit(main())
