"""Strands that amount to a wanted level, whatever the thresholds are."""

from typing import Any

from operators.incident import IncidentView, Strand
from operators.registry import cell_of
from tests.operators.town import LAT, LON, T0, evidence

HERE = cell_of(LON, LAT)


def strand(key: str = "a", strength: float = 5.0, **more: Any) -> Strand:
    """A source that has said it twice, equally strongly."""
    said = evidence(key, surprisal=strength, **more)
    return Strand(said.time, said, said, before=strength, previous_value=said.value)


def crossing(key: str, level: int, **more: Any) -> Strand:
    return strand(key, 5.0, source="level", level=level, **({"graded": True} | more))


def at_level(level: int | None, **more: Any) -> tuple[Strand, ...]:
    """Two sensors over an official level: it is that bad, not worse, and no doubt about it."""
    if level is None:
        return ()
    return crossing("a", level, **more), crossing("b", level, **more)


def view(*strands: Strand, time: int = T0, **more: Any) -> IncidentView:
    fields: dict[str, Any] = {
        "id": "wl-12345678",
        "hazard": "waterlogging",
        "start": T0,
        "district": "east",
        "cells": tuple(sorted({s.latest.cell for s in strands})) or (HERE,),
    }
    return IncidentView(time=time, strands=strands, **(fields | more))
