"""River stages that exceed a high level within the next hours, against persistence and a line.

``python -m benchmarks.yardsticks.stages --rivers DIR`` feeds recorded 15-minute stages, as they
were measured, of several sites in the order of time to the model of the flow. DIR holds
``*.csv.gz`` with the columns ``datetime,stage``; others are not read. A site's level is the 95th
percentile of its first third, which is learnt from and not judged. An event is the level exceeded
at any reading within the horizon. *Persistence* says yes where it is exceeded now, the *line*
where the straight line through the last four readings exceeds it within the horizon. *Onsets* are
rows below the level.

Two parts of the flow's forecast are judged: the *trend* of the site, and what was *learnt* from
outcomes, here by each site alone, for their records are of different years. In the flow the second
counts as far as it has seen onsets. A chance is a yes from .5 on, or from a threshold learnt from
past decisions alone (``learnt_decisions``), as named.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.yardsticks.exceedance import Tally, brier, learnt_decisions, reliability, tally
from models.level_forecast import LevelForecast
from models.pooled_forecast import HORIZONS_S, PooledForecast
from operators.factors import as_factors

__all__ = ["Judged", "Site", "judge", "load", "main", "slopes"]

HOURS = (1, 3, 12)
SURE = 0.5
QUANTILE = 0.95
LINE = 4  # readings through which the straight line goes
NOTHING = -9999.0  # what a logger writes where it has no value
HOUR_MS = 3_600_000
AN_HOUR = 4  # readings

Floats = NDArray[np.float64]


class Site(NamedTuple):
    """One record."""

    name: str
    times_ms: NDArray[np.int64]
    values: Floats

    @property
    def learnt(self) -> int:
        """Rows at the start that are not judged."""
        return len(self.values) // 3

    @property
    def level(self) -> float:
        """What is judged."""
        return float(np.quantile(self.values[: self.learnt], QUANTILE))

    @property
    def levels(self) -> Floats:
        """Levels, red to blue; the last is judged, the first is as far above as it is usually."""
        usual = float(np.median(self.values[: self.learnt]))
        return np.array([2.0 * self.level - usual, np.nan, np.nan, self.level])


class Judged(NamedTuple):
    """What was said of a site for one horizon, and what came, row by row."""

    came: NDArray[np.bool_]
    now: NDArray[np.bool_]
    line: NDArray[np.bool_]
    trend: Floats
    learnt: Floats
    decided: NDArray[np.bool_]
    """From what was learnt, by a threshold that was learnt too."""


def load(directory: Path) -> list[Site]:
    """Read all files, by name.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    """
    sites = [_read(path) for path in sorted(directory.glob("*.csv.gz"))]
    if not sites:
        raise FileNotFoundError(f"{directory}: expected *.csv.gz with stages, got none")
    return sites


def _read(path: Path) -> Site:
    times, values = [], []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["stage"] and float(row["stage"]) > NOTHING:
                at = datetime.fromisoformat(row["datetime"]).replace(tzinfo=UTC)
                times.append(int(at.timestamp() * 1000))
                values.append(float(row["stage"]))
    # A logger set back an hour in autumn must not go back in time.
    kept = np.unique(np.array(times, np.int64), return_index=True)[1]
    return Site(path.name.split(".")[0], np.array(times, np.int64)[kept], np.array(values)[kept])


def judge(site: Site, hours: Sequence[int] = HOURS) -> dict[int, Judged]:
    """Return what was said and what came, for each horizon."""
    rows = np.arange(site.learnt, len(site.values))
    trend, learnt = _trend(site, hours), _learnt(site, hours)
    return {h: _judged(site, rows, h, trend[:, i], learnt[:, i]) for i, h in enumerate(hours)}


def _trend(site: Site, hours: Sequence[int]) -> Floats:
    """Return the chances a trend gives of the level within each horizon, row by judged row."""
    model, none = LevelForecast(1), np.zeros(1, np.intp)
    first, last = site.learnt, len(site.values)
    model.observe(np.zeros(first, np.intp), site.times_ms[:first], site.values[:first])
    chances = np.empty((last - first, len(hours)))
    for row in range(first, last):
        model.observe(none, site.times_ms[row : row + 1], site.values[row : row + 1])
        for nth, ahead in enumerate(hours):
            chances[row - first, nth] = model.crossing(none, site.levels[None], 3600.0 * ahead)[0][
                0, -1
            ]
    return chances


def _learnt(site: Site, hours: Sequence[int]) -> Floats:
    """Return the same by what was learnt: exceeded at the end of any horizon within."""
    n = len(site.values)
    model, none, judged = PooledForecast(1, 1), np.zeros(n, np.intp), np.arange(n) >= site.learnt
    values, levels = as_factors(site.values, np.tile(site.levels, (n, 1)), np.ones(n, np.bool_))
    said, _ = model.observe(none, none, site.times_ms, values, levels, judged)
    within = [np.flatnonzero(np.asarray(HORIZONS_S) <= 3600.0 * ahead) for ahead in hours]
    return np.stack([said[:, -1, each].max(axis=1) for each in within], axis=1)


def _judged(
    site: Site, rows: NDArray[np.intp], ahead: int, trend: Floats, learnt: Floats
) -> Judged:
    until = site.times_ms[rows] + ahead * HOUR_MS
    ends = np.searchsorted(site.times_ms, until, side="right")
    # Only where the record goes on to the end of the horizon without a long gap.
    whole = (until <= site.times_ms[-1]) & (until - site.times_ms[ends - 1] <= HOUR_MS // 2)
    rows, ends, trend, learnt = rows[whole], ends[whole], trend[whole], learnt[whole]
    spans = zip(rows, ends, strict=True)
    came = np.array([site.values[a + 1 : b].max(initial=-np.inf) for a, b in spans]) >= site.level
    back = rows[:, None] - np.arange(LINE)[::-1]
    hours = (site.times_ms[back] - site.times_ms[rows, None]) / HOUR_MS
    climb = slopes(hours, site.values[back]) * ahead
    line = site.values[rows] + np.maximum(climb, 0.0) >= site.level
    now = site.values[rows] >= site.level
    below = ~now[:, None]
    decided = learnt_decisions(learnt[:, None], came[:, None], below, AN_HOUR * ahead)[:, 0]
    return Judged(came, now, line, trend, np.where(now, 1.0, learnt), decided | now)


def slopes(hours: Floats, values: Floats) -> Floats:
    """Return the least-squares slope of each row, per hour."""
    x = hours - hours.mean(axis=1, keepdims=True)
    y = values - values.mean(axis=1, keepdims=True)
    found: Floats = (x * y).sum(axis=1) / np.maximum((x * x).sum(axis=1), 1e-12)
    return found


def _decisions(judged: Judged) -> dict[str, NDArray[np.bool_]]:
    return {
        "persistence": judged.now,
        "line": judged.line,
        "trend >= .5": judged.trend >= SURE,
        "learnt >= .5": judged.learnt >= SURE,
        "learnt, threshold learnt": judged.decided,
    }


def _sum(tallies: Sequence[Tally]) -> Tally:
    return Tally(*(sum(each) for each in zip(*tallies, strict=True)))


def _result(found: Sequence[dict[int, Judged]], ahead: int) -> dict[str, Any]:
    result: dict[str, Any] = {"ahead_h": ahead, "all": {}, "onset": {}}
    for name in _decisions(found[0][ahead]):
        every, onsets = [], []
        for site in found:
            judged, said = site[ahead], _decisions(site[ahead])[name]
            below = ~judged.now
            every.append(tally(said, judged.came))
            onsets.append(tally(said[below], judged.came[below]))
        for which, tallies in (("all", every), ("onset", onsets)):
            whole = _sum(tallies)
            result[which][name] = {"pod": whole.pod, "far": whole.far, "csi": whole.csi}
    came = np.concatenate([site[ahead].came[~site[ahead].now] for site in found])
    result["rows"] = int(sum(len(site[ahead].came) for site in found))
    result["onsets"] = int(came.sum())
    for part in ("trend", "learnt"):
        chance = np.concatenate([getattr(site[ahead], part)[~site[ahead].now] for site in found])
        result[f"{part}_onset"] = {
            "brier": brier(chance, came),
            "reliability": reliability(chance, came),
        }
    return result


def _table(results: Sequence[dict[str, Any]]) -> Table:
    table = Table("within", "forecast", title="stages above the 95th percentile")
    for head in ("POD", "FAR", "CSI", "onset POD", "onset FAR", "onset CSI"):
        table.add_column(head, justify="right")
    for result in results:
        for name, whole in result["all"].items():
            figures = [*whole.values(), *result["onset"][name].values()]
            table.add_row(f"{result['ahead_h']} h", name, *(f"{x:.3f}" for x in figures))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; write the figures as well where that is wanted."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.yardsticks.stages", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rivers", type=Path, required=True, metavar="DIR", help="recorded rivers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    given = parser.parse_args(arguments)
    found = [judge(site) for site in load(given.rivers)]
    results = [_result(found, ahead) for ahead in HOURS]
    if given.json is not None:
        given.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    console = Console(width=110)
    console.print(_table(results))
    for result in results:
        console.print(
            f"{result['ahead_h']} h, {result['rows']} rows, {result['onsets']} before an onset;"
        )
        for part in ("trend", "learnt"):
            found_so = result[f"{part}_onset"]
            said = ", ".join(f"{p:.2f}: {c:.2f} ({n})" for p, c, n in found_so["reliability"])
            console.print(
                f"  {part} from below: Brier {found_so['brier']:.4f}; came by said: {said}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
