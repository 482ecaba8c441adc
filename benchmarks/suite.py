"""What a suite of judged runs comes to: figures, their intervals, and whether they have fallen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import msgspec
import numpy as np
from rich.table import Table

from benchmarks.report import table

__all__ = ["FIGURES", "Judged", "run_figures", "run_name", "summary", "tables", "worse"]

DRAWS = 2000
SEED = 5
INTERVAL = (2.5, 97.5)
MINUTE_MS = 60_000
BLUE = 4
FIGURES = msgspec.json.Encoder()


class Judged(msgspec.Struct, frozen=True):
    """One scenario with one seed, scored."""

    scenario: str
    seed: int
    hours: float
    found: list[tuple[str, int | None, int | None]]
    """Of every event its hazard; where it was found, the worst level warned of and the lead, ms."""
    false: list[tuple[str, str]]
    """Hazard and id of warnings, yellow or worse, that hit nothing."""
    false_red: int
    on_benign: int
    """False warnings where something unusual but harmless went on."""
    blue: int

    @property
    def hits(self) -> int:
        """Events that were found."""
        return sum(level is not None for _, level, _ in self.found)


def summary(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the figures that may not fall, whole, by scenario and by hazard."""
    hazards = sorted({hazard for each in judged for hazard, *_ in each.found})
    return {
        "all": _figures(judged),
        "scenarios": {name: _figures(runs) for name, runs in _by_scenario(judged).items()},
        "hazards": {hazard: _of_hazard(judged, hazard) for hazard in hazards},
        "runs": {run_name(each): run_figures(each) for each in judged},
    }


def run_name(run: Judged) -> str:
    """Return what one run is called among the figures."""
    return f"{run.scenario} {run.seed}"


def run_figures(run: Judged) -> dict[str, int]:
    """Return what one run came to: by it a single run can be held against the suite."""
    return {"events": len(run.found), "hits": run.hits, "false": len(run.false)}


def _by_scenario(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    names = dict.fromkeys(each.scenario for each in judged)
    return {name: [each for each in judged if each.scenario == name] for name in names}


def _figures(runs: Sequence[Judged]) -> dict[str, Any]:
    events, hits = sum(len(run.found) for run in runs), sum(run.hits for run in runs)
    false = sum(len(run.false) for run in runs)
    return {
        "events": events,
        "hits": hits,
        "false": false,
        "pod": round(hits / events, 4) if events else None,
        "far": round(false / (hits + false), 4) if hits + false else None,
        "false_per_week": round(false / sum(run.hours for run in runs) * 168, 3),
        "false_red": sum(run.false_red for run in runs),
        "on_benign": sum(run.on_benign for run in runs),
        "blue": sum(run.blue for run in runs),
    }


def _of_hazard(judged: Sequence[Judged], hazard: str) -> dict[str, Any]:
    found = [each for run in judged for each in run.found if each[0] == hazard]
    leads = [lead / MINUTE_MS for _, _, lead in found if lead is not None]
    hits = len(leads)
    false = sum(name == hazard for run in judged for name, _ in run.false)
    return {
        "events": len(found),
        "hits": hits,
        "false": false,
        "pod": round(hits / len(found), 4),
        "far": round(false / (hits + false), 4) if hits + false else None,
        "lead_min": round(median(leads), 1) if leads else None,
        "blue_only": sum(level == BLUE for _, level, _ in found),
    }


def worse(frozen: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return a sentence for every figure that has fallen."""
    return [*_fallen("all", frozen["all"], now["all"]), *_each(frozen, now)]


def _each(frozen: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for group in ("scenarios", "hazards"):
        for name, before in frozen[group].items():
            after = now[group].get(name)
            if after is None:
                yield f"{name}: expected figures, got none"
            else:
                yield from _fallen(name, before, after)


def _fallen(name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    better_high = ("hits", "lead_min")
    better_low = ("false", "false_red", "on_benign")
    for figure in (*better_high, *better_low):
        was, is_ = before.get(figure), after.get(figure)
        if was is None:
            continue
        if is_ is None or (is_ < was if figure in better_high else is_ > was):
            yield f"{name}: {figure} was {was}, is {is_}"


def tables(judged: Sequence[Judged]) -> list[Table]:
    """Return what people read: by scenario and by hazard, with bootstrap intervals over runs."""
    figures = summary(judged)
    scenarios = [
        [
            name,
            f"{of['hits']} of {of['events']}" if of["events"] else "-",
            str(of["false"]),
            f"{of['false_per_week']:.2f}",
            str(of["false_red"]),
            str(of["on_benign"]),
            f"{of['blue'] / sum(r.hours for r in runs) * 24:.1f}",
        ]
        for (name, runs), of in zip(
            _by_scenario(judged).items(), figures["scenarios"].values(), strict=True
        )
    ]
    heads = ["scenario", "found", "false", "false a week", "false red", "on benign", "blue a day"]
    shown = [table("by scenario (false: yellow or worse)", heads, scenarios)]
    if figures["hazards"]:
        rows = [_row(judged, hazard, of) for hazard, of in figures["hazards"].items()]
        rows.append(_row(judged, None, figures["all"]))
        heads = ["hazard", "found", "only blue", "POD", "95 %", "FAR", "95 %", "lead, min", "95 %"]
        shown.append(table("by hazard", heads, rows))
    return shown


def _row(judged: Sequence[Judged], hazard: str | None, of: dict[str, Any]) -> list[str]:
    pod, far, lead = _intervals(judged, hazard)
    return [
        hazard or "all",
        f"{of['hits']} of {of['events']}",
        str(of.get("blue_only", "")),
        _short(of["pod"]),
        pod,
        _short(of["far"]),
        far,
        _short(of.get("lead_min"), 0),
        lead,
    ]


def _intervals(judged: Sequence[Judged], hazard: str | None) -> tuple[str, str, str]:
    """Return bootstrap intervals of POD, FAR and median lead: runs are drawn with replacement."""
    rng, draws = np.random.default_rng(SEED), []
    columns = [_counts(run, hazard) for run in judged]
    for _ in range(DRAWS):
        drawn = [columns[i] for i in rng.integers(len(columns), size=len(columns))]
        hits, events, false = (sum(each[k] for each in drawn) for k in range(3))
        leads = [lead for each in drawn for lead in each[3]]
        if events and hits:
            draws.append((hits / events, false / (hits + false), float(np.median(leads))))
    if not draws:
        return "-", "-", "-"
    low, high = np.percentile(np.array(draws), INTERVAL, axis=0)
    digits = (2, 2, 0)
    pod, far, lead = (f"{a:.{n}f} to {b:.{n}f}" for a, b, n in zip(low, high, digits, strict=True))
    return pod, far, lead


def _counts(run: Judged, hazard: str | None) -> tuple[int, int, int, list[float]]:
    mine = [each for each in run.found if hazard in (None, each[0])]
    leads = [lead / MINUTE_MS for _, _, lead in mine if lead is not None]
    false = sum(hazard in (None, name) for name, _ in run.false)
    return len(leads), len(mine), false, leads


def _short(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
