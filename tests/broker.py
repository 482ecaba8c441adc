"""A real Kafka broker for tests and benchmarks, when there is none to talk to.

One Java process plays broker and controller. Its jars come from Maven Central once and are kept in
the user's cache. Like the embedded store it keeps its address and its data when it is stopped or
killed and started again, so a test can do either while clients wait for it.
"""

from __future__ import annotations

import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

__all__ = ["BrokerError", "JarsError", "LocalBroker", "answers", "jars", "why_not"]

KAFKA = "4.1.1"
LOG4J = "2.24.3"  # what this Kafka is built with
JAVA = 17  # the oldest that Kafka 4 runs on

POM = f"""\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>citywatch</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>{LOG4J}</version>
    </dependency>
  </dependencies>
</project>
"""
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

LOGGING = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""

JVM = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",  # small heap, few cores: the others' threads are not worth their memory
    "-XX:+PerfDisableSharedMem",
    "-Djava.awt.headless=true",
)


class BrokerError(RuntimeError):
    """The broker cannot be used."""


class JarsError(BrokerError):
    """Kafka's jars could not be fetched."""


# --- the jars --------------------------------------------------------------------------------


def why_not() -> str | None:
    """Return what keeps a broker from being started here and what to install, None if nothing."""
    found = _java_version()
    if found is None:
        return f"Java is missing: install Java {JAVA} or newer"
    if found < JAVA:
        return f"Java is too old: install Java {JAVA} or newer, got {found}"
    if not _jars_dir().exists() and shutil.which("mvn") is None:
        return "Maven is missing: install Maven, which fetches Kafka"
    return None


def jars() -> Path:
    """Return the folder with Kafka's jars; the first time, Maven fills it.

    Raises
    ------
    JarsError
        When Maven fails; the message ends with what it said.
    """
    there = _jars_dir()
    if there.exists():
        return there
    there.parent.mkdir(parents=True, exist_ok=True)
    with _locked(there.with_name(f"{there.name}.lock")):
        if not there.exists():  # another process may have been first
            _fetch(there)
    return there


def _jars_dir() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "citywatch" / f"kafka-{KAFKA}"


def _fetch(there: Path) -> None:
    with tempfile.TemporaryDirectory(dir=there.parent, prefix=f"{there.name}-") as name:
        made = Path(name)
        (made / "pom.xml").write_text(POM, encoding="utf-8")
        command = ["mvn", "-q", "-B", "--strict-checksums", COPY, "-DincludeScope=runtime"]
        command.append(f"-DoutputDirectory={made / 'jars'}")
        try:
            maven = subprocess.run(
                command,
                cwd=made,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                check=False,
            )
        except FileNotFoundError as error:
            raise JarsError("Maven is missing: install Maven, which fetches Kafka") from error
        if maven.returncode:
            raise JarsError(f"Maven could not fetch Kafka {KAFKA}, it said: {maven.stdout[-800:]}")
        (made / "jars").rename(there)  # whole or not at all


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _java_version() -> int | None:
    try:
        said = subprocess.run(
            ["java", "-version"], capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError:
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr)
    return int(found[1]) if found else None


# --- the process -----------------------------------------------------------------------------


class LocalBroker:
    """A broker of our own on the loopback address, for as long as the context lasts.

    Parameters
    ----------
    data_dir
        Where it keeps topics and log between runs; None keeps nothing after the context.
    port
        Where clients reach it; None takes a free one.

    Notes
    -----
    Address and data stay the same when the broker is stopped or killed and started again. What it
    has acknowledged outlives its own death, not the machine's: it leaves writing to the kernel.
    """

    def __init__(self, data_dir: Path | None = None, port: int | None = None) -> None:
        self._temporary = data_dir is None
        if data_dir is None:
            data_dir = Path(tempfile.mkdtemp(prefix="citywatch-kafka-"))
        self.data_dir = data_dir.resolve()
        self.port = _free_port() if port is None else port
        self._controller_port = _free_port(besides=self.port)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """What clients call ``bootstrap.servers``."""
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    @property
    def log(self) -> Path:
        """Its warnings and errors."""
        return self.data_dir / "broker.log"

    def start(self, patience_s: float = 60.0) -> None:
        """Start the process and wait until all its partitions can be used.

        Raises
        ------
        JarsError
            When its jars could not be fetched.
        BrokerError
            When it runs already, its port is taken, or it ends or does not answer in time; the
            message of the last two ends with its log.
        """
        if self.running:
            raise BrokerError(f"{self.address}: the broker is running already")
        if not _is_free(self.port):  # who listens there would answer in its place
            raise BrokerError(f"{self.address}: the port is taken")
        classpath = f"{jars()}/*"
        self._prepare(classpath)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["java", *JVM, *self._java("kafka.Kafka", classpath), "server.properties"],
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop it in order
            )
        deadline = time.monotonic() + patience_s
        try:
            while not answers(self.address):
                if not self.running or time.monotonic() > deadline:
                    raise BrokerError(f"{self.address}: the broker did not start, {self._said()}")
                time.sleep(0.02)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End the process in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        self._end(signal.SIGKILL)

    def hang(self) -> None:
        """Let it answer nothing, and close nothing either, until it goes on."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None, "it was started"
        self.process.send_signal(number)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _prepare(self, classpath: str) -> None:
        """Write its settings and, the first time, the identity that Kafka wants to find."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "log4j2.properties").write_text(LOGGING, encoding="utf-8")
        (self.data_dir / "server.properties").write_text(self._settings(), encoding="utf-8")
        if (self.data_dir / "topics" / "meta.properties").exists():
            return
        identity = "Y2l0eXdhdGNoLXRlc3QtMQ"  # 16 bytes in base64, as Kafka's own are
        tool = self._java("kafka.tools.StorageTool", classpath)
        options = ["--ignore-formatted", "-t", identity, "-c", "server.properties"]
        made = subprocess.run(
            ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *tool, "format", *options],
            cwd=self.data_dir,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if made.returncode:
            said = (made.stdout + made.stderr)[-2000:]
            raise BrokerError(f"{self.data_dir}: cannot keep topics here, Kafka said: {said}")

    def _java(self, main: str, classpath: str) -> list[str]:
        return ["-Dlog4j2.configurationFile=log4j2.properties", "-cp", classpath, main]

    def _settings(self) -> str:
        clients, controller = self.address, f"127.0.0.1:{self._controller_port}"
        return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{controller}
listeners=CLIENTS://{clients},CONTROLLER://{controller}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs={self.data_dir}/topics

# A topic that nobody made is a mistake in a name.
auto.create.topics.enable=false
num.partitions=1
message.max.bytes=4194304
# Feeds of long ago are kept, whatever their timestamps say and their topics ask for: a look half a
# minute after the start, and every five from then on, would now and then take away what a test has
# just sent.
log.retention.ms=-1
log.retention.check.interval.ms=86400000
log.initial.task.delay.ms=86400000

# There is one broker only, so one copy of everything.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=3

# Nobody else is to come: neither groups, nor a vote, nor a dead broker's return are waited for.
group.initial.rebalance.delay.ms=0
controller.quorum.election.timeout.ms=100
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000

# In order it would end by telling its clients that there is no broker, and they may then never look
# for one again (librdkafka issue 5301): what is tested is ours, not that.
controlled.shutdown.enable=false

# Small: two cores, little memory.
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=4194304
"""

    def _said(self) -> str:
        said = self.log.read_text(errors="replace")[-2000:].strip()
        return f"its log ends with: {said or 'nothing'}"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._forget()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._forget()

    def _forget(self) -> None:
        if self._temporary:
            shutil.rmtree(self.data_dir, ignore_errors=True)


def answers(address: str) -> bool:
    """Say whether a broker answers and has a leader for every partition it knows."""
    host, port = address.rsplit(":", 1)
    try:
        # A refused connection is known at once; Kafka's client would pause before it tries again.
        socket.create_connection((host, int(port)), timeout=1.0).close()
        known = AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=2)
    except (OSError, KafkaException):
        return False
    partitions = [p for topic in known.topics.values() for p in topic.partitions.values()]
    return bool(known.brokers) and all(p.leader in known.brokers for p in partitions)


def _free_port(besides: int | None = None) -> int:
    # Below the ports that the kernel gives to clients: while the broker is away, a client that
    # tries again and again could be given the broker's own port, and would then talk to itself.
    for port in random.sample(range(20_000, 32_000), 200):
        if port != besides and _is_free(port):
            return port
    raise BrokerError("no free port among 200 tried between 20000 and 32000")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As Kafka does it: connections that are only remembered are not in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
