"""Say how far a river will rise at a gauge from what its neighbours along the river have seen.

Water that passed a gauge upstream arrives. When, and how much of it, is learnt from the changes of
all of them, hour after hour, and told as a correction of the gauge's own trend: only as far as such
corrections have come true.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arriving import Arriving
from models.compiled import compiled, compiled_with_arrays
from models.level_forecast import MOST, LevelForecast, advance, drift_one
from models.newton import dot, forget, step
from models.reach_memory import (
    BACK,
    BEAT_S,
    FEATURES,
    KEPT,
    LONGEST,
    MEMORY,
    OTHERS,
    describe,
    look,
    open_beat,
)
from models.row_bank import Positions, RowBank

__all__ = ["GAUGE", "OTHERS", "UpstreamForecast"]

AHEAD = (1, 4, 12, LONGEST)  # beats: the horizons at which a trend checks its own forecasts
FADE = 1.0 - 1.0 / 2880.0  # in a month of beats what was learnt of a river fades to 1/e
DOUBT = 0.1  # variance of weights at first: shares of a change
STORMY = 5.0  # mean square of changes, in units, from which a moment counts less
LARGEST = 2.0  # usual errors: a larger one teaches as much as this
UNREST_RATE = 0.002  # what is usual follows in about five days
SIZE_RATE = 0.01
TRUST_FADE = 1.0 - 1.0 / 672.0  # in a week of beats what corrections were worth fades to 1/e
PRIOR = 3.0  # checked corrections, each of the size of a usual change, that doubt counts for
SURPRISE = 9.0  # square of units that one correction counts for at most

WARM_UP = 192.0  # moments, two days, before the river is heard
SMALLEST = 1e-9  # unrest of a river that stands still
LIMIT = 10.0  # units that an error counts for at most

_H, _M, _B, _TOLD = len(AHEAD), FEATURES, len(BACK) - 1, LONGEST + 2

GAUGE = np.dtype(
    [
        *MEMORY,
        ("unrest", np.float64),  # mean size of the change in a beat
        ("changes", np.float64),  # beats that taught it
        ("weights", np.float64, (_H, _M)),
        ("cov", np.float64, (_M, _M)),
        ("size", np.float64, _H),  # mean size of errors, in units of unrest
        ("learnt", np.float64),  # moments
        ("told", np.float32, (_TOLD, 2, _H)),  # by beat: change by the trend, and by the river
        # What corrections of the trend were worth: as promised, of all there were,
        ("agreed", np.float64, _H),
        ("said", np.float64, _H),
        # and how far the forecast was off without and with them.
        ("off", np.float64, (2, _H)),
    ]
)
"""What is kept of one gauge."""

Floats = NDArray[np.float64]
Row = Any  # of ``GAUGE``


def _newborn() -> NDArray[np.void]:
    row = np.zeros(1, GAUGE)
    row["past"], row["told"] = np.nan, np.nan
    row["cov"] = DOUBT * np.eye(_M)
    return row


class _Gauges(RowBank):
    NEWBORN = _newborn()
    VERSION = b"cwriver1"


class UpstreamForecast:
    """Forecasts of gauges that listen to others along their river.

    Parameters
    ----------
    n
        Number of gauges, known by their position.

    Notes
    -----
    The change at a gauge 1, 4, 12 and 48 beats ahead is a weighted sum of its own latest changes
    and those of up to four others, over 15 min to 16 h back: a bank of lags, wider as they are
    longer. The weights follow by recursive least squares, all horizons by one covariance, 12 h
    after the moment. Moments of large changes count less, and large errors as twice the usual
    one, as floods are rare and faults are not. Which way the river flows is not asked: changes
    that come later than the gauge's own earn no weight.

    A forecast is kept until its time has come, beside that of the trend (``LevelForecast``) from
    the same reading. With ``d`` the difference of both and ``e`` the trend's error, the share of
    the difference that is believed is ``sum(d e) / (sum(d d) + prior)``, in 0 to 1, so a river
    that was not seen to lead changes nothing.

    State: 15 kB a gauge. Cost: 1 us a reading, 5 us more once a beat. A gauge that came by
    another shard, or was silent for half an hour, is not listened to. Readings that are not finite,
    before 1970 or not newer than the last one are not learnt from and are counted in ``ignored``.
    Feeding rows in one call or in many gives the same bits.

    References
    ----------
    Plackett 1950 (recursive least squares); Huber 1964 (bounded errors); Corsi 2009 (lags in
    steps that widen); Bates and Granger 1969 (combining forecasts by their past errors).
    """

    def __init__(self, n: int = 0) -> None:
        self.gauges = _Gauges(n)
        self.trends = LevelForecast(n)

    def observe(
        self,
        gauges: Positions,
        homes: Positions,
        others: NDArray[np.int32],
        times_ms: NDArray[np.int64],
        values: Floats,
    ) -> Arriving:
        """Learn readings, in row order, and say after each what is on its way to its gauge.

        Parameters
        ----------
        gauges, homes
            Position of each row's gauge, and the shard it came by.
        others
            Positions of those each gauge listens to, shape (gauges, 4), -1 where there is none.
        times_ms
            Event time of each row in milliseconds.
        values
            The readings.

        Returns
        -------
        arriving
            One row for each, in their order: no correction where a reading was ignored.
        """
        columns = self.gauges._columns(gauges, times_ms, np.int64, values)
        said = Arriving.nothing(len(values))
        heard = np.ascontiguousarray(homes, np.int64)
        rows, trends = self.gauges._rows, self.trends._rows
        self.gauges.ignored += _observe_rows(rows, trends, *columns, heard, others, *said)
        return said

    def arrival(self, gauge: int, other: int, beats: int = 2 * LONGEST) -> tuple[float, float]:
        """Return seconds until half of a rise at another has come, and how much comes.

        Parameters
        ----------
        other
            Which of those it listens to, 0 to 3.
        beats
            For how long the rise is followed.

        Returns
        -------
        seconds, share
            Share at its largest, for what has come runs off again; NaN seconds where next to
            nothing comes.
        """
        came = _answer(self.gauges._rows[gauge], other, beats)
        share = float(came[np.argmax(np.abs(came))])
        if abs(share) < 0.05:
            return math.nan, share
        return float(np.argmax(came / share >= 0.5) * BEAT_S), share

    def move(self, gauges: Positions, home: int) -> None:
        """Have these gauges come by another shard from now on."""
        self.gauges._rows["home"][self.gauges._known(gauges)] = home

    def grow(self, n: int) -> None:
        """Have gauges up to position ``n - 1``; those that exist keep their state."""
        self.gauges.grow(n)
        self.trends.grow(n)

    def take(self, positions: Positions) -> bytes:
        """Return the state of these gauges, in this order, as versioned bytes."""
        own, trends = self.gauges.take(positions), self.trends.take(positions)
        return struct.pack("<q", len(own)) + own.tobytes() + trends.tobytes()

    def put(self, positions: Positions, state: bytes) -> None:
        """Give these gauges the state that ``take`` returned; the bank grows as needed.

        Raises
        ------
        ValueError
            When the bytes are not the state of so many gauges in this version.
        """
        if len(state) < 8:
            raise ValueError(f"a state has 8 bytes or more, got {len(state)}")
        end = 8 + max(struct.unpack_from("<q", state)[0], 0)
        self.gauges.put(positions, state[8:end])
        self.trends.put(positions, state[end:])


@compiled_with_arrays
def _observe_rows(
    rows: NDArray[np.void],
    trends: NDArray[np.void],
    gauges: NDArray[np.intp],
    times_ms: NDArray[np.int64],
    values: Floats,
    homes: NDArray[np.int64],
    others: NDArray[np.int32],
    shift: Floats,
    narrower: Floats,
    change: Floats,
) -> int:
    """Learn row by row, say what arrives; return how many were left out."""
    ignored, f, gain = 0, np.empty(_M), np.empty(_M)
    for row in range(len(gauges)):
        s, trend = rows[gauges[row]], trends[gauges[row]]
        time_s, x = times_ms[row] / 1000.0, values[row]
        if not abs(x) < MOST or time_s < 0.0 or (s.beat > 0 and time_s <= s.time_s):
            ignored += 1
            continue
        beat = int(time_s / BEAT_S) + 1
        if s.beat != beat:
            if s.beat > 0:
                _learn(s, f, gain)
            else:
                s.origin = x
            for gone in range(max(s.beat + 1, beat - _TOLD + 1), beat + 1):
                s.told[gone % _TOLD] = np.nan
            open_beat(s, beat)
        s.time_s, s.value, s.home = time_s, x, homes[row]
        look(rows, s, others[gauges[row]])
        advance(trend, time_s, x)
        _tell(s, trend, f, shift[row], narrower[row], change[row])
    return ignored


@compiled_with_arrays
def _learn(s: Row, f: Floats, gain: Floats) -> None:
    """Compare what was told for the beat that ends with what came; learn from 12 h before."""
    came = float(s.past[s.beat % KEPT, 0])
    change = abs(came - float(s.past[(s.beat - 1) % KEPT, 0]))
    if not math.isnan(change):
        s.changes += 1.0
        s.unrest += max(UNREST_RATE, 1.0 / s.changes) * (change - s.unrest)
    unit = max(s.unrest, SMALLEST)
    for j in range(_H):
        then = s.beat - AHEAD[j]
        if then > 0 and not math.isnan(s.told[then % _TOLD, 0, j]):
            moved = came - float(s.past[then % KEPT, 0])
            _check(s, j, then, moved, unit * math.sqrt(AHEAD[j]))
    then = s.beat - LONGEST
    if then > 0 and not math.isnan(s.told[then % _TOLD, 0, 0]):
        describe(s, then, unit, f)
        _fit(s, then, unit, f, gain)


@compiled
def _check(s: Row, j: int, then: int, moved: float, unit: float) -> None:
    """Learn what a correction was worth whose time has come."""
    trend, river = float(s.told[then % _TOLD, 0, j]), float(s.told[then % _TOLD, 1, j])
    differed, error = (river - trend) / unit, (moved - trend) / unit
    believed = _believed(s, j) * differed
    s.off[0, j] = TRUST_FADE * s.off[0, j] + min(abs(error), LIMIT)
    s.off[1, j] = TRUST_FADE * s.off[1, j] + min(abs(error - believed), LIMIT)
    s.agreed[j] = TRUST_FADE * s.agreed[j] + min(max(differed * error, -SURPRISE), SURPRISE)
    s.said[j] = TRUST_FADE * s.said[j] + min(differed * differed, SURPRISE)


@compiled
def _believed(s: Row, j: int) -> float:
    """Return the share of a correction that is believed, 0 to 1."""
    # Those kept at neighbouring beats tell nearly the same: so many count for one.
    return float(min(max(s.agreed[j] / (s.said[j] + PRIOR * AHEAD[j]), 0.0), 1.0))


@compiled_with_arrays
def _fit(s: Row, then: int, unit: float, f: Floats, gain: Floats) -> None:
    """Learn from a moment of which all horizons have come."""
    mean_square = dot(f, f) / _M
    information = 1.0 / (1.0 + mean_square / STORMY)
    forget(s.cov, FADE, DOUBT)
    step(s.cov, f, information, gain)
    s.learnt += 1.0
    for j in range(_H):
        end = then + AHEAD[j]
        if math.isnan(s.told[end % _TOLD, 0, 0]):
            continue
        moved = float(s.past[end % KEPT, 0]) - float(s.past[then % KEPT, 0])
        error = moved / unit - dot(s.weights[j], f)
        most = LARGEST * s.size[j] if s.learnt > 1.0 else math.inf
        size = min(abs(error), 5.0 * most)
        s.size[j] += max(SIZE_RATE, 1.0 / s.learnt) * (size - s.size[j])
        error = min(max(error, -most), most)
        for i in range(_M):
            s.weights[j, i] += information * gain[i] * error


@compiled
def _tell(s: Row, trend: Row, f: Floats, shift: Floats, narrower: Floats, change: Floats) -> None:
    """Put what is on its way into the last three, and keep it for its time."""
    unit, at = max(s.unrest, SMALLEST), s.beat % _TOLD
    describe(s, s.beat, unit, f)
    for j in range(_H):
        expected = trend.level - s.value + drift_one(trend, j)
        # What was not learnt yet is no opinion: the trend is right.
        river = unit * dot(s.weights[j], f) if s.learnt >= WARM_UP else expected
        s.told[at, 0, j], s.told[at, 1, j] = expected, river
        believed = _believed(s, j)
        shift[j] = believed * (river - expected)
        change[j] = expected + shift[j]
        narrower[j] = (s.off[1, j] + PRIOR * AHEAD[j]) / (s.off[0, j] + PRIOR * AHEAD[j])


@compiled_with_arrays
def _answer(s: Row, other: int, beats: int) -> Floats:
    """Return how much of a lasting rise by 1 at another has come, beat by beat."""
    came = np.zeros(beats)
    for beat in range(1, beats):
        total = 0.0
        for k in range(_B):
            later, before = beat - 1 - BACK[k], beat - 1 - BACK[k + 1]
            own = (came[later] if later >= 0 else 0.0) - (came[before] if before >= 0 else 0.0)
            risen = (1.0 if later >= 0 else 0.0) - (1.0 if before >= 0 else 0.0)
            total += s.weights[0, k] * own + s.weights[0, (other + 1) * _B + k] * risen
        came[beat] = came[beat - 1] + total
    return came
