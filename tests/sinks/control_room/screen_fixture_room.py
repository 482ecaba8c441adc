"""A control room for tests: a real store, a real hub process, a real browser.

``take_picture`` is also what pictures of a running city are taken with.
"""

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from operators.events import Alert, FeedHealth, SeriesPoints
from sinks.redis import StoreWriter
from sinks.store import EmbeddedStore, connect
from tests.flows.processes import eventually
from tests.sinks.control_room import screen_fixture_city as fixture

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
DRAWS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
NO_WEBGL = ("--no-sandbox", "--disable-3d-apis")
PATIENCE_MS = 30_000
MAP_READY = "html[data-map=ready]"

expect.set_options(timeout=PATIENCE_MS)
needs_chromium = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason="no Chromium: install the package chromium"
)


@contextmanager
def chromium(arguments: Sequence[str] = DRAWS) -> Iterator[Browser]:
    """Run a browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(arguments))
        yield browser
        browser.close()


def take_picture(
    browser: Browser,
    url: str,
    path: Path,
    *,
    width: int = 1920,
    height: int = 1080,
    scale: float = 1,
    prepare: Callable[[Page], None] | None = None,
) -> None:
    """Save what the screen at ``url`` shows, once its map is drawn.

    ``?lang=zh`` in the address chooses the language; ``prepare`` may click before.
    """
    page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
    page.goto(url)
    page.wait_for_selector(".row, .calm", timeout=PATIENCE_MS)
    if prepare:
        prepare(page)
    if page.locator("#map").is_visible():
        page.wait_for_selector(MAP_READY, state="attached", timeout=4 * PATIENCE_MS)
    page.wait_for_timeout(1500)  # the map's own labels settle one frame after its tiles
    page.screenshot(path=path)
    page.close()


class Room:
    """A hub on its own port over an emptied store, with the city and a beating flow in it."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store
        self.client = connect(store.url)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.mode = "live"
        self._hub: subprocess.Popen[bytes] | None = None
        self._end = threading.Event()
        self._heart = threading.Thread(target=self._beat)

    def __enter__(self) -> Self:
        self.client.flushall()
        self.writer = StoreWriter(self.store.url)
        self.writer.put_city(fixture.CITY)
        self.put()
        self.start_hub()
        self._heart.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._heart.join()
        self.stop_hub()
        self.writer.close()
        self.client.close()

    def start_hub(self) -> None:
        """Start the hub and wait for its port."""
        command = [sys.executable, "-m", "sinks.control_room", "--redis", self.store.url]
        self._hub = subprocess.Popen(
            [*command, "--port", str(self.port)], stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            self._end.wait(0.05)
        pytest.fail("the hub does not listen")

    def stop_hub(self) -> None:
        """Kill the hub: its clients get no word."""
        assert self._hub is not None
        self._hub.send_signal(signal.SIGKILL)
        self._hub.wait()

    def put(self, *alerts: Alert, **overview: Any) -> None:
        """Let the flow say something."""
        self.writer.put_overview(fixture.overview(**overview))
        self.writer.put_series([SeriesPoints("rl-0001", fixture.SERIES)])
        self.writer.put_alerts(alerts)
        self.writer.flush()

    def clear(self, *alerts: Alert) -> None:
        """Start anew with an empty log and these warnings."""
        for key in self.client.scan_iter("cw:{city}:alert*"):
            self.client.delete(key)
        self.client.delete("cw:{city}:epoch", "cw:{city}:commands")
        self.writer.close()
        self.writer = StoreWriter(self.store.url)
        self.put(*alerts)
        if self._hub is not None and self._hub.poll() is None:
            # What comes before the hub has read the new log is none of its news.
            eventually(self._is_read, "the hub reading the new log")

    def _is_read(self) -> bool:
        epoch = self.client.get("cw:{city}:epoch")
        assert isinstance(epoch, bytes)
        return str(self.health()["cur"]).startswith(f"{epoch.decode()}:")

    def health(self) -> dict[str, Any]:
        """Return what the hub says of itself."""
        with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
            told: dict[str, Any] = json.load(answer)
            return told

    def commands(self) -> list[dict[str, Any]]:
        """Return what people asked for."""
        rows: Any = self.client.xrange("cw:{city}:commands")
        return [json.loads(fields[b"b"]) for _, fields in rows]

    @contextmanager
    def page(
        self,
        browser: Browser,
        width: int = 1366,
        height: int = 768,
        query: str = "lang=en",
        offline: bool = False,
        before: Callable[[Page], None] | None = None,
    ) -> Iterator[Page]:
        """Open the screen; fail on a request elsewhere, and on any complaint of the page."""
        page = browser.new_page(viewport={"width": width, "height": height})
        elsewhere, complaints = _guard(page, f"http://127.0.0.1:{self.port}", offline)
        if before:
            before(page)
        page.goto(f"http://127.0.0.1:{self.port}/?{query}")
        yield page
        page.close()
        assert elsewhere == []
        assert complaints == []

    # A flow that says nothing for ten seconds is stale.
    def _beat(self) -> None:
        writer, tick = StoreWriter(self.store.url), 0
        while not self._end.wait(1):
            tick += 1
            feed = FeedHealth("streets", fixture.NOW + tick, 12.0, 400, 0, 30, 0)
            writer.put_feeds([feed], self.mode)
            writer.flush()
        writer.close()


def _guard(page: Page, home: str, offline: bool) -> tuple[list[str], list[str]]:
    elsewhere: list[str] = []
    complaints: list[str] = []

    def visit(route: Any) -> None:
        if route.request.url.startswith((home, "blob:", "data:")):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    def heard(message: Any) -> None:
        # A hub that was killed cannot be reached: that complaint is the browser's own.
        if message.type == "error" and not (offline and "WebSocket" in message.text):
            complaints.append(message.text)

    page.route("**/*", visit)
    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return elsewhere, complaints


class Delivered(list[tuple[str, int]]):
    """Every version of a warning a page was sent, in order, from before it opened."""

    def follow(self, page: Page) -> None:
        page.on("websocket", lambda socket: socket.on("framereceived", self._note))

    def _note(self, frame: str | bytes) -> None:
        message = json.loads(frame)
        if message["t"] in ("snap", "ev"):
            alerts = message.get("items") or message.get("a") or []
            self.extend((alert["id"], alert["version"]) for alert in alerts)
