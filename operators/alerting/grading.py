"""How bad: from an incident's evidence to a level, with the reason.

One table holds every threshold. A level is entered at ``ENTER`` and kept down to ``LEAVE`` below
it, so a score that hovers does not flap. What one faulty sensor can say alone is bounded here.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal, NamedTuple

from operators.events import NO_LEVEL, Evidence
from operators.incidents import Strand

__all__ = ["ENTER", "LEAVE", "Grade", "Reason", "fuse", "grade"]

ENTER = {1: 14.0, 2: 10.5, 3: 7.0, 4: 4.5}
"""Fused score from which each level is entered."""
LEAVE = 1.0
"""How far under it a level is still kept."""
ALONE_AT_MOST = 4
"""What one sensor can say without an official level or a second source."""
LEVEL_ALONE_AT_MOST = 3
"""What one sensor can say alone by crossing, or being about to cross, an official level."""
SPEAKS = 3.0
"""Strength from which a strand counts as agreeing."""
STRONGEST = 8.0
"""What one strand can add at most."""
FADE = 0.6
"""Weight of each further strand from the same sort of source: neighbours are not independent."""
OF_SENSORS = ("sensor", "level", "cell")


class Reason(Enum):
    """Why a version was made, in the words a person reads."""

    ISSUED = "issued"
    ESCALATED = "escalated"
    EASED = "eased"
    SPREAD = "spread"
    CONFIRMED_BY = "a further source agrees"
    CLEARED = "cleared"
    REOPENED = "issued again"
    MERGED = "joined"
    BY_PERSON = "by"


class Grade(NamedTuple):
    """What an incident amounts to."""

    level: int
    keeps: int
    """The worst level that would be kept: thresholds lowered by ``LEAVE``."""
    score: float
    certainty: Literal["Observed", "Likely", "Possible", "Unlikely"]
    onset: int | None
    """When an official level will be crossed; None when the threat is there."""
    sensors: int
    reports: int
    capped: bool
    """Held down because only one sensor says so."""


def fuse(strengths: list[float]) -> float:
    """Return what strands of one sort say together: each further one counts less.

    >>> fuse([4.0, 5.0])
    7.4
    """
    ranked = sorted((min(s, STRONGEST) for s in strengths), reverse=True)
    return sum(s * FADE**rank for rank, s in enumerate(ranked))


def grade(strands: tuple[Strand, ...]) -> Grade:
    """Return the grade of an incident's live strands."""
    agreeing = [strand for strand in strands if strand.strength >= SPEAKS]
    unusual = _strongest_by_key([s for s in agreeing if s.latest.source == "sensor"])
    # A cell speaks for the same sensors: it counts for what it says beyond them.
    of_cells = max((s.strength for s in agreeing if s.latest.source == "cell"), default=0.0)
    from_sensors = {s.latest.key for s in agreeing if s.latest.source in OF_SENSORS}
    from_reports = [s for s in agreeing if s.latest.source == "report"]
    from_outages = [s for s in agreeing if s.latest.source == "outage"]
    score = (
        max(fuse([s.strength for s in unusual]), of_cells)
        + fuse([s.strength for s in from_reports])
        + fuse([s.strength for s in from_outages])
    )
    reports = sum(s.latest.count for s in from_reports[:1])
    official = [s.latest for s in agreeing if s.latest.source == "level"]
    several = len(from_sensors) + len(from_reports) + len(from_outages) > 1
    alone = not several and not from_reports
    level = min(_by_score(score), _official(official, NO_LEVEL))
    keeps = min(_by_score(score + LEAVE), level)
    bound = _bound(alone, official)
    return Grade(
        max(level, bound) if level < NO_LEVEL else level,
        max(keeps, bound) if keeps < NO_LEVEL else keeps,
        round(score, 1),
        _certainty(official, score, several),
        _onset(official),
        len(from_sensors),
        reports,
        alone and bound > level,
    )


def _bound(alone: bool, official: list[Evidence]) -> int:
    if not alone:
        return 1
    # One level less than what is crossed: it may be the sensor.
    return min(ALONE_AT_MOST, max(LEVEL_ALONE_AT_MOST, _official(official, NO_LEVEL) + 1))


def _strongest_by_key(strands: list[Strand]) -> list[Strand]:
    best: dict[str, Strand] = {}
    for strand in strands:
        known = best.get(strand.latest.key)
        if known is None or strand.strength > known.strength:
            best[strand.latest.key] = strand
    return list(best.values())


def _by_score(score: float) -> int:
    return next((level for level, enter in ENTER.items() if score >= enter), NO_LEVEL)


def _official(crossings: list[Evidence], otherwise: int) -> int:
    return min((crossing.level for crossing in crossings), default=otherwise)


def _onset(crossings: list[Evidence]) -> int | None:
    worst = _official(crossings, NO_LEVEL)
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
