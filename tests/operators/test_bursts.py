"""More reports than usual from one place are evidence; a few are not."""

import datetime as dt

import h3
import numpy as np
import pytest

from operators.bursts import LEAST, NoticeBursts
from operators.events import Evidence
from operators.evidence import UNUSUAL, Found
from operators.registry import Registry, cell_of
from operators.triage import Triaged, TriagedReport
from tests.operators.town import DAY, HOUR, LAT, METRE, MINUTE, T0, town
from tests.operators.town import LON as BORDER

pytestmark = pytest.mark.slow

TOWN = Registry(town())
LON = BORDER + 10 * METRE
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
    silent = LON + 0.2  # nobody has reported from there lately
    two = (told(f"b-{n}", EVENT + n, lon=silent) for n in range(LEAST - 1))
    assert found(step, *two) == []


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


@pytest.mark.parametrize("change_h", [1, -1])
def test_when_the_clocks_change_what_just_happened_still_has(change_h: int) -> None:
    month, day = {1: (3, 30), -1: (10, 26)}[change_h]
    change = int(dt.datetime(2025, month, day, 1, tzinfo=dt.UTC).timestamp() * 1000)
    said = []
    for name in ("Europe/Berlin", "Asia/Chongqing"):
        noticed = NoticeBursts(Registry(town(timezone=name)))
        ago = change - EVENT
        for report in usual():
            found(noticed, report._replace(time=report.time + ago - HOUR))
        minutes = (-4, -3, -2, -1, 1, 2)
        reports = [told(f"g-{n}", change + n * MINUTE, "gas_leak") for n in minutes]
        said.append([e.count for report in reports for e in found(noticed, report)])
    assert said[0] == said[1]
    assert said[0][-1] == len(minutes)


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


def storm(reports: int, seed: int = 1) -> list[TriagedReport]:
    """Reports of two hours from all over a line of 60 km."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(EVENT, EVENT + 2 * HOUR, reports)).tolist()
    places = rng.uniform(LON - 0.3, LON + 0.3, reports).tolist()
    return [
        told(f"s-{n}", at, lon=lon) for n, (at, lon) in enumerate(zip(times, places, strict=True))
    ]


@pytest.fixture
def wide() -> NoticeBursts:
    """A city of 60 km that is reported from everywhere alike, 20 times in two hours."""
    rng = np.random.default_rng(6)
    times = np.sort(rng.integers(EVENT - 15 * DAY, EVENT, 3600)).tolist()
    places = rng.uniform(LON - 0.3, LON + 0.3, 3600).tolist()
    noticed = NoticeBursts(TOWN)
    pairs = zip(times, places, strict=True)
    found(noticed, *(told(f"u-{n}", t, lon=x) for n, (t, x) in enumerate(pairs)))
    return noticed


def test_twice_as_many_reports_everywhere_are_no_local_burst(wide: NoticeBursts) -> None:
    assert [e for e in found(wide, *storm(40)) if e.channel == "burst"] == []


def test_a_storm_is_told_once_and_a_place_in_it_is_still_found(wide: NoticeBursts) -> None:
    place = LON + 0.1
    burst = [told(f"b-{n}", EVENT + HOUR + n * MINUTE, lon=place) for n in range(12)]
    said = found(wide, *sorted([*storm(200), *burst], key=lambda r: r.time))
    city = [e for e in said if e.channel == "city"]
    assert {e.key for e in city} == {"waterlogging@city"}
    assert 1 <= len(city) <= 12
    assert any(abs(e.lon - place) < 500 * METRE for e in said if e.channel == "burst")


def test_the_place_is_that_of_most_not_of_the_last(step: NoticeBursts) -> None:
    burst = [told(f"b-{n}", EVENT + n * MINUTE, lon=LON + 20 * n * METRE) for n in range(8)]
    astray = told("a", EVENT + 9 * MINUTE, lon=LON + 900 * METRE)
    last = found(step, *burst, astray)[-1]
    assert abs(last.lon - (LON + 70 * METRE)) < 500 * METRE
    assert last.spread_m < 500


def test_how_reports_are_cut_and_a_restart_change_nothing(wide: NoticeBursts) -> None:
    reports = storm(200)
    state = wide.snapshot()
    whole = found(wide, *reports)
    parts = list[Evidence]()
    for start in range(0, 200, 7):
        twin = NoticeBursts(TOWN)
        twin.restore(state)
        parts += found(twin, *reports[start : start + 7])
        state = twin.snapshot()
    assert parts == whole
    assert whole


def test_a_burst_at_a_border_is_one(step: NoticeBursts) -> None:
    """Its middle is now in this cell and now in that: two would agree, and be the same reports."""
    lat, lon = h3.cell_to_boundary(cell_of(LON, LAT))[0]
    rng = np.random.default_rng(7)
    names, cells = set[str](), set[str]()
    for n in range(12):
        x, y = lon + rng.normal(0, 0.002), lat + rng.normal(0, 0.002)
        at = EVENT + n * MINUTE
        report = TriagedReport(f"b-{n}", at, "fire", cell_of(x, y), x, y, "east", False)
        for e in found(step, report):
            names.add(e.key)
            cells.add(e.cell)
    assert len(cells) > 1
    assert len(names) == 1


def test_elsewhere_and_later_it_is_another(step: NoticeBursts) -> None:
    names = []
    for n, (at, lon) in enumerate([(EVENT, LON), (EVENT, LON + 0.03), (EVENT + 6 * HOUR, LON)]):
        burst = [told(f"b-{n}-{i}", at + i * MINUTE, "fire", lon) for i in range(6)]
        names.append({e.key for e in found(step, *burst)})
    assert [len(each) for each in names] == [1, 1, 1]
    assert names[0] != names[1]
    assert len(step._cells["fire"]) == 1, "those that are over are forgotten"
