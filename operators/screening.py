"""Score every reading against what is normal for its sensor.

Readings of one shard arrive in event-time order; each is scored, then learnt from. A reading that
is unusual in the direction that threatens becomes evidence at once.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.record_of_peaks import CHANNELS, BankScores, SensorBank
from operators.counters import Counters
from operators.events import Evidence, Readings
from operators.evidence import UNUSUAL, Found, sensor_evidence
from operators.ordering import ShardRows, join_readings
from operators.registry import Registry
from operators.shared_change import SharedChange

__all__ = ["BAND", "ScreenReadings", "Screened"]

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
    """Readings of one shard with their scores, row by row.

    ``surprisal`` is that of the threatening direction, NaN in warm-up; ``expected`` and ``spread``
    say what was expected and how far a reading usually is from it.
    """

    shard: int
    rows: Readings
    surprisal: NDArray[np.float64]
    expected: NDArray[np.float64]
    spread: NDArray[np.float64]
    watermark: int
    impossible: Readings = Readings.empty()
    """Readings that were rejected: no such value can be measured."""


class ScreenReadings:
    """One shard's detectors.

    Notes
    -----
    State: that of ``SensorBank``. A physically impossible value is rejected: it says something
    about its sensor, nothing about the city.
    """

    def __init__(self, registry: Registry, counters: Counters) -> None:
        self.registry = registry
        self.counters = counters
        self.bank = SensorBank()
        self.shared = SharedChange()
        self._first_ms = np.empty(0, np.int64)

    def on_batch(self, items: Iterable[ShardRows]) -> Iterator[Screened | Found]:
        """Return the scored rows and the evidence in them."""
        batch = list(items)
        shard, watermark = batch[0].shard, batch[-1].watermark
        rows, impossible = self._split(join_readings(item.rows for item in batch))
        if not len(rows.sensor):
            yield Found(f"screen:{shard}", (), watermark)
            yield Screened(shard, rows, *(np.empty(0),) * 3, watermark, impossible)
            return
        scores = self._score(rows)
        surprisal = self._threat(rows, scores)
        yield Found(f"screen:{shard}", tuple(self._evidence(rows, scores, surprisal)), watermark)
        yield Screened(shard, rows, surprisal, scores.expected, scores.scale, watermark, impossible)

    def _split(self, rows: Readings) -> tuple[Readings, Readings]:
        """Return what can have been measured, and what cannot."""
        columns = self.registry.columns
        value = rows.value
        good = (value >= columns.low[rows.sensor]) & (value <= columns.high[rows.sensor])
        self.counters.add("screen", "received", len(good))
        self.counters.add("screen", "rejected", int(len(good) - good.sum()), "impossible value")
        self.counters.add("screen", "sent", int(good.sum()))
        return (rows, Readings.empty()) if good.all() else (rows.take(good), rows.take(~good))

    def _score(self, rows: Readings) -> BankScores:
        slots = self.registry.columns.slot[rows.sensor]
        self.bank.grow(int(slots.max()) + 1)
        local_s = self.registry.local_time.seconds(rows.time)
        return self.bank.score_and_learn(slots, local_s, rows.value)

    def _threat(self, rows: Readings, scores: BankScores) -> NDArray[np.float64]:
        surprisal = np.fmax(scores.surprisal, scores.residual_surprisal)
        columns = self.registry.columns
        harmless = columns.sign[rows.sensor] * scores.sign < 0
        harmless |= ~material(rows.value, scores.expected, columns.first_level[rows.sensor])
        surprisal = np.where(harmless & ~np.isnan(surprisal), 0.0, surprisal)
        surprisal -= FIRST_DAY * self._is_first_day(rows, columns.slot[rows.sensor])
        return self.shared.discount(rows.time, columns.kind[rows.sensor], surprisal)

    def _is_first_day(self, rows: Readings, slots: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Say which sensors have not yet shown a whole day: its rush hours are still news."""
        more = int(slots.max()) + 1 - len(self._first_ms)
        if more > 0:
            self._first_ms = np.append(self._first_ms, np.full(more, NEVER_YET))
        np.minimum.at(self._first_ms, slots, rows.time)
        young = rows.time - self._first_ms[slots] < DAY_MS
        return young & np.isnan(self.registry.columns.levels[rows.sensor]).all(axis=1)

    def _evidence(
        self, rows: Readings, scores: BankScores, surprisal: NDArray[np.float64]
    ) -> Iterator[Evidence]:
        for row in np.flatnonzero(surprisal >= UNUSUAL):
            yield sensor_evidence(
                self.registry,
                int(rows.sensor[row]),
                "sensor",
                time=int(rows.time[row]),
                value=float(rows.value[row]),
                expected=round(float(scores.expected[row]), SHOWN_DIGITS),
                surprisal=round(float(surprisal[row]), 2),
                channel=CHANNELS[scores.channel[row]],
            )

    def snapshot(self) -> bytes:
        """Return the bank's state and the shares."""
        return pickle.dumps((self.bank.snapshot(), self.shared, self._first_ms))

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        bank, self.shared, self._first_ms = pickle.loads(state)
        self.bank = SensorBank.restore(bank)


def material(
    value: NDArray[np.float64], expected: NDArray[np.float64], level: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Say which deviations matter: part of the way to the first official level, if there is one.

    >>> material(np.array([0.2, 4.0]), np.array([0.1, 0.1]), np.array([9.0, 9.0])).tolist()
    [False, True]
    """
    gone = np.abs(value - expected) >= MATERIAL * np.abs(level - expected)
    return np.asarray(np.isnan(level) | gone)
