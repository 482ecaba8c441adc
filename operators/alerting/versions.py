"""Write one version of a warning: what it says, and why.

The reason names what changed and what stands behind it; the evidence begins with who is told of,
then the strongest first, each with what was expected.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any, Literal
from zoneinfo import ZoneInfo

import h3
from msgspec import UNSET

from operators.alerting.grading import Grade, Reason
from operators.alerting.lifecycle import Change, Life
from operators.alerting.wording import headline, place, spokesman, trend
from operators.events import LEVEL_NAMES, Alert, Evidence, Forecast, Marks
from operators.incident import IncidentView, Strand, is_like
from operators.registry import Registry

__all__ = ["write_version"]

EVIDENCE_SHOWN = 12
SAID_FROM = 0.05
"""What verdicts moved a score by, from which it is said."""
EXPECTED_MS = 3_600_000
"""An onset within this is urgency Expected; later, Future; within five minutes, Immediate."""
IMMEDIATE_MS = 300_000


def write_version(
    life: Life, change: Change, registry: Registry, chance: float | None = None
) -> Alert:
    """Return the message for a change that has just been made.

    Parameters
    ----------
    chance
        How likely it is to be confirmed, once verdicts say so.
    """
    view, grade = life.view, life.grade
    # What a faulty sensor reads is neither said nor shown on the map.
    believed = tuple(s for s in view.strands if not s.latest.fault)
    lon, lat = _place_of(believed, registry, view.cells)
    # A warning of water pressure is not told of by the rain that fell on it.
    own = tuple(s for s in believed if is_like(view.hazard, s.latest.hazard))
    level = life.level if life.active else life.worst
    clock = partial(_clock, ZoneInfo(registry.city.timezone))
    ahead = grade.onset if grade.onset is not None and grade.onset > change.time else None
    return Alert(
        id=view.id,
        version=life.version,
        time=change.time,
        status="active" if life.active else "cleared",
        level=level,
        hazard=view.hazard,
        district=view.district,
        cells=view.cells,
        lon=lon,
        lat=lat,
        onset=ahead or view.start,
        first=life.first,
        urgency=_urgency(life, ahead, change.time),
        certainty=grade.certainty,
        score=grade.score,
        reason=_reason(change, level, grade, view, chance),
        evidence=tuple(_shown(strand.latest) for strand in _shown_of(view.strands, own)),
        place=place(registry, view.district, own or life.last),
        headline=headline(view.hazard, own, clock, registry),
        trend=trend(believed),
        marks=None if life.marks == Marks() else life.marks,
        forecast=_forecast(own, change.time),
        next={"what": "second_source", "at": None} if grade.capped and life.active else None,
        confirmation=UNSET if chance is None else round(chance, 2),
    )


def _shown_of(strands: tuple[Strand, ...], own: tuple[Strand, ...]) -> tuple[Strand, ...]:
    """Return who is shown: first who is told of, then the others, the strongest first."""
    main = spokesman(own)
    first = () if main is None else (main,)
    return (*first, *(strand for strand in strands if strand is not main))[:EVIDENCE_SHOWN]


def _shown(evidence: Evidence) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "source": evidence.source,
        "key": evidence.key,
        "kind": evidence.kind,
        "cell": evidence.cell,
        "time": evidence.time,
        "value": evidence.value,
        "expected": evidence.expected,
        "surprisal": evidence.surprisal,
    }
    if evidence.source == "report":
        shown["spread_m"] = evidence.spread_m
    if evidence.fault:
        shown["fault"] = evidence.fault
    if evidence.source == "level":
        shown |= {
            "level": evidence.level,
            "onset": evidence.onset,
            "probability": evidence.probability,
        }
    return shown


def _forecast(strands: tuple[Strand, ...], now: int) -> Forecast | None:
    """Return where the sensor is going that is told of; None where the threat is there."""
    main = spokesman(strands)
    if main is None or main.latest.onset is None or main.latest.onset <= now:
        return None
    return main.latest.forecast


def _place_of(
    strands: tuple[Strand, ...], registry: Registry, cells: tuple[str, ...]
) -> tuple[float, float]:
    weights = [(s.strength, s.latest.lon, s.latest.lat) for s in strands if s.strength > 0]
    if not weights:
        lat, lon = h3.cell_to_latlng(cells[0])
        return round(lon, 6), round(lat, 6)
    total = sum(weight for weight, _, _ in weights)
    return (
        round(sum(weight * lon for weight, lon, _ in weights) / total, 6),
        round(sum(weight * lat for weight, _, lat in weights) / total, 6),
    )


def _urgency(
    life: Life, ahead: int | None, now: int
) -> Literal["Immediate", "Expected", "Future", "Past"]:
    if not life.active:
        return "Past"
    if ahead is None or ahead - now < IMMEDIATE_MS:
        return "Immediate"
    return "Expected" if ahead - now < EXPECTED_MS else "Future"


def _reason(
    change: Change, level: int, grade: Grade, view: IncidentView, chance: float | None
) -> str:
    word, cells = LEVEL_NAMES[level], len(view.cells)
    faulty = len({s.latest.key for s in view.strands if s.latest.fault})
    behind = _behind(grade) + (f"; {faulty} held to be faulty" if faulty else "")
    behind += _by_verdicts(grade, chance)
    match change.reason:
        case Reason.ISSUED | Reason.REOPENED | Reason.ESCALATED:
            return f"{change.reason.value} at {word}: {behind}"
        case Reason.EASED:
            return f"eased to {word}: lower for {change.detail}"
        case Reason.CLEARED:
            return "cleared: nothing unusual for 10 min"
        case Reason.SPREAD:
            return f"spread to {cells} cells: {behind}" if cells > 1 else f"now in 1 cell: {behind}"
        case Reason.CONFIRMED_BY:
            return f"{change.detail} agree: {behind}"
        case Reason.MERGED:
            return f"joined {change.detail}"
        case Reason.BY_PERSON:
            return change.detail
        case _:
            return f"{change.reason.value}: {behind}"


def _behind(grade: Grade) -> str:
    sensors, reports = grade.sensors, grade.reports
    said = []
    if sensors:
        said.append(f"{sensors} sensor{'s' if sensors > 1 else ''}")
    if reports:
        said.append(f"{reports} report{'s' if reports > 1 else ''}")
    if grade.silent:
        said.append(f"{grade.silent} silent sensors")
    if not said:
        return "signs that are weak each by itself"
    if sensors + reports + grade.silent == 1:
        return f"{said[0]} alone"
    return " and ".join(said) + " agree"


def _by_verdicts(grade: Grade, chance: float | None) -> str:
    """Return what people's verdicts on earlier warnings make of this one."""
    said = "" if chance is None else f"; chance of confirmation {100 * chance:.0f} %"
    if abs(grade.taught) >= SAID_FROM:
        said += f"; verdicts {'raise' if grade.taught > 0 else 'lower'} it by "
        said += f"{abs(grade.taught):.1f}"
    return said


def _clock(zone: ZoneInfo, at: int) -> str:
    return dt.datetime.fromtimestamp(at / 1000, zone).strftime("%H:%M")
