"""How bad: from an incident's evidence to a level, with the reason.

One table holds every threshold. A level is entered at ``ENTER`` and kept down to ``LEAVE`` below
it, so a score that hovers does not flap. What one faulty sensor can say alone is bounded here, and
so is what verdicts on earlier warnings may change: never a red, never what an official level says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Literal, NamedTuple

from operators.alerting.fusion import Parts, parts_of
from operators.events import NO_LEVEL, Evidence
from operators.evidence import CITY_WIDE
from operators.incident import SPEAKS, IncidentView, Strand, is_of

__all__ = [
    "ENTER",
    "LEAVE",
    "PEERS",
    "TAUGHT_AT_MOST",
    "UNTAUGHT",
    "Grade",
    "Reason",
    "Taught",
    "grade",
]

ENTER = {1: 14.0, 2: 10.5, 3: 7.0, 4: 4.5}
"""Fused score from which each level is entered."""
LEAVE = 1.0
"""How far under it a level is still kept."""
ALONE_AT_MOST = 4
"""What one sensor can say without an official level or a second source."""
LEVEL_ALONE_AT_MOST = 3
"""What one sensor can say alone by crossing, or being about to cross, an official level."""
REPORTS_ALONE_AT_MOST = 2
"""What many reports from one place can say without any sensor."""
CITY_WIDE_AT_MOST = 4
"""What reports from all over the city can say: they name no place to send anybody to."""
SEVERAL_REPORTS = 5
"""Reports from which they count as many: three can be one household."""
TOLERATED = frozenset({"crowding", "traffic", "noise"})
"""What is often as it should be, however unusual: a match, a fair, a lane closed by plan. Who is
troubled by it says so; where nobody who could does, sensors are held down."""
TAUGHT_AT_MOST = 1.0
"""How far verdicts move a score, either way; whether it is a red they never touch."""
PEERS = 2
"""Sensors that could agree from which their silence is an objection: one may be quiet itself."""


class Reason(Enum):
    """Why a version was made, in the words a person reads."""

    ISSUED = "issued"
    ESCALATED = "escalated"
    EASED = "eased"
    SPREAD = "spread"
    CONFIRMED_BY = "a further source agrees"
    REACHED = "reached as expected"
    WORSE = "worse is expected"
    LATER = "expected later"
    FAILED = "not reached as expected"
    CLEARED = "cleared"
    REOPENED = "issued again"
    MERGED = "joined"
    TAKES_OVER = "takes over what people said of one that joins"
    BY_PERSON = "by"
    UNSHELVED = "no longer shelved"


class Taught(NamedTuple):
    """What verdicts on earlier warnings have to say of one like this."""

    shift: float = 0.0
    """What is added to the score, by hazard and place."""
    worth: Mapping[str, float] = MappingProxyType({})
    """What the word of each source is worth, where it is less than 1; by ``voice``."""


UNTAUGHT = Taught()


class Grade(NamedTuple):
    """What an incident amounts to."""

    level: int
    keeps: int
    """The worst level that would be kept: thresholds lowered by ``LEAVE``."""
    score: float
    """What all say together, or what the worst official level is worth where that is more."""
    certainty: Literal["Observed", "Likely", "Possible", "Unlikely"]
    onset: int | None
    """When ``crossing`` will be reached; None when the threat is there."""
    sensors: int
    reports: int
    silent: int
    """Sensors that went quiet together."""
    capped: bool
    """Held down until a second source agrees."""
    parts: Parts = Parts()
    official: int = NO_LEVEL
    """The worst official level that is reached or expected, and believed."""
    taught: float = 0.0
    """What verdicts added to the score before it was held against the thresholds."""
    crossing: int = NO_LEVEL
    """The worst official level that anybody says is reached or expected."""
    reached: int = NO_LEVEL
    """The worst that anybody says is reached."""


def grade(
    view: IncidentView, doubted: Collection[str] = frozenset(), taught: Taught = UNTAUGHT
) -> Grade:
    """Return the grade of an incident's live strands.

    Parameters
    ----------
    doubted
        Sensors that are not believed alone.
    taught
        What verdicts on earlier warnings say of one like this.

    Notes
    -----
    The score is the evidence's alone. Verdicts move it by at most ``TAUGHT_AT_MOST`` where it is
    held against the thresholds of orange, yellow and blue; a red is one, or is none, without them.
    One sensor alone is no warning while it is doubted, or where it has official levels of which
    none is reached or expected: these say from when on it matters.
    """
    hazard, around = view.hazard, view.around
    agreeing = [strand for strand in view.strands if strand.strength >= SPEAKS]
    # Who is held to be faulty adds to the score, discounted, and frees nobody from a bound.
    own = [s for s in agreeing if is_of(hazard, s)]
    sensors = {s.latest.key for s in own if s.latest.source in ("sensor", "level")}
    # A cell speaks for sensors that may each be too quiet to be heard.
    together = max((round(s.latest.value) for s in own if s.latest.source == "cell"), default=0)
    several = max(len(sensors), together)
    by_reports = [s for s in own if s.latest.source == "report"]
    reports = max((s.latest.count for s in by_reports), default=0)
    silent = max((round(s.latest.value) for s in own if s.latest.source == "outage"), default=0)
    levels = [strand for strand in own if strand.latest.source == "level"]
    crossings = [strand.latest for strand in levels]
    crossing = min((c.level for c in crossings), default=NO_LEVEL)
    official = _believed(own, reports + silent)
    parts = parts_of(hazard, agreeing, around, {})
    score, moved = parts.score, 0.0
    if taught is not UNTAUGHT:
        believed = parts_of(hazard, agreeing, around, taught.worth)
        moved = taught.shift + believed.score - score
        moved = min(max(moved, -TAUGHT_AT_MOST), TAUGHT_AT_MOST)
    level = min(_by_score(score, moved), official)
    keeps = min(_by_score(score + LEAVE, moved), level)
    bound = max(_bound(several, reports, silent, official), _severest(own, official, reports))
    lone = several + reports + silent == 1
    if lone and (sensors <= set(doubted) or around.peers >= PEERS):
        bound = ALONE_AT_MOST
    if lone and not crossings and (sensors <= set(doubted) or all(s.latest.graded for s in own)):
        bound = NO_LEVEL
    if hazard in TOLERATED and around.people and not (reports or crossings):
        bound = ALONE_AT_MOST
    city_wide = any(strand.latest.channel == CITY_WIDE for strand in by_reports)
    if city_wide:
        bound = CITY_WIDE_AT_MOST
    return Grade(
        max(level, bound),
        max(keeps, bound),
        round(max([score, *(strand.strength for strand in levels)]), 1),
        _certainty(crossings, score, several + bool(reports) + silent > 1),
        _onset(crossings, crossing),
        several,
        reports,
        silent,
        level < bound < NO_LEVEL and not city_wide,
        parts,
        official,
        round(moved, 2),
        crossing,
        min((strand.reached for strand in levels), default=NO_LEVEL),
    )


def _believed(own: list[Strand], others: int) -> int:
    """Return the worst official level that is reached and believed.

    One sensor is believed to be one level worse than the next that has official levels, or, with
    nobody beside it, as far as ``_bound`` lets it; people and outages have no levels to compare.
    """
    worst: dict[str, int] = {}
    for strand in own:
        said = strand.latest
        if said.source in ("sensor", "level") and said.graded:
            level = said.level if said.source == "level" else NO_LEVEL
            worst[said.key] = min(level, worst.get(said.key, NO_LEVEL))
    ranked = sorted(worst.values())
    if len(ranked) < 2 or others:
        return ranked[0] if ranked else NO_LEVEL
    return max(ranked[0], ranked[1] - 1)


def _bound(sensors: int, reports: int, silent: int, official: int) -> int:
    """Return the worst level that what stands behind it can carry."""
    if sensors + silent == 0:
        return REPORTS_ALONE_AT_MOST if reports >= SEVERAL_REPORTS else ALONE_AT_MOST
    if sensors + silent > 1 or reports:
        return 1
    # One level less than what is crossed: it may be the sensor.
    return min(ALONE_AT_MOST, max(LEVEL_ALONE_AT_MOST, official + 1))


def _severest(own: list[Strand], official: int, reports: int) -> int:
    """Return the worst level that official levels allow: one worse than what is reached.

    Where every sensor that speaks has official levels, these say how bad it is; that it is
    unusual, by however much and at however many of them, makes it one level worse at most, and a
    level that is only expected no worse at all.
    """
    sensors = [s.latest for s in own if s.latest.source in ("sensor", "level")]
    if reports or not sensors or not all(evidence.graded for evidence in sensors):
        return 1
    reached = any(e.source == "level" and e.onset is None and e.level <= official for e in sensors)
    return max(1, min(ALONE_AT_MOST, official - reached))


def _by_score(score: float, moved: float) -> int:
    """Return the level a score amounts to; for red, what verdicts moved does not count."""
    return next(
        (level for level, enter in ENTER.items() if score + (level > 1) * moved >= enter), NO_LEVEL
    )


def _onset(crossings: list[Evidence], worst: int) -> int | None:
    ahead = [c.onset for c in crossings if c.level == worst]
    return None if not ahead or None in ahead else min(o for o in ahead if o is not None)


def _certainty(
    crossings: list[Evidence], score: float, several: bool
) -> Literal["Observed", "Likely", "Possible", "Unlikely"]:
    if any(crossing.onset is None for crossing in crossings):
        return "Observed"
    if several or any((c.probability or 0) > 0.5 for c in crossings):
        return "Likely"
    return "Possible" if score >= SPEAKS else "Unlikely"
