"""Tell a sensor that lies from one that has nothing to say.

A stuck sensor repeats its last value exactly, longer than it ever did while it was well; one whose
values are outside what is physically possible is broken. A constant sensor that always was
constant is neither. A fault is about the sensor: it is never evidence about the city.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.rounds import in_rounds

__all__ = ["Faults", "StuckBank"]

WARM_UP = 100.0  # readings before a sensor can be called stuck
LEAST_RUN = 12.0  # equal readings in a row that are never too many
LONGER = 3.0  # times the longest run so far that are too many
FADE = 0.5 ** (1 / 20_000)  # per reading: how the longest run is forgotten
LIVELY = 0.1  # share of readings that must have been changes
RELEARN = 2000.0  # stuck readings after which the new silence is what this sensor does

_SEEN, _LAST, _RUN, _LONGEST, _CHANGES, _STUCK = range(6)
_WIDTH = 6
_HEADER = struct.Struct("<8sqq")
_MAGIC = b"cwstuck1"

Floats = NDArray[np.float64]


class Faults(NamedTuple):
    """Columns aligned with the rows that were checked."""

    stuck: NDArray[np.bool_]
    out_of_range: NDArray[np.bool_]
    run: Floats
    """How many equal readings in a row, this one included."""


class StuckBank:
    """Runs of equal readings of the sensors of one shard.

    Parameters
    ----------
    n
        Number of sensors, known by their position.

    Notes
    -----
    A sensor is stuck when a run of equal values exceeds both 12 readings and three times the
    longest run it has shown, provided that at least a tenth of its readings were changes: rain
    gauges and water-on-the-road sensors say 0 for weeks and are well. While it is stuck the run is
    not learnt; after 2,000 readings it is, and the sensor is taken at its word.

    State: 48 bytes a sensor. Cost: .1 us a reading in batches of 10,000. Values that are not finite
    are neither stuck nor in range: ``out_of_range`` is True for them and nothing is learnt.
    Feeding rows in one call or in many gives the same bits.

    Examples
    --------
    >>> bank = StuckBank(2)
    >>> lively = np.random.default_rng(1).normal(20, 1, 200).round(2)
    >>> for value in [*lively, *[20.5] * 40]:
    ...     faults = bank.check_and_learn(np.array([0, 1]), np.array([value, 0.0]), 0.0, 50.0)
    >>> faults.stuck.tolist(), faults.run.tolist()
    ([True, False], [40.0, 240.0])
    """

    def __init__(self, n: int = 0) -> None:
        self.n = 0
        self._state = np.zeros((0, _WIDTH))
        self.grow(n)

    def grow(self, n: int) -> None:
        """Make room for sensors up to position ``n - 1``; those that exist keep their state."""
        room = len(self._state)
        if n > room:
            more = max(n - room, room // 2)
            self._state = np.concatenate([self._state, np.zeros((more, _WIDTH))])
        self.n = max(self.n, n)

    def check_and_learn(
        self,
        sensors: NDArray[np.intp],
        values: Floats,
        low: Floats | float,
        high: Floats | float,
    ) -> Faults:
        """Judge each reading, then learn it, in row order.

        Parameters
        ----------
        sensors
            Position of each row's sensor.
        values
            The readings.
        low, high
            Physically possible values, per row or for all.
        """
        finite = np.isfinite(values)
        stuck = np.zeros(len(values), bool)
        run = np.zeros(len(values))
        order, rounds = in_rounds(sensors, np.flatnonzero(finite))
        for once in (order[part] for part in rounds):
            s = np.ascontiguousarray(self._state[sensors[once]].T)
            stuck[once], run[once] = _advance(s, values[once])
            self._state[sensors[once]] = s.T
        return Faults(stuck, ~finite | (values < low) | (values > high), run)

    def snapshot(self) -> bytes:
        """Return the state as versioned bytes."""
        return _HEADER.pack(_MAGIC, self.n, 0) + self._state[: self.n].tobytes()

    @classmethod
    def restore(cls, snapshot: bytes) -> StuckBank:
        """Return the bank whose ``snapshot`` this is.

        Raises
        ------
        ValueError
            When the bytes are not a snapshot of this version.
        """
        magic, n, _ = _HEADER.unpack_from(snapshot)
        if magic != _MAGIC or len(snapshot) != _HEADER.size + 8 * n * _WIDTH:
            raise ValueError(f"not a {_MAGIC!r} snapshot: got {magic!r}, {len(snapshot)} bytes")
        bank = cls()
        bank.n = n
        numbers = np.frombuffer(snapshot, np.float64, offset=_HEADER.size)
        bank._state = numbers.reshape(n, _WIDTH).copy()
        return bank


def _advance(s: Floats, x: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Move the sensors of these columns one reading on; return who is stuck, and the runs."""
    same = (x == s[_LAST]) & (s[_SEEN] > 0.0)
    s[_LONGEST] *= FADE
    # A run is history once it has ended well, or when it has lasted so long that it is the rule.
    ended = ~same & (s[_STUCK] == 0.0)
    np.maximum(s[_LONGEST], s[_RUN], out=s[_LONGEST], where=ended)
    s[_RUN] = np.where(same, s[_RUN] + 1.0, 1.0)
    np.maximum(s[_LONGEST], s[_RUN], out=s[_LONGEST], where=s[_RUN] > RELEARN)
    s[_CHANGES] += ~same
    s[_SEEN] += 1.0
    s[_LAST] = x
    before = s[_SEEN] - s[_RUN]
    lively = (before >= WARM_UP) & (s[_CHANGES] >= LIVELY * before)
    stuck = lively & (s[_RUN] > LEAST_RUN) & (s[_RUN] > LONGER * s[_LONGEST])
    s[_STUCK] = stuck
    return stuck, s[_RUN].copy()
