"""Say when an official level will be crossed, and how surely.

For a river with a red line the question is not "unusual?" but "when?". A damped trend says where
the value is going; the forecasts it made before, compared with what came, say how far to trust it.
Only rising through a level is meant; negate values and levels for levels that matter below.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from models.rounds import in_rounds

__all__ = ["QUANTILES", "LevelForecast"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
HORIZONS_S = (900.0, 3600.0, 10_800.0, 43_200.0)  # at which past forecasts are checked
DAMPING_S = 10_800.0  # a trend is expected to fade to 1/e in this time
LEVEL_GAIN = 0.8  # share of a forecast error that is believed to be real
TREND_GAIN = 0.05  # share of a forecast error that is believed to go on, where errors alternate
LEAN_GAIN = 0.45  # and how much more of it where they all lean to one side
LEAN_RATE = 0.25  # how fast that leaning is noticed
TREND_DOUBT = 0.4  # standard error of the forecast change, as a share of it
ERROR_RATE = 0.03  # how fast the memory of forecast errors fades, at the least
RATIO_RATE = 0.05  # the same for what long forecasts err, relative to short ones
TRUSTED = 0.7  # share of a predicted change believed before any has come true
PRIOR = 3.0  # checked forecasts that what is believed beforehand counts for
FREEDOM = 3.0  # of Student's t, the law of forecast errors: mostly small, now and then large
WARM_UP = 8  # readings before a sensor is forecast
STEPS = 12  # parts of the horizon in which the moment of crossing is sought

_TIME, _LEVEL, _TREND, _GAP, _STEP, _LEAN, _SIZE, _SEEN = range(8)
_H = len(HORIZONS_S)
# A kept forecast (when, from what, with what trend, at what unrest), then what such ones taught.
_FROM, _FROM_LEVEL, _FROM_TREND, _FROM_STEP, _RATIO, _CHECKED, _AGREED, _SAID = (
    slice(8 + i * _H, 8 + (i + 1) * _H) for i in range(8)
)
_WIDTH = 8 + 8 * _H
_HORIZON = np.array(HORIZONS_S)[:, None]
_MEAN_SIZE = 1.1  # of a t variable with three degrees of freedom
_HEADER = struct.Struct("<8sqq")
_MAGIC = b"cwlevel1"

Floats = NDArray[np.float64]


class LevelForecast:
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

    State: 40 numbers (320 bytes) a sensor. Cost: .4 us to observe a reading in batches of
    1,000; 25 us a sensor to ask for crossings. Readings that are not finite or not newer than the
    last one are not learnt from and are counted in ``ignored``. Feeding rows in one call or in many
    gives the same bits.

    Examples
    --------
    >>> forecast = LevelForecast(1)
    >>> times = np.arange(0, 7200_000, 300_000)
    >>> forecast.observe(np.zeros(24, int), times, 2.0 + times / 7200_000)
    >>> levels = np.array([[np.nan, 2.5, 3.1, 9.0]])
    >>> probability, seconds = forecast.crossing(np.array([0]), levels, 3600.0)
    >>> probability.round(2).tolist()
    [[nan, 1.0, 0.86, 0.0]]
    >>> seconds.round(-2).tolist()
    [[nan, 0.0, 1100.0, 2400.0]]

    References
    ----------
    Gardner and McKenzie 1985 (damped trends); Wright 1986 (irregular intervals); Trigg and Leach
    1967 (gains that follow the leaning of errors).
    """

    def __init__(self, n: int = 0) -> None:
        self.n = 0
        self.ignored = 0
        self._state = np.zeros((0, _WIDTH))
        self.grow(n)

    def grow(self, n: int) -> None:
        """Make room for sensors up to position ``n - 1``; those that exist keep their state."""
        room = len(self._state)
        if n > room:
            more = max(n - room, room // 2)
            self._state = np.concatenate([self._state, np.zeros((more, _WIDTH))])
        self.n = max(self.n, n)

    def observe(
        self, sensors: NDArray[np.intp], times_ms: NDArray[np.int64], values: Floats
    ) -> None:
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
        rows = np.flatnonzero(np.isfinite(values))
        self.ignored += len(values) - len(rows)
        order, rounds = in_rounds(sensors, rows)
        for once in (order[part] for part in rounds):
            last_s, seen = self._state[sensors[once]].T[[_TIME, _SEEN]]
            newer = once[(times_ms[once] / 1000.0 > last_s) | (seen == 0.0)]
            self.ignored += len(once) - len(newer)
            s = np.ascontiguousarray(self._state[sensors[newer]].T)
            _advance(s, times_ms[newer] / 1000.0, values[newer])
            self._state[sensors[newer]] = s.T

    def crossing(
        self, sensors: NDArray[np.intp], levels: Floats, horizon_s: float
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

        Returns
        -------
        probability
            1 where the level is reached already; NaN where there is no level, or in warm-up.
        seconds
            Median time of the crossing if it happens within the horizon: 0 where it has, NaN
            where the probability is 0 or NaN.
        """
        s = self._state[sensors].T
        room = np.where(s[_SEEN][:, None] >= WARM_UP, levels - s[_LEVEL][:, None], np.nan)
        ahead_s = horizon_s * np.arange(1, STEPS + 1) / STEPS
        drift, error = _moments(s, ahead_s)
        chance = np.maximum.accumulate(_first_passage(room[:, :, None], drift, error), axis=2)
        seconds = np.where(room <= 0.0, 0.0, _median_time(chance, ahead_s))
        return chance[:, :, -1], seconds

    def rising(self, sensors: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Say which sensors are clearly on the rise; cheap, to choose whom to ask ``crossing`` of.

        Clearly: within an hour by more than half the standard error of such a forecast. False in
        warm-up.
        """
        s = self._state[sensors].T
        drift, error = _moments(s, np.array([3600.0]))
        clear = drift[:, 0, 0] > 0.5 * error[:, 0, 0]
        rising: NDArray[np.bool_] = clear & (s[_SEEN] >= WARM_UP)
        return rising

    def quantiles(self, sensor: int, horizons_s: Floats) -> Floats:
        """Return ``QUANTILES`` of the value at each horizon, one row a quantile; NaN in warm-up."""
        s = self._state[[sensor]].T
        drift, error = _moments(s, np.asarray(horizons_s, np.float64))
        level = s[_LEVEL] if s[_SEEN, 0] >= WARM_UP else np.nan
        result: Floats = level + drift[0, 0] + error[0, 0] * stdtrit(FREEDOM, QUANTILES)[:, None]
        return result

    def snapshot(self) -> bytes:
        """Return the state as versioned bytes."""
        return _HEADER.pack(_MAGIC, self.n, self.ignored) + self._state[: self.n].tobytes()

    @classmethod
    def restore(cls, snapshot: bytes) -> LevelForecast:
        """Return the bank whose ``snapshot`` this is.

        Raises
        ------
        ValueError
            When the bytes are not a snapshot of this version.
        """
        magic, n, ignored = _HEADER.unpack_from(snapshot)
        if magic != _MAGIC or len(snapshot) != _HEADER.size + 8 * n * _WIDTH:
            raise ValueError(f"not a {_MAGIC!r} snapshot: got {magic!r}, {len(snapshot)} bytes")
        bank = cls()
        bank.n, bank.ignored = n, ignored
        numbers = np.frombuffer(snapshot, np.float64, offset=_HEADER.size)
        bank._state = numbers.reshape(n, _WIDTH).copy()
        return bank


def _faded(seconds: Floats) -> Floats:
    """Return for how many seconds an undamped trend would have to go on instead."""
    return -DAMPING_S * np.expm1(-seconds / DAMPING_S)


def _advance(s: Floats, times_s: Floats, x: Floats) -> None:
    """Move the sensors of these columns one reading on."""
    first = s[_SEEN] == 0.0
    np.copyto(s[_TIME], times_s, where=first)
    np.copyto(s[_LEVEL], x, where=first)
    np.copyto(s[_FROM], times_s, where=first)
    np.copyto(s[_FROM_LEVEL], x, where=first)
    _check(s, times_s, x)
    gap = times_s - s[_TIME]
    error = x - s[_LEVEL] - s[_TREND] * _faded(gap)
    share = np.maximum(ERROR_RATE, 1.0 / np.maximum(s[_SEEN], 1.0))
    s[_GAP] += share * (gap - s[_GAP])
    # Two readings a moment apart must not make a cliff of their noise: never below the usual gap.
    usual = np.maximum(np.maximum(gap, s[_GAP]), 1e-3)
    s[_STEP] += share * (np.abs(error) / np.sqrt(usual) - s[_STEP])
    s[_LEAN] += LEAN_RATE * (error - s[_LEAN])
    s[_SIZE] += LEAN_RATE * (np.abs(error) - s[_SIZE])
    leaning = np.abs(s[_LEAN]) / np.maximum(s[_SIZE], 1e-12)
    gain = TREND_GAIN + LEAN_GAIN * leaning * leaning * leaning
    s[_TREND] = s[_TREND] * np.exp(-gap / DAMPING_S) + gain * error / usual
    s[_LEVEL] = x - (1.0 - LEVEL_GAIN) * error
    s[_TIME] = times_s
    s[_SEEN] += 1.0


def _check(s: Floats, times_s: Floats, x: Floats) -> None:
    """Where a kept forecast's time has come, learn from it and keep a new one."""
    waited = times_s - s[_FROM]
    due = waited >= _HORIZON
    if not due.any():
        return
    unit = np.maximum(s[_FROM_STEP] * np.sqrt(waited), 1e-9)
    said, came = s[_FROM_TREND] * _faded(waited), x - s[_FROM_LEVEL]
    rate = np.maximum(RATIO_RATE, 1.0 / (s[_CHECKED] + 1.0))
    error = came - _trust(s) * said
    ratio = np.minimum(np.abs(error) / unit, 10.0)
    np.add(s[_RATIO], rate * (ratio - s[_RATIO]), out=s[_RATIO], where=due)
    for total, product in ((s[_AGREED], said * came), (s[_SAID], said * said)):
        np.copyto(total, 0.98 * total + np.clip(product / unit**2, -9.0, 9.0), where=due)
    np.add(s[_CHECKED], 1.0, out=s[_CHECKED], where=due)
    for kept, now in (
        (_FROM, times_s),
        (_FROM_LEVEL, s[_LEVEL]),
        (_FROM_TREND, s[_TREND]),
        (_FROM_STEP, s[_STEP]),
    ):
        np.copyto(s[kept], now, where=due)


def _trust(s: Floats) -> Floats:
    """Return the share of a predicted change that has come true, per horizon, 0 to 1."""
    share: Floats = (s[_AGREED] + TRUSTED * PRIOR) / (s[_SAID] + PRIOR)
    return np.minimum(np.maximum(share, 0.0), 1.0)


def _moments(s: Floats, ahead_s: Floats) -> tuple[Floats, Floats]:
    """Return expected change and standard error, shaped (sensor, 1, horizon)."""
    ratio = (s[_CHECKED] * s[_RATIO] + PRIOR) / (s[_CHECKED] + PRIOR)
    # Between the horizons checked, and beyond them, what was learnt is taken linearly in log time.
    at = np.interp(np.log(ahead_s), np.log(_HORIZON[:, 0]), np.arange(_H))
    left = np.minimum(at.astype(int), _H - 2)
    right = at - left

    def between(column: Floats) -> Floats:
        of_sensor = column.T
        blended: Floats = of_sensor[:, left] * (1.0 - right) + of_sensor[:, left + 1] * right
        return blended

    drift = between(_trust(s)) * s[_TREND][:, None] * _faded(ahead_s)
    size = between(ratio) * s[_STEP][:, None] * np.sqrt(ahead_s)
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
