"""Notice what a sensor has never done before, for all sensors of a shard at once.

A reading is unusual when it beats the second largest independent peak its sensor remembers: one
earlier event is allowed, a second of that size is not news. Seven views of the reading are
compared in this way, after the day's habit has been taken away. Beside that verdict (*never seen
like this*) stands a plainer one (*event*): how far the reading is off for this time of day.

Arithmetic only: no clock, and no time but the local second of the day of each reading.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.rounds import in_rounds
from models.tails import learn_tail, tail_surprisal

__all__ = ["CHANNELS", "BankScores", "SensorBank"]

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

WARM_UP = 150  # readings before a sensor is judged
THRESHOLD = 0.26  # tau: 30 % above the second largest peak; the operator's one knob
RE_ARM = 0.2  # below tau by this much, an episode is over
PEAK = 100.0  # readings that belong to one peak
HALF_LIFE = 6000.0  # readings after which a peak counts half
DAY_BINS = 48
DAY_RATE = 0.1  # how fast the habit of a half hour follows
ROUNDING = 5e-7  # share of a sensor's excursion that float32 profiles cannot resolve

# One column a sensor; a chunk of sensors is gathered into rows, so one call serves them all.
_T, _BASE, _LAST = 0, 1, 2
_MU, _R5, _R80, _X20, _X200, _A80, _A20, _A500, _ERR = range(3, 12)
_SMOOTH = slice(3, 12)
_MEAN5 = 12
_QUANTILE, _EXCESS = slice(13, 15), slice(15, 17)  # of record and of event
_CURRENT, _OTHER, _PEAKS = slice(17, 24), slice(24, 31), slice(17, 31)
_FREE = slice(31, 38)  # the reading up to which the current peak lasts
_HOLD, _ARMED = 38, 39
_WIDTH = 40

_RATES = np.array(
    [[1 / 100], [1 / 5], [1 / 80], [1 / 20], [1 / 200], [1 / 80], [1 / 20], [1 / 500], [1 / 500]]
)
# Of a record in units of S above its floor, of an event in units of its mean.
_USUAL_QUANTILE, _USUAL_EXCESS = np.array([[0.6], [2.9]]), np.array([[0.2], [0.5]])
_LEAST_QUANTILE, _LEAST_EXCESS = np.array([[0.3], [1.2]]), np.array([[0.07], [0.1]])
_DECAY = 0.5 ** (1 / HALF_LIFE)
_FLOOR = np.exp(-1.0)  # u = ln(ratio) is cut at -1
_UNKNOWN = np.exp(1.0)  # u = 1 for the first thing of its kind
_FLOOR_OF_S = 0.6  # a score this far below 0 is no surprise at all
_CHUNK = 2048  # rows that fit in a core's cache together with their working columns
_HEADER = struct.Struct("<8sqq")
_MAGIC = b"cwpeaks1"

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
    """-log10 of the chance of a deviation this large from the time of day; NaN in warm-up."""
    sign: NDArray[np.int8]
    """+1 above what was expected, -1 below, 0 neither."""


class SensorBank:
    """Peaks, habits and errors of the sensors of one shard.

    Parameters
    ----------
    n
        Number of sensors; they are known by their position, 0 to n - 1.

    Notes
    -----
    State: 544 bytes a sensor (38 numbers, 48 half hours and their counts), fixed for ever; nothing
    else grows. Cost: 0.3 us a reading in batches of 10,000; a batch of few rows costs about 0.1 ms,
    a batch in which sensors repeat costs that once per repetition.
    Feeding rows in one call, in many, or sensor by sensor gives the same bits.
    A value that is not finite is not learnt from, scores NaN and is counted in ``ignored``.
    ``snapshot`` is immutable, versioned bytes; the bank restored from them scores the same bits.

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
    The project's own research; seasonal profile, peak memory and alarm rule are described in the
    comments of the code below, in that order.
    """

    def __init__(self, n: int = 0) -> None:
        self.n = 0
        self.ignored = 0
        self._state = np.zeros((0, _WIDTH))
        self._day = np.zeros((0, DAY_BINS), np.float32)
        self._seen = np.zeros((0, DAY_BINS), np.uint8)
        self.grow(n)

    def grow(self, n: int) -> None:
        """Make room for sensors up to position ``n - 1``; those that exist keep their state."""
        room = len(self._state)
        if n > room:
            # By half, so that sensors met one at a time do not each copy the whole bank.
            more = max(n - room, room // 2)
            born = np.zeros((more, _WIDTH))
            born[:, _FREE] = -1.0
            born[:, _ARMED] = 1.0
            self._state = np.concatenate([self._state, born])
            self._day = np.concatenate([self._day, np.zeros((more, DAY_BINS), np.float32)])
            self._seen = np.concatenate([self._seen, np.zeros((more, DAY_BINS), np.uint8)])
        self.n = max(self.n, n)

    def score_and_learn(
        self, sensors: NDArray[np.intp], times_s: Floats, values: Floats
    ) -> BankScores:
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
            When a row names a sensor the bank does not have.
        """
        if len(sensors) and not 0 <= sensors.min() <= sensors.max() < self.n:
            raise IndexError(
                f"sensor positions must be 0 to {self.n - 1}, "
                f"got {sensors.min()} to {sensors.max()}"
            )
        out = _empty_scores(len(sensors))
        bins = np.floor(np.mod(times_s, 86400.0) * (DAY_BINS / 86400.0)).astype(np.intp)
        usable = np.isfinite(values) & np.isfinite(times_s)
        rows = np.flatnonzero(usable)
        self.ignored += len(sensors) - len(rows)
        for once in in_rounds(sensors, rows):
            for start in range(0, len(once), _CHUNK):
                self._advance(sensors, bins, values, once[start : start + _CHUNK], out)
        return out

    def _advance(
        self,
        sensors: NDArray[np.intp],
        bins: NDArray[np.intp],
        values: Floats,
        rows: NDArray[np.intp],
        out: BankScores,
    ) -> None:
        """Move the sensors of these rows, all different, one reading on."""
        who, x = sensors[rows], values[rows]
        s = np.ascontiguousarray(self._state[who].T)
        _begin(s, x)
        habit = who * DAY_BINS + bins[rows]
        day, seen = self._day.ravel(), self._seen.ravel()
        expected, r, day[habit], seen[habit] = _season(s, x, day[habit], seen[habit])
        out.expected[rows] = expected
        out.scale[rows] = s[_ERR]
        features = _features(s, x, r)
        score, out.channel[rows] = _compare(s, features)
        warm = s[_T] >= WARM_UP
        out.strength[rows] = _alarm(s, np.where(warm, score, -np.inf))
        out.s[rows] = np.where(warm, score, np.nan)
        out.surprisal[rows], out.residual_surprisal[rows] = np.where(
            warm, _surprisals(s, score, features[1]), np.nan
        )
        out.sign[rows] = np.sign(r)
        s[_T] += 1.0
        self._state[who] = s.T

    def snapshot(self) -> bytes:
        """Return the state as versioned bytes."""
        head = _HEADER.pack(_MAGIC, self.n, self.ignored)
        columns = (self._state, self._day, self._seen)
        return b"".join([head, *(column[: self.n].tobytes() for column in columns)])

    @classmethod
    def restore(cls, snapshot: bytes) -> SensorBank:
        """Return the bank whose ``snapshot`` this is.

        Raises
        ------
        ValueError
            When the bytes are not a snapshot of this version.
        """
        magic, n, ignored = _HEADER.unpack_from(snapshot)
        expected = _HEADER.size + n * (8 * _WIDTH + 5 * DAY_BINS)
        if magic != _MAGIC or len(snapshot) != expected:
            raise ValueError(f"not a {_MAGIC!r} snapshot: got {magic!r}, {len(snapshot)} bytes")
        bank = cls()
        bank.n, bank.ignored, at = n, ignored, _HEADER.size
        bank._state = np.frombuffer(snapshot, np.float64, n * _WIDTH, at).reshape(n, _WIDTH).copy()
        at += bank._state.nbytes
        bank._day = (
            np.frombuffer(snapshot, np.float32, n * DAY_BINS, at).reshape(n, DAY_BINS).copy()
        )
        at += bank._day.nbytes
        bank._seen = np.frombuffer(snapshot, np.uint8, n * DAY_BINS, at).reshape(n, DAY_BINS).copy()
        return bank


def _empty_scores(rows: int) -> BankScores:
    nan = np.full((5, rows), np.nan)
    return BankScores(
        surprisal=nan[0],
        strength=np.zeros(rows),
        s=nan[1],
        channel=np.zeros(rows, np.int8),
        expected=nan[2],
        scale=nan[3],
        residual_surprisal=nan[4],
        sign=np.zeros(rows, np.int8),
    )


def _begin(s: Floats, x: Floats) -> None:
    """Start the levels of sensors never heard before at their first value."""
    fresh = np.flatnonzero(s[_T] == 0.0)
    for level in (_BASE, _LAST, _MU, _X20, _X200) if len(fresh) else ():
        s[level, fresh] = x[fresh]


def _season(
    s: Floats, x: Floats, day: NDArray[np.float32], seen: NDArray[np.uint8]
) -> tuple[Floats, Floats, Floats, NDArray[np.uint8]]:
    """Return what was expected, the residual, and the half hour's habit and count, updated."""
    # Habits are kept as offsets from the first value: float32 then loses nothing that matters.
    offset = x - s[_BASE]
    expected = np.where(seen >= 2, s[_BASE] + day, s[_MU])
    r = x - expected
    # Rounding is not news: without this a sensor dead for months would alarm on its last bits.
    r[np.abs(r) <= ROUNDING * np.abs(offset)] = 0.0
    seen = np.minimum(seen, 254) + np.uint8(1)
    delta = offset - day
    settled = (seen > 3) & (s[_T] > WARM_UP)
    limit = np.where(settled, 5.0 * s[_ERR], np.inf)
    delta = np.minimum(np.maximum(delta, -limit), limit)
    return expected, r, day + np.maximum(1.0 / seen, DAY_RATE) * delta, seen


def _features(s: Floats, x: Floats, r: Floats) -> Floats:
    """Move the smoothers on and return the seven features, one row each."""
    jump = np.abs(x - s[_LAST])
    s[_LAST] = x
    rate = np.maximum(_RATES, 1.0 / (s[_T] + 2.0))
    rate[-1] = np.maximum(_RATES[-1], 1.0 / (s[_T] + 1.0))
    smooth = s[_SMOOTH]
    move = np.empty_like(smooth)
    move[[0, 3, 4]] = x
    move[1:3] = r
    move[5:8] = jump
    move[8] = np.abs(r)
    move -= smooth
    move *= rate
    smooth += move
    smooth[np.abs(smooth) < 1e-200] = 0.0  # denormals cost a hundred times as much
    features = np.empty((7, len(x)))
    features[0] = r
    features[1:3] = smooth[1:3]
    features[3] = jump
    np.subtract(s[_X20], s[_X200], out=features[4])
    features[5] = s[_A80]
    np.abs(features[:5], out=features[:5])
    floor = 0.001 * s[_A500] + 1e-12
    np.divide(s[_A20] + floor, s[_A500] + floor, out=features[6])
    return features


def _compare(s: Floats, features: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Return S and its channel against the peaks remembered, then remember these."""
    current, other, free, t = s[_CURRENT], s[_OTHER], s[_FREE], s[_T]
    low = np.minimum(current, other)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = features / low
    first = low <= 1e-9 * features
    np.copyto(ratio, np.where(features > 0.0, _UNKNOWN, _FLOOR), where=first)
    np.maximum(ratio, _FLOOR, out=ratio)
    score = _combine(ratio) - WARM_UP / (t + 1.0)

    within = t <= free
    replaces = (features > low) & ~within
    high = np.maximum(current, other)
    np.maximum(current, features, out=current, where=within)
    np.copyto(current, features, where=replaces)
    np.copyto(other, high, where=replaces)
    np.copyto(free, t + PEAK, where=replaces)
    s[_PEAKS] *= _DECAY
    return score, ratio.argmax(axis=0)


def _combine(ratio: Floats) -> Floats:
    """Return u1 + (u2 + u3) / 4 of the three largest logarithms of a column."""
    top = np.sort(ratio, axis=0)[:3:-1]
    u = np.log(top)
    total: Floats = u[0] + 0.25 * (u[1] + u[2])
    return total


def _alarm(s: Floats, score: Floats) -> Floats:
    """Return the strength of the alarms: once an episode, and not twice within the hold."""
    t, hold, armed = s[_T], s[_HOLD], s[_ARMED]
    armed[score < THRESHOLD - RE_ARM] = 1.0
    fires = (score > THRESHOLD) & (armed > 0.0) & (t >= hold)
    np.copyto(hold, t + np.minimum(300.0, 0.05 * t), where=fires)
    armed[fires] = 0.0
    return np.where(fires, score - THRESHOLD + 0.001, 0.0)


def _surprisals(s: Floats, score: Floats, shift: Floats) -> Floats:
    """Return the surprisals of record and event, one row each, and learn their tails."""
    t, quantile, excess = s[_T], s[_QUANTILE], s[_EXCESS]
    sizes = np.stack([np.maximum(score + _FLOOR_OF_S, 0.0), shift])
    surprisals = tail_surprisal(sizes, quantile, excess, t)
    s[_MEAN5] += np.maximum(0.0005, 1.0 / (t + 1.0)) * (shift - s[_MEAN5])
    learn_tail(sizes, quantile, excess, t)
    # Until there are readings enough to tell, tails are those of a quiet series with this mean.
    unit = np.ones_like(sizes)
    unit[1] = s[_MEAN5]
    young = t < WARM_UP
    np.copyto(quantile, _USUAL_QUANTILE * unit, where=young)
    np.copyto(excess, _USUAL_EXCESS * unit, where=young)
    np.maximum(quantile, _LEAST_QUANTILE * unit, out=quantile)
    np.maximum(excess, _LEAST_EXCESS * unit, out=excess)
    return surprisals
