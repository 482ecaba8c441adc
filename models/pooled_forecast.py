"""Say how likely a level is exceeded hours ahead, from what all sensors of a kind went through.

Bad air comes seldom to one sensor, and to all at about the same time: one alone learns little from
its own past. So weights are learnt for the whole kind, and each sensor is judged with what its
neighbours measure now. Values are positive and vary by factors, as concentrations do, or are made
so: everything is taken in logarithms.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, compiled_with_arrays, inlined
from models.newton import dot, forget, step
from models.pool_memory import (
    BEAT_S,
    FEATURES,
    HOUR,
    KEPT,
    MEMORY,
    aim,
    close_beat,
    count_in,
    describe,
    newborn_sensor,
    open_beat,
)
from models.row_bank import Positions, RowBank, plain
from models.weather import (
    QUANTITIES,
    WEATHER_FEATURES,
    describe_weather,
    hear,
    newborn_weather,
)

__all__ = ["BEAT_S", "HORIZONS_S", "POOL", "PooledForecast"]

AHEAD = (1, 3, 6, 12, 24)  # beats
HORIZONS_S = tuple(BEAT_S * ahead for ahead in AHEAD)
EDGE = 100.0  # times under or over the lowest level it does not matter how far
FADE = 1.0 - 1.0 / 2160.0  # in a season of beats, what was learnt fades to 1/e
DOUBT = 1.0  # variance of weights at first, in the units of features, all about 1
TRUST_DOUBT = 0.1  # and of those of the two opinions and of the weather
SMALLEST = 0.1  # errors well below this, a tenth of the value, are the sensor's own
SURE = 0.005  # an outcome expected better than this teaches nothing
FARTHEST = 2.0  # log distance to a level beyond which it does not matter how far
FAR_ODDS = 6.0  # log odds beyond which an opinion does not count for more
NARROWEST = -4.0  # log scale of an error, at the least
HALF_LOGISTIC = math.log(2.0 / math.pi) + np.euler_gamma  # log scale less mean log error
WARM_UP = 24.0  # beats before a sensor is forecast

_H, _L, _N = len(AHEAD), 4, FEATURES
_M = _N + 5  # and how far the level is, also by the hour
_O = 3 + WEATHER_FEATURES  # a constant, two opinions and the weather

POOL = np.dtype(
    [
        *MEMORY,
        ("change", np.float64, (_H, _N)),  # weights of the expected change
        ("error", np.float64, (_H, _N)),  # and of the log of its error
        ("change_cov", np.float64, (_H, _N, _N)),
        ("odds", np.float64, (_L, _H, _M)),  # weights of the log odds of each level
        ("odds_cov", np.float64, (_L, _H, _M, _M)),
        ("trust", np.float64, (_L, _H, _O)),  # weights of both opinions, and of the weather
        ("trust_cov", np.float64, (_L, _H, _O, _O)),
        ("came", np.float64, (_L, _H)),  # times a level was exceeded that was not before
    ]
)
"""What sensors learn together."""

_SIZES = struct.Struct("<qq")  # bytes of what is kept of sensors and of pools

Floats = NDArray[np.float64]
Row = Any  # a row of ``SENSOR``, ``POOL`` or ``WEATHER``


def _newborn_pool() -> NDArray[np.void]:
    """Return a pool that expects no change, and a level the less the farther it is."""
    row = np.zeros(1, POOL)
    row["of_beat"] = -1
    row["change_cov"], row["odds_cov"] = DOUBT * np.eye(_N), DOUBT * np.eye(_M)
    row["error"][..., 0] = np.log(0.1 * np.sqrt(AHEAD))
    row["trust"][..., 1:3], row["trust_cov"] = 0.5, TRUST_DOUBT * np.eye(_O)
    row["odds"][..., _N] = 3.0 / np.sqrt(AHEAD)
    return row


class _Whose(NamedTuple):
    """Whose each row is; of one of the weather sensor and pool do not matter."""

    sensor: NDArray[np.intp]
    pool: NDArray[np.intp]
    sky: NDArray[np.intp]
    quantity: NDArray[np.int8]


class _Sensors(RowBank):
    NEWBORN = newborn_sensor()
    VERSION = b"cwpastS1"


class _Pools(RowBank):
    NEWBORN = _newborn_pool()
    VERSION = b"cwpastP2"


class _Weather(RowBank):
    NEWBORN = newborn_weather()
    VERSION = b"cwskiesA"


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
    a level, where it matters; the chance is the mean of their log odds, weighted as outcomes teach,
    and moved by what the weather is like, as far as outcomes teach that too.
    Features: how far the sensor stands above what is usual, its changes over 1 to 24 h, its highest
    and lowest of a day; the same of the mean of its pool, and how much the pool differs; the hour
    of the day then. The weights of both are pooled; the state of a pool fades in a season.

    State: 432 bytes a sensor, 141 kB a pool, 4.5 kB a weather. Cost: .15 us a reading and 5 us a
    sensor once an hour, together .6 us a reading where there is one in five minutes; 3 us a sensor
    to ask. Readings that are not finite, before 1970 or not newer than the last one are not learnt
    from and are counted in ``ignored``, as is weather two days late. Feeding rows in one call or in
    many gives the same bits. A gap longer than two days leaves what the pool has learnt, and
    nothing of the sensor but what is usual.

    Examples
    --------
    >>> forecast = PooledForecast(1, 1)
    >>> hours = np.arange(100)
    >>> one, levels = np.zeros(100, int), np.full((100, 4), [np.nan, np.nan, 150.0, 75.0])
    >>> _ = forecast.observe(one, one, hours * 3_600_000, 50.0 + 0.0 * hours, levels)
    >>> forecast.exceeding(np.array([0]), np.array([0]), levels[:1])[0, :, 2].round(2).tolist()
    [nan, nan, 0.0, 0.01]

    References
    ----------
    Bates and Granger 1969 (forecasts combined are better than each); Wilks 2009 (logistic
    regression of levels exceeded).
    """

    def __init__(self, n: int = 0, pools: int = 0) -> None:
        self.sensors, self.pools, self.weather = _Sensors(n), _Pools(pools), _Weather(1)

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
        asked: NDArray[np.bool_] | None = None,
        skies: Positions | None = None,
        quantities: NDArray[np.int8] | None = None,
    ) -> tuple[Floats, Floats]:
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
        asked
            Rows of which to say, when they have been learnt and no later one, what ``exceeding``
            and ``came`` would; none if left out.
        skies
            Under which weather each row is; all under the first if left out.
        quantities
            Of a reading of the weather its position in ``weather.QUANTITIES``, and its sensor, pool
            and levels do not matter; -1 of others. If left out, there is none.

        Returns
        -------
        chance, came
            One row for each row asked, in their order, shape (asked, 4, horizons).
        """
        rows = len(values)
        kinds = np.full(rows, -1) if quantities is None else quantities
        under = np.zeros(rows, np.intp) if skies is None else skies
        ask = np.zeros(rows, np.bool_) if asked is None else plain(asked, np.bool_)
        sensor, pool, sky = (plain(each, np.intp) for each in (sensors, pools, under))
        whose = _Whose(sensor, pool, sky, plain(kinds, np.int8))
        numbers = plain(values, np.float64), plain(levels, np.float64)
        told = plain(times_ms, np.int64), *numbers
        self._check(whose, (*told, ask))
        said = np.full((2, np.count_nonzero(ask), _L, _H), np.nan)
        banks = self.sensors._rows, self.pools._rows, self.weather._rows
        self.sensors.ignored += _observe_rows(*banks, whose, *told, ask, said)
        return said[0], said[1]

    def _check(self, whose: _Whose, others: Sequence[NDArray[Any]]) -> None:
        """Raise where compiled loops, which check nothing, would go astray."""
        columns: tuple[NDArray[Any], ...] = *whose, *others
        lengths = [len(column) for column in columns]
        if len(set(lengths)) > 1:
            raise ValueError(f"columns must be of one length, got {lengths}")
        sizes = self.sensors.n, self.pools.n, self.weather.n, len(QUANTITIES)
        if _any_beyond(whose, sizes):
            expected = "positions of {} sensors, {} pools, {} skies, {} quantities".format(*sizes)
            got = ", ".join(f"{column.min()} to {column.max()}" for column in whose)
            raise IndexError(f"expected {expected}, got {got}")

    def exceeding(
        self, sensors: Positions, pools: Positions, levels: Floats, skies: Positions | None = None
    ) -> Floats:
        """Return the chance that each level is exceeded at the end of each horizon.

        Returns
        -------
        chance
            Shape (sensors, 4, horizons); NaN where there is no level, and in warm-up.
        """
        asked, pooled = self.sensors._known(sensors), self.pools._known(pools)
        chance = np.full((len(asked), _L, _H), np.nan)
        rows, shared, weather = self.sensors._rows, self.pools._rows, self.weather._rows
        under = np.zeros_like(asked) if skies is None else self.weather._known(skies)
        _chances(rows, shared, weather, asked, pooled, under, plain(levels, np.float64), chance)
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
        parts = [bank.snapshot() for bank in (self.sensors, self.pools, self.weather)]
        return _SIZES.pack(len(parts[0]), len(parts[1])) + b"".join(parts)

    @classmethod
    def restore(cls, snapshot: bytes) -> Self:
        """Return the forecast whose ``snapshot`` this is.

        Raises
        ------
        ValueError
            When the bytes are not a snapshot of this version.
        """
        if len(snapshot) < _SIZES.size:
            raise ValueError(f"a snapshot has {_SIZES.size} bytes or more, got {len(snapshot)}")
        sizes, rest, forecast = _SIZES.unpack_from(snapshot), snapshot[_SIZES.size :], cls()
        first = max(sizes[0], 0)
        second = first + max(sizes[1], 0)
        forecast.sensors = _Sensors.restore(rest[:first])
        forecast.pools = _Pools.restore(rest[first:second])
        forecast.weather = _Weather.restore(rest[second:])
        return forecast


@compiled
def _any_beyond(whose: _Whose, sizes: tuple[int, int, int, int]) -> bool:
    """Say whether any row has no place; one of the weather needs neither a sensor nor a pool."""
    found = False
    for row in range(len(whose.sensor)):
        found |= not (0 <= whose.sky[row] < sizes[2] and whose.quantity[row] < sizes[3])
        if whose.quantity[row] < 0:
            found |= not (0 <= whose.sensor[row] < sizes[0] and 0 <= whose.pool[row] < sizes[1])
    return found


@inlined
def _lowest(levels: Floats) -> float:
    """Return the lowest level, 1 without."""
    least = math.inf
    for level in levels:
        if level > 0.0:
            least = min(least, level)
    return least if least < math.inf else 1.0


@inlined
def _logarithm(level: float) -> float:
    """Return a level as it is compared, NaN where there is none."""
    return math.log(level) if 0.0 < level < math.inf else math.nan


@compiled_with_arrays
def _observe_rows(
    rows: NDArray[np.void],
    shared: NDArray[np.void],
    weather: NDArray[np.void],
    whose: _Whose,
    times_ms: NDArray[np.int64],
    values: Floats,
    levels: Floats,
    asked: NDArray[np.bool_],
    said: Floats,
) -> int:
    """Learn row by row, say what is asked; return how many were left out."""
    ignored, nth, f, gain = 0, 0, np.empty(_M), np.empty(_M)
    for row in range(len(values)):
        time_s, x, w = times_ms[row] / 1000.0, values[row], weather[whose.sky[row]]
        if whose.quantity[row] >= 0:
            good = math.isfinite(x) and time_s >= 0.0
            if not (good and hear(w, whose.quantity[row], int(time_s / BEAT_S) + 1, x)):
                ignored += 1
            nth += asked[row]
            continue
        s, pool = rows[whose.sensor[row]], shared[whose.pool[row]]
        if not math.isfinite(x) or time_s < 0.0 or (s.beat > 0 and time_s <= s.time_s):
            ignored += 1
            nth += asked[row]
            continue
        low = _lowest(levels[row])
        now, beat = math.log(min(max(x, low / EDGE), low * EDGE)), int(time_s / BEAT_S) + 1
        if s.beat != beat:
            if s.beat > 0:
                _learn(s, pool, w, levels[row], f, gain)
            open_beat(s, beat, now)
        if pool.beat < beat:
            close_beat(pool, beat)
            _fade(pool)
        s.time_s = time_s
        count_in(s, pool, beat, now)
        if asked[row]:
            _say(s, pool, w, levels[row], f, said[0, nth])
            said[1, nth] = pool.came
            nth += 1
    return ignored


@compiled_with_arrays
def _fade(pool: Row) -> None:
    """Forget a little."""
    for j in range(_H):
        forget(pool.change_cov[j], FADE, DOUBT)
        for level in range(_L):
            forget(pool.odds_cov[level, j], FADE, DOUBT)
            forget(pool.trust_cov[level, j], FADE, TRUST_DOUBT)


@compiled_with_arrays
def _learn(s: Row, pool: Row, w: Row, levels: Floats, f: Floats, gain: Floats) -> None:
    """Compare what was forecast for the beat that ends with what came."""
    came, opinions = float(s.past[s.beat % KEPT]), np.ones(_O)
    for j in range(_H):
        beat = s.beat - AHEAD[j]
        was = float(s.past[beat % KEPT])
        if beat <= 0 or math.isnan(was) or s.beats < WARM_UP:
            continue
        describe(s, pool, beat, f)
        describe_weather(w, beat, opinions[3:])
        aim(beat, AHEAD[j], f)
        mean, scale = _outlook(pool, j, was, f)
        error = came - mean
        off = math.log(abs(error) + SMALLEST) - dot(pool.error[j], f[:_N])
        step(pool.change_cov[j], f[:_N], 1.0, gain)
        for i in range(_N):
            pool.change[j, i] += gain[i] * error
            pool.error[j, i] += gain[i] * off
        for level in range(_L):
            bound = _logarithm(levels[level])
            if not math.isnan(bound):
                _judge(pool, level, j, was - bound, (mean - bound) / scale, f, opinions)
                _learn_level(pool, level, j, came >= bound, f, opinions, gain)
                if came >= bound > was:
                    pool.came[level, j] += 1.0


@compiled
def _outlook(pool: Row, j: int, now: float, f: Floats) -> tuple[float, float]:
    """Return the expected value at the end of a horizon, and the scale of its error."""
    width = dot(pool.error[j], f[:_N]) + HALF_LOGISTIC
    return now + dot(pool.change[j], f[:_N]), math.exp(min(max(width, NARROWEST), 0.0))


@compiled
def _judge(
    pool: Row, level: int, j: int, room: float, by_change: float, f: Floats, opinions: Floats
) -> None:
    """Leave in ``opinions`` the log odds of a level by both opinions, behind a 1."""
    room = min(max(room, -FARTHEST), FARTHEST)
    f[_N], f[_N + 1], f[_N + 2] = room, max(room, 0.0), min(room, 0.0) ** 2 / 4.0
    f[_N + 3], f[_N + 4] = room * f[HOUR], room * f[HOUR + 1]
    opinions[1] = min(max(by_change, -FAR_ODDS), FAR_ODDS)
    opinions[2] = min(max(dot(pool.odds[level, j], f), -FAR_ODDS), FAR_ODDS)


@compiled
def _learn_level(
    pool: Row, level: int, j: int, came: bool, f: Floats, opinions: Floats, gain: Floats
) -> None:
    """Learn whether a level was exceeded: what to make of both opinions, then the second one."""
    for part in range(2):
        trust = part == 0
        odds = dot(pool.trust[level, j], opinions) if trust else opinions[2]
        chance = 1.0 / (1.0 + math.exp(-odds))
        error = (1.0 if came else 0.0) - chance
        if abs(error) < SURE:
            continue
        if trust:
            step(pool.trust_cov[level, j], opinions, chance * (1.0 - chance), gain)
            for i in range(_O):
                pool.trust[level, j, i] += gain[i] * error
        else:
            step(pool.odds_cov[level, j], f, chance * (1.0 - chance), gain)
            for i in range(_M):
                pool.odds[level, j, i] += gain[i] * error


@compiled_with_arrays
def _chances(
    rows: NDArray[np.void],
    shared: NDArray[np.void],
    weather: NDArray[np.void],
    sensors: NDArray[np.intp],
    pools: NDArray[np.intp],
    skies: NDArray[np.intp],
    levels: Floats,
    chance: NDArray[np.float64],
) -> None:
    f = np.empty(_M)
    for row in range(len(sensors)):
        s, pool, w = rows[sensors[row]], shared[pools[row]], weather[skies[row]]
        _say(s, pool, w, levels[row], f, chance[row])


@compiled_with_arrays
def _say(s: Row, pool: Row, w: Row, levels: Floats, f: Floats, chance: Floats) -> None:
    """Put the chances of one sensor into ``chance``; in warm-up it is left as it is."""
    if s.beats < WARM_UP:
        return
    now, opinions = float(s.past[s.beat % KEPT]), np.ones(_O)
    describe(s, pool, s.beat, f)
    describe_weather(w, s.beat, opinions[3:])
    for j in range(_H):
        aim(s.beat, AHEAD[j], f)
        mean, scale = _outlook(pool, j, now, f)
        for level in range(_L):
            bound = _logarithm(levels[level])
            if not math.isnan(bound):
                _judge(pool, level, j, now - bound, (mean - bound) / scale, f, opinions)
                odds = dot(pool.trust[level, j], opinions)
                chance[level, j] = 1.0 / (1.0 + math.exp(-odds))
