"""Bytes of reports come out with hazard and place, and the bursts they make."""

from typing import Any

import pytest

import operators.intake
from operators.counters import Counters
from operators.event_clock import NEVER
from operators.events import BadMessage
from operators.evidence import Found
from operators.intake import PROMPT_LATENESS_MS
from operators.meter import Meter
from operators.registry import Registry
from operators.report_path import ReportPath
from operators.triage import Triaged
from tests.operators import feed
from tests.operators.town import DAY, HOUR, MINUTE, T0, line, paced, poll, polls, report, town

pytestmark = pytest.mark.slow

TOWN = Registry(town())
MADE = feed.make(sensors=24, days=0.8)
REPORTS = list(MADE.reports)
Said = Triaged | Found | BadMessage


@pytest.fixture(autouse=True)
def lively(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators.intake, "BLOCKS", {"reports": 1})


def path(**more: Any) -> ReportPath:
    return ReportPath(TOWN, Counters(), where="town", **more)


def told(step: ReportPath, *lines: bytes, **more: Any) -> list[Said]:
    return list(step.on_batch([poll("reports", *lines, **more)]))


def test_a_report_waits_for_its_turn_then_has_a_hazard_and_a_place() -> None:
    step = path()
    first = line(report("r-1", T0, "strong smell of gas near the school"))
    triaged, bursts = told(step, first)
    assert isinstance(triaged, Triaged)
    assert (triaged.reports, triaged.watermark < T0) == ((), True)
    assert isinstance(bursts, Found)
    triaged, bursts = told(step, line(report("r-2", T0 + HOUR, "x")))
    assert isinstance(triaged, Triaged)
    assert [(r.id, r.hazard, r.district) for r in triaged.reports] == [("r-1", "gas_leak", "east")]
    assert isinstance(bursts, Found)
    assert (bursts.origin, bursts.watermark) == ("bursts", triaged.watermark)


def test_promptly_it_does_not_wait() -> None:
    triaged, bursts = told(path(prompt=True), line(report("r-1", T0, "smoke")), live=True)
    assert isinstance(triaged, Triaged)
    assert isinstance(bursts, Found)
    assert [r.id for r in triaged.reports] == ["r-1"]
    assert (triaged.live, bursts.live) == (True, True)


def test_it_is_live_when_all_its_shards_are() -> None:
    step = path(shards=(0, 1), prompt=True)
    one, both = frozenset({1}), frozenset({0, 1})
    for live in (one, both):
        lines = line(report(f"r-{len(live)}", T0, "smoke"))
        (said, _) = step.on_batch([poll("reports", lines)._replace(live=live)])
        assert isinstance(said, Triaged)
        assert said.live == (live == both)


def test_what_is_no_report_is_a_dead_letter() -> None:
    step = path(shards=(6,))
    bad, *_ = told(step, b"{", line(report("r-1", T0, "x")), offset=40)
    assert isinstance(bad, BadMessage)
    assert (bad.source, bad.partition, bad.offset) == ("town/reports", 6, 40)


def test_progress_alone_is_told_once_a_second() -> None:
    step = path(prompt=True)
    times = (T0, T0 + 999, T0 + 1000, T0 + 1500, T0 + 2000, T0 + 5000)
    said = [told(step, clock_ms=at, live=True) for at in times]
    assert [len(each) for each in said] == [2, 0, 2, 0, 2, 2]
    assert said[2][0] == Triaged((), T0 + 1000 - PROMPT_LATENESS_MS)


def test_the_end_is_told_of_both() -> None:
    step = path()
    assert told(step) == []
    assert not step.over
    triaged, bursts = told(step, ended=True)
    assert step.over
    assert isinstance(triaged, Triaged)
    assert isinstance(bursts, Found)
    assert (triaged.last, bursts.last) == (True, True)
    assert triaged.watermark == NEVER + 1


def test_steps_are_measured() -> None:
    meter = Meter(iter(range(100)).__next__)
    told(path(prompt=True, meter=meter), line(report("r-1", T0, "x")))
    assert {name: h.count for name, h in meter.steps.items()} == {"decode": 1, "triage": 1}


def counted(said: list[Said]) -> tuple[list[Any], list[Any]]:
    """Reports and evidence, each with its number."""
    reports = [pair for s in said if isinstance(s, Triaged) for pair in enumerate(s[0], s.number)]
    bursts = [
        pair for s in said if isinstance(s, Found) for pair in enumerate(s.evidence, s.number or 0)
    ]
    return reports, bursts


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize("at", [1, 40, 90])
def test_after_a_restart_the_same_comes_again_under_the_same_number(at: int, prompt: bool) -> None:
    feeds: Any = {"reports": REPORTS}
    messages = polls(feeds, 1)
    if prompt:
        messages = paced(messages, [0])
    whole, step, twin = (path(prompt=prompt) for _ in range(3))
    reports, bursts = counted(list(whole.on_batch(messages)))
    assert [number for number, _ in reports] == list(range(len(REPORTS)))
    assert len(bursts) > 1
    assert [number for number, _ in bursts] == list(range(len(bursts)))
    before = counted(list(step.on_batch(messages[:at])))
    twin.restore(step.snapshot())
    after = counted(list(twin.on_batch(messages[at:])))
    assert [one + two for one, two in zip(before, after, strict=True)] == [reports, bursts]
    assert twin.over


@pytest.mark.parametrize("prompt", [False, True])
def test_where_counting_began_is_told_also_after_a_restart(prompt: bool) -> None:
    step, twin = path(prompt=prompt), path(prompt=prompt)
    first = told(step, line(report("r-1", T0, "smoke")), offset=700)
    twin.restore(step.snapshot())
    second = told(twin, line(report("r-2", T0 + DAY, "smoke")), offset=701)
    assert len(first) == len(second) == 2
    assert {said.begun for said in (*first, *second) if not isinstance(said, BadMessage)} == {700}


@pytest.mark.parametrize("late", [5 * MINUTE, 6 * MINUTE])
def test_a_late_report_is_counted_and_left_out(late: int) -> None:
    step = path(prompt=True)
    lines = line(report("r-1", T0, "x")), line(report("r-2", T0 - late, "y"))
    triaged, _ = told(step, *lines)
    assert isinstance(triaged, Triaged)
    kept = late <= 5 * MINUTE
    assert len(triaged.reports) == 1 + kept
    assert step.intake.counters.account("intake").late == 1 - kept
