"""The record of peaks on the Numenta Anomaly Benchmark, without look-ahead.

    python benchmarks/detection.py nab --nab DIR
    python benchmarks/detection.py nab --nab DIR --scores OURS.csv   writes what each record scored

The banks are those of the flow, with the rules of the flow. Beside them: plain detectors, each part
of ours left out in turn, and the mean over random settings of all its numbers, which says how much
of the figure is structure. Published result files (``published_<name>.csv.gz``) that lie in DIR are
scored too, which proves the scorer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from river import anomaly, compose, preprocessing

from benchmarks.report import table
from benchmarks.yardsticks.nab_scorer import (
    PROFILES,
    Series,
    load,
    read_scores,
    score,
    write_scores,
)
from flows.progress import Bar
from models.record_of_peaks import CHANNELS, SensorBank, WeeklyBank
from models.rules import RULES, Rules

__all__ = ["main", "our_scores", "parts", "settings"]

Floats = NDArray[np.float64]
Scores = dict[str, Floats]

SETTINGS = 40
"""Random settings tried."""
SPREAD = 1.4
"""Each number is multiplied by up to this, or divided."""
SEED = 7
WHOLE = ("peak", "warm_up", "few")


def our_scores(
    corpus: list[Series], bank: type[SensorBank] = SensorBank, rules: Rules = RULES
) -> Scores:
    """Return the strength of our alarms, row by row; each file is a sensor of one bank."""
    sensors = np.repeat(np.arange(len(corpus)), [len(series.values) for series in corpus])
    said = bank(len(corpus), rules).score_and_learn(
        sensors,
        np.concatenate([series.times_s for series in corpus]),
        np.concatenate([series.values for series in corpus]),
    )
    return {series.name: said.strength[sensors == i] for i, series in enumerate(corpus)}


def parts() -> dict[str, Rules]:
    """Return the rules with one part left out, by what is left out."""
    without: dict[str, dict[str, Any]] = {
        "habits of the day": {"day": 0.0},
        "half-life (never forget)": {"half_life": 1e12},
        "one peak an event": {"peak": 0},
        "hold": {"hold": 0.0},
        "hold and re-arming": {"hold": 0.0, "re_arm": 0.0},
        "confirmation by a second view": {"confirm": 0.0},
        "disbelief of wild values": {"wild": 1e12},
    }
    found = {name: RULES._replace(**changed) for name, changed in without.items()}
    for nth, name in enumerate(CHANNELS):
        views: Any = tuple(float(i != nth) for i in range(len(CHANNELS)))
        found[f"view: {name}"] = RULES._replace(views=views)
    return found


def settings(count: int, seed: int = SEED) -> Iterator[Rules]:
    """Return rules whose numbers are all off by random factors."""
    rng = np.random.default_rng(seed)
    names = [name for name in RULES._fields if name != "views"]
    for _ in range(count):
        factors = SPREAD ** rng.uniform(-1, 1, len(names))
        numbers: dict[str, Any] = {
            name: getattr(RULES, name) * factor for name, factor in zip(names, factors, strict=True)
        }
        numbers.update({name: round(numbers[name]) for name in WHOLE})
        yield RULES._replace(**numbers)


def _plain(make: Callable[[], Any], corpus: list[Series]) -> Scores:
    """Return what a detector of River's says of each record before it learns it."""
    found = {}
    for series in corpus:
        model, column = make(), np.zeros(len(series.values))
        for row, (time_s, value) in enumerate(zip(series.times_s, series.values, strict=True)):
            x = {"value": value, "hour": time_s % 86_400 / 3600}
            column[row] = np.nan_to_num(model.score_one(x))
            model.learn_one(x)
        found[series.name] = column
    return found


class _OfValue:
    """A detector of River's that watches a plain number."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def score_one(self, x: dict[str, float]) -> float:
        return abs(float(self.model.score_one(None, x["value"])))

    def learn_one(self, x: dict[str, float]) -> None:
        self.model.learn_one(None, x["value"])


PLAIN: dict[str, Callable[[], Any]] = {
    "river StandardAbsoluteDeviation": lambda: _OfValue(anomaly.StandardAbsoluteDeviation()),
    "river GaussianScorer": lambda: _OfValue(anomaly.GaussianScorer()),  # type: ignore[no-untyped-call]  # River's own
    "river HalfSpaceTrees": lambda: compose.Pipeline(
        preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=SEED)
    ),
}


def _prefixes_agree(corpus: list[Series], bank: type[SensorBank]) -> bool:
    """Whether the first two thirds of every series score alone what they score in the whole."""
    cut = [
        series._replace(
            times_s=series.times_s[: 2 * len(series.times_s) // 3],
            values=series.values[: 2 * len(series.values) // 3],
        )
        for series in corpus
    ]
    whole, alone = our_scores(corpus, bank), our_scores(cut, bank)
    return all(np.array_equal(whole[name][: len(alone[name])], alone[name]) for name in alone)


def _profiles(corpus: list[Series], scores: Scores) -> list[float]:
    return [score(corpus, scores, profile)[0] for profile in PROFILES.values()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the three profiles of everything that was asked for."""
    parser = argparse.ArgumentParser(prog="detection.py nab", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--nab", type=Path, required=True, metavar="DIR", help="the corpus")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="write ours here (.csv, .gz)")
    parser.add_argument("--weekly", action="store_true", help="with the week's habits")
    parser.add_argument("--brief", action="store_true", help="ours alone")
    given = parser.parse_args(arguments)
    corpus = load(given.nab)
    bank = WeeklyBank if given.weekly else SensorBank
    if given.scores is not None:
        write_scores(given.scores, our_scores(corpus, bank))
    _report(corpus, bank, [] if given.brief else sorted(given.nab.glob("published_*.csv.gz")))
    if not given.brief:
        _report_parts(corpus, bank)
        _report_settings(corpus, bank)
    return 0


def _report(corpus: list[Series], bank: type[SensorBank], published: list[Path]) -> None:
    rows = sum(len(series.values) for series in corpus)
    windows = sum(len(series.windows) for series in corpus)
    said = [
        (f"ours, {kind.__name__}", our_scores(corpus, kind)) for kind in (SensorBank, WeeklyBank)
    ]
    said += [(path.name, read_scores(path, corpus)) for path in published]
    if published:
        said += [(name, _plain(make, corpus)) for name, make in PLAIN.items()]
    title = f"{len(corpus)} files, {rows:,} records, {windows} windows"
    found = [_row(name, _profiles(corpus, scores)) for name, scores in said]
    Console().print(table(title, ["detector", *PROFILES], found))
    ours = "equal" if _prefixes_agree(corpus, bank) else "DIFFERENT"
    print(f"two thirds of each series alone against the same rows in the whole: {ours}")


def _report_parts(corpus: list[Series], bank: type[SensorBank]) -> None:
    whole = _profiles(corpus, our_scores(corpus, bank))
    rows = [_row("(nothing)", whole)]
    with Bar("leaving parts out") as bar:
        left_out = parts()
        for done, (name, rules) in enumerate(left_out.items(), 1):
            found = _profiles(corpus, our_scores(corpus, bank, rules))
            rows.append(_row(name, [f - w for f, w in zip(found, whole, strict=True)], "+"))
            bar.show(done / len(left_out), name)
    Console().print(table("what is lost without", ["part left out", *PROFILES], rows))


def _report_settings(corpus: list[Series], bank: type[SensorBank]) -> None:
    found = []
    with Bar("random settings") as bar:
        for done, rules in enumerate(settings(SETTINGS), 1):
            found.append(_profiles(corpus, our_scores(corpus, bank, rules)))
            bar.show(done / SETTINGS, "")
    columns = list(zip(*found, strict=True))
    rows = [
        [f"{mean(column):.2f} ± {stdev(column):.2f}" for column in columns],
        [f"{min(column):.2f} to {max(column):.2f}" for column in columns],
    ]
    title = f"{SETTINGS} random settings, every number x {1 / SPREAD:.2f} to {SPREAD:.2f}"
    names = ("mean", "range")
    shown = [[name, *row] for name, row in zip(names, rows, strict=True)]
    Console().print(table(title, ["", *PROFILES], shown))


def _row(name: str, figures: Sequence[float], sign: str = "") -> list[str]:
    return [name, *(f"{figure:{sign}.2f}" for figure in figures)]


if __name__ == "__main__":
    sys.exit(main())
