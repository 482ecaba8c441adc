"""Every report gets a hazard and a place; what is told twice counts once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.report_text import ReportText
from operators.counters import Counters
from operators.event_clock import NEVER
from operators.events import HAZARDS, Report
from operators.intake import ReportRows
from operators.ordering import BEYOND
from operators.registry import Registry, cell_of
from operators.retold import REPEAT_MS
from operators.triage import TriagedReport, TriageReports
from tests.operators.town import HOUR, LAT, LON, MINUTE, T0, cut, report, sensor, town

TOWN = Registry(town([sensor("s")]))


def triage(prompt: bool = False) -> TriageReports:
    return TriageReports(TOWN, Counters(), prompt)


def told(
    step: TriageReports, *reports: Report, watermark: int = T0 + 100 * HOUR
) -> list[TriagedReport]:
    return [r for out in step.on_batch([ReportRows(list(reports), watermark)]) for r in out.reports]


def hazard(step: TriageReports, text: str, category: str | None = None) -> str:
    hazard.count += 1  # type: ignore[attr-defined]
    (one,) = told(step, report(f"r-{hazard.count}", T0, text, category))  # type: ignore[attr-defined]
    return one.hazard


hazard.count = 0  # type: ignore[attr-defined]


def test_a_category_that_is_a_hazard_decides() -> None:
    step = triage()
    for known in HAZARDS:
        assert hazard(step, "strong smell of gas", known) == known


def test_without_one_the_words_decide() -> None:
    step = triage()
    assert hazard(step, "strong smell of gas near the school") == "gas_leak"
    assert hazard(step, "桥底下积水好深，车都熄火了") == "waterlogging"
    assert hazard(step, "", "gas leak") == "gas_leak"


def test_words_that_say_nothing_are_other() -> None:
    assert hazard(triage(), "zzz qqq") == "other"


def test_categories_teach_words() -> None:
    step = triage()
    assert hazard(step, "blorbs everywhere") != "noise"
    for number in range(15):
        hazard(step, f"blorbs are here {number}", "noise")
    assert hazard(step, "blorbs everywhere") == "noise"


@pytest.mark.slow
def test_a_city_may_have_words_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operators.triage.ReportText", ReportText)
    blorbs = {"noise": ["blorbs everywhere", "blorbs at night"]}
    assert hazard(TriageReports(TOWN, Counters(), vocabulary=blorbs), "blorbs!") == "noise"
    assert hazard(triage(), "blorbs!") != "noise"


def test_what_is_ready_is_taught_nothing_at_its_first_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, restored, kept = triage(), triage(), triage()
    fresh.get_ready()
    restored.restore(kept.snapshot())
    monkeypatch.setattr("operators.triage.ReportText", None)  # there is no other way to be taught
    restored.get_ready()
    assert hazard(fresh, "gas smell") == hazard(restored, "gas smell") == "gas_leak"


def test_a_report_is_placed() -> None:
    (one,) = told(triage(), report("r", T0, "water", lon=LON - 0.1, lat=LAT))
    assert (one.cell, one.district) == (cell_of(LON - 0.1, LAT), "west")
    assert (one.lon, one.lat, one.time, one.id) == (LON - 0.1, LAT, T0, "r")


def test_an_id_seen_before_is_rejected() -> None:
    step = triage()
    assert len(told(step, report("r", T0, "water"), report("r", T0 + 1, "fire"))) == 1
    assert told(step, report("r", T0 + HOUR, "water")) == []
    account = step.counters.account("triage")
    assert account == ("triage", 3, 1, 0, 2, {"id seen before": 2})


@pytest.mark.parametrize(
    ("again", "after", "repeated"),
    [
        ("Water is 50 cm deep!!", REPEAT_MS - 1, True),
        ("water is 30 CM deep", REPEAT_MS - 1, True),
        ("water is 30 cm deep", REPEAT_MS, False),
        ("a car is stuck in it", 1, False),
    ],
)
def test_the_same_words_from_the_same_place_are_one_report(
    again: str, after: int, repeated: bool
) -> None:
    first, second = report("a", T0, "Water is 30 cm deep"), report("b", T0 + after, again)
    assert [one.repeated for one in told(triage(), first, second)] == [False, repeated]


def test_the_same_words_from_elsewhere_or_no_words_are_not() -> None:
    here, there = report("a", T0, "smoke"), report("b", T0, "smoke", lon=LON + 0.1)
    empty = [report(f"e-{n}", T0, "", "fire") for n in range(2)]
    assert [one.repeated for one in told(triage(), here, there, *empty)] == [False] * 4


def test_reports_wait_for_their_turn() -> None:
    step = triage()
    assert told(step, report("b", T0 + 5, "x"), report("a", T0 + 5, "y"), watermark=T0 + 5) == []
    late = told(step, report("c", T0, "z"), watermark=T0 + 6)
    assert [one.id for one in late] == ["c", "a", "b"]


def test_prompt_reports_do_not_wait() -> None:
    assert [one.id for one in told(triage(True), report("b", T0, "x"), watermark=NEVER)] == ["b"]


def test_time_goes_on_and_never_back() -> None:
    step = triage()
    outs = [
        out.watermark
        for at in (T0, T0 - MINUTE, T0 + 1)
        for out in step.on_batch([ReportRows([], at)])
    ]
    assert outs == [T0, T0, T0 + 1]


@pytest.mark.parametrize("prompt", [False, True])
def test_reports_are_numbered_by_how_many_were_told_before(prompt: bool) -> None:
    step, numbers = triage(prompt), []
    for at in range(4):
        told_now = [report(f"r-{at}-{n}", T0 + at, "x") for n in range(at)]
        rows = ReportRows([*told_now, *told_now], T0 + at)  # every id twice
        numbers += [(out.number, len(out.reports)) for out in step.on_batch([rows])]
    expected = [(0, 0), (0, 1), (1, 2), (3, 3)] if prompt else [(0, 0), (0, 0), (0, 1), (1, 2)]
    assert numbers == expected
    twin = triage(prompt)
    twin.restore(step.snapshot())
    (out,) = twin.on_batch([ReportRows([], T0 + 10)])
    assert (out.number, len(out.reports)) == (6, 0) if prompt else (3, 3)


_texts = st.sampled_from(["water on the road", "water", "fire!", "", "积水"])
_reports = st.lists(
    st.builds(
        lambda n, minute, text: report(
            f"r-{n}", T0 + minute * MINUTE, text, None if text else "fire"
        ),
        st.integers(0, 12),
        st.integers(0, 90),
        _texts,
    ),
    max_size=20,
    unique_by=lambda r: r.id,
)


@given(
    _reports, st.lists(st.integers(1, 5), min_size=1, max_size=4), st.randoms(use_true_random=False)
)
def test_arrival_and_batching_change_nothing(
    reports: list[Report], sizes: list[int], rng: np.random.Generator
) -> None:
    whole = told(triage(), *sorted(reports, key=lambda r: r.time))
    mixed = list(reports)
    rng.shuffle(mixed)
    step, got, done = triage(), list[TriagedReport](), 0
    for part in cut(mixed, sizes):
        done += len(part)
        watermark = min((r.time for r in mixed[done:]), default=T0 + 100 * HOUR)
        got += told(step, *part, watermark=watermark)
    assert got == whole
    assert step.counters.account("triage").balanced


def test_what_claims_to_be_from_after_the_end_is_rejected_there() -> None:
    step = triage()
    assert told(step, report("a", T0, "x"), report("b", T0 + 10**12, "y"), watermark=T0) == []
    (out,) = step.on_batch([ReportRows([], T0 + 1, last=True)])
    assert [one.id for one in out.reports] == ["a"]
    assert out.last
    assert step.counters.account("triage").reasons == {BEYOND: 1}
    assert step.counters.account("triage").balanced
