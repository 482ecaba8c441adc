"""The map in a browser that can draw it: the city, the warnings on it, the one selected."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from operators.events import Marks
from sinks.store import EmbeddedStore
from tests.sinks.control_room.screen_fixture_city import RED, lesser, warning
from tests.sinks.control_room.screen_fixture_room import (
    MAP_READY,
    PATIENCE_MS,
    Room,
    chromium,
    needs_chromium,
)

pytestmark = [pytest.mark.system, needs_chromium]
SMALL = (1000, 700)


@pytest.fixture(scope="module")
def room(embedded_store: EmbeddedStore) -> Iterator[Room]:
    with Room(embedded_store) as room:
        yield room


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def wait_for_map(page: Page) -> None:
    page.wait_for_selector(MAP_READY, state="attached", timeout=4 * PATIENCE_MS)


def test_city_and_warnings_are_drawn(room: Room, browser: Browser) -> None:
    room.clear(lesser(1, 2), lesser(2, 4))
    with room.page(browser, *SMALL) as page:
        wait_for_map(page)
        expect(page.locator(".m-d")).to_have_text(["Donghe", "Beishan", "Xitang"])
        expect(page.locator(".m-r").first).to_have_text("Lan River")
        expect(page.locator(".m-a.l2.big.sel")).to_be_visible()
        expect(page.locator(".m-a.l4:not(.big)")).to_be_visible()
        expect(page.locator(".scale")).to_contain_text("km")
        # A new red has rings, until somebody takes it.
        room.put(warning())
        expect(page.locator(".halo")).to_have_count(2)
        room.put(warning(version=2, marks=Marks(acknowledged="op-7")))
        expect(page.locator(".halo")).to_have_count(0)


COVERED = """() => {
  const all = [...document.querySelectorAll('.m-d, .m-r')];
  const shown = all.filter((node) => node.style.visibility === 'visible');
  const box = (node) => (node.firstElementChild ?? node).getBoundingClientRect();
  const over = (a, b) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const hit = (node, other) => over(box(node), box(other));
  const pairs = shown.flatMap((node, i) => shown.slice(i + 1).map((other) => [node, other]));
  const said = (nodes) => nodes.map((node) => node.textContent);
  return [said(shown), pairs.filter((pair) => hit(...pair)).map(said)];
}"""


@pytest.mark.parametrize("size", [(1280, 720), (1600, 900)])
def test_no_name_covers_another(size: tuple[int, int], room: Room, browser: Browser) -> None:
    room.clear(lesser(1, 2))
    with room.page(browser, *size) as page:
        wait_for_map(page)
        shown, covered = page.evaluate(COVERED)
        assert covered == []
        assert {"Donghe", "Beishan", "Xitang", "Lan River"} & set(shown)
        assert len(shown) == len(set(shown)), "a short river is named once"


def test_a_marker_selects_its_warning(room: Room, browser: Browser) -> None:
    room.clear(warning(), lesser(4, 3))
    with room.page(browser, *SMALL) as page:
        page.keyboard.press("Escape")  # closes the detail that covers the map
        wait_for_map(page)
        page.locator(".m-a.l3").click()
        expect(page.locator("[aria-selected=true]")).to_have_attribute("data-id", "xx-00000004")
        expect(page.locator(f'[data-id="{RED}"]')).to_have_attribute("aria-selected", "false")
