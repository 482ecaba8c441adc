"""More reports than usual from one place are evidence; a few are not."""

import numpy as np
import pytest

from operators.bursts import LEAST, NoticeBursts
from operators.events import Evidence
from operators.evidence import UNUSUAL, Found
from operators.registry import Registry, cell_of
from operators.triage import Triaged, TriagedReport
from tests.operators.town import DAY, HOUR, LAT, LON, MINUTE, T0, town

TOWN = Registry(town())
EVENT = T0 + 5 * DAY


def told(
    name: str, time: int, hazard: str = "waterlogging", lon: float = LON, repeated: bool = False
) -> TriagedReport:
    return TriagedReport(name, time, hazard, cell_of(lon, LAT), lon, LAT, "east", repeated)


def usual(count: int = 300) -> list[TriagedReport]:
    rng = np.random.default_rng(5)
    times = np.sort(rng.integers(T0, EVENT, count)).tolist()
    places = rng.uniform(LON - 0.05, LON + 0.05, count).tolist()
    return [
        told(f"u-{n}", at, lon=lon) for n, (at, lon) in enumerate(zip(times, places, strict=True))
    ]


def found(step: NoticeBursts, *reports: TriagedReport, watermark: int = T0) -> list[Evidence]:
    (said,) = step.on_batch([Triaged(reports, watermark)])
    assert isinstance(said, Found)
    assert said.origin == "bursts"
    return list(said.evidence)


@pytest.fixture
def step() -> NoticeBursts:
    noticed = NoticeBursts(TOWN)
    assert len(found(noticed, *usual())) < 5
    return noticed


def test_a_burst_is_evidence_of_what_it_reports(step: NoticeBursts) -> None:
    burst = [told(f"b-{n}", EVENT + n * MINUTE) for n in range(6)]
    said = found(step, *burst)
    assert said
    last = said[-1]
    assert (last.source, last.key) == ("report", f"waterlogging@{burst[0].cell}")
    assert (last.hazard, last.cell, last.district) == ("waterlogging", burst[0].cell, "east")
    assert (last.value, last.count, last.time) == (6.0, 6, EVENT + 5 * MINUTE)
    assert last.surprisal >= UNUSUAL
    assert last.expected < 1
    assert all(e.count >= LEAST for e in said)
    assert [e.surprisal for e in said] == sorted(e.surprisal for e in said)


def test_two_people_are_no_burst(step: NoticeBursts) -> None:
    assert found(step, *(told(f"b-{n}", EVENT + n) for n in range(LEAST - 1))) == []


def test_repetitions_are_not_counted(step: NoticeBursts) -> None:
    assert found(step, *(told(f"b-{n}", EVENT + n, repeated=n > 0) for n in range(30))) == []


def test_what_is_told_again_is_said_beside_the_count(step: NoticeBursts) -> None:
    burst = [told(f"b-{n}", EVENT + n * MINUTE, repeated=n in (1, 3)) for n in range(6)]
    elsewhere = told("e", EVENT, lon=LON + 0.2, repeated=True)
    before = told("b", EVENT - 3 * HOUR, repeated=True)
    last = found(step, before, elsewhere, *burst)[-1]
    assert (last.count, last.told) == (4, 6)


def test_different_hazards_do_not_add_up(step: NoticeBursts) -> None:
    kinds = ("fire", "noise", "traffic", "power", "other")
    assert found(step, *(told(f"b-{n}", EVENT + n, kind) for n, kind in enumerate(kinds))) == []


def test_neighbouring_cells_add_up(step: NoticeBursts) -> None:
    around = [told(f"b-{n}", EVENT + n * MINUTE, lon=LON + 0.0007 * n) for n in range(8)]
    assert found(step, *around)


def test_the_same_reports_over_days_are_no_burst(step: NoticeBursts) -> None:
    assert found(step, *(told(f"b-{n}", EVENT + n * 12 * HOUR) for n in range(6))) == []


def test_before_a_day_is_known_nothing_is_said() -> None:
    step = NoticeBursts(TOWN)
    assert found(step, *(told(f"b-{n}", T0 + n * MINUTE) for n in range(20))) == []


def test_bursts_are_numbered_and_say_what_the_reports_said(step: NoticeBursts) -> None:
    burst = [told(f"b-{n}", EVENT + n * MINUTE) for n in range(8)]
    (before,) = step.on_batch([Triaged((), T0)])
    (first,) = step.on_batch([Triaged(tuple(burst[:6]), T0, live=False)])
    twin = NoticeBursts(TOWN)
    twin.restore(step.snapshot())
    (second,) = step.on_batch([Triaged(tuple(burst[6:]), T0, last=True)])
    assert first.evidence
    assert before.number is not None
    assert first.number == before.number
    assert second.number == before.number + len(first.evidence)
    assert [(f.live, f.last) for f in (first, second)] == [(False, False), (True, True)]
    assert list(twin.on_batch([Triaged(tuple(burst[6:]), T0, last=True)])) == [second]


def test_time_goes_on_and_never_back() -> None:
    step = NoticeBursts(TOWN)
    outs = [
        out.watermark for at in (T0, T0 - 5, T0 + 1) for out in step.on_batch([Triaged((), at)])
    ]
    assert outs == [T0, T0, T0 + 1]
