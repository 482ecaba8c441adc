"""Notice what a sensor has never done before, for all sensors of a shard at once.

A reading is unusual when it beats the second largest independent peak its sensor remembers: one
earlier event is allowed, a second of that size is not news. Seven views of the reading are
compared in this way, after the day's habit has been taken away. Beside that verdict (*never seen
like this*) stands a plainer one (*event*): how far the reading is off for this time of day.

Arithmetic only: no clock, and no time but the local second of the day of each reading.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import AHEAD, compiled, inlined, prefetch, prefetch_byte
from models.peaks import SENSOR, WEEKLY, advance, newborn
from models.row_bank import Positions, RowBank
from models.rules import RULES, Rules
from models.season import hour_of_week

__all__ = ["CHANNELS", "BankScores", "SensorBank", "WeeklyBank"]

CHANNELS = (
    "point",
    "shift",
    "long shift",
    "jump",
    "level shift",
    "roughness",
    "burst",
)
"""What was unusual, in words for a person, in the order of ``BankScores.channel``."""

WEEK_AT, WEEK_SEEN_AT = (WEEKLY.fields[name][1] for name in ("week", "week_seen"))  # type: ignore[index]

_HUGE = 1e30  # a value beyond is no measurement; float32 holds its differences
_FAR = 1e15  # a time beyond does not tell half hours apart

Floats = NDArray[np.float64]


class BankScores(NamedTuple):
    """Columns aligned with the rows that were scored."""

    surprisal: Floats
    """-log10 of the chance of such a record when nothing is wrong; NaN in warm-up."""
    strength: Floats
    """Above 0 where the alarm rule fires, once an episode."""
    s: Floats
    """The raw score S the alarm rule works on; NaN in warm-up."""
    channel: NDArray[np.int8]
    """Which of ``CHANNELS`` was the most unusual."""
    expected: Floats
    """The value that was expected."""
    scale: Floats
    """Mean absolute error of such expectations so far."""
    residual_surprisal: Floats
    """-log10 of the chance of a deviation this large from the time of day; NaN for the first 30
    readings, and while a sensor has read the same since its first."""
    sign: NDArray[np.int8]
    """+1 above what was expected, -1 below, 0 neither."""


class SensorBank(RowBank):
    """Peaks, habits and errors of the sensors of one shard.

    Parameters
    ----------
    n
        Number of sensors; they are known by their position, 0 to n - 1.
    rules
        The numbers it goes by. They are not part of a snapshot.

    Notes
    -----
    State: 384 bytes a sensor (``peaks.SENSOR``), fixed for ever; nothing else grows. Cost: .12 us a
    reading in batches of 10,000 over 100,000 sensors in random order, .06 us where their state is
    in the cache, however often a sensor is in the batch; 7 us more a call.
    Feeding rows in one call, in many, or sensor by sensor gives the same bits.
    A value or time that is not finite, or beyond all measure, is not learnt from, scores NaN and
    is counted in ``ignored``.
    Bytes that ``snapshot`` and ``take`` return go on with the same bits in any bank.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> bank = SensorBank(2)
    >>> def feed(t, a, b):
    ...     return bank.score_and_learn(np.array([0, 1]), np.full(2, 300.0 * t), np.array([a, b]))
    >>> for t in range(1000):
    ...     quiet = feed(t, rng.normal(20, 1), 5.0)
    >>> scores = feed(1000, 35.0, 5.0)
    >>> scores.surprisal.round(1).tolist(), CHANNELS[scores.channel[0]]
    ([5.1, 0.0], 'point')
    >>> (scores.strength > 0).tolist()
    [True, False]

    References
    ----------
    The project's own research; ``models.one_series`` reads as its definition. Tails:
    ``models.tails``.
    """

    NEWBORN = newborn(1, SENSOR)
    VERSION = b"cwpeaks6"

    def __init__(self, n: int = 0, rules: Rules = RULES) -> None:
        super().__init__(n)
        self.rules = rules

    def score_and_learn(self, sensors: Positions, times_s: Floats, values: Floats) -> BankScores:
        """Score each reading against what came before it, then learn it, in row order.

        Parameters
        ----------
        sensors
            Position of each row's sensor.
        times_s
            Event time of each row in local seconds (UTC plus the city's offset).
        values
            The readings, in the sensor's unit.

        Raises
        ------
        IndexError
            When a row names a sensor the bank does not have; then nothing is learnt.
        """
        columns = self._columns(sensors, times_s, np.float64, values)
        out = _room(len(sensors))
        weekly = self._rows if self._rows.dtype == WEEKLY else None
        decay = 0.5 ** (1.0 / self.rules.half_life)
        self.ignored += _score_rows(self._rows, weekly, *columns, decay, self.rules, out)
        return out


class WeeklyBank(SensorBank):
    """The same, with the habits of the hours of the week beside those of the day.

    Notes
    -----
    State: 1,160 bytes a sensor. An hour of the week that was seen twice before it began is its own
    forecast, and forecasts a sensor while it errs less than the half hour of the day does.
    """

    NEWBORN = newborn(1, WEEKLY)
    VERSION = b"cwweeks5"


@compiled
def _score_rows(
    rows: NDArray[np.void],
    weekly: NDArray[np.void] | None,
    sensors: NDArray[np.intp],
    times_s: Floats,
    values: Floats,
    decay: float,
    rules: Rules,
    out: BankScores,
) -> int:
    """Score and learn row by row; return how many were left out."""
    ignored = 0
    for row in range(len(sensors)):
        if row + AHEAD < len(sensors):
            prefetch(rows, sensors[row + AHEAD])
            if weekly is not None:
                hour = hour_of_week(times_s[row + AHEAD])
                prefetch_byte(weekly, sensors[row + AHEAD], WEEK_AT + 4 * hour)
                prefetch_byte(weekly, sensors[row + AHEAD], WEEK_SEEN_AT + hour // 2)
        x, time_s = values[row], times_s[row]
        if not (abs(x) < _HUGE and abs(time_s) < _FAR):
            _leave_out(out, row)
            ignored += 1
            continue
        sensor = sensors[row]
        if weekly is None:
            step = advance(rows[sensor], None, x, time_s, decay, rules)
        else:
            step = advance(rows[sensor], weekly[sensor], x, time_s, decay, rules)
        out.surprisal[row], out.residual_surprisal[row] = step.record, step.event
        out.strength[row], out.s[row] = step.strength, step.score
        out.expected[row], out.scale[row] = step.expected, step.scale
        out.channel[row] = step.channel
        out.sign[row] = np.sign(x - step.expected)
    return ignored


@inlined
def _leave_out(out: BankScores, row: int) -> None:
    out.surprisal[row] = out.residual_surprisal[row] = out.s[row] = math.nan
    out.expected[row] = out.scale[row] = math.nan
    out.strength[row] = 0.0
    out.channel[row] = out.sign[row] = 0


def _room(rows: int) -> BankScores:
    """Return columns of so many rows, to be filled."""
    numbers, small = np.empty((6, rows)), np.empty((2, rows), np.int8)
    surprisal, strength, s, expected, scale, residual = numbers
    channel, sign = small
    return BankScores(surprisal, strength, s, channel, expected, scale, residual, sign)
