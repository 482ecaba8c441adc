"""A frozen screen looks frozen, says since when, and comes back whole by itself."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from sinks.store import EmbeddedStore
from tests.sinks.control_room.screen_fixture_city import RED, lesser, warning
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
