"""No page ever scrolls, nothing is cut, and a phone and a browser without WebGL have a screen."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from sinks.store import EmbeddedStore
from tests.sinks.control_room.screen_fixture_city import RED, lesser, overview, storm
from tests.sinks.control_room.screen_fixture_room import (
    NO_WEBGL,
    Room,
    chromium,
    needs_chromium,
)

pytestmark = [pytest.mark.system, needs_chromium]

SIZES = {"desk": (1920, 1080), "wall": (3840, 2160), "laptop": (1366, 768), "phone": (390, 844)}
STILL = ("body", "#app", "#head", ".h-state", ".h-counts", ".h-city", "#main", ".d-act", ".btns")
BEYOND = """(names) => names.filter((name) => {
  const node = document.querySelector(name);
  return node && node.clientWidth && node.scrollWidth > node.clientWidth + 1;
})"""
CUT = """() => [...document.querySelectorAll('.row .r-t b, .row .lead, .ev .v, .st time')]
  .filter((node) => node.clientWidth && node.scrollWidth > node.clientWidth + 1)
  .map((node) => node.textContent)"""
PAGE = "() => [document.scrollingElement.scrollWidth, document.scrollingElement.scrollHeight]"


@pytest.fixture(scope="module")
def room(embedded_store: EmbeddedStore) -> Iterator[Room]:
    with Room(embedded_store) as room:
        yield room


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # What is measured here does not need the map, and without WebGL a page opens sooner.
    with chromium(NO_WEBGL) as browser:
        yield browser


def assert_fits(page: Page, size: tuple[int, int]) -> None:
    width, height = page.evaluate(PAGE)
    assert (width, height) <= size
    assert page.evaluate(BEYOND, list(STILL)) == []
    assert page.evaluate(CUT) == []


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_nothing_scrolls_but_lists(room: Room, browser: Browser, size: tuple[int, int]) -> None:
    room.clear(*storm())
    with room.page(browser, *size) as page:
        expect(page.locator(".row").first).to_be_visible()
        expect(page.locator(".h-city")).to_contain_text("Lanjiang")
        assert_fits(page, size)
        page.evaluate("localStorage.setItem('citywatch.lang', 'zh')")
        page.goto(page.url.split("?")[0])
        expect(page.locator(".h-city")).to_contain_text("岚江市")
        expect(page.locator(".row").first).to_be_visible()
        assert_fits(page, size)


def test_a_wall_is_read_only(room: Room, browser: Browser) -> None:
    room.clear(*storm())
    with room.page(browser, *SIZES["wall"]) as page:
        expect(page.locator(".row.blue")).to_contain_text("2 Crossing")
        for name in (".btns", ".zoom", "kbd", ".lang"):
            assert page.locator(name).locator("visible=true").count() == 0
        over = "(rows) => rows.scrollHeight - rows.clientHeight"
        assert page.locator(".rows").evaluate(over) <= 1


@pytest.mark.parametrize(("count", "each"), [(5, 3), (7, 2)])
def test_what_is_beneath_the_warnings_gets_shorter_before_it_is_left_out(
    room: Room, browser: Browser, count: int, each: int
) -> None:
    told = overview()
    faults = [told["maintenance"]["items"][0] | {"sensor": f"sw-{n:04d}"} for n in range(9)]
    told["maintenance"] = {"counts": {"stuck": len(faults)}, "items": faults}
    told["closest"] = [told["closest"][0] | {"sensor": f"ra-{n:04d}"} for n in range(1, 30, 3)]
    told["cleared"] = 5 * told["cleared"]
    room.clear(*(lesser(number, 3) for number in range(count)))
    room.put(**told)
    rows = {"closest": ".close > div", "cleared": ".cleared > div", "faults": ".faults > div"}
    with room.page(browser, *SIZES["desk"]) as page:
        expect(page.locator(".row")).to_have_count(count)
        expect(page.locator("h3", has=page.locator("text=9 in all"))).to_be_visible()
        shown = {name: page.locator(locator).count() for name, locator in rows.items()}
        assert shown == dict.fromkeys(rows, each)
        over = "(rows) => rows.scrollHeight - rows.clientHeight"
        assert page.locator(".rows").evaluate(over) <= 1
        assert_fits(page, SIZES["desk"])


def test_a_phone_has_pages(room: Room, browser: Browser) -> None:
    room.clear(*storm())
    with room.page(browser, *SIZES["phone"]) as page:
        expect(page.locator("#detail-pane")).to_be_hidden()
        page.locator(f'[data-id="{RED}"]').click()
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator("#list-pane")).to_be_hidden()
        assert_fits(page, SIZES["phone"])
        box = page.get_by_role("button", name="Acknowledge").bounding_box()
        assert box is not None
        assert box["height"] >= 44
        page.get_by_role("button", name="Warnings").first.click()
        expect(page.locator("#list-pane")).to_be_visible()
        page.locator("#tabs button").nth(2).click()
        expect(page.locator(".pulse")).to_be_visible()
        expect(page.locator(".city-feeds")).to_contain_text("Streets")
        assert_fits(page, SIZES["phone"])


def test_without_webgl_the_districts_are_listed(room: Room, browser: Browser) -> None:
    room.clear(*storm())
    with room.page(browser, 1920, 1080) as page:
        expect(page.locator(".districts p")).to_contain_text("no WebGL")
        rows = page.locator(".districts tbody tr")
        expect(rows).to_have_count(3)
        expect(rows.first).to_have_text("Donghe2111")
        page.locator(f'[data-id="{RED}"]').click()
        expect(page.locator("h1")).to_contain_text("over the red level")


def test_a_laptop_closes_the_detail(room: Room, browser: Browser) -> None:
    room.clear(*storm())
    with room.page(browser, *SIZES["laptop"]) as page:
        expect(page.locator("#detail-pane")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#detail-pane")).to_be_hidden()
        page.locator(f'[data-id="{RED}"]').click()
        expect(page.locator("#detail-pane")).to_be_visible()
