"""Judge the count model on weekly counts with marked outbreaks.

    python -m benchmarks.yardsticks.outbreaks --outbreaks DIR [--json FILE]

DIR has ``outbreak_series.csv.gz``: series, unit, week, count, and whether an outbreak was marked.
Ours is the flow's ``CountBurst``, with the weeks of a year for its period. Beside it stand EARS C1,
C2 and C3 and a negative-binomial CUSUM, written here from their papers. Nobody sees a week's count
before the week ends, and no parameter was chosen on these data.

Every method is given, per series, the threshold at which it alarms in a given share of the weeks
outside outbreaks: the only look ahead, and the same for all. The first year is not judged.

References
----------
Hutwagner et al. 2003 (EARS); Höhle and Paul 2008 (CUSUM of counts by likelihood ratio).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.count_burst import CountBurst
from models.count_calendar import YEAR

__all__ = ["METHODS", "RATES", "Series", "cusum", "ears", "main", "ours", "read"]

RATES = (0.005, 0.01, 0.05)
"""Shares of the weeks outside outbreaks in which an alarm is allowed."""
WEEK_S = YEAR.bin_s
NOT_JUDGED = 52
LEAST_SPREAD = 0.5  # of a count, in reports: EARS divides by a standard deviation that may be 0

Floats = NDArray[np.float64]


class Series(NamedTuple):
    """Weekly counts of one place."""

    name: str
    counts: Floats
    marked: NDArray[np.bool_]


def read(path: Path) -> list[Series]:
    """Return the series that have marked outbreaks after their first year."""
    rows: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            week = float(row["t"]), float(row["observed"]), float(row["outbreak_state"] or 0) > 0
            rows[f"{row['series']} {row['unit']}"].append(week)
    series = []
    for name, weeks in rows.items():
        _, counts, marked = zip(*sorted(weeks), strict=True)
        series.append(Series(name, np.array(counts), np.array(marked)))
    return [each for each in series if each.marked[NOT_JUDGED:].any()]


def ours(counts: Floats) -> Floats:
    """Return the flow's surprisal of every week, reports spread evenly over it."""
    model = CountBurst(["other"], places=1, calendar=YEAR)
    model.tick(0.0)
    scores = np.zeros(len(counts))
    for week, count in enumerate(np.nan_to_num(counts).astype(int)):
        for nth in range(count):
            at = (week + (nth + 0.5) / count) * WEEK_S
            burst = model.score_and_learn("other", "here", at)
            scores[week] = burst.surprisal if burst else 0.0
        model.tick((week + 1) * WEEK_S)
    return scores


def ears(counts: Floats, gap: int, summed: bool = False) -> Floats:
    """Return EARS C1 (gap 0), C2 (gap 2) or, summed over three weeks, C3."""
    scores = np.zeros(len(counts))
    for week in range(7 + gap, len(counts)):
        base = counts[week - gap - 7 : week - gap]
        spread = max(float(base.std(ddof=1)), LEAST_SPREAD)
        scores[week] = (counts[week] - base.mean()) / spread
    if not summed:
        return scores
    over = np.maximum(scores - 1.0, 0.0)
    three: Floats = over.copy()
    three[1:] += over[:-1]
    three[2:] += over[:-2]
    return three


def cusum(counts: Floats, rise: float = 2.0) -> Floats:
    """Return the negative-binomial CUSUM against a mean ``rise`` times the usual one.

    Mean and dispersion are those of the weeks before, by moments; a week that alarms by itself
    teaches no less than another. The mean is not seasonal.
    """
    scores = np.zeros(len(counts))
    for week in range(13, len(counts)):
        past = counts[:week]
        mean = max(float(past.mean()), 0.1)
        size = mean**2 / max(float(past.var(ddof=1)) - mean, 0.05 * mean**2)
        ratio = counts[week] * np.log(rise) - (counts[week] + size) * np.log(
            (size + rise * mean) / (size + mean)
        )
        scores[week] = max(0.0, scores[week - 1] + float(ratio))
    return scores


METHODS: dict[str, Callable[[Floats], Floats]] = {
    "ours": ours,
    "EARS C1": lambda counts: ears(counts, 0),
    "EARS C2": lambda counts: ears(counts, 2),
    "EARS C3": lambda counts: ears(counts, 2, summed=True),
    "negative-binomial CUSUM": cusum,
}


class _Found(NamedTuple):
    """What one method found in one series at one rate."""

    weeks: float
    """Share of the outbreaks' weeks with an alarm."""
    outbreaks: list[int | None]
    """Weeks from every outbreak's start to its first alarm; None where there was none."""
    specificity: float


def judge(series: Series, scores: Floats, rate: float) -> _Found:
    """Return what is found when ``rate`` of the weeks outside outbreaks may alarm."""
    marked, judged = series.marked[NOT_JUDGED:], scores[NOT_JUDGED:]
    quiet = np.sort(judged[~marked])[::-1]
    threshold = quiet[min(int(rate * len(quiet)), len(quiet) - 1)]
    alarms = judged > threshold
    delays = [
        int(alarms[first:last].argmax()) if alarms[first:last].any() else None
        for first, last in _runs(marked)
    ]
    return _Found(float(alarms[marked].mean()), delays, 1.0 - float(alarms[~marked].mean()))


def _runs(marked: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Return the first and past-the-last week of every outbreak."""
    edges = np.flatnonzero(np.diff(np.r_[0, marked.astype(int), 0]))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _row(method: str, rate: float, found: Sequence[_Found]) -> dict[str, Any]:
    delays = [delay for each in found for delay in each.outbreaks]
    seen = [delay for delay in delays if delay is not None]
    return {
        "method": method,
        "rate": rate,
        "outbreaks": len(delays),
        "found": len(seen) / len(delays),
        "weeks": float(np.mean([each.weeks for each in found])),
        "specificity": float(np.mean([each.specificity for each in found])),
        "delay_weeks": float(np.mean(seen)) if seen else None,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures of every method at every rate."""
    parser = argparse.ArgumentParser(prog="outbreaks", description=__doc__.split("\n")[0])
    parser.add_argument("--outbreaks", type=Path, required=True, help="directory of the series")
    parser.add_argument("--json", type=Path, help="file the figures are written to")
    given = parser.parse_args(arguments)
    series = read(given.outbreaks / "outbreak_series.csv.gz")
    print(f"{len(series)} series; sensitivity by outbreak, sensitivity by week, specificity, delay")
    rows = []
    for name, method in METHODS.items():
        scores = [method(each.counts) for each in series]
        for rate in RATES:
            found = [judge(each, s, rate) for each, s in zip(series, scores, strict=True)]
            row = _row(name, rate, found)
            rows.append(row)
            print(
                f"{name:26}{rate:6.3f}{row['found']:7.2f}{row['weeks']:7.2f}"
                f"{row['specificity']:8.4f}{row['delay_weeks'] or float('nan'):6.1f}",
                flush=True,
            )
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
