"""What a person does goes out once, shows as pending, and is refused in plain words."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect

from operators.events import Marks
from sinks.store import EmbeddedStore
from tests.sinks.control_room.screen_fixture_city import NOW, RED, lesser, warning
from tests.sinks.control_room.screen_fixture_room import (
    NO_WEBGL,
    Room,
    chromium,
    needs_chromium,
)

pytestmark = [pytest.mark.system, needs_chromium]
HOUR = 3_600_000


@pytest.fixture(scope="module")
def room(embedded_store: EmbeddedStore) -> Iterator[Room]:
    with Room(embedded_store) as room:
        yield room


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(NO_WEBGL) as browser:
        yield browser


class Held:
    """Messages of the hub of some sorts, held back until they are let go."""

    def __init__(self, *sorts: str) -> None:
        self._sorts = sorts
        self._held: list[str | bytes] = []
        self._socket: WebSocketRoute | None = None

    def hold(self, page: Page) -> None:
        page.route_web_socket("**/ws", self._between)

    def _between(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        hub = socket.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            if json.loads(message)["t"] in self._sorts:
                self._held.append(message)
            else:
                socket.send(message)

        hub.on_message(pass_on)

    def let_go(self) -> None:
        """Pass on what was held, and what comes: an answer may still be on its way."""
        assert self._socket is not None
        self._sorts = ()
        for message in self._held:
            self._socket.send(message)


def test_acknowledging_is_pending_until_the_engine_says_so(room: Room, browser: Browser) -> None:
    room.clear(warning())
    answers = Held("ok", "err")
    with room.page(browser, before=answers.hold) as page:
        row = page.locator(f'[data-id="{RED}"]')
        expect(row).to_have_class("row l1 sel edge")
        page.get_by_role("button", name="Acknowledge").click()
        line = page.locator(".d-act p")
        expect(line).to_have_text("Sending: Acknowledge")
        answers.let_go()
        expect(line).to_have_text("Accepted: Acknowledge")
        (command,) = room.commands()
        assert (command["op"], command["alert"], command["version"]) == ("ack", RED, 1)
        room.put(warning(version=2, marks=Marks(acknowledged="op-7"), reason="ack by op-7"))
        expect(line).to_have_text("Acknowledged by op-7")
        expect(row).to_have_class("row l1 sel acked")
        expect(page.get_by_role("button", name="Acknowledge")).to_be_disabled()
        expect(page.locator(".st.minor")).to_contain_text("Acknowledged by op-7")


def test_what_teaches_the_model_asks_for_the_same_key_twice(room: Room, browser: Browser) -> None:
    room.clear(warning())
    with room.page(browser) as page:
        expect(page.locator(".btns")).to_be_visible()
        page.keyboard.press("f")
        expect(page.locator(".d-act p")).to_contain_text("Press f once more")
        page.keyboard.press("Escape")
        expect(page.locator(".d-act p")).to_have_text("Not acknowledged")
        assert room.commands() == []
        page.keyboard.press("c")
        page.keyboard.press("c")
        expect(page.locator(".d-act p")).to_have_text("Accepted: Confirm")
        (command,) = room.commands()
        assert command["op"] == "confirm"


def test_who_presses_a_button_stays_at_the_buttons(room: Room, browser: Browser) -> None:
    room.clear(warning())
    with room.page(browser) as page:
        page.locator('[data-op="shelve"]').focus()
        page.keyboard.press("Enter")
        expect(page.locator("[data-until]").first).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator('[data-op="shelve"]')).to_be_focused()
        page.locator('[data-op="ack"]').focus()
        page.keyboard.press("Enter")
        room.put(warning(version=2, marks=Marks(acknowledged="op-7")))
        expect(page.locator('[data-op="ack"]')).to_be_disabled()
        page.keyboard.press("Enter")  # once too often: it is no verdict
        expect(page.locator("[data-op].ask")).to_have_count(0)
        expect(page.locator('[data-op="confirm"]')).to_be_enabled()
        page.keyboard.press("Tab")
        expect(page.locator('[data-op="confirm"]')).to_be_focused()
        page.locator(".l-head").click()
        room.put(warning(version=3, marks=Marks(acknowledged="op-7"), score=9.9))
        expect(page.locator('[data-op="confirm"]')).not_to_be_focused()


def test_shelving_asks_for_how_long_and_can_be_undone(room: Room, browser: Browser) -> None:
    room.clear(warning())
    with room.page(browser) as page:
        expect(page.locator(".btns")).to_be_visible()
        page.keyboard.press("s")
        expect(page.locator(".btns.times button")).to_have_text(
            ["1 h", "4 h", "Shift, 20:00", "Cancel"]
        )
        page.get_by_role("button", name="1 h", exact=True).click()
        expect(page.locator(".d-act p")).to_have_text("Accepted: Shelve")
        (command,) = room.commands()
        assert 0 <= command["until"] - NOW - HOUR < 60_000
        room.put(warning(version=2, marks=Marks(shelved_until=NOW + HOUR)))
        expect(page.locator(".row.shelved")).to_contain_text("to 15:32")
        page.get_by_role("button", name="Unshelve").click()
        expect(page.locator(".d-act p")).to_have_text("Accepted: Unshelve")


def test_times_are_the_city_s_also_of_warnings_that_came_before_it(
    room: Room, browser: Browser
) -> None:
    room.clear(warning(marks=Marks(shelved_until=NOW + HOUR)))
    late: list[Route] = []

    def hold(page: Page) -> None:
        def keep(route: Route) -> None:
            late.append(route)

        page.route("**/city.json", keep)

    with room.page(browser, before=hold) as page:
        shelved = page.locator(".row.shelved")
        expect(shelved).to_contain_text("to 07:32")  # of no city yet
        late[0].continue_()
        expect(shelved).to_contain_text("to 15:32")


def test_a_shelf_ends_by_itself(room: Room, browser: Browser) -> None:
    put_away = Marks(shelved_until=NOW + HOUR)
    room.clear(warning(marks=put_away), lesser(1, 3))
    with room.page(browser) as page:
        rows = page.locator("[data-id]")
        expect(page.locator(".row.shelved")).to_contain_text("to 15:32")
        expect(rows.nth(1)).to_have_attribute("data-id", RED)
        expect(page.locator(".count").first).to_contain_text("0")
        page.locator(f'[data-id="{RED}"]').click()
        expect(page.get_by_role("button", name="Unshelve")).to_be_visible()
        room.put(clock=NOW + HOUR + 1)
        expect(page.locator(".row.shelved")).to_have_count(0)
        expect(rows.first).to_have_class("row l1 sel edge")
        expect(rows.first).not_to_contain_text("to 15:32")
        expect(page.locator(".count").first).to_contain_text("1")
        expect(page.locator(".d-act p")).to_have_text("Not acknowledged")
        expect(page.locator("[data-op=shelve]")).to_have_text("sShelve")


def test_a_refusal_is_shown_plainly(room: Room, browser: Browser) -> None:
    room.clear(warning())
    news = Held("ev")
    with room.page(browser, before=news.hold) as page:
        expect(page.locator(".btns")).to_be_visible()
        room.put(warning(version=2, status="cleared"))
        page.wait_for_timeout(300)  # the hub has read it, the page has not been told
        page.keyboard.press("a")
        expect(page.locator(".d-act p")).to_contain_text("Refused:")
        assert room.commands() == []
        news.let_go()
        expect(page.locator(".calm")).to_be_visible()


def test_what_was_asked_of_one_warning_is_not_done_to_another(room: Room, browser: Browser) -> None:
    room.clear(lesser(1, 3))
    with room.page(browser) as page:
        expect(page.locator(".btns")).to_be_visible()
        page.keyboard.press("f")
        line = page.locator(".d-act p")
        expect(line).to_contain_text("Press f once more")
        room.put(warning())
        expect(page.locator("h1")).to_contain_text("over the red level")
        expect(line).to_have_text("Not acknowledged")
        page.keyboard.press("f")
        page.wait_for_timeout(600)  # it has been seen by now
        page.keyboard.press("f")
        expect(line).to_contain_text("Press f once more")
        assert room.commands() == []


def test_a_key_that_meets_a_warning_nobody_has_seen_yet_does_nothing(
    room: Room, browser: Browser
) -> None:
    room.clear()
    with room.page(browser) as page:
        sent = page.evaluate(
            """async () => {
              const { Actions } = await import('/static/js/actions.js');
              const sent = [];
              const screen = {
                selected: () => ({ id: 'b', version: 1, status: 'active', level: 1 }),
                phase: 'live',
                swappedAt: performance.now(),
                link: { command: (told) => sent.push(told.alert) },
                store: { sent: new Map(), setSent() {} },
              };
              const actions = new Actions(screen, () => {});
              actions.press('ack');
              const early = [...sent];
              screen.swappedAt -= 1000;
              actions.press('ack');
              return [early, sent];
            }"""
        )
        assert sent == [[], ["b"]]


def test_an_action_that_came_too_late_is_not_told_as_done(room: Room, browser: Browser) -> None:
    room.clear(warning(level=2))
    with room.page(browser) as page:
        page.get_by_role("button", name="Acknowledge").click()
        line = page.locator(".d-act p")
        expect(line).to_have_text("Accepted: Acknowledge")
        why = "ack by screen, who saw version 1: it is worse since"
        room.put(warning(version=2), warning(version=3, reason=why))
        expect(line).to_have_text("Not done, it got worse: Acknowledge")
        told = "Acknowledged by control room, without effect: it got worse after version 1"
        expect(page.locator(".st.minor")).to_contain_text(told)


def test_shelving_needs_no_mouse(room: Room, browser: Browser) -> None:
    room.clear(warning())
    with room.page(browser) as page:
        expect(page.locator(".btns")).to_be_visible()
        page.keyboard.press("s")
        expect(page.locator("[data-until]").first).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator(".d-act p")).to_have_text("Accepted: Shelve")
        (command,) = room.commands()
        assert 0 <= command["until"] - NOW - 4 * HOUR < 60_000
