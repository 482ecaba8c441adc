"""What an incident's sources say together: surprisals of different sorts, as one score.

Sources of one sort are not independent, so each further one counts less; what sensors, reports and
outages say is added. The parts are kept: verdicts teach how much each of them is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from operators.events import Evidence
from operators.incident import Strand, is_like
from operators.surroundings import Around

__all__ = ["FADE", "STRONGEST", "Parts", "fuse", "parts_of", "voice"]

STRONGEST = 8.0
"""What one strand can add at most."""
FADE = 0.6
"""Weight of each further strand from the same sort of source: neighbours are not independent."""


class Parts(NamedTuple):
    """What each sort of source adds to the score."""

    sensors: float = 0.0
    cells: float = 0.0
    """Of the same sensors: what counts is the greater of the two."""
    reports: float = 0.0
    outages: float = 0.0

    @property
    def score(self) -> float:
        """Return the fused surprisal."""
        # A cell speaks for the same sensors: it counts for what it says beyond them.
        return max(self.sensors, self.cells) + self.reports + self.outages


def voice(evidence: Evidence) -> str:
    """Return whose word it is: the sensor's, or that of all reports (cells, outages) of a hazard.

    A burst of reports or an unusual cell is found anew each time: there is nobody to remember.
    """
    if evidence.source in ("sensor", "level"):
        return evidence.key
    return f"{evidence.source} {evidence.hazard}"


def fuse(strengths: list[float]) -> float:
    """Return what strands of one sort say together: each further one counts less.

    >>> fuse([4.0, 5.0])
    7.4
    """
    ranked = sorted((min(s, STRONGEST) for s in strengths), reverse=True)
    return sum(s * FADE**rank for rank, s in enumerate(ranked))


def parts_of(
    hazard: str, agreeing: list[Strand], around: Around, worth: Mapping[str, float]
) -> Parts:
    """Return what each sort of source says of a hazard.

    Parameters
    ----------
    agreeing
        Strands that speak.
    worth
        What the word of each source is worth, by ``voice``; 1 where it is not said.
    """
    own: dict[str, float] = {}
    effects: dict[str, float] = {}
    sound = set[str]()
    of_cells, by_reports, outages = 0.0, [0.0], [0.0]
    for strand in agreeing:
        said = strand.latest
        strength = strand.strength * worth.get(voice(said), 1.0)
        match said.source:
            case "sensor" if is_like(hazard, said.hazard):
                own[said.key] = strength
                if not said.fault:
                    sound.add(said.key)
            case "sensor":
                # A side effect supports, at half its weight.
                effects[said.key] = strength * 0.5
            case "cell":
                of_cells = max(of_cells, min(strength, STRONGEST))
            case "report":
                by_reports.append(strength)
            case "outage":
                outages.append(strength)
    sensors = _of_sensors(own, effects, around.agreement(len(sound)))
    return Parts(sensors, of_cells, fuse(by_reports), fuse(outages))


def _of_sensors(own: dict[str, float], effects: dict[str, float], agreement: float) -> float:
    """Return what sensors say together.

    The strongest speaks for itself. That others agree is worth no more than the chance that so many
    of those who could have would do so by themselves, as unusual as the city now is; who is held
    to be faulty agrees with nobody.
    """
    strengths = list(own.values())
    most = min(max(strengths, default=0.0), STRONGEST) + agreement
    return fuse([*strengths, *effects.values()]) - max(0.0, fuse(strengths) - most)
