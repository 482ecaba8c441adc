"""Score every reading against what is normal for its sensor.

Each reading is scored, then learnt from. How rare such a score is among all readings of its kind is
its surprisal. One that is unusual in the direction that threatens becomes evidence at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.calibration import AT_ONCE, Calibration
from models.compiled import compiled, inlined
from models.record_of_peaks import CHANNELS, BankScores, SensorBank, WeeklyBank
from operators.counters import Counters
from operators.events import Evidence, Readings
from operators.evidence import UNUSUAL, sensor_evidence
from operators.growing import grown, room_for
from operators.ordering import RowBatch
from operators.registry import Registry
from operators.shared_change import SharedChange

__all__ = ["BAND", "ScreenReadings", "Screened", "material"]

MATERIAL = 0.4
"""Share of the way from what is expected to the lowest official level that matters."""
FIRST_DAY = 1.0
"""Surprisal taken off while a sensor without official levels has not shown a whole day: it is held
against known ones, in whose day a rush hour is no news."""
AGES = 2
"""Known sensors, and new ones, of which nothing is a record yet."""
MINUTE_MS = 60_000
DAY_MINUTES = 1440
NEVER_YET = 2**31 - 1
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
    rarity: NDArray[np.float64] = np.empty(0)
    """Calibrated surprisal in whatever direction, of what the city shows together too."""
    impossible: Readings = Readings.empty()
    """Readings that were rejected: no such value can be measured."""
    fault: NDArray[np.int8] = np.empty(0, np.int8)
    """What is wrong with each row's sensor, a number of ``faults.KINDS``; empty before it is known.
    The surprisal of such rows has been discounted."""


class _Held(NamedTuple):
    """What each row is held against, row by row."""

    kind: NDArray[np.intp]
    group: NDArray[np.intp]
    """The readings of its kind and shard that are of sensors as old."""
    after: NDArray[np.intp]
    """Where it is new, the known ones: until enough of these have been counted nothing is said."""
    raw: NDArray[np.float64]
    """Surprisal of a record, or of being far off."""
    counted: NDArray[np.bool_]
    young: NDArray[np.bool_]
    """Of a sensor that is known, but not for a day."""

    @classmethod
    def room(cls, rows: int) -> _Held:
        kind, group, after = np.empty((3, rows), np.intp)
        counted, young = np.empty((2, rows), np.bool_)
        return cls(kind, group, after, np.empty(rows), counted, young)


class ScreenReadings:
    """The detectors of a process's sensors.

    Parameters
    ----------
    weekly
        Learn what is usual at each hour of the week too, not of the day alone.

    Notes
    -----
    State: that of ``SensorBank``, and 4 bytes a sensor; 2 kB a kind and shard. A physically
    impossible value is rejected: it says something about its sensor, nothing about the city.
    """

    def __init__(
        self, registry: Registry, counters: Counters, shards: int, *, weekly: bool = False
    ) -> None:
        self.registry = registry
        self.counters = counters
        self.shards = shards
        self.bank = (WeeklyBank if weekly else SensorBank)(len(registry))
        self.calibration = Calibration()
        self.shared = SharedChange(shards)
        self._first = np.empty(0, np.int32)  # minute in which it was first heard

    def score(self, batch: RowBatch) -> Screened:
        """Score and learn."""
        rows, impossible = self._split(batch.rows)
        if not len(rows.sensor):
            none = np.empty(0)
            return Screened(rows, none, none, none, np.empty(0, np.int8), none, impossible)
        self._grow(room_for(rows.sensor))
        local_s = self.registry.local_time.seconds(rows.time)
        scores = self.bank.score_and_learn(rows.sensor, local_s, rows.value)
        young = np.empty(len(rows.sensor), np.bool_)
        _note_first(rows.sensor, rows.time, self._first, young)
        held = self._held_against(rows, scores, young)
        self.calibration.grow(room_for(held.kind) * self.shards * AGES)
        rarity = self.calibration.score_and_learn(
            held.group, rows.time, held.raw, held.counted, held.after
        )
        surprisal = self._threat(rows, scores, rarity, held)
        said = scores.expected, scores.scale, scores.channel
        return Screened(rows, surprisal, *said, rarity, impossible)

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

    def _held_against(self, rows: Readings, scores: BankScores, young: NDArray[np.bool_]) -> _Held:
        """Return what says how rare a reading is among those of its kind: a record, or far off.

        A new sensor's first readings are held against the first of others, once there were enough
        and others are known: a new city has no way to tell a morning's rush from an event.
        """
        held = _Held.room(len(rows.sensor))
        said = scores.surprisal, scores.residual_surprisal
        _fill(rows, self.registry.columns.kind, self.shards, *said, young, held)
        return held

    def _threat(
        self,
        rows: Readings,
        scores: BankScores,
        rarity: NDArray[np.float64],
        held: _Held,
    ) -> NDArray[np.float64]:
        columns = self.registry.columns
        surprisal = np.empty(len(rows.sensor))
        _threats(
            rows.sensor,
            rows.value,
            scores.expected,
            scores.scale,
            rarity,
            scores.sign,
            columns.sign,
            columns.first_level,
            columns.graded,
            held.young,
            surprisal,
        )
        self.shared.discount(rows.shard, rows.time, held.kind, surprisal)
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
        self._first = grown(self._first, size, NEVER_YET)

    def _groups(self, shard: int) -> Iterator[tuple[str | tuple[str, str], int]]:
        """Return what every kind's sensors are held against: those known, and those new."""
        for kind, name in enumerate(self.registry.columns.kind_names):
            known = (kind * self.shards + shard) * AGES
            yield name, known
            yield ("new", name), known + 1

    def take(self, shard: int, sensors: NDArray[np.intp]) -> Any:
        """Return one shard's state, whose sensors are given."""
        self._grow(room_for(sensors))
        kinds = self.registry.columns.kind_names
        counts = {
            name: self.calibration.take(group)
            for name, group in self._groups(shard)
            if group < self.calibration.groups
        }
        shared = self.shared.take(shard, kinds)
        return self.bank.take(sensors), self._first[sensors], counts, shared

    def put(self, shard: int, sensors: NDArray[np.intp], state: Any) -> None:
        """Continue one shard from what ``take`` returned."""
        bank, first, counts, shared = state
        self._grow(room_for(sensors))
        self.bank.put(sensors, bank)
        self._first[sensors] = first
        kinds = self.registry.columns.kind_names
        for name, group in self._groups(shard):
            if name in counts:
                self.calibration.put(group, counts[name])
        self.shared.put(shard, shared, kinds)


@inlined
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
def _note_first(
    sensors: NDArray[np.intp],
    times_ms: NDArray[np.int64],
    first: NDArray[np.int32],
    young: NDArray[np.bool_],
) -> None:
    """Note when sensors were first heard; say which rows are of one not yet heard for a day."""
    for row in range(len(sensors)):
        sensor = sensors[row]
        minute = min(times_ms[row] // MINUTE_MS, NEVER_YET)
        first[sensor] = min(np.int64(first[sensor]), minute)
        young[row] = minute - first[sensor] < DAY_MINUTES


@compiled
def _fill(
    rows: Readings,
    kinds: NDArray[np.intp],
    shards: int,
    record: NDArray[np.float64],
    far_off: NDArray[np.float64],
    young: NDArray[np.bool_],
    held: _Held,
) -> None:
    for row in range(len(rows.sensor)):
        kind, new = kinds[rows.sensor[row]], np.isnan(record[row])
        known = (kind * shards + rows.shard[row]) * AGES
        held.kind[row], held.group[row] = kind, known + new
        held.after[row] = known if new else AT_ONCE
        only = np.isnan(far_off[row]) or record[row] > far_off[row]
        held.raw[row] = record[row] if only else far_off[row]
        held.counted[row] = new or not young[row]
        held.young[row] = young[row] and not new


@compiled
def _threats(
    sensors: NDArray[np.intp],
    values: NDArray[np.float64],
    expected: NDArray[np.float64],
    spread: NDArray[np.float64],
    rarity: NDArray[np.float64],
    side: NDArray[np.int8],
    threat: NDArray[np.int8],
    first_level: NDArray[np.float64],
    graded: NDArray[np.bool_],
    young: NDArray[np.bool_],
    surprisal: NDArray[np.float64],
) -> None:
    """Keep the surprisals of deviations that threaten and matter; others are no surprise.

    Nor is a reading inside its own expected range: what a shift or roughness still remembers of
    readings before it is over.
    A young sensor without official levels counts less: its rush hours are still news.
    """
    for row in range(len(sensors)):
        sensor = sensors[row]
        found = rarity[row]
        if not np.isnan(found):
            inside = abs(values[row] - expected[row]) <= BAND * spread[row]
            harmless = threat[sensor] * side[row] < 0
            if inside or harmless or not material(values[row], expected[row], first_level[sensor]):
                found = 0.0
            if young[row] and not graded[sensor]:
                found -= FIRST_DAY
        surprisal[row] = found
