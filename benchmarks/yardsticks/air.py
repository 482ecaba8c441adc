"""Bad air 6, 12 and 24 h ahead, against persistence on the same rows: PM2.5 of 150 ug/m3 or more.

``python -m benchmarks.yardsticks.air --air DIR`` feeds hourly readings of several stations, in the
order of time, to the model of the flow. It is asked when the readings of an hour have come, and
has learnt from nothing later. DIR holds ``*.csv.gz`` with the columns ``time,station,PM2.5``, and
the weather: ``TEMP,DEWP,PRES,wd,WSPM`` (where wind comes from, and its m/s); other columns are not
read. ``--no-weather`` leaves the weather out. Parameters were chosen for what they did in the first
year, but the later years were printed beside it while they were, and that weather helps was seen on
all of them: no part of this record is untouched. ``--pollutant NO2`` judges 120 ug/m3 or more of
that; nothing was chosen with it in view. Figures are for all rows, and for those after the first
year. *Onsets* are rows below the level at the time of the forecast: there persistence never says
yes.

A chance becomes a yes from .5 on, or from a threshold learnt from past decisions alone
(``learnt_decisions``), which is the main figure.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.yardsticks.exceedance import brier, learnt_decisions, reliability, tally
from models.pooled_forecast import HORIZONS_S, PooledForecast
from models.weather import QUANTITIES

__all__ = ["Record", "forecast", "judge", "load", "main"]

LEVELS = {"PM2.5": (250.0, 150.0, 115.0, 75.0), "NO2": (200.0, 120.0, 100.0, 80.0)}
"""Official levels of the sensors of a pollutant, red to blue, in ug/m3."""
JUDGED = 1
HOURS = (6, 12, 24)
DEVELOPED = 8760
"""Hours at the start on which parameters were chosen."""
HOUR_MS = 3_600_000
COMPASS = (
    *("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE"),
    *("S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"),
)
"""Where wind comes from, each a sixteenth of a turn further."""

Floats = NDArray[np.float64]
Levels: TypeAlias = tuple[float, float, float, float]


class Record(NamedTuple):
    """What stations measured, hour by hour, NaN where there is nothing."""

    values: Floats
    """Of one pollutant in ug/m3, shape (hours, stations)."""
    weather: Floats
    """Shape (hours, stations, quantities), as ``models.weather`` names them."""


def load(directory: Path, pollutant: str = "PM2.5") -> Record:
    """Read all files, of them one pollutant.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    """
    stations: dict[str, int] = {}
    told = [
        (hour, stations.setdefault(station, len(stations)), row)
        for path in sorted(directory.glob("*.csv.gz"))
        for hour, station, row in _rows(path)
    ]
    if not told:
        raise FileNotFoundError(f"{directory}: expected *.csv.gz with readings, got none")
    first = min(hour for hour, _, _ in told)
    shape = max(hour for hour, _, _ in told) - first + 1, len(stations)
    record = Record(np.full(shape, np.nan), np.full((*shape, len(QUANTITIES)), np.nan))
    for hour, station, row in told:
        record.values[hour - first, station] = _number(row, pollutant)
        record.weather[hour - first, station] = _weather(row)
    return record


def _rows(path: Path) -> Iterator[tuple[int, str, dict[str, str]]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            at = datetime.fromisoformat(row["time"]).replace(tzinfo=UTC)
            yield int(at.timestamp()) // 3600, row["station"], row


def _number(row: dict[str, str], column: str) -> float:
    text = row.get(column, "").strip()
    return float(text) if text not in ("", "NA") else np.nan


def _weather(row: dict[str, str]) -> tuple[float, ...]:
    """Return the weather in the order of ``QUANTITIES``."""
    speed, where = _number(row, "WSPM"), row.get("wd", "").strip()
    turn = 2.0 * np.pi * COMPASS.index(where) / len(COMPASS) if where in COMPASS else np.nan
    wind = -speed * np.sin(turn), -speed * np.cos(turn)
    return *wind, *(_number(row, column) for column in ("TEMP", "DEWP", "PRES"))


def forecast(record: Record, of: Levels, alone: bool = False) -> Floats:
    """Return the chances said of the judged level, hour by hour: (hours, stations, horizons).

    Parameters
    ----------
    of
        The levels of every station.
    alone
        Let each station learn alone, without neighbours: to show what they bring.
    """
    hours, n = record.values.shape
    stations = np.arange(n)
    pools = stations if alone else np.zeros(n, np.intp)
    levels = np.tile(of, (n, 1))
    model = PooledForecast(n, int(pools.max()) + 1)
    said = np.full((hours, n, len(HOURS)), np.nan)
    which = [HORIZONS_S.index(3600.0 * ahead) for ahead in HOURS]
    for hour in range(hours):
        _tell_weather(model, hour, record.weather[hour])
        there = np.flatnonzero(np.isfinite(record.values[hour]))
        times = np.full(len(there), hour * HOUR_MS)
        values = record.values[hour, there]
        model.observe(there, pools[there], times, values, levels[there])
        said[hour, there] = model.exceeding(there, pools[there], levels[there])[:, JUDGED, which]
    return said


def _tell_weather(model: PooledForecast, hour: int, weather: Floats) -> None:
    station, quantity = np.nonzero(np.isfinite(weather))
    nobody, times = np.zeros(len(station), np.intp), np.full(len(station), hour * HOUR_MS)
    values, none = weather[station, quantity], np.full((len(station), 4), np.nan)
    kinds = quantity.astype(np.int8)
    model.observe(nobody, nobody, times, values, none, quantities=kinds)


def judge(
    values: Floats, chance: Floats, bound: float, ahead: int, skip: int = 0
) -> dict[str, Any]:
    """Compare the chances of one horizon with what came and with persistence.

    Parameters
    ----------
    chance
        Shape (hours, stations).
    bound
        The judged level.
    skip
        Hours at the start that are learnt from but not judged.
    """
    was, later, chance = values[:-ahead], values[ahead:], chance[:-ahead]
    judged = np.isfinite(was) & np.isfinite(later) & np.isfinite(chance)
    learnt = learnt_decisions(chance, later >= bound, judged, ahead)
    judged[:skip] = False
    came, now = later[judged] >= bound, was[judged] >= bound
    p, yes = chance[judged], learnt[judged]
    onset = ~now
    decisions = {"persistence": now, "chance >= .5": p >= 0.5, "threshold learnt": yes}
    return {
        "ahead_h": ahead,
        "rows": int(judged.sum()),
        "exceeded": int(came.sum()),
        "onsets": int((came & onset).sum()),
        "all": {name: _figures(said, came) for name, said in decisions.items()},
        "onset": {name: _figures(said[onset], came[onset]) for name, said in decisions.items()},
        "brier": {"persistence": brier(now.astype(float), came), "ours": brier(p, came)},
        "brier_onset": {
            "persistence": float(came[onset].mean()),
            "ours": brier(p[onset], came[onset]),
        },
        "reliability": reliability(p, came),
    }


def _figures(said: NDArray[np.bool_], came: NDArray[np.bool_]) -> dict[str, float]:
    found = tally(said, came)
    return {"pod": found.pod, "far": found.far, "csi": found.csi}


def _table(title: str, results: Sequence[dict[str, Any]]) -> Table:
    table = Table("ahead", "decision", "POD", "FAR", "CSI", "gain", title=title)
    for head in ("onset POD", "onset FAR", "onset CSI", "Brier", "onset Brier"):
        table.add_column(head)
    for column in table.columns[2:]:
        column.justify = "right"
    for result in results:
        for name, found in result["all"].items():
            whose, onset = "persistence" if name == "persistence" else "ours", result["onset"][name]
            gain = found["csi"] - result["all"]["persistence"]["csi"]
            table.add_row(
                f"{result['ahead_h']} h",
                name,
                *(f"{found[each]:.3f}" for each in ("pod", "far", "csi")),
                f"{gain:+.3f}",
                *(f"{onset[each]:.3f}" for each in ("pod", "far", "csi")),
                f"{result['brier'][whose]:.4f}",
                f"{result['brier_onset'][whose]:.4f}",
            )
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; write the figures as well where that is wanted."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.yardsticks.air", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--air", type=Path, required=True, metavar="DIR", help="recorded air")
    parser.add_argument("--pollutant", choices=list(LEVELS), default="PM2.5")
    parser.add_argument("--alone", action="store_true", help="let each station learn alone")
    parser.add_argument("--no-weather", action="store_true", help="do not tell of the weather")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    given = parser.parse_args(arguments)
    record, levels = load(given.air, given.pollutant), LEVELS[given.pollutant]
    if given.no_weather:
        record.weather[:] = np.nan
    values, chance = record.values, forecast(record, levels, given.alone)
    bound = levels[JUDGED]
    parts = {"all rows": 0, "after the first year": DEVELOPED}
    results = {
        name: [judge(values, chance[:, :, i], bound, ahead, skip) for i, ahead in enumerate(HOURS)]
        for name, skip in parts.items()
        if skip < len(values) - max(HOURS)
    }
    if given.json is not None:
        given.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    console = Console(width=130)
    for name, found in results.items():
        console.print(_table(f"{given.pollutant} of {bound:.0f} or more, {name}", found))
    for result in results["all rows"]:
        said = ", ".join(f"{p:.2f}: {came:.2f} ({n})" for p, came, n in result["reliability"])
        console.print(f"{result['ahead_h']} h, chance said: share that came (rows): {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
