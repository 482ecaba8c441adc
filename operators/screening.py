"""Score every reading against what is normal for its sensor.

Each reading is scored, then learnt from. One that is unusual in the direction that threatens
becomes evidence at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.record_of_peaks import CHANNELS, BankScores, SensorBank
from operators.counters import Counters
from operators.events import Evidence, Readings
from operators.evidence import UNUSUAL, sensor_evidence
from operators.ordering import RowBatch
from operators.registry import Registry
from operators.shared_change import SharedChange

__all__ = ["BAND", "ScreenReadings", "Screened", "material"]

MATERIAL = 0.4
"""Share of the way from what is expected to the lowest official level that matters."""
FIRST_DAY = 1.0
"""Surprisal taken off while a sensor without official levels has not shown a whole day."""
DAY_MS = 86_400_000
NEVER_YET = 1 << 62
BAND = 3.0
"""Half width of the expected range, in typical residuals."""
SHOWN_DIGITS = 4


class Screened(NamedTuple):
    """Readings with their scores, row by row.

    ``surprisal`` is that of the threatening direction, NaN in warm-up; ``expected`` and ``spread``
    say what was expected and how far a reading usually is from it.
    """

    rows: Readings
    surprisal: NDArray[np.float64]
    expected: NDArray[np.float64]
    spread: NDArray[np.float64]
    channel: NDArray[np.int8]
    impossible: Readings = Readings.empty()
    """Readings that were rejected: no such value can be measured."""
    fault: NDArray[np.int8] = np.empty(0, np.int8)
    """What is wrong with each row's sensor, a number of ``faults.KINDS``; empty before it is known.
    The surprisal of such rows has been discounted."""


class ScreenReadings:
    """The detectors of a process's sensors.

    Notes
    -----
    State: that of ``SensorBank``, and 8 bytes a sensor. A physically impossible value is rejected:
    it says something about its sensor, nothing about the city.
    """

    def __init__(self, registry: Registry, counters: Counters, shards: int) -> None:
        self.registry = registry
        self.counters = counters
        self.bank = SensorBank()
        self.shared = SharedChange(shards)
        self._first_ms = np.empty(0, np.int64)

    def score(self, batch: RowBatch) -> Screened:
        """Score and learn."""
        rows, impossible = self._split(batch.rows)
        if not len(rows.sensor):
            return Screened(rows, *(np.empty(0),) * 3, np.empty(0, np.int8), impossible)
        self._grow(int(rows.sensor.max()) + 1)
        local_s = self.registry.local_time.seconds(rows.time)
        scores = self.bank.score_and_learn(rows.sensor, local_s, rows.value)
        surprisal = self._threat(rows, scores)
        return Screened(rows, surprisal, scores.expected, scores.scale, scores.channel, impossible)

    def _split(self, rows: Readings) -> tuple[Readings, Readings]:
        """Return what can have been measured, and what cannot."""
        columns = self.registry.columns
        good = np.empty(len(rows.sensor), np.bool_)
        count = _possible(rows.sensor, rows.value, columns.low, columns.high, good)
        self.counters.add("screen", "received", len(good))
        self.counters.add("screen", "rejected", len(good) - count, "impossible value")
        self.counters.add("screen", "sent", count)
        if count == len(good):
            return rows, Readings.empty()
        return rows.take(good), rows.take(~good)

    def _threat(self, rows: Readings, scores: BankScores) -> NDArray[np.float64]:
        columns = self.registry.columns
        surprisal = np.empty(len(rows.sensor))
        _threats(
            rows.sensor,
            rows.time,
            rows.value,
            scores.expected,
            scores.surprisal,
            scores.residual_surprisal,
            scores.sign,
            columns.sign,
            columns.first_level,
            columns.graded,
            self._first_ms,
            surprisal,
        )
        self.shared.discount(rows.shard, rows.time, columns.kind[rows.sensor], surprisal)
        return surprisal

    def evidence(self, screened: Screened) -> Iterator[tuple[int, Evidence]]:
        """Return what is unusual, each with its row."""
        rows = screened.rows
        for row in np.flatnonzero(screened.surprisal >= UNUSUAL):
            yield (
                int(row),
                sensor_evidence(
                    self.registry,
                    int(rows.sensor[row]),
                    "sensor",
                    time=int(rows.time[row]),
                    value=float(rows.value[row]),
                    expected=round(float(screened.expected[row]), SHOWN_DIGITS),
                    surprisal=round(float(screened.surprisal[row]), 2),
                    channel=CHANNELS[screened.channel[row]],
                ),
            )

    def _grow(self, size: int) -> None:
        self.bank.grow(size)
        if size > len(self._first_ms):
            more = max(size - len(self._first_ms), len(self._first_ms) // 2)
            self._first_ms = np.append(self._first_ms, np.full(more, NEVER_YET))

    def take(self, shard: int, sensors: NDArray[np.intp]) -> Any:
        """Return one shard's state, whose sensors are given."""
        if len(sensors):
            self._grow(int(sensors.max()) + 1)
        shared = self.shared.take(shard, self.registry.columns.kind_names)
        return self.bank.take(sensors), self._first_ms[sensors], shared

    def put(self, shard: int, sensors: NDArray[np.intp], state: Any) -> None:
        """Continue one shard from what ``take`` returned."""
        bank, first_ms, shared = state
        if len(sensors):
            self._grow(int(sensors.max()) + 1)
        self.bank.put(sensors, bank)
        self._first_ms[sensors] = first_ms
        self.shared.put(shard, shared, self.registry.columns.kind_names)


@compiled
def material(value: float, expected: float, level: float) -> bool:
    """Say whether a deviation matters: part of the way to the first official level, if any."""
    return bool(np.isnan(level)) or abs(value - expected) >= MATERIAL * abs(level - expected)


@compiled
def _possible(
    sensors: NDArray[np.intp],
    values: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    good: NDArray[np.bool_],
) -> int:
    count = 0
    for row in range(len(sensors)):
        sensor = sensors[row]
        good[row] = low[sensor] <= values[row] <= high[sensor]
        count += good[row]
    return count


@compiled
def _threats(
    sensors: NDArray[np.intp],
    times_ms: NDArray[np.int64],
    values: NDArray[np.float64],
    expected: NDArray[np.float64],
    record: NDArray[np.float64],
    event: NDArray[np.float64],
    side: NDArray[np.int8],
    threat: NDArray[np.int8],
    first_level: NDArray[np.float64],
    graded: NDArray[np.bool_],
    first_ms: NDArray[np.int64],
    surprisal: NDArray[np.float64],
) -> None:
    """Keep the surprisals of deviations that threaten and matter; others are no surprise.

    A sensor without official levels that has not yet shown a whole day counts less: its rush
    hours are still news.
    """
    for row in range(len(sensors)):
        sensor = sensors[row]
        found = record[row]
        if np.isnan(found) or event[row] > found:
            found = event[row]
        first_ms[sensor] = min(first_ms[sensor], times_ms[row])
        if not np.isnan(found):
            if threat[sensor] * side[row] < 0 or not material(
                values[row], expected[row], first_level[sensor]
            ):
                found = 0.0
            if times_ms[row] - first_ms[sensor] < DAY_MS and not graded[sensor]:
                found -= FIRST_DAY
        surprisal[row] = found
