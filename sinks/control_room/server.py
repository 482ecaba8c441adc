"""The hub's sockets: the screen's pages and `/ws` on one port.

One loop sends: it waits for news, serves every client in chunks, then rests in proportion to what
serving cost, so versions coalesce when there is much to send and go out at once when not.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, cast
from weakref import WeakSet

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import Subprotocol

from sinks.control_room.hub import BEAT_S, Hub, Wish
from sinks.control_room.origins import authority, origin_pattern, own_origins
from sinks.control_room.pages import Pages, document, plain
from sinks.control_room.protocol import MAX_IN, SUBPROTOCOL, Close, encode
from sinks.control_room.store_tail import StoreTail

__all__ = ["HubServer", "main"]

CLIENTS = 1000
CHUNK = 50  # clients served before others may run
TICK_S = 0.020  # the longest rest between two rounds
REST = 3  # times the processor time of a round: about a quarter of a core goes into sending
WAKE_S = 0.5  # a round at least this often: slow clients and silence make no news
OPEN_S = 60.0  # until a WebSocket is open or a page is sent, whatever the line is like
CLOSE_S = 0.5

log = logging.getLogger(__name__)


class HubServer:
    """A hub on a port, as a context.

    Parameters
    ----------
    redis_url, region
        The store to follow.
    host, port
        Where to listen; port 0 takes a free one.
    origins
        Pages besides our own that may connect, as ``https://name:port``.
    """

    def __init__(
        self,
        redis_url: str,
        host: str = "127.0.0.1",
        port: int = 8765,
        region: str = "city",
        origins: Sequence[str] = (),
    ) -> None:
        self.hub = Hub()
        self._news = asyncio.Event()
        self.tail = StoreTail(redis_url, region, self.hub, self._news.set)
        self._pages = Pages()
        self._socket = _listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        names = {"127.0.0.1", "localhost", "::1", socket.gethostname(), host}
        ours = own_origins(names, self.port)
        self._origins = [None, *map(origin_pattern, [*ours, *origins])]
        self._lines: WeakSet[ServerConnection] = WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._converse,
            sock=self._socket,
            origins=self._origins,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            process_request=self._request,
            compression=None,
            max_size=MAX_IN,
            create_connection=cast(type[ServerConnection], self._line),
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            # Else the library takes the last of a page for sent while it still holds it.
            write_limit=0,
            server_header=None,
            backlog=CLIENTS,
        )
        self.running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close(code=Close.RESTART, reason="the hub is stopping")
        await asyncio.wait([asyncio.create_task(self._server.wait_closed())], timeout=CLOSE_S)
        for connection in list(self._lines):
            connection.transport.abort()  # it was told and did not answer, or still loads a page
        await self._server.wait_closed()
        for task in (self.running, *self._tasks):
            task.cancel()
        await asyncio.gather(self.running, *self._tasks, return_exceptions=True)
        await self.tail.close()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.tail.run())
            tasks.create_task(self._send())

    # Clients.

    def _line(self, *given: Any, **options: Any) -> ServerConnection:
        """Return a new connection, known from its first moment on."""
        connection = ServerConnection(*given, **options)
        self._lines.add(connection)
        return connection

    async def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is not the WebSocket; None lets the opening handshake go on."""
        match request.path.partition("?")[0]:
            case "/ws" if len(self.hub.clients) >= CLIENTS:
                return plain(HTTPStatus.SERVICE_UNAVAILABLE, f"{CLIENTS} clients are connected")
            case "/ws":
                return None
            case "/healthz":
                return document(encode(self.hub.status(time.monotonic())))
            case "/city.json" if (page := self.tail.values.city_page) is not None:
                return page.get(request)
            case "/city.json":
                return plain(HTTPStatus.SERVICE_UNAVAILABLE, "no flow has named its city yet")
        return self._pages.get(request)

    async def _converse(self, connection: ServerConnection) -> None:
        outlet = _Socket(connection)
        client = self.hub.join(outlet, _wall_ms())
        try:
            async for text in connection:
                self.hub.receive(client, text, time.monotonic(), _wall_ms())
                if client not in self.hub.clients:
                    break
                self._news.set()
        except ConnectionClosed:
            pass  # how a connection ends is its own affair; what it missed it may resume
        finally:
            self.hub.leave(client)
            await outlet.closed()

    # Sending.

    async def _send(self) -> None:
        beat_at, flow = 0.0, ""
        while True:
            await self._wait()
            # Not the wall's: where screens run beside the hub, they run while it serves them.
            started = time.thread_time()
            await _in_chunks(self.hub.turn(time.monotonic(), _wall_ms()))
            self.hub.delivered(_wall_ms())
            self._fulfil()
            now = time.monotonic()
            if now >= beat_at or self.hub.flow(now) != flow:
                beat_at, flow = now + BEAT_S, self.hub.flow(now)
                await _in_chunks(self.hub.beat(now, _wall_ms()))
            await asyncio.sleep(min(TICK_S, REST * (time.thread_time() - started)))

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(WAKE_S):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    def _fulfil(self) -> None:
        while self.hub.wishes:
            task = asyncio.create_task(self._fulfil_one(self.hub.wishes.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fulfil_one(self, wish: Wish) -> None:
        try:
            await self.tail.fulfil(wish)
        except Exception:
            log.exception("hub: %s not fulfilled", type(wish).__name__)


class _Socket:
    """A connection as the hub's outlet."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        # asyncio does so only for sockets it opens itself; without it a version waits for the
        # answer to the one before, which the other side delays by 40 ms.
        line = connection.transport.get_extra_info("socket")
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._closing: asyncio.Task[None] | None = None

    def write(self, frame: bytes) -> None:
        # Past the library's `send`, which would build and copy a frame per client.
        if self._connection.protocol.state is State.OPEN:
            self._connection.transport.write(frame)

    def buffered(self) -> int:
        return self._transport().get_write_buffer_size()

    def close(self, code: int, why: str) -> None:
        log.info("client %s: closed %d: %s", self._connection.remote_address, code, why)
        self._closing = asyncio.create_task(self._connection.close(code, why))

    def abort(self) -> None:
        log.warning(
            "client %s: slow, dropped with %d bytes unsent",
            self._connection.remote_address,
            self.buffered(),
        )
        self._transport().abort()

    async def closed(self) -> None:
        if self._closing is not None:
            await self._closing

    def _transport(self) -> asyncio.WriteTransport:
        return cast(asyncio.WriteTransport, self._connection.transport)


def main(
    redis_url: str,
    host: str = "127.0.0.1",
    port: int = 8765,
    region: str = "city",
    origins: Sequence[str] = (),
    opened: Callable[[str], None] = lambda _: None,
) -> None:
    """Run a hub until SIGTERM or SIGINT; it ends within a second.

    Parameters
    ----------
    opened
        Told the address of the page as soon as it is served there.

    Raises
    ------
    OSError
        When it cannot listen there.
    """
    # How a connection begins and ends badly is the client's affair, and there are port scanners.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    asyncio.run(_run(HubServer(redis_url, host, port, region, origins), host, opened))


async def _run(server: HubServer, host: str, opened: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        where = f"http://{authority(host, server.port)}"
        log.info("hub: %s", where)
        opened(where)
        # A loop that ends has failed; the process ends with it, and is started again.
        server.running.add_done_callback(lambda _: stop.set())
        await stop.wait()
        if server.running.done():
            server.running.result()


async def _in_chunks(steps: Iterator[None]) -> None:
    for count, _ in enumerate(steps, 1):
        if count % CHUNK == 0:
            await asyncio.sleep(0)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=CLIENTS)
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (")[0].lower()
        raise OSError(f"cannot listen at {authority(host, port)}: {why}") from None


def _wall_ms() -> float:
    return 1000 * time.time()
