"""Score the record of peaks, or any detector's scores, on the Numenta Anomaly Benchmark.

    python -m benchmarks.nab --nab DIR                       our detector, no look-ahead
    python -m benchmarks.nab --nab DIR --scores FILE.csv.gz  anybody's, to prove the scorer right

DIR is an unpacked corpus: ``data/<group>/<file>.csv`` and ``labels/combined_windows.json``. Scores
have the columns ``file,row,score``; rows that are not in them score 0.

The scorer is written from the rules the benchmark publishes (version 1.1). A detection is a score
at or above one threshold for the whole corpus, chosen, as the benchmark does, to be the best for
the profile; that choice is the only thing that looks ahead.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.record_of_peaks import SensorBank

__all__ = ["PROFILES", "Profile", "Series", "load", "our_scores", "read_scores", "score"]

Floats = NDArray[np.float64]


class Profile(NamedTuple):
    """What a hit, a miss and a false positive weigh."""

    hit: float
    miss: float
    false: float


PROFILES = {
    "standard": Profile(1.0, 1.0, 0.11),
    "low false positives": Profile(1.0, 1.0, 0.22),
    "low false negatives": Profile(1.0, 2.0, 0.11),
}


class Series(NamedTuple):
    """One file of the corpus."""

    name: str
    times_s: Floats
    values: Floats
    windows: list[tuple[int, int]]
    """First and last row of each labelled window."""

    @property
    def probation(self) -> int:
        """Rows at the start that are not judged."""
        return min(int(0.15 * len(self.values)), 750)


def load(corpus: Path) -> list[Series]:
    """Read the corpus, by file name."""
    windows = json.loads((corpus / "labels" / "combined_windows.json").read_text())
    return [_read(corpus / "data", name, windows[name]) for name in sorted(windows)]


def _read(data: Path, name: str, windows: list[list[str]]) -> Series:
    with (data / name).open() as lines:
        rows = list(csv.reader(lines))[1:]
    times = np.array([_seconds(row[0]) for row in rows])
    spans = [
        (int(np.searchsorted(times, _seconds(start))), int(np.searchsorted(times, _seconds(end))))
        for start, end in windows
    ]
    return Series(name, times, np.array([float(row[1]) for row in rows]), spans)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def our_scores(corpus: list[Series]) -> dict[str, Floats]:
    """Return the strength of our alarms, row by row; each file is a sensor of one bank."""
    bank = SensorBank(len(corpus))
    sensors = np.repeat(np.arange(len(corpus)), [len(series.values) for series in corpus])
    scores = bank.score_and_learn(
        sensors,
        np.concatenate([series.times_s for series in corpus]),
        np.concatenate([series.values for series in corpus]),
    )
    return {series.name: scores.strength[sensors == i] for i, series in enumerate(corpus)}


def read_scores(path: Path, corpus: list[Series]) -> dict[str, Floats]:
    """Read anybody's scores."""
    scores = {series.name: np.zeros(len(series.values)) for series in corpus}
    with gzip.open(path, "rt") as lines:
        for row in csv.DictReader(lines):
            scores[row["file"]][int(row["row"])] = float(row["score"])
    return scores


def score(corpus: list[Series], scores: dict[str, Floats], profile: Profile) -> tuple[float, float]:
    """Return the normalised score at the best threshold, and that threshold."""
    gains: list[tuple[float, float, int]] = []  # score, what a detection there is worth, window
    count = 0
    for series in corpus:
        worth, window = _worth(series, profile)
        judged = np.arange(series.probation, len(worth))
        of_corpus = np.where(window[judged] >= 0, window[judged] + count, -1)
        gains += zip(
            scores[series.name][judged].tolist(),
            worth[judged].tolist(),
            of_corpus.tolist(),
            strict=True,
        )
        count += len(series.windows)
    missed = -profile.miss * count
    best, threshold = _sweep(gains, missed, profile)
    return 100.0 * (best - missed) / (count * profile.hit - missed), threshold


def _sweep(
    gains: list[tuple[float, float, int]], missed: float, profile: Profile
) -> tuple[float, float]:
    """Lower the threshold row by row; return the best total and where it was."""
    gains.sort(key=lambda gain: -gain[0])
    total, best, threshold = missed, missed, np.inf
    # A window is worth its earliest detection, which is the one worth most.
    found: dict[int, float] = defaultdict(lambda: -profile.miss)
    for nth, (value, worth, window) in enumerate(gains):
        if window < 0:
            total += worth
        elif worth > found[window]:
            total += worth - found[window]
            found[window] = worth
        # Rows of one score are detected together or not at all.
        last_of_its_score = nth + 1 == len(gains) or gains[nth + 1][0] < value
        if last_of_its_score and total > best:
            best, threshold = total, value
    return best, threshold


def _worth(series: Series, profile: Profile) -> tuple[Floats, NDArray[np.intp]]:
    """Return what a detection at each row is worth, and the window it is in (-1: none)."""
    rows = np.arange(len(series.values))
    worth = np.full(len(rows), -profile.false)
    window = np.full(len(rows), -1)
    for nth, (left, right) in enumerate(series.windows):
        width = right - left + 1
        inside = (rows >= left) & (rows <= right)
        window[inside] = nth
        place = -(right - rows[inside] + 1) / width
        worth[inside] = profile.hit * _sigmoid(place) / _sigmoid(np.array(-1.0))
        after = rows > right
        distance = (rows[after] - right) / (width - 1)
        worth[after] = profile.false * np.where(distance > 3.0, -1.0, _sigmoid(distance))
    return worth, window


def _sigmoid(place: Floats) -> Floats:
    result: Floats = 2.0 / (1.0 + np.exp(5.0 * np.minimum(place, 100.0))) - 1.0
    return result


def main() -> None:
    """Print the three profiles of a detector."""
    parser = argparse.ArgumentParser(description="Score a detector on the NAB corpus.")
    parser.add_argument("--nab", type=Path, required=True, help="unpacked corpus")
    parser.add_argument("--scores", type=Path, help="file,row,score of another detector (csv.gz)")
    arguments = parser.parse_args()
    corpus = load(arguments.nab)
    began = time.perf_counter()
    scores = read_scores(arguments.scores, corpus) if arguments.scores else our_scores(corpus)
    spent_s = time.perf_counter() - began
    rows = sum(len(series.values) for series in corpus)
    windows = sum(len(series.windows) for series in corpus)
    print(f"{len(corpus)} files, {rows:,} records, {windows} windows, {spent_s:.1f} s")
    for name, profile in PROFILES.items():
        result, threshold = score(corpus, scores, profile)
        print(f"{name:20s} {result:6.2f}   threshold {threshold:.6g}")


if __name__ == "__main__":
    main()
