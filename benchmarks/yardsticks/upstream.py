"""Stages of gauges along one river, forecast with and without those upstream.

``python -m benchmarks.yardsticks.upstream --rivers DIR`` feeds recorded 15-minute stages of several
gauges, as they were measured and in the order of time, to the models of the flow. DIR holds
``*.csv.gz`` with the columns ``datetime,stage``; ``--gauges`` names files in their order along the
river, in either direction: which way it flows is not told. The first third of each record is learnt
from and not judged; nothing is known before its time.

Errors are mean sizes of the difference between the stage at the end of a horizon and its forecast:
*persistence*, the *line* through the last four readings, the *trend* of the gauge by itself, the
same corrected by what its *own* past taught, and corrected by the *river*: with what gauges up to
two places up and down have seen. *Rises* are the twentieth of rows that rose most.

The level of a gauge is the 95th percentile of its first third; chances that it is exceeded at any
reading within a horizon are judged from below it, with their Brier score, and the CSI of yes from
.5 on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.yardsticks.exceedance import brier, reliability, tally
from benchmarks.yardsticks.stages import HOUR_MS, LINE, SURE, Site, load, slopes
from models.arriving import Arriving
from models.level_forecast import HORIZONS_S, LevelForecast
from models.upstream_forecast import UpstreamForecast
from operators.reaches import FAR_M, along

__all__ = ["Judged", "judge", "main"]

GAUGES = ("FranklinBasin2020", "TonyGrove2020", "WaterLab2020", "MainStreet2020", "Mendon2020")
"""Of the Logan River, from its head to the valley."""
WAYS = ("persistence", "line", "trend", "own", "river")
CHANCES = ("trend", "own", "river")
RISES = 0.95
MINUTE_S = 60.0

Floats = NDArray[np.float64]


class Judged(NamedTuple):
    """What was said of one gauge at one horizon, and what came, row by row."""

    change: Floats
    expected: dict[str, Floats]
    exceeded: NDArray[np.bool_]
    """Whether the level was, within; only rows below it."""
    chance: dict[str, Floats]


class _Rows(NamedTuple):
    """Readings of all gauges in the order of time."""

    gauge: NDArray[np.intp]
    time: NDArray[np.int64]
    value: Floats


def judge(sites: Sequence[Site]) -> list[list[Judged]]:
    """Return what was said and what came: for each gauge, in their order, each horizon."""
    rows = _together(sites)
    beside = along(np.arange(len(sites)) * np.float64(FAR_M))
    arriving = {"own": _arriving(rows, np.full_like(beside, -1)), "river": _arriving(rows, beside)}
    drift, chance = _forecasts(sites, rows, arriving)
    judged = []
    for gauge, site in enumerate(sites):
        own = np.flatnonzero(rows.gauge == gauge)
        expected = {"trend": drift[own]}
        for way, said in arriving.items():
            expected[way] = drift[own] + said.shift[own]
        mine = {way: chance[way][own] for way in CHANCES}
        judged.append([_judged(site, nth, expected, mine) for nth in range(len(HORIZONS_S))])
    return judged


def _together(sites: Sequence[Site]) -> _Rows:
    """Return the rows of the time that all sites have in common."""
    first = max(site.times_ms[0] for site in sites)
    last = min(site.times_ms[-1] for site in sites)
    if first >= last:
        raise ValueError("records must overlap in time, got some that do not")
    gauge = np.concatenate([np.full(len(s.values), n) for n, s in enumerate(sites)])
    time = np.concatenate([site.times_ms for site in sites])
    value = np.concatenate([site.values for site in sites])
    order = np.lexsort((gauge, time))
    return _Rows(gauge[order].astype(np.intp), time[order], value[order])


def _arriving(rows: _Rows, beside: NDArray[np.int32]) -> Arriving:
    model, homes = UpstreamForecast(len(beside)), np.zeros(len(rows.gauge), np.int64)
    return model.observe(rows.gauge, homes, beside, rows.time, rows.value)


def _forecasts(
    sites: Sequence[Site], rows: _Rows, arriving: dict[str, Arriving]
) -> tuple[Floats, dict[str, Floats]]:
    """Return the change a trend expects, and all chances, row by row and horizon by horizon."""
    trend = LevelForecast(len(sites))
    levels = np.array([[site.level] for site in sites])
    drift = np.zeros((len(rows.gauge), len(HORIZONS_S)))
    chance = {way: np.full(drift.shape, np.nan) for way in CHANCES}
    first = np.array([site.times_ms[site.learnt] for site in sites])
    for row in range(len(rows.gauge)):
        one = slice(row, row + 1)
        gauge = rows.gauge[one]
        trend.observe(gauge, rows.time[one], rows.value[one])
        if rows.time[row] < first[gauge[0]]:
            continue
        drift[row] = trend.expected(gauge, np.array(HORIZONS_S))[0] - rows.value[row]
        for way in CHANCES:
            correct = None if way == "trend" else arriving[way].take(np.array([row])).correct
            for nth, horizon_s in enumerate(HORIZONS_S):
                found, _ = trend.crossing(gauge, levels[gauge], horizon_s, correct)
                chance[way][row, nth] = found[0, 0]
    return drift, chance


def _judged(site: Site, nth: int, expected: dict[str, Floats], chance: dict[str, Floats]) -> Judged:
    horizon_ms = int(HORIZONS_S[nth] * 1000)
    rows = np.arange(max(site.learnt, LINE), len(site.values))
    until = site.times_ms[rows] + horizon_ms
    ends = np.searchsorted(site.times_ms, until)
    rows, ends = _whole(site, rows, ends, until)
    now = site.values[rows]
    back = rows[:, None] - np.arange(LINE)[::-1]
    hours = (site.times_ms[back] - site.times_ms[rows, None]) / HOUR_MS
    said = {
        "persistence": np.zeros(len(rows)),
        "line": slopes(hours, site.values[back]) * horizon_ms / HOUR_MS,
        **{way: each[rows, nth] for way, each in expected.items()},
    }
    below = now < site.level
    spans = zip(rows[below], ends[below], strict=True)
    exceeded = np.array([site.values[a + 1 : b + 1].max() for a, b in spans]) >= site.level
    chances = {way: each[rows[below], nth] for way, each in chance.items()}
    return Judged(site.values[ends] - now, said, exceeded, chances)


def _whole(
    site: Site, rows: NDArray[np.intp], ends: NDArray[np.intp], until: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows, and ends, where there is a reading at the very end of the horizon."""
    inside = ends < len(site.values)
    rows, ends, until = rows[inside], ends[inside], until[inside]
    there = site.times_ms[ends] == until
    return rows[there], ends[there]


def _figures(judged: Judged) -> dict[str, Any]:
    rose = judged.change >= np.quantile(judged.change, RISES)
    off = {way: np.abs(judged.change - judged.expected[way]) for way in WAYS}
    return {
        "rows": len(judged.change),
        "error": {way: float(off[way].mean()) for way in WAYS},
        "error_of_rises": {way: float(off[way][rose].mean()) for way in WAYS},
        "below": len(judged.exceeded),
        "exceeded": int(judged.exceeded.sum()),
        "brier": {way: brier(judged.chance[way], judged.exceeded) for way in CHANCES},
        "csi": {way: tally(judged.chance[way] >= SURE, judged.exceeded).csi for way in CHANCES},
        "reliability": {way: reliability(judged.chance[way], judged.exceeded) for way in CHANCES},
    }


def _errors(figures: dict[str, list[dict[str, Any]]]) -> Table:
    table = Table("gauge", "ahead", title="error of the stage, and of that of rises, cm")
    for way in WAYS:
        table.add_column(way, justify="right")
    for name, horizons in figures.items():
        for horizon_s, found in zip(HORIZONS_S, horizons, strict=True):
            pairs = ((found["error"][way], found["error_of_rises"][way]) for way in WAYS)
            table.add_row(name, _ahead(horizon_s), *(f"{a:.3f} {b:5.2f}" for a, b in pairs))
    return table


def _levels(figures: dict[str, list[dict[str, Any]]]) -> Table:
    table = Table("gauge", "within", "rows", "exceeded", title="the level exceeded, from below")
    for score in ("Brier", "CSI"):
        for way in CHANCES:
            table.add_column(f"{score}, {way}", justify="right")
    for name, horizons in figures.items():
        for horizon_s, found in zip(HORIZONS_S, horizons, strict=True):
            scores = [f"{found['brier'][way]:.4f}" for way in CHANCES]
            scores += [f"{found['csi'][way]:.3f}" for way in CHANCES]
            counts = f"{found['below']}", f"{found['exceeded']}"
            table.add_row(name, _ahead(horizon_s), *counts, *scores)
    return table


def _ahead(seconds: float) -> str:
    minutes = seconds / MINUTE_S
    return f"{minutes:g} min" if minutes < 60 else f"{minutes / 60:g} h"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; write the figures as well where that is wanted."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.yardsticks.upstream", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rivers", type=Path, required=True, metavar="DIR", help="recorded rivers")
    parser.add_argument("--gauges", default=",".join(GAUGES), metavar="A,B,...", help="in order")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    given = parser.parse_args(arguments)
    names = given.gauges.split(",")
    found = {site.name: site for site in load(given.rivers)}
    if missing := [name for name in names if name not in found]:
        parser.error(f"--gauges: expected names among {', '.join(found)}, got {', '.join(missing)}")
    judged = judge([found[name] for name in names])
    figures = {
        name: [_figures(each) for each in of_site]
        for name, of_site in zip(names, judged, strict=True)
    }
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    console = Console(width=130)
    console.print(_errors(figures), _levels(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
