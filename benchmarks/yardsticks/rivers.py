"""How many of the readings that technicians marked as faulty are recognised, and how many wrongly.

``python -m benchmarks.yardsticks.rivers --rivers DIR`` reads recorded river sensors, a file a site
and year: six values every 15 minutes, raw, corrected, and with a code where a technician found the
sensor faulty. The very models of the flow judge each reading when it comes. Beside them stands the
check that most networks use: **range and persistence**, a value outside of what is possible or the
same n times. Compared is the n that finds most over all sites without more false marks than ours;
and for every site the n that would have done so there, which nobody knows beforehand.

A false mark is a reading that is judged faulty, has no code, and was reviewed (it has a corrected
value). Episodes are runs of such readings. The files of 2014 and 2015 were looked at while the
models were made; those of 2020 were not.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.record_of_peaks import SensorBank
from models.sensor_faults import FAULTS, FaultBank

__all__ = ["main", "measure"]

LIMITS = {
    "temp": (-5.0, 45.0),
    "cond": (0.0, 3000.0),
    "ph": (0.0, 14.0),
    "do": (0.0, 25.0),
    "turb": (0.0, 4000.0),
    "stage": (-100.0, 1000.0),
}
"""What can be measured: degrees, uS/cm, pH, mg/l, NTU, cm."""
REPEATS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 192)
"""Readings of the same value in a row after which the plain check calls a sensor stuck."""
MONTH_S = 730 * 3600.0
OURS = ("ours", "ours, sure")
SURE = ("leap", "unit", "stuck", "range")
"""What is left at our stricter operating point: without noise."""
CONSTANT, SHORT = 4, 4
"""Equal readings in a row that are a constant stretch; readings that are a short episode."""
CODES = {"5": "ice", "10": "drift, corrected later"}
"""Codes whose meaning can be told from the values; other long episodes are an offset or noise."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Series(NamedTuple):
    """One value of one site."""

    site: str
    name: str
    time_s: Floats
    value: Floats
    code: list[str]
    marked: Flags
    reviewed: Flags


def read(path: Path) -> Iterator[Series]:
    """Return the series of one file that somebody reviewed."""
    with gzip.open(path, "rt", newline="") as lines:
        rows = list(csv.DictReader(lines))
    times = np.array([row["datetime"] for row in rows], "datetime64[s]").astype(np.float64)
    for name in LIMITS:
        value, corrected = (
            np.array([float(row[column] or "nan") for row in rows])
            for column in (name, f"{name}_cor")
        )
        code = [row[f"{name}_qual"].removesuffix(".0") for row in rows]
        marked = np.array([bool(each) for each in code])
        reviewed = marked | ~np.isnan(corrected)
        if reviewed.any():
            site = path.name.removesuffix(".csv.gz")
            yield Series(site, name, times, value, code, marked, reviewed)


def judge(series: Series) -> NDArray[np.int8]:
    """Return what each reading is found to be: a number of ``FAULTS``, one more for impossible."""
    low, high = LIMITS[series.name]
    possible = (series.value >= low) & (series.value <= high)
    found = np.full(len(possible), len(FAULTS), np.int8)
    sensor, values = np.zeros(possible.sum(), np.intp), series.value[possible]
    scores = SensorBank(1).score_and_learn(sensor, series.time_s[possible], values)
    faults = FaultBank(1)
    found[possible] = faults.judge_and_learn(sensor, values, scores.expected, scores.scale)
    # Between its spikes a sensor that spikes reads well.
    found[found == FAULTS.index("spikes")] = 0
    return found


def plain(series: Series, repeats: int) -> Flags:
    """Return which readings the range and persistence check calls faulty."""
    low, high = LIMITS[series.name]
    return ~((series.value >= low) & (series.value <= high)) | (_runs(series.value) >= repeats)


def _runs(values: Floats) -> NDArray[np.int64]:
    """Return how many readings in a row have had each reading's value, itself included."""
    place = np.arange(len(values))
    begins = np.append(True, values[1:] != values[:-1])
    return place - np.maximum.accumulate(np.where(begins, place, 0)) + 1


def shapes(series: Series) -> list[str]:
    """Return what each marked reading looks like; "" where none is marked."""
    low, high = LIMITS[series.name]
    runs, length = _runs(series.value), _lengths(series.marked)
    constant = np.zeros(len(runs), np.bool_)
    for end in np.flatnonzero(runs >= CONSTANT):
        constant[end - runs[end] + 1 : end + 1] = True
    looks = []
    for n, code in enumerate(series.code):
        if not series.marked[n]:
            looks.append("")
        elif not low <= series.value[n] <= high:
            looks.append("impossible value")
        elif code in CODES:
            looks.append(CODES[code])
        elif constant[n]:
            looks.append("constant")
        else:
            looks.append("spike or gap" if length[n] <= SHORT else "offset or noise")
    return looks


def _lengths(flags: Flags) -> NDArray[np.int64]:
    """Return how long the run of flags is that each belongs to."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    length = np.zeros(len(flags), np.int64)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        length[begin:end] = end - begin
    return length


class Marks(NamedTuple):
    """What one way of judging came to on some series."""

    marked: int = 0
    found: int = 0
    false: int = 0
    episodes: int = 0
    months: float = 0.0

    def __add__(self, other: tuple[Any, ...]) -> Marks:
        return Marks(*(a + b for a, b in zip(self, other, strict=True)))

    def to_dict(self) -> dict[str, float]:
        """Return shares, and rates per sensor-month."""
        return {
            "marked": self.marked,
            "recognised": round(self.found / max(self.marked, 1), 4),
            "false_a_month": round(self.false / self.months, 2),
            "false_episodes_a_month": round(self.episodes / self.months, 3),
        }


def count(series: Series, faulty: Flags) -> Marks:
    """Return how well readings that were judged faulty agree with the technicians."""
    wrong = faulty & ~series.marked & series.reviewed
    episodes = int((np.diff(wrong.astype(np.int8), prepend=0) > 0).sum())
    months = float(series.reviewed.sum()) * float(np.median(np.diff(series.time_s))) / MONTH_S
    found = int((faulty & series.marked).sum())
    return Marks(int(series.marked.sum()), found, int(wrong.sum()), episodes, months)


def measure(rivers: Path) -> dict[str, Any]:
    """Return the figures of every site, of the years looked at and not, and by shape."""
    judges = [*OURS, *(f"plain {n}" for n in REPEATS)]
    groups: dict[str, dict[str, Marks]] = defaultdict(lambda: dict.fromkeys(judges, Marks()))
    looks: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for path in sorted(rivers.glob("*.csv.gz")):
        year = "2020" if "2020" in path.name else "2014 and 2015"
        for series in read(path):
            found = judge(series)
            sure = [*(FAULTS.index(kind) for kind in SURE[:-1]), len(FAULTS)]
            ways = {"ours": found > 0, "ours, sure": np.isin(found, sure)}
            ways |= {f"plain {n}": plain(series, n) for n in REPEATS}
            for way, faulty in ways.items():
                marks = count(series, faulty)
                for group in (series.site, year, "all"):
                    groups[group][way] += marks
                _note_looks(looks[way], shapes(series), faulty)
    return {
        "groups": {group: _compared(each) for group, each in groups.items()},
        "shapes": {way: {k: tuple(v) for k, v in sorted(e.items())} for way, e in looks.items()},
    }


def _note_looks(noted: dict[str, list[int]], looks: list[str], faulty: Flags) -> None:
    for look, found in zip(looks, faulty.tolist(), strict=True):
        if look:
            noted[look][0] += found
            noted[look][1] += 1


def _compared(each: dict[str, Marks]) -> dict[str, Any]:
    """Return all operating points, and beside each of ours the plain one that does it justice."""
    points: dict[str, Any] = {way: marks.to_dict() for way, marks in each.items()}
    for ours in OURS:
        fair = [way for way in each if "plain" in way and each[way].false <= each[ours].false]
        best = max(fair, key=lambda way: each[way].found) if fair else f"plain {REPEATS[-1]}"
        points[ours]["beside"] = best
    return points


def main(arguments: list[str] | None = None) -> int:
    """Print what was recognised, site by site and shape by shape."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.yardsticks.rivers")
    parser.add_argument("--rivers", type=Path, required=True, metavar="DIR")
    parser.add_argument("--json", type=Path, help="write every figure here")
    given = parser.parse_args(arguments)
    if not any(given.rivers.glob("*.csv.gz")):
        print(f"{given.rivers}: expected river files, *.csv.gz, found none", file=sys.stderr)
        return 1
    figures = measure(given.rivers)
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=1))
    console = Console(width=110)
    console.print(_sites(figures["groups"]), _shapes(figures))
    return 0


def _sites(groups: dict[str, Any]) -> Table:
    table = Table("site", "marked", "way", "recognised", "false, a sensor-month", "false episodes")
    everywhere = [groups["all"][ours]["beside"] for ours in OURS]
    for group, points in groups.items():
        here = [points[ours]["beside"] for ours in OURS]
        for way in dict.fromkeys([*OURS, *everywhere, *here]):
            at = points[way]
            rates = f"{at['false_a_month']:.1f}", f"{at['false_episodes_a_month']:.2f}"
            told = f"{way} *" if way in here else way
            table.add_row(group, f"{at['marked']}", told, f"{at['recognised']:.1%}", *rates)
        table.add_section()
    table.caption = "* of the plain ones finds most here without more false marks than one of ours"
    return table


def _shapes(figures: dict[str, Any]) -> Table:
    ways = [*OURS, figures["groups"]["all"]["ours"]["beside"]]
    table = Table("what it looks like", "readings", *ways)
    for look, (_, total) in figures["shapes"]["ours"].items():
        found = (figures["shapes"][way][look][0] for way in ways)
        table.add_row(look, str(total), *(f"{each / total:.1%}" for each in found))
    return table


if __name__ == "__main__":
    sys.exit(main())
