"""One incident: evidence that agrees in place and time, and what agreeing means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import h3

from operators.events import NO_LEVEL, Evidence
from operators.evidence import CITY_WIDE
from operators.surroundings import ALONE, Around

__all__ = [
    "EFFECTS",
    "FAR",
    "KEEP_MS",
    "NEAR",
    "REACH",
    "SPEAKS",
    "STRANDS",
    "Incident",
    "IncidentView",
    "Strand",
    "is_like",
    "is_of",
    "like",
    "place_of",
    "speaks_until",
]

REACH = 2
"""Cells (rings) within which evidence agrees, some two kilometres."""
FAR = {"air_pollution": 4}
"""Where that is more: bad air is a matter of kilometres, and its stations stand as far apart. Each
of them would be a warning of its own, until they are joined."""
KEEP_MS = {
    "sensor": 1_500_000,
    "level": 1_500_000,
    "cell": 900_000,
    "report": 2_700_000,
    "outage": 1_500_000,
}
"""How long a piece of evidence speaks when nothing follows it, by source; longer where its sensor
reads more seldom."""
NEAR = {"traffic": {"crowding"}, "crowding": {"traffic"}}
"""Hazards that are hard to tell apart. A river and a street are not: who goes where differs."""
EFFECTS = {
    "flood": {"waterlogging", "traffic"},
    "waterlogging": {"traffic", "noise"},
    "landslide": {"traffic"},
    "fire": {"air_pollution", "traffic", "other", "power", "noise"},
    "gas_leak": {"air_pollution"},
    "power": {"traffic", "water_supply", "noise", "other"},
    "water_supply": {"waterlogging", "traffic"},
    "crowding": {"noise"},
    "traffic": {"noise", "air_pollution"},
}
"""What a hazard brings with it: such evidence supports it instead of standing alone, while it is
spoken of."""

STRANDS = 64
"""Evidence keys an incident remembers; beyond it the weakest are dropped, side effects first."""
SPEAKS = 3.0
"""Strength from which a strand counts as agreeing."""


def like(hazard: str) -> frozenset[str]:
    """Return a hazard and those that are hard to tell from it."""
    return frozenset({hazard, *NEAR.get(hazard, ())})


def is_like(hazard: str, other: str) -> bool:
    """Say whether two hazards are the same, or hard to tell apart."""
    return hazard == other or other in NEAR.get(hazard, ())


def is_of(hazard: str, strand: Strand) -> bool:
    """Say whether a source speaks of a hazard itself, and is not faulty."""
    return is_like(hazard, strand.latest.hazard) and not strand.latest.fault


def place_of(evidence: Evidence) -> str:
    """Return where evidence agrees with other evidence: its cell, or the city of its own hazard.

    What the whole city reports says of no place that it is worse there: taken for a second source
    it would confirm whatever one sensor reads anywhere. So it meets nothing but itself.
    """
    return evidence.key if evidence.channel == CITY_WIDE else evidence.cell


def speaks_until(evidence: Evidence) -> int:
    """Return when a piece of evidence falls silent when nothing follows it."""
    return evidence.time + max(KEEP_MS[evidence.source], evidence.lasts_ms)


def _reached(evidence: Evidence) -> int:
    return evidence.level if evidence.source == "level" and evidence.onset is None else NO_LEVEL


@dataclass
class Strand:
    """What one source keeps saying about an incident."""

    first: int
    latest: Evidence
    peak: Evidence
    before: float = 0.0
    """Surprisal of the reading before the latest, while it still speaks."""
    previous_value: float | None = None
    reached: int = NO_LEVEL
    """The official level its latest reading is over, whatever worse it expects."""

    def __post_init__(self) -> None:
        self.reached = min(self.reached, _reached(self.latest))

    @property
    def strength(self) -> float:
        """Return how much it says: a sensor has to say it twice, others have counted already."""
        if self.latest.source != "sensor":
            return self.latest.surprisal
        return (self.latest.surprisal + self.before) / 2

    @property
    def until(self) -> int:
        """Return when it falls silent."""
        return speaks_until(self.latest)

    def add(self, evidence: Evidence) -> None:
        """Take the next piece of evidence from the same source."""
        if evidence.time > self.latest.time:
            self.before = self.latest.surprisal
            self.previous_value = self.latest.value
            self.reached = NO_LEVEL
        self.reached = min(self.reached, _reached(evidence))
        self.latest = evidence
        if evidence.surprisal >= self.peak.surprisal:
            self.peak = evidence


class IncidentView(NamedTuple):
    """An incident as it stands at one time: what alerting sees of it."""

    id: str
    hazard: str
    time: int
    start: int
    district: str
    cells: tuple[str, ...]
    strands: tuple[Strand, ...]
    """Live ones, strongest first."""
    merged_into: str | None = None
    around: Around = ALONE
    """Whom else one could have heard."""

    @property
    def clear(self) -> bool:
        """Whether somebody speaks of its hazard clearly; if not, its cells say little."""
        return any(is_of(self.hazard, each) and each.strength >= SPEAKS for each in self.strands)


@dataclass
class Incident:
    """An open incident, from its first evidence on."""

    id: str
    hazard: str
    start: int
    district: str
    anchor: str
    cells: dict[str, None] = field(default_factory=dict)
    reach: set[str] = field(default_factory=set)
    strands: dict[tuple[str, str], Strand] = field(default_factory=dict)
    sensors: int = 0
    """Those of its hazard, or one that is hard to tell from it, within reach."""

    def covers(self, evidence: Evidence) -> bool:
        """Say whether evidence belongs to it."""
        if place_of(evidence) not in self.reach:
            return False
        if is_like(self.hazard, evidence.hazard):
            return True
        # People name what they see, not what it came from; an official level counts for itself.
        if evidence.source in ("report", "level"):
            return False
        return evidence.hazard in EFFECTS.get(self.hazard, ()) and self.speakers > 0

    @property
    def speakers(self) -> int:
        """How many speak of its own hazard, however softly.

        What a hazard brings with it can outlast it, or be there anyway: a burst main is mended, and
        the rush hour is as it is every morning. That alone goes on with nothing.
        """
        return sum(is_of(self.hazard, strand) for strand in self.strands.values())

    def add(self, evidence: Evidence) -> set[str]:
        """Take a piece of evidence; return the cells that are within reach since."""
        fresh = set[str]()
        if evidence.cell not in self.cells:
            self.cells[evidence.cell] = None
            place = place_of(evidence)
            rings = FAR.get(self.hazard, REACH)
            near = h3.grid_disk(place, rings) if place == evidence.cell else [place]
            fresh = set(near) - self.reach
            self.reach |= fresh
        key = evidence.source, evidence.key
        if key in self.strands:
            self.strands[key].add(evidence)
        else:
            self.strands[key] = Strand(evidence.time, evidence, evidence)
        self.bound()
        return fresh

    def bound(self) -> None:
        """Drop the weakest strands of too many."""
        while len(self.strands) > STRANDS:
            weakest = min(self.strands.items(), key=lambda i: (*self._weight(i[1]), i[0]))
            del self.strands[weakest[0]]

    def _weight(self, strand: Strand) -> tuple[bool, float]:
        """Return what a strand counts: side effects and faulty sensors less than its own hazard."""
        return is_of(self.hazard, strand), strand.strength

    def view(self, time: int) -> IncidentView:
        """Return it as it stands: who speaks of its hazard before side effects, the loudest first.

        A warning of street water is about the water, however unusual the traffic in it is; nobody
        is heard where nobody speaks of its hazard. It is where those agree who do.
        """
        ranked = sorted(
            self.strands.items() if self.speakers else (),
            key=lambda i: (not is_like(self.hazard, i[1].latest.hazard), -i[1].strength, i[0]),
        )
        strands = tuple(
            Strand(s.first, s.latest, s.peak, s.before, s.previous_value, s.reached)
            for _, s in ranked
        )
        own = [strand for strand in strands if is_of(self.hazard, strand)]
        agreeing = [strand for strand in own if strand.strength >= SPEAKS] or own
        cells = {strand.latest.cell for strand in agreeing} or {self.anchor}
        return IncidentView(
            self.id, self.hazard, time, self.start, self.district, tuple(sorted(cells)), strands
        )
