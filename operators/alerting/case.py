"""What a verdict on a warning is about: the warning as it stood when it was written down.

A case is what the learners see of it: what spoke for it, in log-odds; who spoke, and with which
share; which hazard it was, and where.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from operators.alerting.fusion import voice
from operators.alerting.grading import Grade
from operators.events import NO_LEVEL
from operators.incident import SPEAKS, IncidentView, is_like
from operators.surroundings import MOST

__all__ = ["EVEN", "LOG_ODDS", "PRIOR", "Case", "case_of", "names"]

LOG_ODDS = 0.5
"""What a surprisal of 1 is worth at first: ln 10 were all evidence independent, and it is not."""
EVEN = 5.5
"""Score at which a warning is as likely to be confirmed as not, at first: between blue, 4.5, and
yellow, 7."""
PRIOR = dict.fromkeys(
    ("sensors", "cells", "reports", "outages", "several", "agreement", "official", "believed"), 1.0
)
"""What speaks for a warning; each is in log-odds, so the weight of each is 1 at first."""
VOICES = 12
"""Sources of a case; beyond that the weakest are left out."""


class Case(NamedTuple):
    """A warning as the learners see it."""

    hazard: str
    place: str
    features: dict[str, float]
    voices: dict[str, float]
    """Who spoke, with the share of what was said; the shares sum to 1."""


def names(hazard: str, place: str) -> tuple[str, str]:
    """Return the features that stand for a hazard, and for a hazard in a place."""
    return f"of {hazard}", f"of {hazard} in {place}"


def case_of(view: IncidentView, grade: Grade) -> Case:
    """Return an incident and what it amounts to, as the learners see them.

    Notes
    -----
    With the weights of ``PRIOR`` its log-odds are ``LOG_ODDS`` times the score, 1 for each official
    level that is reached, and up to 1 for each of: how many spoke, how improbable it is that so
    many sensors did. What faulty sensors say counts against it, up to 1.
    """
    parts = grade.parts
    strands = [s for s in view.strands if s.strength >= SPEAKS]
    faulty = sum(bool(s.latest.fault) for s in view.strands) / max(1, len(view.strands))
    several = max(1, grade.sensors + grade.reports + grade.silent)
    features = {
        "sensors": LOG_ODDS * parts.sensors,
        "cells": LOG_ODDS * max(0.0, parts.cells - parts.sensors),
        "reports": LOG_ODDS * parts.reports,
        "outages": LOG_ODDS * parts.outages,
        "several": min(1.0, math.log2(several) / 4),
        "agreement": view.around.agreement(grade.sensors) / MOST,
        "official": float(NO_LEVEL - grade.official),
        "believed": -faulty,
    } | dict.fromkeys(names(view.hazard, view.district), 1.0)
    said: dict[str, float] = {}
    for strand in strands:
        if is_like(view.hazard, strand.latest.hazard):
            who = voice(strand.latest)
            said[who] = max(said.get(who, 0.0), strand.strength)
    loudest = sorted(said, key=lambda who: (-said[who], who))[:VOICES]
    whole = sum(said[who] for who in loudest)
    return Case(view.hazard, view.district, features, {who: said[who] / whole for who in loudest})
