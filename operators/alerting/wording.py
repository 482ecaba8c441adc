"""What a warning is called, in both languages.

Every sentence is a whole template per language; of fragments only the side of a level is put in.
Facts first, then numbers, no adjectives of alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from operators.events import Evidence, Text
from operators.evidence import CITY_WIDE
from operators.incident import Strand
from operators.kinds import kind_of
from operators.registry import Registry

__all__ = ["Clock", "headline", "place", "spokesman", "trend"]

Clock: TypeAlias = Callable[[int], str]
"""Returns a time as the city's clocks show it."""

_UNITS_ZH = {
    "m": "米",
    "cm": "厘米",
    "mm": "毫米",
    "mm/h": "毫米/时",
    "km/h": "公里/时",
    "1/h": "辆/时",
    "ug/m3": "微克/立方米",
    "%{LEL}": "% 爆炸下限",
    "Cel": "℃",
    "1": "",
    "s": "秒",
}
_UNITS_EN = {"ug/m3": "µg/m³", "%{LEL}": "% LEL", "Cel": "°C", "1": "", "1/h": "/h"}
_COUNTED = ("1", "1/h")
_LEVELS = {1: Text("red", "红色"), 2: Text("orange", "橙色"), 3: Text("yellow", "黄色")}
_HAZARDS = {
    "flood": Text("Flood", "洪水"),
    "waterlogging": Text("Street water", "内涝"),
    "landslide": Text("Slope movement", "滑坡"),
    "gas_leak": Text("Gas", "燃气泄漏"),
    "fire": Text("Fire", "火情"),
    "air_pollution": Text("Air pollution", "空气污染"),
    "traffic": Text("Traffic", "交通"),
    "crowding": Text("Crowd", "人群聚集"),
    "water_supply": Text("Water supply", "供水"),
    "power": Text("Power", "供电"),
    "noise": Text("Noise", "噪声"),
    "other": Text("Unusual", "异常"),
}


def spokesman(strands: tuple[Strand, ...]) -> Strand | None:
    """Return who is told of: at the worst level, or soonest to be; else the strongest.

    Place, headline and the screen's curve are of one and the same.
    """
    crossings = [strand for strand in strands if strand.latest.source == "level"]
    if crossings:
        return min(crossings, key=lambda s: (s.latest.level, s.latest.onset or 0, s.latest.key))
    sensors = (strand for strand in strands if strand.latest.source == "sensor")
    return next(sensors, strands[0] if strands else None)


def place(registry: Registry, district: str, strands: tuple[Strand, ...]) -> Text:
    """Return where: of who is told of, else the strongest with a name, else district or city."""
    main = spokesman(strands)
    for strand in strands if main is None else (main, *strands):
        position = registry.index.get(strand.latest.key)
        if position is not None:
            name = registry.sensors[position].name
            if name is not None:
                return name
    for known in registry.city.districts:
        if known.id == district:
            return Text(known.name, known.name_zh or known.name)
    if district == "city":
        return Text(registry.city.name, registry.city.name_zh or registry.city.name)
    return Text(district, district)


def headline(hazard: str, strands: tuple[Strand, ...], clock: Clock, registry: Registry) -> Text:
    """Return what, how much, when."""
    main = spokesman(strands)
    if main is None:
        return _HAZARDS[hazard]
    match main.latest.source:
        case "level":
            return _crossing(main.latest, clock, registry)
        case "sensor":
            return _unusual(main.latest)
        case "outage":
            return _silent(hazard, main.latest)
    reports = [s.latest for s in strands if s.latest.source == "report"]
    return _reported(hazard, reports[0]) if reports else _together(hazard, main.latest)


def _crossing(e: Evidence, clock: Clock, registry: Registry) -> Text:
    kind, word = kind_of(e.kind), _LEVELS.get(e.level, Text("blue", "蓝色"))
    value_en, value_zh = _value(e.value, kind.unit)
    line_en, line_zh = _value(e.expected, kind.unit)
    at = clock(e.time)
    position = registry.index.get(e.key)
    own = None if position is None else registry.sensors[position].direction
    below = (own or kind.direction) == "below"
    side_en, side_zh = ("under", "低于") if below else ("over", "超")
    if e.onset is None:
        return Text(
            f"{kind.en} {side_en} the {word.en} level, {line_en}; {value_en} at {at}",
            f"{kind.zh}{side_zh}{word.zh}线 {line_zh}，{at} 为 {value_zh}",
        )
    soon = clock(e.onset)
    return Text(
        f"{kind.en} {side_en} the {word.en} level, {line_en}, at about {soon}; {value_en} at {at}",
        f"{kind.zh}约 {soon} {side_zh}{word.zh}线 {line_zh}，{at} 为 {value_zh}",
    )


def _silent(hazard: str, e: Evidence) -> Text:
    word = _HAZARDS[hazard]
    return Text(
        f"{word.en}: {e.value:.0f} sensors silent where {_few(e.expected)} are expected",
        f"{word.zh}：{e.value:.0f} 个传感器无声，预期 {_few(e.expected, '0')} 个",
    )


def _together(hazard: str, e: Evidence) -> Text:
    """Return what is said of a cell, whose sensors each speak too softly to be told of."""
    word, usual = _HAZARDS[hazard], f"{_few(e.expected)} are expected"
    return Text(
        f"{word.en}: {e.value:.0f} sensors unusual in one place where {usual}",
        f"{word.zh}：一处 {e.value:.0f} 个传感器异常，预期 {_few(e.expected, '0')} 个",
    )


def _unusual(e: Evidence) -> Text:
    kind = kind_of(e.kind)
    now_en, now_zh = _value(e.value, kind.unit)
    usual_en, usual_zh = _value(e.expected, kind.unit)
    return Text(
        f"{kind.en} {now_en} where {usual_en} is expected",
        f"{kind.zh} {now_zh}，预期 {usual_zh}",
    )


def _reported(hazard: str, e: Evidence) -> Text:
    word = _HAZARDS[hazard]
    repeated = e.told > e.count
    told_en, told_zh = (f" (told {e.told} times)", f"（共 {e.told} 次）") if repeated else ("", "")
    if e.channel == CITY_WIDE:
        usual = f"{_few(e.expected)} are expected"
        return Text(
            f"{word.en}: {e.count} reports from all over the city where {usual}",
            f"{word.zh}：全市 {e.count} 条报告，预期 {_few(e.expected, '0')} 条",
        )
    return Text(
        f"{word.en}: {e.count} reports{told_en} where {_few(e.expected)} are expected",
        f"{word.zh}：{e.count} 条报告{told_zh}，预期 {_few(e.expected, '0')} 条",
    )


def _few(number: float, none: str = "none") -> str:
    return none if number < 0.05 else f"{number:.1f}"


def _value(value: float, unit: str) -> tuple[str, str]:
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 or unit != "m" else 2
    if unit in _COUNTED and value == round(value):
        digits = 0
    number = f"{value:.{digits}f}"
    en, zh = _UNITS_EN.get(unit, unit), _UNITS_ZH.get(unit, unit)
    return f"{number}\u00a0{en}".rstrip("\u00a0"), f"{number}\u00a0{zh}".rstrip("\u00a0")


def trend(
    strands: tuple[Strand, ...],
) -> Literal["rising_fast", "rising", "steady", "falling"] | None:
    """Return where the strongest sensor is going, away from what is expected being up."""
    for strand in strands:
        if strand.latest.source == "sensor" and strand.previous_value is not None:
            step = strand.latest.value - strand.previous_value
            gap = strand.latest.value - strand.latest.expected
            share = step / gap if gap else 0.0
            if share > 0.25:
                return "rising_fast"
            if share > 0.05:
                return "rising"
            return "falling" if share < -0.05 else "steady"
    return None
