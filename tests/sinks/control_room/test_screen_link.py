"""A frozen screen looks frozen, says since when, and comes back whole by itself."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from operators.events import FeedHealth
from sinks.control_room.client import MESSAGES
from sinks.redis import StoreWriter
from sinks.store import EmbeddedStore
from tests.sinks.control_room.screen_fixture_city import CITY, NOW, RED, lesser, warning
from tests.sinks.control_room.screen_fixture_room import (
    NO_WEBGL,
    Delivered,
    Room,
    chromium,
    needs_chromium,
)

pytestmark = [pytest.mark.system, needs_chromium]
OTHER = "xx-00000001"


@pytest.fixture(scope="module")
def room(embedded_store: EmbeddedStore) -> Iterator[Room]:
    with Room(embedded_store) as room:
        yield room


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(NO_WEBGL) as browser:
        yield browser


def test_stale_and_back_with_every_missed_version_once(room: Room, browser: Browser) -> None:
    room.clear(warning(level=3))
    delivered = Delivered()
    with room.page(browser, offline=True, before=delivered.follow) as page:
        expect(page.locator(".conn")).to_contain_text("LIVE")
        expect(page.locator(".row.l3")).to_have_count(1)
        page.wait_for_load_state("networkidle")
        room.stop_hub()
        room.put(warning(version=2, level=2), warning(version=3), lesser(1, 3))
        banner = page.locator("#banner")
        expect(banner).to_contain_text("STALE")
        expect(banner).to_contain_text("not now. Use phone and radio.")
        expect(banner).to_contain_text("Reconnecting, try")
        expect(page.locator("[data-op=ack]")).to_be_disabled()
        expect(page.locator("#foot")).to_be_hidden()
        expect(page.locator(".row .lead")).to_have_text("at15:06")
        expect(page.locator(".row .age")).to_have_count(0)
        room.start_hub()
        expect(banner).to_be_hidden()
        expect(page.locator(".row.l1")).to_have_count(1)
        expect(page.locator(".row.l3")).to_have_count(1)
        expect(page.locator(".row.l1 .new")).to_be_visible()
        expect(page.locator(".st em")).to_have_text(["v3", "v2", "v1"])
        room.put(warning(version=4, level=2))
        expect(page.locator(".row.l2")).to_have_count(1)
    wanted = [(RED, 1), (RED, 2), (RED, 3), (OTHER, 1), (RED, 4)]
    assert delivered == wanted


def test_another_log_replaces_what_was_shown(room: Room, browser: Browser) -> None:
    room.clear(warning(version=5), lesser(1, 3))
    with room.page(browser, offline=True) as page:
        expect(page.locator(".row")).to_have_count(2)
        page.wait_for_load_state("networkidle")  # else the page complains of what it did not get
        room.stop_hub()
        room.clear(warning(version=1, level=3))
        room.start_hub()
        expect(page.locator(".row")).to_have_count(1)
        expect(page.locator(".row.l3")).to_have_count(1)


class FakeHub:
    """A hub that says what a test tells it to, and then hangs up."""

    def __init__(self, *lives: list[dict[str, Any]]) -> None:
        self._lives = iter(lives)
        self.resumed: list[str | None] = []
        """Where each connection went on from."""
        self.asked: list[str] = []
        """What the last connection said first."""

    def stand_in(self, page: Page) -> None:
        page.route_web_socket("**/ws", self._talk)

    def _talk(self, socket: WebSocketRoute) -> None:
        said: list[str] = []
        self.asked = said

        def hear(text: str | bytes) -> None:
            message = json.loads(text)
            said.append(message["t"])
            if message.get("ch") != "alerts":
                return
            self.resumed.append(message["at"])
            life = next(self._lives, None)
            for told in life or []:
                socket.send(json.dumps(told))
            if life is not None:
                socket.close(code=1012)

        socket.on_message(hear)
        socket.send(json.dumps({"t": "hello", "v": 1, "hb": 5}))


def test_a_heartbeat_is_no_place_to_go_on_from_before_warnings_came(
    room: Room, browser: Browser
) -> None:
    """A hub may beat before it has read the subscription, and the line may break right then."""
    beat = {"t": "hb", "feeds": {}, "flow": "live"}
    snap = {"t": "snap", "id": 1, "of": 2, "items": []}
    event = {"t": "ev", "id": 1, "a": []}
    hub = FakeHub(
        [beat | {"cur": "e:9-0"}],
        [snap | {"part": 1, "cur": None}, beat | {"cur": "e:9-0"}],
        [snap | {"part": 1, "cur": None}, snap | {"part": 2, "cur": "e:4-0"}],
        [beat | {"cur": "e:9-0"}],
        [event | {"cur": "e:5-0"}, beat | {"cur": "e:6-0"}],
        [{"t": "reset", "id": 1, "why": "epoch"}, beat | {"cur": "e:9-0"}],
    )
    with room.page(browser, query="lang=en#token=secret", before=hub.stand_in) as page:
        wanted = [None, None, None, "e:4-0", "e:4-0", "e:6-0", None]
        for _ in range(100):
            if len(hub.resumed) == len(wanted):
                break
            page.wait_for_timeout(200)
        page.wait_for_timeout(200)
        assert hub.resumed == wanted
        assert hub.asked == ["sub"] * 4


def test_what_disappeared_meanwhile_is_gone(room: Room, browser: Browser) -> None:
    room.clear()
    feeds = StoreWriter(room.store.url)
    feeds.put_feeds([FeedHealth("traffic", NOW, 3.0, 400, 0, 30, 0)])
    feeds.flush()
    feeds.close()
    with room.page(browser, offline=True) as page:
        traffic = page.locator("#foot .feed", has_text="Traffic")
        expect(traffic).to_have_count(1)
        expect(page.locator(".quiet .faults")).to_have_count(1)
        page.wait_for_load_state("networkidle")
        room.stop_hub()
        room.client.delete("cw:{city}:feed:traffic")
        room.client.hdel("cw:{city}:overview", "maintenance")
        expect(page.locator("#banner")).to_contain_text("STALE")
        room.start_hub()
        expect(page.locator("#banner")).to_be_hidden()
        expect(page.locator("#foot .feed", has_text="Streets")).to_have_count(1)
        expect(traffic).to_have_count(0)
        expect(page.locator(".quiet .faults")).to_have_count(0)


def test_all_there_is_replaces_what_was_known(room: Room, browser: Browser) -> None:
    room.clear()
    feed = msgspec.to_builtins(FeedHealth("x", NOW, 3.0, 400, 0, 30, 0))
    with room.page(browser) as page:
        known = page.evaluate(
            """async (feed) => {
              const { Store } = await import('/static/js/store.js');
              const store = new Store();
              store.setCells({ a: [1, 6.5, 1], b: [2, 4, 1] }, true);
              store.setFeeds({ air: feed, traffic: feed }, true);
              store.setCells({ b: [2, 4, 1] }, true);
              store.setFeeds({ traffic: feed }, true);
              store.setCells({ c: [2, 4, 1] }, false);
              const { bars } = store.feeds.get('traffic');
              return [[...store.cells.keys()], [...store.feeds.keys()], bars.length];
            }""",
            feed,
        )
        assert known == [["b", "c"], ["traffic"], 2]


TALKS = """async () => {
  const { Link } = await import('/static/js/link.js');
  class Line {
    static OPEN = 1;
    readyState = 1;
    sent = [];
    constructor() { Line.last = this; }
    send(text) { this.sent.push(JSON.parse(text)); }
    close() {}
    says(message) { this.onmessage({ data: JSON.stringify(message) }); }
    asked(t) { return this.sent.filter((message) => message.t === t).length; }
  }
  globalThis.WebSocket = Line;
  const link = new Link('ws://nowhere', () => {});
  const begin = () => {
    link.connect();
    Line.last.says({ t: 'hello', history: true });
    return Line.last;
  };
  %s
}"""


def test_a_story_whose_answer_was_lost_is_asked_for_again(room: Room, browser: Browser) -> None:
    room.clear()
    with room.page(browser) as page:
        asked = page.evaluate(
            TALKS
            % """
            const lines = [];
            for (const answer of [false, true, true]) {
              const line = begin();
              lines.push(line);
              for (let i = 0; i < 3; i++) link.history('w-1');
              if (answer) line.says({ t: 'history', alert: 'w-1', a: [{ id: 'w-1', version: 1 }] });
              line.onclose();
            }
            return lines.map((line) => line.asked('history'));"""
        )
        assert asked == [1, 1, 0]


def test_more_is_not_asked_for_than_the_hub_takes_and_the_last_wish_stands(
    room: Room, browser: Browser
) -> None:
    room.clear()
    with room.page(browser) as page:
        asked, last = page.evaluate(
            TALKS
            % """
            const line = begin();
            for (let i = 0; i < 50; i++) link.follow(`s-${i}`);
            const asked = line.sent.length;
            await new Promise((done) => setTimeout(done, 1100));
            link.follow('s-49');
            return [asked, line.sent.at(-1).sensor];"""
        )
        assert asked <= MESSAGES - 5
        assert last == "s-49"


def test_a_city_that_changes_is_shown(room: Room, browser: Browser) -> None:
    room.clear()
    writer = StoreWriter(room.store.url)
    with room.page(browser) as page:
        expect(page.locator(".h-city")).to_contain_text("Lanjiang")
        for name in ("Newtown", CITY.name):
            writer.put_city(replace(CITY, name=name))
            writer.flush()
            expect(page.locator(".h-city")).to_contain_text(name)
    writer.close()
