"""Every version says what it is, why it was made, and what stands behind it."""

from typing import Any

import h3
import pytest

from operators.alerting.grading import Reason, Taught
from operators.alerting.lifecycle import Change, Life
from operators.alerting.versions import EVIDENCE_SHOWN, EXPECTED_MS, IMMEDIATE_MS, write_version
from operators.codec import decode_alert, encode_alert_line
from operators.events import Alert, Command, Forecast, Levels, Marks, Text
from operators.incident import Strand
from operators.registry import Registry
from tests.operators.alerting.strands import HERE, at_level, crossing, strand, view
from tests.operators.town import HOUR, LAT, LON, MINUTE, T0, sensor, town

TOWN = Registry(
    town([sensor("a", "street_water", name=Text("Old Bridge", "老桥"), levels=Levels(red=30.0))])
)


def version(*strands: Strand, time: int = T0 + MINUTE, **more: Any) -> Alert:
    life = Life.of(view())
    (change,) = life.see(view(*strands, time=time, **more))
    return write_version(life, change, TOWN)


def because(reason: Reason, *strands: Strand, detail: str = "", active: bool = True) -> str:
    life = Life.of(view(*strands))
    life.level, life.worst, life.active = 2, 1, active
    return write_version(life, Change(T0, reason, detail), TOWN).reason


# --- what it says ----------------------------------------------------------------------------


def test_a_first_version_has_every_field() -> None:
    said = version(*at_level(2), district="east")
    assert (said.id, said.version, said.status, said.level) == ("wl-12345678", 1, "active", 2)
    assert (said.hazard, said.district, said.cells) == ("waterlogging", "east", (HERE,))
    assert (said.time, said.first, said.onset) == (T0 + MINUTE, T0 + MINUTE, T0)
    assert (said.urgency, said.certainty) == ("Immediate", "Observed")
    assert (said.lon, said.lat) == (LON, LAT)
    assert said.place == Text("Old Bridge", "老桥")
    assert said.headline is not None
    assert (said.marks, said.next, said.latency_us, said.forecast, said.units) == (None,) * 5


def test_evidence_is_shown_strongest_first_and_bounded() -> None:
    many = [strand(f"s-{n:02d}", 9.0 - n / 10) for n in range(EVIDENCE_SHOWN + 5)]
    said = version(crossing("a", 3, onset=T0 + HOUR, probability=0.8), *many)
    assert len(said.evidence) == EVIDENCE_SHOWN
    assert [e["key"] for e in said.evidence][:3] == ["a", "s-00", "s-01"]
    assert said.evidence[1] == {
        "source": "sensor",
        "key": "s-00",
        "kind": "street_water",
        "cell": HERE,
        "time": T0,
        "value": 30.0,
        "expected": 2.0,
        "surprisal": 9.0,
    }
    assert list(said.evidence[0].items())[8:] == [
        ("level", 3),
        ("onset", T0 + HOUR),
        ("probability", 0.8),
    ]


def test_who_is_told_of_is_shown_however_many_speak_louder() -> None:
    many = [strand(f"s-{n:02d}", 9.0 - n / 10) for n in range(EVIDENCE_SHOWN + 5)]
    said = version(*many, crossing("a", 4, onset=T0 + HOUR, probability=0.8))
    assert len(said.evidence) == EVIDENCE_SHOWN
    assert [e["key"] for e in said.evidence][:2] == ["a", "s-00"]
    assert said.headline is not None
    assert "level" in said.headline.en


def test_a_warning_is_told_of_by_its_own_hazard() -> None:
    rain = crossing("r", 1, kind="rain", hazard="waterlogging")
    pipe = strand("p", 6.0, kind="water_pressure", hazard="water_supply", value=210.0)
    said = version(pipe, rain, hazard="water_supply")
    assert said.headline is not None
    assert said.headline.en.startswith("Water pressure")
    assert [e["key"] for e in said.evidence] == ["p", "r"]


def test_the_place_is_where_the_evidence_is_strongest() -> None:
    heavy, light = strand("a", 6.0, lon=106.0), strand("b", 3.0, lon=106.3)
    assert version(heavy, light).lon == pytest.approx(106.1, abs=1e-6)


@pytest.mark.parametrize(
    ("ahead", "urgency"),
    [
        (None, "Immediate"),
        (-MINUTE, "Immediate"),
        (IMMEDIATE_MS - 1, "Immediate"),
        (IMMEDIATE_MS, "Expected"),
        (EXPECTED_MS - 1, "Expected"),
        (EXPECTED_MS, "Future"),
    ],
)
def test_urgency_says_how_long_there_is(ahead: int | None, urgency: str) -> None:
    now = T0 + MINUTE
    onset = None if ahead is None else now + ahead
    said = version(*at_level(2, onset=onset, probability=0.9), time=now)
    assert said.urgency == urgency
    assert said.onset == (onset if ahead is not None and ahead > 0 else T0)


def test_a_cleared_version_is_still_of_the_place_it_was_of() -> None:
    bridge = Text("Old Bridge", "老桥")
    known = Registry(town([sensor("a", name=bridge)]))
    life = Life.of(view())
    list(life.see(view(*at_level(1))))
    list(life.see(view(time=T0 + MINUTE)))
    while (due := life.due()) is not None:
        (change,) = life.pass_time(due)
    assert write_version(life, change, known).place == bridge


def test_a_cleared_version_keeps_the_worst_level_and_a_place() -> None:
    life = Life.of(view())
    list(life.see(view(*at_level(1))))
    list(life.see(view(time=T0 + MINUTE)))
    while (due := life.due()) is not None:
        (change,) = life.pass_time(due)
    said = write_version(life, change, TOWN)
    assert (said.status, said.level, said.urgency) == ("cleared", 1, "Past")
    assert said.reason.startswith("cleared")
    assert said.evidence == ()
    lat, lon = h3.cell_to_latlng(HERE)
    assert (said.lon, said.lat) == (round(lon, 6), round(lat, 6))
    assert said.version == life.version == 3
    assert said.next is None


def test_what_people_did_is_on_it() -> None:
    life = Life.of(view())
    list(life.see(view(*at_level(2))))
    (change,) = life.obey(
        Command("c-1", T0 + 5, "op-7", "wl-12345678", 1, "ack", None, "on my way")
    )
    said = write_version(life, change, TOWN)
    assert said.marks == Marks(acknowledged="op-7")
    assert said.reason == "ack by op-7: on my way"
    assert (said.version, said.time) == (2, T0 + 5)


def _going(key: str) -> Forecast:
    return Forecast(key, 2, 0.9, (T0, T0 + HOUR), *((30.0, 30.0 + q) for q in range(5)))


def test_who_is_told_of_says_where_it_is_going() -> None:
    later, sooner = (
        crossing(key, 2, onset=T0 + ahead, probability=0.9, forecast=_going(key))
        for key, ahead in (("a", 2 * HOUR), ("b", HOUR))
    )
    said = version(later, sooner)
    assert said.forecast == _going("b")
    assert said.onset == T0 + HOUR
    assert decode_alert(encode_alert_line(said)) == said


def test_where_the_threat_is_there_nothing_is_foretold() -> None:
    ahead = crossing("a", 2, onset=T0 + HOUR, probability=0.9, forecast=_going("a"))
    assert version(ahead, crossing("b", 2)).forecast is None
    assert version(ahead, crossing("b", 3)).forecast == _going("a")
    assert version(ahead, crossing("b", 3), time=T0 + HOUR).forecast is None


def test_one_that_is_held_down_says_what_it_waits_for() -> None:
    assert version(strand("a", 8.0)).next == {"what": "second_source", "at": None}


# --- why -------------------------------------------------------------------------------------

PEOPLE = strand("r", 5.0, source="report", count=5)
QUIET = strand("o", 5.0, source="outage", value=4.0)
CELL = strand("c", 5.0, source="cell", value=3.0)


@pytest.mark.parametrize(
    ("strands", "behind"),
    [
        ((strand("a"),), "1 sensor alone"),
        ((strand("a"), strand("b")), "2 sensors agree"),
        ((PEOPLE,), "5 reports agree"),
        ((strand("a"), PEOPLE), "1 sensor and 5 reports agree"),
        ((QUIET,), "4 silent sensors agree"),
        ((strand("a"), PEOPLE, QUIET), "1 sensor and 5 reports and 4 silent sensors agree"),
        ((CELL,), "3 sensors agree"),
        ((strand("a", 1.0), strand("b", 1.0)), "signs that are weak each by itself"),
    ],
)
def test_the_reason_names_what_stands_behind_it(strands: tuple[Strand, ...], behind: str) -> None:
    for reason, start in (
        (Reason.ISSUED, "issued at orange: "),
        (Reason.ESCALATED, "escalated at orange: "),
        (Reason.REOPENED, "issued again at orange: "),
    ):
        assert because(reason, *strands) == start + behind
    spread = because(Reason.SPREAD, *strands)
    assert spread.startswith("now in 1 cell")
    assert spread.endswith(f": {behind}")


def test_growth_says_to_how_many_cells() -> None:
    life = Life.of(view(strand("a"), cells=("x", "y", "z")))
    life.level, life.active = 2, True
    said = write_version(life, Change(T0, Reason.SPREAD, ""), TOWN).reason
    assert said == "spread to 3 cells: 1 sensor alone"


def test_a_faulty_sensor_is_counted_apart_and_not_spoken_of() -> None:
    lies = strand("a", 2.2, fault="drift", value=90.0, lon=106.9)
    true = [strand("b", 8.0), strand("c", 8.0)]
    assert because(Reason.ISSUED, *true, lies).endswith("2 sensors agree; 1 held to be faulty")
    said = version(*true, lies)
    assert said.place != Text("Old Bridge", "老桥")
    assert (said.lon, said.headline) == (version(*true).lon, version(*true).headline)
    assert [evidence.get("fault") for evidence in said.evidence] == [None, None, "drift"]


def test_the_other_reasons_say_what_happened() -> None:
    assert because(Reason.CONFIRMED_BY, strand("a"), PEOPLE, detail="reports") == (
        "reports agree: 1 sensor and 5 reports agree"
    )
    assert because(Reason.REACHED, strand("a")) == "reached as expected: 1 sensor alone"
    assert because(Reason.WORSE, strand("a")) == "worse is expected: 1 sensor alone"
    assert because(Reason.LATER, strand("a")) == "expected later: 1 sensor alone"
    assert because(Reason.FAILED, strand("a")) == "not reached as expected: 1 sensor alone"
    eased = because(Reason.EASED, strand("a"), detail="5 min")
    assert eased == "eased to orange: lower for 5 min"
    assert because(Reason.CLEARED, active=False) == "cleared: nothing unusual for 10 min"
    assert because(Reason.MERGED, detail="wl-older", active=False) == "joined wl-older"
    assert because(Reason.BY_PERSON, detail="false_alarm by op-7") == "false_alarm by op-7"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words(reason: Reason) -> None:
    assert because(reason, strand("a"), detail="something")


# --- what verdicts say of it -----------------------------------------------------------------


def test_the_chance_of_confirmation_is_told_once_it_is_known() -> None:
    life = Life.of(view())
    (change,) = life.see(view(*at_level(3)))
    plain, told = write_version(life, change, TOWN), write_version(life, change, TOWN, 0.834)
    assert told.confirmation == 0.83
    assert told.reason == f"{plain.reason}; chance of confirmation 83 %"
    assert b"confirmation" not in encode_alert_line(plain)
    assert b'"confirmation":0.83' in encode_alert_line(told)
    assert decode_alert(encode_alert_line(plain).replace(b"{", b'{"latency_us":null,', 1)) == plain


@pytest.mark.parametrize(
    ("shift", "said"), [(-0.42, "; verdicts lower it by 0.4"), (0.3, "; verdicts raise it by 0.3")]
)
def test_what_verdicts_moved_is_told(shift: float, said: str) -> None:
    life = Life.of(view())
    (change,) = life.see(view(strand("a", 9.0), strand("b", 9.0)), taught=Taught(shift))
    assert write_version(life, change, TOWN).reason.endswith(said)
