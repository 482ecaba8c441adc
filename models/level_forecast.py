"""Say when an official level will be crossed, and how surely.

For a river with a red line the question is not "unusual?" but "when?". A damped trend says where
the value is going; the forecasts it made before, compared with what came, say how far to trust it.
Only rising through a level is meant; negate values and levels for levels that matter below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from models.compiled import AHEAD, compiled, inlined, prefetch
from models.row_bank import Positions, RowBank

__all__ = [
    "HORIZONS_S",
    "MOST",
    "QUANTILES",
    "STEPS",
    "Correct",
    "LevelForecast",
    "advance",
    "drift_one",
]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
HORIZONS_S = (900.0, 3600.0, 10_800.0, 43_200.0)  # at which past forecasts are checked
DAMPING_S = 10_800.0  # a trend is expected to fade to 1/e in this time
LEVEL_GAIN = 0.8  # share of a forecast error that is believed to be real
TREND_GAIN = 0.05  # share of a forecast error that is believed to go on, where errors alternate
LEAN_GAIN = 0.45  # and how much more of it where they all lean to one side
LEAN_RATE = 0.25  # how fast that leaning is noticed
TREND_DOUBT = 0.4  # standard error of the forecast change, as a share of it
SILENCE = 10.0  # times the usual gap, from which a gap is no longer one between readings
MOST = 1e30  # larger values are left out: float32 sums must stay finite
ERROR_RATE = 0.03  # how fast the memory of forecast errors fades, at the least
RATIO_RATE = 0.05  # the same for what long forecasts err, relative to short ones
TRUSTED = 0.7  # share of a predicted change believed before any has come true
PRIOR = 3.0  # checked forecasts that what is believed beforehand counts for
FREEDOM = 3.0  # of Student's t, the law of forecast errors: mostly small, now and then large
WARM_UP = 8  # readings before a sensor is forecast
STEPS = 12  # parts of the horizon in which the moment of crossing is sought

_H = len(HORIZONS_S)
_SPREAD: NDArray[np.float64] = stdtrit(FREEDOM, QUANTILES)[:, None]
_MEAN_SIZE = 1.1  # of a t variable with three degrees of freedom

SENSOR = np.dtype(
    [
        ("time_s", np.float64),  # of the last reading
        ("level", np.float64),
        # A forecast kept per horizon: when, from what, with what trend, at what unrest.
        ("from_s", np.float64, _H),
        ("from_level", np.float64, _H),
        ("from_trend", np.float32, _H),
        ("from_step", np.float32, _H),
        # What such ones taught.
        ("ratio", np.float32, _H),
        ("checked", np.float32, _H),
        ("agreed", np.float32, _H),
        ("said", np.float32, _H),
        ("trend", np.float32),  # per second
        ("gap", np.float32),  # usual time between readings
        ("step", np.float32),  # unrest: mean size of errors, per root of a second
        ("lean", np.float32),  # mean of the latest errors, and of their sizes
        ("size", np.float32),
        ("seen", np.float32),  # readings learnt
    ]
)
"""What is kept of one sensor."""

Sensor = Any  # a row of ``SENSOR``
Floats = NDArray[np.float64]
Correct: TypeAlias = Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]
"""Makes of seconds ahead, expected change and standard error a better change and error."""


class LevelForecast(RowBank):
    """Damped trends and forecast errors of the sensors of one shard.

    Parameters
    ----------
    n
        Number of sensors, known by their position.

    Notes
    -----
    Holt's linear trend, damped in continuous time so that intervals may vary: after ``h`` seconds
    the level is expected to have moved by ``trend * damping * (1 - exp(-h / damping))``. Where
    errors alternate they hardly move the trend; where they lean to one side, as when a flood
    begins, they do. At four horizons a forecast is kept until its time has come; from it is learnt
    which share of a predicted change comes true, and how much larger than the steps now being seen
    an error is. Errors follow Student's t with 3 degrees of freedom, their size the present unrest
    times that ratio. A level is reached when it is exceeded at the end, or was on the way and is
    not any more (reflection): a river may cross and fall again within the horizon.

    Measured on nine recorded 15-minute river stages, horizons of 3 and 12 h: of crossings forecast
    at .004, .025, .11, .30, .50 and .88, .014, .045, .11, .22, .36 and .68 came true; forecasts of
    the value are as good as persistence, where a line through the last four readings errs two to
    four times as much.

    State: 40 numbers (200 bytes) a sensor. Cost: .06 us to observe a reading in batches of 10,000,
    .09 in batches of 1,000, 3 us more a call; 9 us a sensor to ask for crossings. Readings that are
    not finite or not newer than the last one are not learnt from and are counted in ``ignored``.
    Feeding rows in one call or in many gives the same bits.

    Examples
    --------
    >>> forecast = LevelForecast(1)
    >>> times = np.arange(0, 7200_000, 300_000)
    >>> forecast.observe(np.zeros(24, int), times, 2.0 + times / 7200_000)
    >>> levels = np.array([[np.nan, 2.5, 3.1, 9.0]])
    >>> probability, seconds = forecast.crossing(np.array([0]), levels, 3600.0)
    >>> probability.round(2).tolist()
    [[nan, 1.0, 0.88, 0.0]]
    >>> seconds.round(-2).tolist()
    [[nan, 0.0, 1100.0, 2400.0]]

    References
    ----------
    Gardner and McKenzie 1985 (damped trends); Wright 1986 (irregular intervals); Trigg and Leach
    1967 (gains that follow the leaning of errors).
    """

    NEWBORN = np.zeros(1, SENSOR)
    VERSION = b"cwlevel3"

    def observe(self, sensors: Positions, times_ms: NDArray[np.int64], values: Floats) -> None:
        """Learn readings, in row order; a sensor may appear several times.

        Parameters
        ----------
        sensors
            Position of each row's sensor.
        times_ms
            Event time of each row in milliseconds.
        values
            The readings, in the unit of the levels.
        """
        columns = self._columns(sensors, times_ms, np.int64, values)
        self.ignored += _observe_rows(self._rows, *columns)

    def crossing(
        self,
        sensors: Positions,
        levels: Floats,
        horizon_s: float,
        correct: Correct | None = None,
    ) -> tuple[Floats, Floats]:
        """Return the chance of reaching each level within the horizon, and when.

        Parameters
        ----------
        sensors
            Positions of the sensors asked for.
        levels
            Their levels, one row a sensor, NaN where there is none.
        horizon_s
            How far to look ahead, in seconds.
        correct
            What is known beyond the trend; nothing if left out.

        Returns
        -------
        probability
            1 where the level is reached already; NaN where there is no level, or in warm-up.
        seconds
            Median time of the crossing if it happens within the horizon: 0 where it has, NaN
            where the probability is 0 or NaN.
        """
        s = self._of(sensors)
        room = np.where(s["seen"][:, None] >= WARM_UP, levels - s["level"][:, None], np.nan)
        ahead_s = horizon_s * np.arange(1, STEPS + 1) / STEPS
        drift, error = _moments(s, ahead_s)
        if correct is not None:
            drift, error = correct(ahead_s, drift, error)
        chance = np.maximum.accumulate(_first_passage(room[:, :, None], drift, error), axis=2)
        seconds = np.where(room <= 0.0, 0.0, _median_time(chance, ahead_s))
        return chance[:, :, -1], seconds

    def expected(self, sensors: Positions, horizons_s: Floats) -> Floats:
        """Return the value to expect at each horizon, one row a sensor."""
        s = self._of(sensors)
        value: Floats = s["level"][:, None] + _moments(s, horizons_s)[0][:, 0]
        return value

    def quantiles(
        self, sensors: Positions, ahead_s: Floats, correct: Correct | None = None
    ) -> Floats:
        """Return ``QUANTILES`` of the values to come; NaN in warm-up.

        Parameters
        ----------
        sensors
            Positions of the sensors asked for.
        ahead_s
            For how many seconds ahead.
        correct
            What is known beyond the trend; nothing if left out.

        Returns
        -------
        quantiles
            Shape (sensors, quantiles, times), in the unit of the levels.
        """
        s = self._of(sensors)
        drift, error = _moments(s, np.asarray(ahead_s, np.float64))
        if correct is not None:
            drift, error = correct(ahead_s, drift, error)
        level = np.where(s["seen"] >= WARM_UP, s["level"], np.nan)
        result: Floats = level[:, None, None] + drift + error * _SPREAD
        return result


def _faded(seconds: Any) -> Any:
    """Return for how many seconds an undamped trend would have to go on instead."""
    return -DAMPING_S * np.expm1(-seconds / DAMPING_S)


def _trust(agreed: Any, said: Any) -> Any:
    """Return the share of a predicted change that has come true, 0 to 1."""
    return np.minimum(np.maximum((agreed + TRUSTED * PRIOR) / (said + PRIOR), 0.0), 1.0)


_faded_one, _trust_one = compiled(_faded), compiled(_trust)


@compiled
def _observe_rows(
    rows: NDArray[np.void], sensors: NDArray[np.intp], times_ms: NDArray[np.int64], values: Floats
) -> int:
    """Learn row by row; return how many were left out."""
    ignored = 0
    for row in range(len(sensors)):
        if row + AHEAD < len(sensors):
            prefetch(rows, sensors[row + AHEAD])
        s, time_s, x = rows[sensors[row]], times_ms[row] / 1000.0, values[row]
        if abs(x) < MOST and (time_s > s.time_s or s.seen == 0.0):
            advance(s, time_s, x)
        else:
            ignored += 1
    return ignored


@compiled
def advance(s: Sensor, time_s: float, x: float) -> None:
    """Move a sensor one reading on."""
    if s.seen == 0.0:
        s.time_s, s.level = time_s, x
        s.from_s[:], s.from_level[:] = time_s, x
    for i in range(_H):
        if time_s - s.from_s[i] >= HORIZONS_S[i]:
            _check(s, i, time_s, x)
    gap = time_s - s.time_s
    error = x - s.level - s.trend * _faded_one(gap)
    share = max(ERROR_RATE, 1.0 / max(s.seen, 1.0))
    # A silence says nothing about how often it reports.
    s.gap += share * ((min(gap, SILENCE * s.gap) if s.seen > 1.0 else gap) - s.gap)
    # Two readings a moment apart must not make a cliff of their noise: never below the usual gap.
    usual = max(gap, s.gap, 1e-3)
    s.step += share * (abs(error) / math.sqrt(usual) - s.step)
    s.lean += LEAN_RATE * (error - s.lean)
    s.size += LEAN_RATE * (abs(error) - s.size)
    leaning = abs(s.lean) / max(s.size, 1e-12)
    gain = TREND_GAIN + LEAN_GAIN * leaning * leaning * leaning
    s.trend = s.trend * math.exp(-gap / DAMPING_S) + gain * error / usual
    s.level = x - (1.0 - LEVEL_GAIN) * error
    s.time_s = time_s
    s.seen += 1.0


@inlined
def drift_one(s: Sensor, i: int) -> float:
    """Return the change that is expected of a sensor at one of ``HORIZONS_S``."""
    return float(_trust_one(s.agreed[i], s.said[i]) * s.trend * _faded_one(HORIZONS_S[i]))


@compiled
def _check(s: Sensor, i: int, time_s: float, x: float) -> None:
    """Learn from the forecast kept for a horizon, whose time has come, and keep a new one."""
    waited = time_s - s.from_s[i]
    unit = max(s.from_step[i] * math.sqrt(waited), 1e-9)
    said, came = s.from_trend[i] * _faded_one(waited), x - s.from_level[i]
    error = came - _trust_one(s.agreed[i], s.said[i]) * said
    # The first reading forecast nothing: what came is no error of anybody's.
    if s.from_step[i] > 0.0:
        rate = max(RATIO_RATE, 1.0 / (s.checked[i] + 1.0))
        s.ratio[i] += rate * (min(abs(error) / unit, 10.0) - s.ratio[i])
        s.agreed[i] = 0.98 * s.agreed[i] + min(max(said * came / unit**2, -9.0), 9.0)
        s.said[i] = 0.98 * s.said[i] + min(said * said / unit**2, 9.0)
        s.checked[i] += 1.0
    s.from_s[i], s.from_level[i] = time_s, s.level
    s.from_trend[i], s.from_step[i] = s.trend, s.step


def _moments(s: NDArray[np.void], ahead_s: Floats) -> tuple[Floats, Floats]:
    """Return expected change and standard error, shaped (sensor, 1, horizon)."""
    ratio = (s["checked"] * s["ratio"] + PRIOR) / (s["checked"] + PRIOR)
    # Between the horizons checked, and beyond them, what was learnt is taken linearly in log time.
    at = np.interp(np.log(ahead_s), np.log(HORIZONS_S), np.arange(_H))
    left = np.minimum(at.astype(int), _H - 2)
    right = at - left

    def between(column: Floats) -> Floats:
        blended: Floats = column[:, left] * (1.0 - right) + column[:, left + 1] * right
        return blended

    drift = between(_trust(s["agreed"], s["said"])) * s["trend"][:, None] * _faded(ahead_s)
    size = between(ratio) * s["step"][:, None] * np.sqrt(ahead_s)
    error = np.hypot(size, TREND_DOUBT * drift) / _MEAN_SIZE
    return drift[:, None], error[:, None]


def _first_passage(room: Floats, drift: Floats, error: Floats) -> Floats:
    """Return the chance to have climbed ``room`` at some time up to then.

    Above at the end, or come back: by reflection the latter is as likely as to end as far above
    where the drift would lead without it.
    """
    error = np.maximum(error, 1e-12)
    above = stdtr(FREEDOM, (drift - room) / error)
    back = stdtr(FREEDOM, -(room + np.abs(drift)) / error)
    chance = np.where(room <= 0.0, 1.0, above + back)
    result: Floats = np.where(np.isnan(room), np.nan, chance)
    return result


def _median_time(chance: Floats, ahead_s: Floats) -> Floats:
    """Return when half of the final chance is reached, linearly between the steps."""
    target = chance[:, :, -1:] / 2.0
    nth = np.argmax(chance >= target, axis=2)[:, :, None]
    after = np.take_along_axis(chance, nth, axis=2)
    before = np.where(nth > 0, np.take_along_axis(chance, np.maximum(nth - 1, 0), axis=2), 0.0)
    start = np.where(nth > 0, ahead_s[np.maximum(nth - 1, 0)], 0.0)
    share = (target - before) / np.maximum(after - before, 1e-300)
    seconds = (start + share * (ahead_s[nth] - start))[:, :, 0]
    result: Floats = np.where(target[:, :, 0] > 0.0, seconds, np.nan)
    return result
