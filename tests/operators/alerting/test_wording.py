"""The facts first, whole sentences, in both languages."""

from typing import Any

import pytest

from operators.alerting.wording import headline, place, trend
from operators.events import HAZARDS, District, Text
from operators.incident import Strand
from operators.kinds import KINDS
from operators.registry import Registry
from tests.operators.alerting.strands import strand
from tests.operators.town import evidence, sensor, town

NBSP = "\u00a0"


def said(*strands: Strand, hazard: str = "waterlogging", onset: str | None = None) -> Text:
    return headline(hazard, strands, onset)


def of_kind(kind: str, value: float, expected: float, **more: Any) -> Strand:
    return strand("a", 5.0, kind=kind, value=value, expected=expected, **more)


def crossed(kind: str, level: int, value: float, line: float) -> Strand:
    return of_kind(kind, value, line, source="level", level=level)


@pytest.mark.parametrize(
    ("strand", "onset", "en", "zh"),
    [
        (
            crossed("river_level", 2, 183.24, 180.5),
            None,
            "River level over the orange level, 180.5 m; now 183.2 m",
            "河道水位超橙色线 180.5 米，现 183.2 米",
        ),
        (
            crossed("river_level", 1, 3.456, 4.0),
            "14:05",
            "River level over the red level, 4.00 m, at about 14:05; now 3.46 m",
            "河道水位约 14:05 超红色线 4.00 米，现 3.46 米",
        ),
        (
            crossed("water_pressure", 4, 190.0, 200.0),
            None,
            "Water pressure under the blue level, 200.0 kPa; now 190.0 kPa",
            "供水压力低于蓝色线 200.0 kPa，现 190.0 kPa",
        ),
        (
            crossed("water_pressure", 3, 190.0, 150.0),
            "09:30",
            "Water pressure under the yellow level, 150.0 kPa, at about 09:30; now 190.0 kPa",
            "供水压力约 09:30 低于黄色线 150.0 kPa，现 190.0 kPa",
        ),
        (
            of_kind("pm25", 241.0, 35.26),
            None,
            "PM2.5 241.0 µg/m³ where 35.3 µg/m³ is expected",
            "PM2.5 241.0 微克/立方米，预期 35.3 微克/立方米",
        ),
        (
            of_kind("crowd_count", 5200.0, 800.0),
            None,
            "Crowd 5200 where 800.0 is expected",
            "人群 5200，预期 800.0",
        ),
        (
            of_kind("beehives", 3.0, 1.0),
            None,
            "Signal 3.0 where 1.0 is expected",
            "信号 3.0，预期 1.0",
        ),
        (
            of_kind("reports", 6.0, 0.34, source="report", count=6),
            None,
            "Street water: 6 reports where 0.3 are expected",
            "内涝：6 条报告，预期 0.3 条",
        ),
        (of_kind("outage", 5.0, 0.1, source="outage"), None, "Street water", "内涝"),
    ],
)
def test_a_headline_says_what_how_much_and_when(
    strand: Strand, onset: str | None, en: str, zh: str
) -> None:
    text = said(strand, onset=onset)
    assert text.en.replace(NBSP, " ") == en
    assert text.zh.replace(NBSP, " ") == zh


def test_a_number_stays_with_its_unit() -> None:
    assert f"241.0{NBSP}µg/m³" in said(of_kind("pm25", 241.0, 35.0)).en


def test_a_crossing_is_told_before_anything_stronger() -> None:
    text = said(of_kind("pm25", 241.0, 35.0), crossed("river_level", 1, 9.0, 8.0))
    assert text.en.startswith("River level over the red level")


@pytest.mark.parametrize("hazard", HAZARDS)
def test_every_hazard_has_words(hazard: str) -> None:
    text = said(hazard=hazard)
    assert text.en
    assert text.zh
    assert text.zh != text.en


@pytest.mark.parametrize("kind", [*KINDS, "unheard_of"])
@pytest.mark.parametrize("source", ["sensor", "level"])
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_every_kind_has_words(kind: str, source: str, level: int) -> None:
    text = said(of_kind(kind, 1.5, 1.0, source=source, level=level))
    for words in (text.en, text.zh):
        assert "1.5" in words
        assert "{" not in words.replace("%{LEL}", "")
        assert words == words.strip()


def test_the_place_is_the_strongest_named_sensor_else_the_district() -> None:
    bridge = Text("Old Bridge", "老桥")
    known = Registry(
        town([sensor("named", name=bridge), sensor("plain")], districts=(District("d", "Dale"),))
    )
    assert place(known, "d", (strand("plain"), strand("named"))) == bridge
    assert place(known, "d", (strand("plain"), strand("nobody"))) == Text("Dale", "Dale")
    assert place(known, "elsewhere", ()) == Text("elsewhere", "elsewhere")
    assert place(Registry(town()), "east", ()) == Text("East Bank", "东岸")


@pytest.mark.parametrize(
    ("before", "now", "expected", "going"),
    [
        (10.0, 20.0, 0.0, "rising_fast"),
        (18.0, 20.0, 0.0, "rising"),
        (20.0, 20.0, 0.0, "steady"),
        (22.0, 20.0, 0.0, "falling"),
        (10.0, 5.0, 30.0, "rising"),  # away from what is expected, downwards
        (0.0, -40.0, 30.0, "rising_fast"),
        (5.0, 10.0, 30.0, "falling"),
        (5.0, 5.0, 5.0, "steady"),
    ],
)
def test_the_trend_is_away_from_what_is_expected(
    before: float, now: float, expected: float, going: str
) -> None:
    latest = evidence("a", value=now, expected=expected)
    assert trend((Strand(0, latest, latest, previous_value=before),)) == going


def test_what_was_said_once_has_no_trend() -> None:
    first = evidence("a")
    assert trend((Strand(0, first, first),)) is None
    assert trend((strand("r", source="report"),)) is None
    assert trend(()) is None


@pytest.mark.parametrize(("told", "en", "zh"), [(3, "", ""), (5, " (told 5 times)", "（共 5 次）")])
def test_what_was_told_again_is_said(told: int, en: str, zh: str) -> None:
    burst = of_kind("reports", 3.0, 0.2, source="report", count=3, told=told)
    text = said(burst)
    assert f"3 reports{en} where" in text.en
    assert f"3 条报告{zh}，" in text.zh
