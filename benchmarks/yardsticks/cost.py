"""What detection costs: time a reading and state a sensor, part by part.

    python benchmarks/detection.py cost

100,000 sensors, batches of 10,000 readings of sensors in random order, all outputs made. Medians
of several rounds on one core; beside them, as a ruler for the machine, what it costs to gather and
scatter one 64-byte row a reading.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.report import spread, table
from models.calibration import COLUMNS, Calibration
from models.level_forecast import LevelForecast
from models.record_of_peaks import SensorBank, WeeklyBank

__all__ = ["main"]

SENSORS = 100_000
BATCH = 10_000
BATCHES = 60
LEARNT = 40
"""Batches before time is taken: state has left its first pages."""
ROUNDS = 5
STEP_S = 300.0
KINDS = 16


class Batch(NamedTuple):
    """Readings of sensors in random order."""

    sensors: np.ndarray[tuple[int], np.dtype[np.intp]]
    times_s: np.ndarray[tuple[int], np.dtype[np.float64]]
    values: np.ndarray[tuple[int], np.dtype[np.float64]]


def _batches(seed: int) -> list[Batch]:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(LEARNT + BATCHES):
        sensors = rng.integers(SENSORS, size=BATCH)
        times = np.full(BATCH, number * STEP_S * SENSORS / BATCH)
        made.append(Batch(sensors, times, rng.normal(20.0, 3.0, BATCH)))
    return made


def _timed(act: Callable[[Batch], object]) -> float:
    """Return microseconds a reading."""
    batches = _batches(1)
    for batch in batches[:LEARNT]:
        act(batch)
    spent = []
    for batch in batches[LEARNT:]:
        begun = time.perf_counter()
        act(batch)
        spent.append(time.perf_counter() - begun)
    return median(spent) / BATCH * 1e6


def _parts() -> dict[str, tuple[Callable[[Batch], object], int]]:
    """Return every part with the bytes it keeps of a sensor."""
    peaks, weekly, levels = SensorBank(SENSORS), WeeklyBank(SENSORS), LevelForecast(SENSORS)
    calibration, kinds = Calibration(KINDS), np.arange(SENSORS) % KINDS
    rows, counted = np.zeros((SENSORS, 8)), np.ones(BATCH, np.bool_)

    def detect(bank: SensorBank) -> Callable[[Batch], object]:
        def act(batch: Batch) -> object:
            scores = bank.score_and_learn(*batch)
            raw = np.fmax(scores.surprisal, scores.residual_surprisal)
            return calibrate(batch, raw)

        return act

    def calibrate(batch: Batch, raw: NDArray[np.float64]) -> object:
        times_ms = (batch.times_s * 1000).astype(np.int64)
        return calibration.score_and_learn(kinds[batch.sensors], times_ms, raw, counted)

    def forecast(batch: Batch) -> object:
        times_ms = (batch.times_s * 1000).astype(np.int64)
        levels.observe(batch.sensors, times_ms, batch.values)
        return None

    def ruler(batch: Batch) -> object:
        rows[batch.sensors] += batch.values[:, None]
        return None

    raw = np.random.default_rng(2).exponential(0.43, BATCH)
    return {
        "ruler: a 64-byte row, read and written": (ruler, 64),
        "record of peaks, event, habits of the day": (
            lambda batch: peaks.score_and_learn(*batch),
            peaks.state_bytes,
        ),
        "the same with habits of the week": (
            lambda batch: weekly.score_and_learn(*batch),
            weekly.state_bytes,
        ),
        "calibration by kind": (
            lambda batch: calibrate(batch, raw),
            -(-KINDS * 8 * COLUMNS // SENSORS),
        ),
        "all of a sensor (day)": (detect(peaks), peaks.state_bytes),
        "all of a sensor (week)": (detect(weekly), weekly.state_bytes),
        "level forecast, of sensors with levels": (forecast, levels.state_bytes),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row a part."""
    parser = argparse.ArgumentParser(prog="detection.py cost", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args(arguments)
    rounds: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    for _ in range(given.rounds):
        for name, (act, size) in _parts().items():
            rounds.setdefault(name, []).append(_timed(act))
            sizes[name] = size
    rows = []
    for name, spent in rounds.items():
        of = spread(spent, 3)
        span = f"{of['lowest']:.3f} to {of['highest']:.3f}"
        rows.append([name, f"{of['median']:.3f}", span, f"{sizes[name]:,}"])
    heads = ["part", "us a reading", f"of {given.rounds} rounds", "bytes a sensor"]
    title = f"{SENSORS:,} sensors, batches of {BATCH:,}"
    Console(width=110).print(table(title, heads, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
