"""A score as a person reads it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from operators.events import LEVEL_NAMES
from simulators.scoring import Score, Tally

__all__ = ["scoreboard"]

_COLUMNS = ("events", "hits", "misses", "false", "POD", "FAR", "CSI", "lead, min")


def scoreboard(score: Score) -> RenderableType:
    """Return a table of the ratios by hazard and level, with what they rest on."""
    table = Table(title="Warnings against the truth")
    table.add_column("")
    for column in _COLUMNS:
        table.add_column(column, justify="right")
    _add(table, "all", score.total)
    table.add_section()
    for hazard, tally in score.by_hazard.items():
        _add(table, hazard, tally)
    table.add_section()
    for level, tally in score.by_level.items():
        _add(table, LEVEL_NAMES[level], tally)
    return Group(table, _rests_on(score))


def _add(table: Table, name: str, tally: Tally) -> None:
    counts = (tally.hits + tally.misses, tally.hits, tally.misses, tally.false)
    ratios = (_ratio(tally.pod), _ratio(tally.far), _ratio(tally.csi))
    lead = "-" if tally.lead_min is None else f"{tally.lead_min:.0f}"
    # As text: a hazard that anybody may have written could look like markup.
    table.add_row(Text(name), *(str(count) for count in counts), *ratios, lead)


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _rests_on(score: Score) -> str:
    per_day = "-" if score.false_per_day is None else f"{score.false_per_day:.2f}"
    return (
        f"{len(score.found)} events in {score.hours_watched:g} h watched; "
        f"{per_day} false warnings a day, {score.on_benign} of {score.total.false} on harmless "
        f"disturbances. Apart: {score.blue} blue warnings, {score.blue_false} of them hit "
        f"nothing; {score.blue_only} events were hit by blue ones alone."
    )
