"""The Numenta Anomaly Benchmark: its corpus and its scoring rules (version 1.1).

Written from the rules the benchmark publishes. A detection is a score at or above one threshold
for the whole corpus, chosen, as the benchmark does, to be the best for the profile; that choice is
the only thing that looks ahead.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["PROFILES", "Profile", "Series", "load", "read_scores", "score", "write_scores"]

ARCHIVE = "nab_corpus.tar.gz"
WINDOWS = "labels/combined_windows.json"

Floats = NDArray[np.float64]


class Profile(NamedTuple):
    """What a hit, a miss and a false positive weigh."""

    hit: float
    miss: float
    false: float


PROFILES = {
    "standard": Profile(1.0, 1.0, 0.11),
    "low FP": Profile(1.0, 1.0, 0.22),
    "low FN": Profile(1.0, 2.0, 0.11),
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
    """Read the corpus, by file name.

    Parameters
    ----------
    corpus
        A directory with ``data/`` and ``labels/``, or with an archive of them.

    Raises
    ------
    FileNotFoundError
        When it is neither.
    """
    if (corpus / ARCHIVE).exists() and not (corpus / "labels").exists():
        with tarfile.open(corpus / ARCHIVE) as archive:
            return _read_all(lambda name: _member(archive, name))
    if not (corpus / WINDOWS).exists():
        raise FileNotFoundError(f"{corpus}: expected {WINDOWS} and data/, or {ARCHIVE}")
    return _read_all(lambda name: (corpus / name).read_text())


def _member(archive: tarfile.TarFile, name: str) -> str:
    found = archive.extractfile(name)
    assert found is not None, name
    return found.read().decode()


def _read_all(text: Callable[[str], str]) -> list[Series]:
    windows = json.loads(text(WINDOWS))
    return [_read(name, text(f"data/{name}"), windows[name]) for name in sorted(windows)]


def _read(name: str, text: str, windows: list[list[str]]) -> Series:
    rows = list(csv.reader(io.StringIO(text)))[1:]
    times = np.array([_seconds(row[0]) for row in rows])
    spans = [
        (int(np.searchsorted(times, _seconds(start))), int(np.searchsorted(times, _seconds(end))))
        for start, end in windows
    ]
    return Series(name, times, np.array([float(row[1]) for row in rows]), spans)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def read_scores(path: Path, corpus: list[Series]) -> dict[str, Floats]:
    """Read anybody's scores."""
    scores = {series.name: np.zeros(len(series.values)) for series in corpus}
    with gzip.open(path, "rt") as lines:
        for row in csv.DictReader(lines):
            scores[row["file"]][int(row["row"])] = float(row["score"])
    return scores


def write_scores(path: Path, scores: dict[str, Floats]) -> None:
    """Write scores as they are published, one row a record; compressed if named ``.gz``."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt") as lines:
        lines.write("file,row,score\n")
        for name, column in scores.items():
            lines.writelines(f"{name},{row},{value:.6g}\n" for row, value in enumerate(column))


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
