"""The facts first, whole sentences, in both languages."""

from typing import Any

import pytest

from operators.alerting.wording import headline, place, trend
from operators.events import HAZARDS, District, Text
from operators.incident import Strand
from operators.kinds import KINDS
from operators.registry import Registry
from tests.operators.alerting.strands import strand
from tests.operators.town import HOUR, MINUTE, evidence, sensor, town

NBSP = "\u00a0"
REGISTRY = Registry(
    town(
        [
            sensor("frost", "temperature", direction="below"),
            sensor("low water", "river_level", direction="below"),
        ]
    )
)


def clock(at: int) -> str:
    return f"{at // HOUR % 24:02}:{at // MINUTE % 60:02}"


def said(*strands: Strand, hazard: str = "waterlogging") -> Text:
    return headline(hazard, strands, clock, REGISTRY)


def of_kind(kind: str, value: float, expected: float, key: str = "a", **more: Any) -> Strand:
    return strand(key, 5.0, kind=kind, value=value, expected=expected, **more)


def crossed(
    kind: str, level: int, value: float, line: float, onset: int | None = None, key: str = "a"
) -> Strand:
    of_level: dict[str, Any] = {
        "source": "level",
        "level": level,
        "onset": onset,
        "time": 10 * HOUR,
    }
    return of_kind(kind, value, line, key=key, **of_level)


@pytest.mark.parametrize(
    ("strand", "en", "zh"),
    [
        (
            crossed("river_level", 2, 183.24, 180.5),
            "River level over the orange level, 180.5 m; 183.2 m at 10:00",
            "河道水位超橙色线 180.5 米，10:00 为 183.2 米",
        ),
        (
            crossed("river_level", 1, 3.456, 4.0, 14 * HOUR + 5 * MINUTE),
            "River level over the red level, 4.00 m, at about 14:05; 3.46 m at 10:00",
            "河道水位约 14:05 超红色线 4.00 米，10:00 为 3.46 米",
        ),
        (
            crossed("water_pressure", 4, 190.0, 200.0),
            "Water pressure under the blue level, 200.0 kPa; 190.0 kPa at 10:00",
            "供水压力低于蓝色线 200.0 kPa，10:00 为 190.0 kPa",
        ),
        (
            crossed("water_pressure", 3, 190.0, 150.0, 10 * HOUR + 30 * MINUTE),
            "Water pressure under the yellow level, 150.0 kPa, at about 10:30; 190.0 kPa at 10:00",
            "供水压力约 10:30 低于黄色线 150.0 kPa，10:00 为 190.0 kPa",
        ),
        (
            of_kind("pm25", 241.0, 35.26),
            "PM2.5 241.0 µg/m³ where 35.3 µg/m³ is expected",
            "PM2.5 241.0 微克/立方米，预期 35.3 微克/立方米",
        ),
        (
            of_kind("crowd_count", 615.0, 91.54),
            "Crowd 615 where 91.5 is expected",
            "人群 615，预期 91.5",
        ),
        (
            of_kind("traffic_flow", 0.0, 1640.0),
            "Traffic flow 0 /h where 1640 /h is expected",
            "车流量 0 辆/时，预期 1640 辆/时",
        ),
        (
            of_kind("beehives", 3.0, 1.0),
            "Signal 3 where 1 is expected",
            "信号 3，预期 1",
        ),
        (
            of_kind("reports", 6.0, 0.34, source="report", count=6),
            "Street water: 6 reports where 0.3 are expected",
            "内涝：6 条报告，预期 0.3 条",
        ),
        (
            of_kind("reports", 6.0, 0.06, source="report", count=6),
            "Street water: 6 reports where 0.1 are expected",
            "内涝：6 条报告，预期 0.1 条",
        ),
        (
            of_kind("reports", 10.0, 0.04, source="report", count=10),
            "Street water: 10 reports where none are expected",
            "内涝：10 条报告，预期 0 条",
        ),
        (
            of_kind("outage", 5.0, 0.12, source="outage"),
            "Street water: 5 sensors silent where 0.1 are expected",
            "内涝：5 个传感器无声，预期 0.1 个",
        ),
        (
            of_kind("cell", 5.0, 0.12, source="cell"),
            "Street water: 5 sensors unusual in one place where 0.1 are expected",
            "内涝：一处 5 个传感器异常，预期 0.1 个",
        ),
    ],
)
def test_a_headline_says_what_how_much_and_when(strand: Strand, en: str, zh: str) -> None:
    text = said(strand)
    assert text.en.replace(NBSP, " ") == en
    assert text.zh.replace(NBSP, " ") == zh


def test_a_number_stays_with_its_unit() -> None:
    assert f"241.0{NBSP}µg/m³" in said(of_kind("pm25", 241.0, 35.0)).en


def test_a_crossing_is_told_before_anything_stronger() -> None:
    text = said(of_kind("pm25", 241.0, 35.0), crossed("river_level", 1, 9.0, 8.0))
    assert text.en.startswith("River level over the red level")


def test_place_and_headline_are_of_the_same_sensor() -> None:
    names = {key: Text(key.title(), key) for key in ("quay", "gate", "weir")}
    known = Registry(town([sensor(key, "river_level", name=name) for key, name in names.items()]))
    soon = crossed("river_level", 1, 7.0, 8.0, 11 * HOUR, key="gate")
    there = crossed("river_level", 1, 8.4, 8.0, key="weir")
    strongest = strand("quay", 9.0, kind="river_level", value=5.0, expected=2.0)
    for strands, who, words in (
        ((strongest, soon, there), "weir", "over the red level, 8.00 m; 8.40 m at 10:00"),
        ((strongest, soon), "gate", "over the red level, 8.00 m, at about 11:00; 7.00 m at 10:00"),
        ((strongest,), "quay", "5.00 m where 2.00 m is expected"),
    ):
        assert place(known, "east", strands) == names[who]
        assert words in said(*strands).en.replace(NBSP, " ")


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


def test_a_sensor_s_own_side_counts() -> None:
    frost = said(crossed("temperature", 4, -7.2, -5.0, key="frost"), hazard="other")
    assert frost.en.startswith("Temperature under the blue level")
    assert "低于" in frost.zh
    low = said(crossed("river_level", 2, 1.2, 1.5, key="low water"), hazard="flood")
    assert low.en.startswith("River level under the orange level")
    assert said(crossed("river_level", 2, 4.2, 3.5)).en.startswith("River level over the orange")
