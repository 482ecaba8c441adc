"""Notice what a sensor has never done before, for all sensors of a shard at once.

A reading is unusual when it beats the second largest independent peak its sensor remembers: one
earlier event is allowed, a second of that size is not news. Seven views of the reading are
compared in this way, after the day's habit has been taken away. Beside that verdict (*never seen
like this*) stands a plainer one (*event*): how far the reading is off for this time of day.

Arithmetic only: no clock, and no time but the local second of the day of each reading.
"""

from __future__ import annotations

import struct
import threading
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from models.peaks import HALF_HOURS, WIDTH, advance, newborn
from models.rounds import in_rounds

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

_CHUNK = 5000  # rows at a time: fewer cost more calls, more leave the cache
_HUGE = 1e100  # a value beyond is no measurement; squares of it would overflow
_HEADER = struct.Struct("<8sqq")
_MAGIC = b"cwpeaks1"

Floats = NDArray[np.float64]
Columns = tuple[NDArray[Any], ...]


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
    State: 568 bytes a sensor (41 numbers, 48 half hours and their counts), fixed for ever; nothing
    else grows. Cost: .4 us a reading in batches of 10,000. A sensor that is in a batch several
    times is moved on in as many rounds, each about .2 ms for 150 sensors: large batches in which
    sensors differ are fast, long stretches of one sensor are not.
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
    The project's own research; ``models.one_series`` reads as its definition. Tails:
    ``models.tails``.
    """

    def __init__(self, n: int = 0) -> None:
        self.n = 0
        self.ignored = 0
        self._state = newborn(0)
        self._day = np.zeros((0, HALF_HOURS), np.float32)
        self._seen = np.zeros((0, HALF_HOURS), np.uint8)
        self.grow(n)

    def grow(self, n: int) -> None:
        """Make room for sensors up to position ``n - 1``; those that exist keep their state."""
        room = len(self._state)
        if n > room:
            # By half, so that sensors met one at a time do not each copy the whole bank.
            more = max(n - room, room // 2)
            self._state = np.concatenate([self._state, newborn(more)])
            self._day = np.concatenate([self._day, np.zeros((more, HALF_HOURS), np.float32)])
            self._seen = np.concatenate([self._seen, np.zeros((more, HALF_HOURS), np.uint8)])
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
        usable = np.flatnonzero((np.abs(values) < _HUGE) & np.isfinite(times_s))
        self.ignored += len(values) - len(usable)
        order, rounds = in_rounds(sensors, usable)
        who, x = sensors[order], values[order]
        half_hour = np.mod(times_s[order], 86_400.0) * (HALF_HOURS / 86_400.0)
        habits = who * HALF_HOURS + half_hour.astype(np.intp)
        out = _unscored(len(order))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for part in rounds:
                for start in range(part.start, part.stop, _CHUNK):
                    rows = slice(start, min(start + _CHUNK, part.stop))
                    self._advance(who[rows], x[rows], habits[rows], rows, out)
        out.sign[:] = np.sign(x - out.expected)
        return _in_row_order(out, order, len(sensors))

    def _advance(
        self,
        who: NDArray[np.intp],
        x: Floats,
        habits: NDArray[np.intp],
        rows: slice,
        out: BankScores,
    ) -> None:
        """Move these sensors, all different, one reading on."""
        gathered = _SCRATCH.gathered[: len(who)]
        np.take(self._state, who, axis=0, out=gathered, mode="clip")
        s = _SCRATCH.turned[: WIDTH * len(who)].reshape(WIDTH, len(who))
        s[...] = gathered.T
        day, seen = self._day.reshape(-1), self._seen.reshape(-1)
        step, day[habits], seen[habits] = advance(s, x, day[habits], seen[habits])
        gathered[...] = s.T
        _whole(self._state)[who] = _whole(gathered)
        out.surprisal[rows], out.residual_surprisal[rows] = step.surprisals
        out.strength[rows] = step.strength
        out.s[rows] = step.score
        out.channel[rows] = step.channel
        out.expected[rows] = step.expected
        out.scale[rows] = step.scale

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
        size = _HEADER.size + n * (8 * WIDTH + 5 * HALF_HOURS)
        if magic != _MAGIC or len(snapshot) != size:
            raise ValueError(
                f"not a snapshot: expected {_MAGIC!r} and {size} bytes for {n} sensors, "
                f"got {magic!r} and {len(snapshot)}"
            )
        bank = cls(n)
        bank.ignored, at = ignored, _HEADER.size
        for column in (bank._state, bank._day, bank._seen):
            column.reshape(-1)[:] = np.frombuffer(snapshot, column.dtype, column.size, at)
            at += column.nbytes
        return bank


class _Scratch(threading.local):
    """Room for the columns of one chunk, for all banks of a thread, between calls empty of meaning.

    Memory of this size would else be handed back and mapped in anew at every call, which costs as
    much as the arithmetic.
    """

    def __init__(self) -> None:
        self.gathered = np.empty((_CHUNK, WIDTH))
        self.turned = np.empty(_CHUNK * WIDTH)


_SCRATCH = _Scratch()


def _whole(rows: Floats) -> NDArray[np.void]:
    """Return rows as single things, which are copied faster than as many numbers."""
    return rows.view(f"V{8 * WIDTH}").reshape(-1)


def _unscored(rows: int) -> BankScores:
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


def _in_row_order(scores: BankScores, order: NDArray[np.intp], rows: int) -> BankScores:
    """Return columns of so many rows, those in ``order`` filled."""
    if len(order) == rows and (order == np.arange(rows)).all():
        return scores
    out = _unscored(rows)
    for column, scored in zip(cast(Columns, out), cast(Columns, scores), strict=True):
        column[order] = scored
    return out
