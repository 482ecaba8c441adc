"""Say how likely a level is exceeded hours ahead, from what all sensors of a kind went through.

Bad air comes seldom to one sensor, and to all at about the same time: one alone learns little from
its own past. So weights are learnt for the whole kind, and each sensor is judged with what its
neighbours measure now. Meant for quantities that cannot be negative and vary by factors, as
concentrations do: everything is taken in logarithms.
"""

from __future__ import annotations

import math
import struct
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.newton import dot, forget, step
from models.row_bank import Positions, RowBank

__all__ = ["HORIZONS_S", "PooledForecast"]

BEAT_S = 3600.0  # what is remembered and learnt from, once in this time
AHEAD = (1, 3, 6, 12, 24)  # beats
HORIZONS_S = tuple(BEAT_S * ahead for ahead in AHEAD)
BACK = (1, 3, 6, 12, 24)  # beats back to which now is compared
LONGEST = 24  # of both
KEPT = 2 * LONGEST + 2  # beats remembered: at the end of a horizon, back from its beginning
DAY = 24  # beats
FLOOR = 0.01  # of the first level: what is less counts as this
MEAN_RATE = 0.002  # the usual level of a sensor follows in about three weeks
FADE = 1.0 - 1.0 / 4320.0  # in half a year of beats, what was learnt fades to 1/e
DOUBT = 1.0  # variance of weights at first, in the units of features, all about 1
TRUST_DOUBT = 0.1  # and of those of the two opinions
SMALLEST = 0.02  # an error below is not told from none
SURE = 0.02  # an outcome expected better than this teaches nothing
FARTHEST = 2.0  # log distance to a level beyond which it does not matter how far
FAR_ODDS = 6.0
HALF_LOGISTIC = math.log(2.0 / math.pi) + np.euler_gamma  # log scale less mean log error
WARM_UP = 24.0  # beats before a sensor is forecast

_H, _L = len(AHEAD), 4
_OWN, _SHARED = 2, 2 + len(BACK) + 2  # where features begin: the sensor's changes, its pool
_HOUR = _SHARED + 2 + len(BACK)
_N = _HOUR + 4
_M = _N + 3  # and how far the level is

SENSOR = np.dtype(
    [
        ("time_s", np.float64),  # of the last reading
        ("beat", np.int64),  # now going on
        ("beats", np.float64),  # learnt
        ("mean", np.float64),  # log of what is usual
        ("past", np.float32, KEPT),  # log of the last reading of each beat, NaN where there is none
    ]
)
"""What is kept of one sensor."""

POOL = np.dtype(
    [
        ("beat", np.int64),  # now going on
        ("now", np.float64, 3),  # readings of it, sum and sum of squares of their deviations
        ("before", np.float64, 3),  # the same of the beat before
        ("of_beat", np.int64, KEPT),  # which beats are remembered,
        ("mean", np.float64, KEPT),  # how far the pool stood above what is usual,
        ("unlike", np.float64, KEPT),  # and how much sensors differed in that
        ("change", np.float64, (_H, _N)),  # weights of the expected change
        ("error", np.float64, (_H, _N)),  # and of the log of its error
        ("change_cov", np.float64, (_H, _N, _N)),
        ("odds", np.float64, (_L, _H, _M)),  # weights of the log odds of each level
        ("odds_cov", np.float64, (_L, _H, _M, _M)),
        ("trust", np.float64, (_L, _H, 3)),  # weights of both opinions
        ("trust_cov", np.float64, (_L, _H, 3, 3)),
        ("came", np.float64, (_L, _H)),  # times a level was exceeded that was not before
    ]
)
"""What sensors learn together."""

Floats = NDArray[np.float64]
Row = Any  # a row of ``SENSOR`` or ``POOL``


def _newborn_sensor() -> NDArray[np.void]:
    row = np.zeros(1, SENSOR)
    row["past"] = np.nan
    return row


def _newborn_pool() -> NDArray[np.void]:
    """Return a pool that expects no change, and a level the less the farther it is."""
    row = np.zeros(1, POOL)
    row["of_beat"] = -1
    row["change_cov"], row["odds_cov"] = DOUBT * np.eye(_N), DOUBT * np.eye(_M)
    row["error"][..., 0] = np.log(0.1 * np.sqrt(AHEAD))
    row["trust"], row["trust_cov"] = (0.0, 0.5, 0.5), TRUST_DOUBT * np.eye(3)
    row["odds"][..., _N] = 3.0 / np.sqrt(AHEAD)
    return row


class _Sensors(RowBank):
    NEWBORN = _newborn_sensor()
    VERSION = b"cwpastS1"


class _Pools(RowBank):
    NEWBORN = _newborn_pool()
    VERSION = b"cwpastP1"


class PooledForecast:
    """Forecasts of sensors that learn in pools.

    Parameters
    ----------
    n
        Number of sensors, known by their position.
    pools
        Number of pools, known by theirs.

    Notes
    -----
    Once an hour a sensor's forecasts 1, 3, 6, 12 and 24 h old are compared with what came. Two
    opinions are learnt of each horizon, from the same features: the expected change with the size
    of its error (recursive least squares, errors logistic), and the odds of each level directly
    (online logistic regression). The first learns from every hour, the second only from hours near
    a level, where it matters; the chance is the mean of their log odds. Features: how far the
    sensor stands above what is usual, its changes over 1 to 24 h, its highest and lowest of a day;
    the same of the mean of its pool, and how much the pool differs; the hour of the day then.

    State: 232 bytes a sensor, 105 kB a pool. Cost: .02 us a reading, and 4 us a sensor once an
    hour. Readings that are not finite or not newer than the last one are not learnt from and are
    counted in ``ignored``. Feeding rows in one call or in many gives the same bits. A gap longer
    than two days leaves what the pool has learnt, and nothing of the sensor but what is usual.

    Examples
    --------
    >>> forecast = PooledForecast(1, 1)
    >>> hours = np.arange(100)
    >>> one, levels = np.zeros(100, int), np.full((100, 4), [np.nan, np.nan, 150.0, 75.0])
    >>> forecast.observe(one, one, hours * 3_600_000, 50.0 + 0.0 * hours, levels)
    >>> forecast.exceeding(np.array([0]), np.array([0]), levels[:1])[0, :, 2].round(2).tolist()
    [nan, nan, 0.08, 0.26]

    References
    ----------
    Bates and Granger 1969 (forecasts combined are better than each); Wilks 2009 (logistic
    regression of levels exceeded).
    """

    def __init__(self, n: int = 0, pools: int = 0) -> None:
        self.sensors, self.pools = _Sensors(n), _Pools(pools)

    @property
    def ignored(self) -> int:
        """How many readings were left out."""
        return self.sensors.ignored

    def observe(
        self,
        sensors: Positions,
        pools: Positions,
        times_ms: NDArray[np.int64],
        values: Floats,
        levels: Floats,
    ) -> None:
        """Learn readings, in row order; a sensor may appear several times.

        Parameters
        ----------
        sensors, pools
            Position of each row's sensor, and of its pool.
        times_ms
            Event time of each row in milliseconds.
        values
            The readings.
        levels
            Levels of each row's sensor, shape (rows, 4), NaN where there is none.
        """
        columns = self.sensors._columns(sensors, times_ms, np.int64, values)
        logs, floors = _logarithms(levels)
        self.sensors.ignored += _observe_rows(
            self.sensors._rows, self.pools._rows, self.pools._known(pools), *columns, logs, floors
        )

    def exceeding(self, sensors: Positions, pools: Positions, levels: Floats) -> Floats:
        """Return the chance that each level is exceeded at the end of each horizon.

        Returns
        -------
        chance
            Shape (sensors, 4, horizons); NaN where there is no level, and in warm-up.
        """
        logs, _ = _logarithms(levels)
        asked, pooled = self.sensors._known(sensors), self.pools._known(pools)
        chance = np.full((len(asked), _L, _H), np.nan)
        _chances(self.sensors._rows, self.pools._rows, asked, pooled, logs, chance)
        return chance

    def came(self, pools: Positions) -> Floats:
        """Return how often each level was exceeded at each horizon that had not been before it.

        Shape (pools, 4, horizons), counted over all sensors: how much the chances rest on.
        """
        result: Floats = self.pools._of(pools)["came"]
        return result

    def grow(self, n: int, pools: int) -> None:
        """Have room for so many; those that exist keep their state."""
        self.sensors.grow(n)
        self.pools.grow(pools)

    def snapshot(self) -> bytes:
        """Return the state of all as versioned bytes."""
        of_sensors = self.sensors.snapshot()
        return struct.pack("<q", len(of_sensors)) + of_sensors + self.pools.snapshot()

    @classmethod
    def restore(cls, snapshot: bytes) -> Self:
        """Return the forecast whose ``snapshot`` this is.

        Raises
        ------
        ValueError
            When the bytes are not a snapshot of this version.
        """
        if len(snapshot) < 8:
            raise ValueError(f"a snapshot has 8 bytes or more, got {len(snapshot)}")
        (size,) = struct.unpack_from("<q", snapshot)
        forecast = cls()
        forecast.sensors = _Sensors.restore(snapshot[8 : 8 + max(size, 0)])
        forecast.pools = _Pools.restore(snapshot[8 + max(size, 0) :])
        return forecast


def _logarithms(levels: Floats) -> tuple[Floats, Floats]:
    """Return levels in logarithms, and the least value of each row that is told from none."""
    known = np.where(levels > 0.0, levels, np.nan)
    lowest = np.where(np.isnan(known), np.inf, known).min(axis=1, initial=np.inf)
    return np.log(known), np.where(np.isfinite(lowest), FLOOR * lowest, 1e-9)


@compiled
def _observe_rows(
    rows: NDArray[np.void],
    shared: NDArray[np.void],
    pools: NDArray[np.intp],
    sensors: NDArray[np.intp],
    times_ms: NDArray[np.int64],
    values: Floats,
    logs: Floats,
    floors: Floats,
) -> int:
    """Learn row by row; return how many were left out."""
    ignored, f, gain = 0, np.empty(_M), np.empty(_M)
    for row in range(len(sensors)):
        s, pool = rows[sensors[row]], shared[pools[row]]
        time_s, x = times_ms[row] / 1000.0, values[row]
        if not math.isfinite(x) or (s.beat > 0 and time_s <= s.time_s):
            ignored += 1
            continue
        now, beat = math.log(max(x, floors[row])), math.floor(time_s / BEAT_S) + 1
        if s.beat != beat:
            if s.beat > 0:
                _learn(s, pool, logs[row], f, gain)
            _open(s, beat, now)
        if pool.beat < beat:
            _turn(pool, beat)
        s.time_s = time_s
        s.past[beat % KEPT] = now
        if pool.beat == beat:
            off = now - s.mean
            pool.now[0] += 1.0
            pool.now[1] += off
            pool.now[2] += off * off
    return ignored


@compiled
def _open(s: Row, beat: int, now: float) -> None:
    """Begin a beat of a sensor; beats without a reading leave a gap."""
    last = s.past[s.beat % KEPT] if s.beat > 0 else now
    s.beats += 1.0
    s.mean += max(MEAN_RATE, 1.0 / s.beats) * (last - s.mean)
    for gone in range(max(s.beat + 1, beat - KEPT + 1), beat + 1):
        s.past[gone % KEPT] = np.nan
    s.beat = beat


@compiled
def _turn(pool: Row, beat: int) -> None:
    """End a beat of a pool, and forget a little."""
    if pool.beat > 0:
        at = pool.beat % KEPT
        pool.of_beat[at] = pool.beat
        pool.mean[at], pool.unlike[at] = _standing(pool)
        for j in range(_H):
            forget(pool.change_cov[j], FADE, DOUBT)
            for level in range(_L):
                forget(pool.odds_cov[level, j], FADE, DOUBT)
                forget(pool.trust_cov[level, j], FADE, TRUST_DOUBT)
    for i in range(3):
        pool.before[i] = pool.now[i] if pool.beat + 1 == beat else 0.0
        pool.now[i] = 0.0
    pool.beat = beat


@compiled
def _standing(pool: Row) -> tuple[float, float]:
    """Return how far a pool stands above what is usual, and how much its sensors differ.

    Who has not spoken yet in this beat is taken to be as the pool was in the one before.
    """
    missing = max(pool.before[0] - pool.now[0], 0.0) / max(pool.before[0], 1.0)
    count = pool.now[0] + missing * pool.before[0]
    if count == 0.0:
        return 0.0, 0.0
    mean = (pool.now[1] + missing * pool.before[1]) / count
    square = (pool.now[2] + missing * pool.before[2]) / count
    return mean, math.sqrt(max(square - mean * mean, 0.0))


@compiled
def _remembered(pool: Row, beat: int) -> float:
    """Return how far a pool stood above what is usual; NaN where nobody knows."""
    if beat == pool.beat:
        return _standing(pool)[0]
    return pool.mean[beat % KEPT] if pool.of_beat[beat % KEPT] == beat else np.nan


@compiled
def _describe(s: Row, pool: Row, beat: int, f: Floats) -> None:
    """Put the features of a moment into ``f``: all but its horizon and the level asked for."""
    now = float(s.past[beat % KEPT])
    f[0], f[1] = 1.0, now - s.mean
    shared = _remembered(pool, beat)
    f[_SHARED] = 0.0 if math.isnan(shared) else shared - f[1]
    highest = lowest = now
    for back in range(1, LONGEST + 1):
        before = float(s.past[(beat - back) % KEPT])
        if before > highest:
            highest = before
        if before < lowest:
            lowest = before
    for i in range(len(BACK)):
        before = float(s.past[(beat - BACK[i]) % KEPT])
        f[_OWN + i] = 0.0 if math.isnan(before) else now - before
        of_all = shared - _remembered(pool, beat - BACK[i])
        f[_SHARED + 2 + i] = 0.0 if math.isnan(of_all) else of_all
    f[_OWN + len(BACK)], f[_OWN + len(BACK) + 1] = highest - now, now - lowest
    f[_SHARED + 1] = 0.0
    if beat == pool.beat:
        f[_SHARED + 1] = _standing(pool)[1]
    elif pool.of_beat[beat % KEPT] == beat:
        f[_SHARED + 1] = pool.unlike[beat % KEPT]


@compiled
def _aim(beat: int, ahead: int, f: Floats) -> None:
    """Add the hour of the day at which a horizon ends."""
    turn = 2.0 * math.pi * ((beat + ahead) % DAY) / DAY
    f[_HOUR], f[_HOUR + 1] = math.sin(turn), math.cos(turn)
    f[_HOUR + 2], f[_HOUR + 3] = math.sin(2.0 * turn), math.cos(2.0 * turn)


@compiled
def _face(room: float, f: Floats) -> None:
    """Add how far above a level the sensor is."""
    room = min(max(room, -FARTHEST), FARTHEST)
    f[_N], f[_N + 1], f[_N + 2] = room, max(room, 0.0), min(room, 0.0) ** 2 / 4.0


@compiled
def _learn(s: Row, pool: Row, logs: Floats, f: Floats, gain: Floats) -> None:
    """Compare what was forecast for the beat that ends with what came."""
    came, two = float(s.past[s.beat % KEPT]), np.ones(3)
    for j in range(_H):
        beat = s.beat - AHEAD[j]
        was = float(s.past[beat % KEPT])
        if beat <= 0 or math.isnan(was) or s.beats < WARM_UP:
            continue
        _describe(s, pool, beat, f)
        _aim(beat, AHEAD[j], f)
        own = f[:_N]
        expected, width = dot(pool.change[j], own), dot(pool.error[j], own)
        error = came - was - expected
        off = math.log(abs(error) + SMALLEST) - width
        step(pool.change_cov[j], own, 1.0, gain)
        for i in range(_N):
            pool.change[j, i] += gain[i] * error
            pool.error[j, i] += gain[i] * off
        for level in range(_L):
            if not math.isnan(logs[level]):
                _face(was - logs[level], f)
                two[1] = (was + expected - logs[level]) / math.exp(width + HALF_LOGISTIC)
                _learn_level(pool, level, j, came >= logs[level], was >= logs[level], f, two, gain)


@compiled
def _learn_level(
    pool: Row, level: int, j: int, came: bool, was: bool, f: Floats, two: Floats, gain: Floats
) -> None:
    """Learn whether a level was exceeded."""
    if came and not was:
        pool.came[level, j] += 1.0
    two[2] = dot(pool.odds[level, j], f)
    two[1] = min(max(two[1], -FAR_ODDS), FAR_ODDS)
    two[2] = min(max(two[2], -FAR_ODDS), FAR_ODDS)
    joint = 1.0 / (1.0 + math.exp(-dot(pool.trust[level, j], two)))
    error = (1.0 if came else 0.0) - joint
    if abs(error) >= SURE:
        step(pool.trust_cov[level, j], two, joint * (1.0 - joint), gain)
        for i in range(3):
            pool.trust[level, j, i] += gain[i] * error
    chance = 1.0 / (1.0 + math.exp(-two[2]))
    error = (1.0 if came else 0.0) - chance
    if abs(error) < SURE:
        return
    step(pool.odds_cov[level, j], f, chance * (1.0 - chance), gain)
    for i in range(_M):
        pool.odds[level, j, i] += gain[i] * error


@compiled
def _chances(
    rows: NDArray[np.void],
    shared: NDArray[np.void],
    sensors: NDArray[np.intp],
    pools: NDArray[np.intp],
    logs: Floats,
    chance: NDArray[np.float64],
) -> None:
    f, two = np.empty(_M), np.empty(3)
    for row in range(len(sensors)):
        s, pool = rows[sensors[row]], shared[pools[row]]
        if s.beats < WARM_UP:
            continue
        now = float(s.past[s.beat % KEPT])
        _describe(s, pool, s.beat, f)
        for j in range(_H):
            _aim(s.beat, AHEAD[j], f)
            mean = now + dot(pool.change[j], f[:_N])
            scale = math.exp(dot(pool.error[j], f[:_N]) + HALF_LOGISTIC)
            for level in range(_L):
                _face(now - logs[row, level], f)
                first = (mean - logs[row, level]) / scale
                second = dot(pool.odds[level, j], f)
                two[0] = 1.0
                two[1] = min(max(first, -FAR_ODDS), FAR_ODDS)
                two[2] = min(max(second, -FAR_ODDS), FAR_ODDS)
                odds = dot(pool.trust[level, j], two)
                chance[row, level, j] = 1.0 / (1.0 + math.exp(-odds))
