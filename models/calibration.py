"""Make surprisals of one kind of sensor mean what they say: 3 is one in a thousand.

A tail that is fitted to one series is a guess: too heavy for temperatures, too light for rain. All
sensors of a kind together have shown thousands of readings a day, and among them how often a raw
surprisal of 3 comes. That share, not the guess, is its surprisal; faults that come as often as
that are in it, as they should be.

Shares of before are those of now only while nothing changes; a first weekend, a first shower is
news to a whole kind at once. So it is counted too how often 3 was said, and where that was more
than one in a thousand, less is said from then on; where it was less, a little more.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, inlined
from models.row_bank import any_beyond

__all__ = [
    "AT_ONCE",
    "BINS",
    "COLUMNS",
    "ENOUGH",
    "JUDGED",
    "MEMORY_MS",
    "MOST_LESS",
    "MOST_MORE",
    "PRIOR",
    "Calibration",
]

BINS = 121
WIDTH = 0.1
"""Raw surprisals are told apart to a tenth; all from 12 on are one."""
PRIOR = 3000.0
"""Readings that the raw surprisal is believed for, until others have been counted."""
MEMORY_MS = 7 * 86_400_000
"""Time after which all readings so far count half. It is a time, and no number of readings: of a
million sensors a million are minutes, less than the storm lasts that they should notice."""
ENOUGH = 300_000.0
"""Readings there must be besides: what comes once in a thousand was then seen 300 times, and its
share is known within 6 %."""
JUDGED = 3.0
"""Surprisal of which it is counted how often it was said."""
ALLOWED = 30.0
"""Times it may have been said before that is too often."""
GAIN = 2.0
"""What is said less, for every factor of ten that it was said too often."""
MOST_LESS = 1.0
"""And at most: what breaks over a whole city is no less an event."""
MOST_MORE = 0.6
"""What is said more at most, where a restless time long ago is still held against now."""

AT_ONCE = -1
"""No group has to be known before something is said."""
COLUMNS = 1 + BINS + 3
"""Readings counted; those at least as surprising as each bin; times ``JUDGED`` was said; how much
less is said for it; the time since which counts have been whole."""

_GUESSED = PRIOR * 10.0 ** (-WIDTH * np.arange(BINS))
_OFTEN = 64  # readings after which it is looked again how much less to say

Floats = NDArray[np.float64]


class Calibration:
    """Counts of raw surprisals, by group of sensors.

    Parameters
    ----------
    groups
        Number of groups, known by their position.

    Notes
    -----
    A reading is scored against those before it, then counted, so how rows are cut into calls
    changes nothing. Its surprisal is ``-log10((PRIOR 10^-s + readings >= s) / (PRIOR + readings))``
    for a raw surprisal ``s``, the sum between two tenths in proportion: in between the guess and
    what was seen, by how much was seen; beyond all that was seen it grows as the guess does.

    Then it is held against how often ``JUDGED`` was said: proportional control, which leaves of a
    factor too often its third root.

    State: 125 numbers a group. Cost: 35 ns a reading. What is NaN is not counted and stays NaN.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> raw = rng.exponential(0.434 / 2, 500_000)  # of light tails: each is half of what it says
    >>> calibration = Calibration(1)
    >>> zeros = np.zeros(500_000, np.int64)
    >>> said = calibration.score_and_learn(zeros, zeros, raw, raw >= 0)
    >>> bool(90 < 1 / (said[250_000:] >= 2).mean() < 110)
    True
    """

    def __init__(self, groups: int = 0) -> None:
        self._counts = np.zeros((groups, COLUMNS))

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self._counts)

    def grow(self, groups: int) -> None:
        """Have groups up to ``groups - 1``; those that exist keep their counts."""
        if groups > self.groups:
            more = np.zeros((groups - self.groups, COLUMNS))
            self._counts = np.concatenate([self._counts, more])

    def score_and_learn(
        self,
        groups: NDArray[np.intp],
        times_ms: NDArray[np.int64],
        raw: Floats,
        counted: NDArray[np.bool_],
        after: NDArray[np.intp] | None = None,
    ) -> Floats:
        """Return calibrated surprisals of raw ones, row by row, and count them.

        Parameters
        ----------
        times_ms
            Event time; rows may come somewhat out of its order.
        counted
            Which of them are counted; the others are of sensors too young to be an example.
        after
            A group of each row, of which as of its own ``PRIOR`` readings have to have been counted
            before anything is said of the row (it is NaN until then); or ``AT_ONCE``, as where left
            out.

        Raises
        ------
        IndexError
            When a row names a group there is not.
        """
        self._check(groups, 0)
        if after is None:
            after = np.full(len(groups), AT_ONCE)
        else:
            self._check(after, AT_ONCE)
        said = np.empty(len(raw))
        _count_rows(self._counts, groups, times_ms, raw, counted, after, said)
        return said

    def _check(self, groups: NDArray[np.intp], least: int) -> None:
        if any_beyond(groups, least, self.groups):
            got = f"{groups.min()} to {groups.max()}"
            raise IndexError(f"groups must be {least} to {self.groups - 1}, got {got}")

    def take(self, group: int) -> bytes:
        """Return the counts of a group."""
        return bytes(self._counts[group].tobytes())

    def put(self, group: int, state: bytes) -> None:
        """Give a group the counts that ``take`` returned.

        Raises
        ------
        ValueError
            When the bytes are not the counts of a group.
        """
        if len(state) != 8 * COLUMNS:
            raise ValueError(f"expected {8 * COLUMNS} bytes, got {len(state)}")
        self.grow(group + 1)
        self._counts[group] = np.frombuffer(state)


@compiled
def _count_rows(
    counts: Floats,
    groups: NDArray[np.intp],
    times_ms: NDArray[np.int64],
    raw: Floats,
    counted: NDArray[np.bool_],
    after: NDArray[np.intp],
    said: Floats,
) -> None:
    for row in range(len(raw)):
        s = raw[row]
        if np.isnan(s):
            said[row] = s
            continue
        group = counts[groups[row]]
        s = max(s, 0.0)
        plain = _surprisal(group, s)
        said[row] = plain - group[2 + BINS] * min(1.0, max(0.0, plain) / JUDGED)
        if counted[row]:
            _fade(group, times_ms[row])
            _count(group, s)
            group[1 + BINS] += said[row] >= JUDGED
            if int(group[0]) % _OFTEN == 0:
                group[2 + BINS] = _less(group)
        if after[row] >= 0 and min(counts[after[row], 0], group[0]) < PRIOR:
            said[row] = np.nan


@inlined
def _surprisal(group: Any, s: float) -> float:
    """Return the share of readings as surprising, as a surprisal; ``group[0]`` counts them all."""
    at = s / WIDTH
    if at >= BINS - 1.0:
        seen = PRIOR * 10.0**-s + group[BINS]
    else:
        below = int(at)
        # In proportion of counts, not of their logarithms: where few were seen that is careful,
        # and a first storm comes as often as it says, not three to five times as often.
        low, high = _GUESSED[below] + group[1 + below], _GUESSED[below + 1] + group[2 + below]
        seen = low + (at - below) * (high - low)
    return -math.log10(seen / (PRIOR + group[0]))


@inlined
def _less(group: Any) -> float:
    """Say less where too much was said, and more where too little; the ordinary stays as it is."""
    often = (ALLOWED + group[1 + BINS]) / (ALLOWED + group[0] * 10.0**-JUDGED)
    return min(max(GAIN * math.log10(often), -MOST_MORE), MOST_LESS)


@inlined
def _fade(group: Any, time_ms: int) -> None:
    """Let all that was counted count half, once it is old and there is enough."""
    since = group[3 + BINS]
    if group[0] == 0.0 or time_ms < since:
        group[3 + BINS] = time_ms
    elif time_ms - since >= MEMORY_MS and group[0] >= ENOUGH:
        for at in range(2 + BINS):
            group[at] *= 0.5
        group[3 + BINS] = time_ms


@inlined
def _count(group: Any, s: float) -> None:
    group[0] += 1.0
    for b in range(min(int(s / WIDTH), BINS - 1) + 1):
        group[1 + b] += 1.0
