"""What the screen shows: quiet, a warning with its reasons, both languages, hostile text."""

import re
import time
from collections.abc import Iterator

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from operators.alerting.grading import Reason
from operators.events import Marks, Text
from sinks.store import EmbeddedStore
from tests.operators.alerting.strands import strand
from tests.operators.alerting.test_versions import because
from tests.sinks.control_room.screen_fixture_city import (
    MINUTE,
    NOW,
    RED,
    evidence,
    forecast,
    lesser,
    storm,
    warning,
)
from tests.sinks.control_room.screen_fixture_city import (
    overview as fixture_overview,
)
from tests.sinks.control_room.screen_fixture_room import (
    NO_WEBGL,
    Room,
    chromium,
    needs_chromium,
)

pytestmark = [pytest.mark.system, needs_chromium]


@pytest.fixture(scope="module")
def room(embedded_store: EmbeddedStore) -> Iterator[Room]:
    with Room(embedded_store) as room:
        yield room


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # A page without a map opens sooner; the map has its own tests.
    with chromium(NO_WEBGL) as browser:
        yield browser


def test_quiet_room_is_filled_with_truth(room: Room, browser: Browser) -> None:
    room.clear()
    with room.page(browser, 1920, 1080) as page:
        expect(page.locator(".calm-t")).to_have_text("No active warnings")
        calm = page.locator(".calm p")
        expect(calm).to_contain_text("Quiet for 3 h 12 min. 91 of 92 sensors reporting.")
        expect(page.locator(".count.zero")).to_have_count(4)
        expect(page.locator(".close")).to_contain_text("Street water sw-0003, Donghe")
        expect(page.locator(".cleared")).to_contain_text("Xitang")
        faults = page.locator(".faults > div")
        expect(faults).to_have_count(2)
        expect(faults.nth(0)).to_contain_text(re.compile("Street water sw-0004.*stuck.*7.5"))
        expect(faults.nth(1)).to_contain_text(re.compile("clock off.*\\+4.2"))
        expect(page.locator("h3", has=page.locator("text=2 in all"))).to_be_visible()
        expect(page.locator(".pulse .p")).to_have_count(2)
        expect(page.locator(".conn")).to_contain_text("LIVE")
        expect(page.locator("#foot")).to_contain_text("warnings/h")


def test_while_it_catches_up_nothing_is_said_to_have_been_quiet(
    room: Room, browser: Browser
) -> None:
    room.clear()
    with room.page(browser, 1920, 1080) as page:
        calm = page.locator(".calm p")
        expect(calm).to_contain_text("Quiet for")
        room.mode = "catching_up"
        expect(page.locator(".conn")).to_contain_text("CATCHING UP")
        expect(calm).to_have_text(re.compile(r"^As of 14:32; what came since is being read\.$"))
        room.mode = "live"
        expect(calm).to_contain_text("Quiet for")


def test_what_a_warning_speaks_of_is_not_close_to_one(room: Room, browser: Browser) -> None:
    room.clear()
    one = fixture_overview()["closest"][0]
    both = [one | {"sensor": "rl-0001", "kind": "river_level"}, one]
    with room.page(browser, 1920, 1080) as page:
        room.put(closest=both)
        expect(page.locator(".close b")).to_have_count(2)
        room.put(warning(), closest=both)
        expect(page.locator(".close b")).to_have_text(["Street water sw-0003, Donghe"])


def test_the_footer_says_how_long_a_warning_takes(room: Room, browser: Browser) -> None:
    room.clear()
    with room.page(browser, 1920, 1080) as page:
        expect(page.locator(".calm-t")).to_be_visible()
        footer = page.locator("#foot .lat")
        room.put(warning())
        expect(footer).to_contain_text("store to screen")
        assert footer.get_attribute("title") is None
        hops = {"source": 31_000, "screened": 1200, "decided": 400}
        room.put(warning(version=2, latency_us=hops | {"at": time.time_ns() // 1000}))
        expect(footer).to_contain_text("sensor to screen")
        expect(footer.locator("b")).to_have_text(
            [re.compile(r"p50 \d+"), re.compile(r"p99 \d+\sms")]
        )
        first, *parts = (footer.get_attribute("title") or "").split("\n")
        assert first == "How long the last warnings took, from the reading to the screens"
        assert parts[:3] == [
            "reading to engine: p50 31, p99 31\xa0ms",
            "scored: p50 1.2, p99 1.2\xa0ms",
            "decided: p50 0.4, p99 0.4\xa0ms",
        ]
        assert [part.split(":")[0] for part in parts[3:]] == ["stored", "sent to the screens"]
    with room.page(browser, 1920, 1080, "lang=zh") as page:
        footer = page.locator("#foot .lat")
        expect(footer).to_contain_text("端到端")
        parts = (footer.get_attribute("title") or "").split("\n")
        assert parts[1] == "读数到引擎：p50 31，p99 31\xa0ms"
        assert len(parts) == 6


def test_a_warning_arrives_with_its_reasons(room: Room, browser: Browser) -> None:
    room.clear()
    with room.page(browser, 1920, 1080) as page:
        expect(page.locator(".calm-t")).to_be_visible()
        first = warning(level=3, reason="issued at yellow: 1 sensor alone")
        room.put(first, warning(version=2))
        row = page.locator(f'[data-id="{RED}"]')
        expect(row).to_have_attribute("aria-selected", "true")
        expect(row).to_contain_text("RED")
        expect(row).to_contain_text("34 min")
        expect(row.locator(".new")).to_have_text("NEW")
        expect(page.locator("#speak")).to_contain_text("Red warning: Gucheng quay")
        expect(page.locator("h1")).to_contain_text("over the red level")
        expect(page.locator(".facts")).to_contain_text("likely real85\u00a0%")
        expect(page.locator(".why h2")).to_contain_text("2 agree, 1 as expected")
        expect(page.locator(".ev:not(.hd)")).to_have_count(3)
        expect(page.locator(".ev.no")).to_contain_text("179.31")
        expect(page.locator(".spark .line")).to_have_count(1)
        expect(page.locator(".spark .lvt").first).to_have_text("184.0")
        expect(page.locator(".spark .warn")).to_have_count(2)
        expect(page.locator(".st em")).to_have_text(["v2", "v1"])


def test_the_level_a_warning_speaks_of_is_in_the_picture(room: Room, browser: Browser) -> None:
    """A blue warning may expect the red level: that is drawn, and where it will be crossed."""
    room.clear()
    with room.page(browser, 1600, 900) as page:
        expect(page.locator(".calm-t")).to_be_visible()
        drawn = page.locator(".spark .lvt")
        room.put(warning(level=4))
        expect(drawn.first).to_have_text("183.0")
        expect(page.locator(".spark .cross")).to_have_count(0)
        expected = evidence("level", "rl-0001", "river_level", 182.6, 184.0, 6.0) | {"level": 1}
        room.put(warning(version=2, level=4, evidence=(expected, *warning().evidence)))
        expect(drawn.first).to_have_text("184.0")
        expect(page.locator(".spark .cross")).to_have_count(1)


def test_value_and_curve_are_of_whom_the_engine_tells(room: Room, browser: Browser) -> None:
    """The strongest, who has said it twice, is listed first; another may say more just now."""
    room.clear()
    with room.page(browser, 1600, 900) as page:
        first = evidence("sensor", "rl-0001", "river_level", 182.6, 180.05, 3.4)
        louder = evidence("sensor", "rl-0002", "river_level", 179.9, 179.2, 3.6)
        room.put(warning(evidence=(first, louder)))
        expect(page.locator(".sp h2")).to_contain_text("Gucheng quay")
        expect(page.locator(".ev:not(.hd)").first).to_contain_text("179.90")


def test_where_a_sensor_is_going_is_drawn_as_long_as_it_is_ahead(
    room: Room, browser: Browser
) -> None:
    room.clear()
    with room.page(browser, 1600, 900) as page:
        expected = evidence("level", "rl-0001", "river_level", 182.6, 184.0, 6.0) | {"level": 1}
        room.put(warning(evidence=(expected,), forecast=forecast(NOW)))
        expect(page.locator(".spark .fan90")).to_have_count(1)
        expect(page.locator(".spark .med")).to_have_count(1)
        expect(page.locator(".facts")).to_contain_text("chance78\u00a0%")
        expect(page.locator(".sp .key")).to_contain_text("forecast 50/90")
        room.put(warning(version=2, evidence=(expected,), forecast=forecast(NOW - 120 * MINUTE)))
        expect(page.locator(".spark .fan90")).to_have_count(0)
        expect(page.locator(".spark .line")).to_have_count(1)
        expect(page.locator(".facts")).to_contain_text("certaintyLikely")


def test_the_story_begins_before_the_page_was_opened(room: Room, browser: Browser) -> None:
    room.clear(warning(level=3), warning(version=2, level=2), warning(version=3))
    with room.page(browser) as page:
        expect(page.locator(".st em")).to_have_text(["v3", "v2", "v1"])


def test_a_new_warning_never_steals_the_selection(room: Room, browser: Browser) -> None:
    room.clear(lesser(1, 3), lesser(2, 3))
    with room.page(browser) as page:
        page.locator('[data-id="xx-00000002"]').click()
        room.put(warning())
        expect(page.locator(f'[data-id="{RED}"]')).to_be_visible()
        selected = page.locator("[aria-selected=true]")
        expect(selected).to_have_attribute("data-id", "xx-00000002")


def test_a_faulty_sensor_is_said_to_be_one_in_both_languages(room: Room, browser: Browser) -> None:
    why = "issued at yellow: 2 sensors agree; 1 held to be faulty"
    told = warning(level=3, reason=why)
    lying = dict(told.evidence[0]) | {"fault": "drift", "surprisal": 2.2}
    room.clear(msgspec.structs.replace(told, evidence=(*told.evidence[1:], lying)))
    with room.page(browser, 1920, 1080) as page:
        expect(page.locator(".st")).to_contain_text("2 sensors agree; 1 held to be faulty")
        marked = page.locator('.ev[title*="held to be faulty: drifting"]')
        expect(marked).to_have_count(1)
    with room.page(browser, 1920, 1080, "lang=zh") as page:
        expect(page.locator(".st")).to_contain_text("2 个传感器一致；1 个判为故障")
        expect(page.locator('.ev[title*="判为故障：漂移"]')).to_have_count(1)


IN_CHINESE = """
    (reasons) => import('/static/js/reason.js').then(({ reason }) => reasons.map((r) => reason(r)))
"""


def test_every_reason_of_the_engine_is_known_in_chinese(room: Room, browser: Browser) -> None:
    weak, strong = strand("a", 1.0), strand("a", 9.0)
    report = strand("flood@x", 6.0, source="report", count=5)
    tails = ("", "; 2 held to be faulty; chance of confirmation 83 %; verdicts lower it by 0.4")
    details = {Reason.CONFIRMED_BY: "reports", Reason.EASED: "20 min"}
    said = [
        because(why, *behind, detail=details.get(why, "ack by 7")) + tail
        for why in Reason
        if why is not Reason.MERGED
        for behind in ((weak, weak), (strong,), (strong, report))
        for tail in (tails if because(why, *behind, detail="ack by 7").count(": ") else tails[:1])
        if not (tail and why in (Reason.EASED, Reason.CLEARED))
    ]
    room.clear(warning())
    with room.page(browser, query="lang=zh") as page:
        expect(page.locator(".row")).to_contain_text("古城码头")
        for english, chinese in zip(said, page.evaluate(IN_CHINESE, said), strict=True):
            assert not re.search("[a-z]", chinese), english


def test_everything_is_said_in_chinese_and_remembered(room: Room, browser: Browser) -> None:
    room.clear(warning())
    with room.page(browser, query="") as page:
        page.get_by_role("button", name="中文").click()
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        expect(page.locator(".row")).to_contain_text("古城码头")
        expect(page.locator(".d-lead")).to_contain_text("34\u00a0分")
        expect(page.locator(".st")).to_contain_text("升级至红色：3 个传感器、11 条报告一致")
        expect(page.get_by_role("button", name="签收")).to_be_visible()
        page.reload()
        expect(page.locator(".h-counts")).to_contain_text("红色")


def test_text_of_a_warning_stays_text(room: Room, browser: Browser) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
    room.clear(
        warning(
            place=Text(hostile, hostile),
            headline=Text(hostile, hostile),
            reason=hostile,
            district=hostile[:60],
            evidence=(evidence("sensor", hostile, hostile, 1.0, 0.5, 4.0),),
        )
    )
    with room.page(browser) as page:
        expect(page.locator("h1")).to_have_text(hostile)
        expect(page.locator(".ev:not(.hd)")).to_contain_text("<img src=x")
        expect(page.locator("#app img")).to_have_count(0)
        expect(page).not_to_have_title("owned")


def test_overload_folds_the_lesser_ones_never_red(room: Room, browser: Browser) -> None:
    room.clear(warning(), *(lesser(i, 3 + i % 2) for i in range(36)))
    with room.page(browser, 1920, 1080) as page:
        expect(page.locator(".l-head").first).to_contain_text("yellow and blue folded")
        expect(page.locator(".row.l1")).to_have_count(1)
        expect(page.locator(".row.fold")).to_have_count(4)
        page.locator(".row.fold").first.click()
        expect(page.locator(".row.l3:not(.fold)")).to_have_count(9)


def test_finding_leaves_what_matches(room: Room, browser: Browser) -> None:
    room.clear(*storm())
    with room.page(browser) as page:
        expect(page.locator(".row")).to_have_count(12)
        page.keyboard.press("/")
        page.keyboard.type("crossing 4")
        expect(page.locator(".row")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(page.locator(".row")).to_have_count(12)


def test_keys_move_through_the_list(room: Room, browser: Browser) -> None:
    room.clear(*storm())
    with room.page(browser) as page:
        expect(page.locator("[aria-selected=true]")).to_have_count(1)
        ids = page.locator("[data-id]").evaluate_all("rows => rows.map((r) => r.dataset.id)")
        for _ in range(2):
            page.keyboard.press("j")
        page.keyboard.press("k")
        expect(page.locator("[aria-selected=true]")).to_have_attribute("data-id", ids[1])


def test_a_time_without_a_date_is_a_dash(room: Room, browser: Browser) -> None:
    room.clear(warning(marks=Marks(shelved_until=9_000_000_000_000_000_000)))
    with room.page(browser) as page:
        expect(page.locator(".row.shelved")).to_contain_text("to –")
        room.put(lesser(1, 3))
        expect(page.locator(".row")).to_have_count(2)


def test_a_view_that_fails_stops_no_other_and_says_so_once(room: Room, browser: Browser) -> None:
    room.clear()
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"http://127.0.0.1:{room.port}/?lang=en")
    expect(page.locator(".calm-t")).to_be_visible()
    room.put(warning(), closest=[None])  # the list cannot show this
    districts = page.locator(".districts tr", has_text="Donghe")
    expect(districts.locator("td").first).to_have_text("1")
    page.wait_for_timeout(600)
    (complaint,) = said
    assert complaint.startswith("List: not drawn TypeError")
    room.put()
    expect(page.locator(f'[data-id="{RED}"]')).to_be_visible()
    assert said == [complaint]
    page.close()


def test_a_lead_time_that_passes_unobserved_is_said(room: Room, browser: Browser) -> None:
    room.clear(warning(onset=NOW - 5 * 60_000, first=NOW - 3_600_000))
    with room.page(browser) as page:
        expect(page.locator(".row .lead")).to_contain_text("was due 14:27")


def test_a_warning_that_is_issued_again_is_news(room: Room, browser: Browser) -> None:
    room.clear()
    with room.page(browser) as page:
        news = page.evaluate(
            """async () => {
              const { Store } = await import('/static/js/store.js');
              const store = new Store();
              const on = 'active';
              const steps = [[on, 2], [on, 3], ['cleared', 2], [on, 3], [on, 3]];
              return steps.map(([status, level], i) => {
                store.arrived.clear();
                store.apply([{ id: 'a', version: i + 1, status, level, marks: null, reason: '' }]);
                return store.arrived.has('a');
              });
            }"""
        )
        assert news == [True, False, False, True, False]


def test_what_people_did_and_wrote_is_said_in_both_languages(room: Room, browser: Browser) -> None:
    ops = ("ack", "confirm", "false_alarm", "resolve", "shelve", "unshelve", "note")
    late = ", who saw version 3: it is worse since"
    said = [f"{op} by screen{tail}" for op in ops for tail in ("", late, ": 7", late + ": 7")]
    room.clear(warning())
    with room.page(browser, query="lang=zh") as page:
        expect(page.locator(".row")).to_contain_text("古城码头")
        for english, chinese in zip(said, page.evaluate(IN_CHINESE, said), strict=True):
            assert not re.search("[a-z]", chinese), english
            assert chinese.startswith("指挥大厅"), "a note is nobody's name"
            assert ("第 3 版" in chinese) == (late in english)
            assert chinese.endswith("：7") == english.endswith(": 7")


def test_who_holds_a_key_down_stays_connected(room: Room, browser: Browser) -> None:
    room.clear(*storm())
    with room.page(browser) as page:
        expect(page.locator("[aria-selected=true]")).to_have_count(1)
        before = room.health()["refused"]
        for key in 4 * (8 * "j" + 8 * "k") + 11 * "j":
            page.keyboard.press(key)
        expect(page.locator(".sp h2")).to_contain_text("sw-0060")
        expect(page.locator(".st em")).to_have_text(["v1"])
        expect(page.locator(".conn")).to_contain_text("LIVE")
        assert room.health()["refused"] == before
