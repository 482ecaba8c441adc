"""Know a sensor whose clock is off by when its readings come, against those of all others.

Each learns how far behind the feed's clock its readings usually are, and how much that varies. One
that comes too early or too late, reading after reading and always the same way, has a clock that
is off; a single late one was held up on its way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compiled import AHEAD, compiled, prefetch
from models.row_bank import Positions, RowBank

__all__ = ["ClockBank"]

WARM_UP = 30  # readings
RATE = 1.0 / 100.0
LEAST_S = 60.0  # a clock that is off by less matters to nobody
TIMES = 6.0  # mean variations by which it must be off besides
OFF = 5  # readings in a row that are off
RIGHT = 3  # readings in a row after which it is right again
SLOW = 0.1  # what is off teaches so much of what others do: a lag that stays is relearnt

CLOCK = np.dtype(
    [
        ("usual", np.float32),  # how far behind its readings are, in seconds
        ("varies", np.float32),  # mean distance from that
        ("age", np.uint16),
        ("streak", np.int8),  # readings early (below 0) or late in a row
        ("right", np.uint8),  # readings in a row that are neither
        ("off", np.uint8),
        ("", np.uint8, 3),
    ]
)
"""What is kept of one sensor."""


class ClockBank(RowBank):
    """How far behind their feed's clock the sensors of one shard are.

    Notes
    -----
    State: 16 bytes a sensor. Feeding rows in one call or in many gives the same bits. A lag that is
    not finite is not learnt from and is counted in ``ignored``. An offset that lasts is usual after
    some hundreds of readings (600 for ten minutes): whoever was off from the beginning is never
    noticed.

    Examples
    --------
    >>> bank = ClockBank(1)
    >>> lags = np.array([2.0] * 40 + [200.0] + [2.0] * 9 + [200.0] * 10)
    >>> np.flatnonzero(bank.judge_and_learn(np.zeros(60, np.intp), lags)).tolist()
    [54]
    """

    NEWBORN = np.zeros(1, CLOCK)
    VERSION = b"cwclock1"

    def judge_and_learn(
        self, sensors: Positions, behind_s: NDArray[np.float64]
    ) -> NDArray[np.int8]:
        """Say where a clock goes wrong (1) or is right again (-1), and learn, in row order.

        Parameters
        ----------
        sensors
            Position of each row's sensor.
        behind_s
            How far its time was behind the feed's clock when it came; below 0 when ahead.

        Raises
        ------
        IndexError
            When a row names a sensor the bank does not have; then nothing is learnt.
        """
        known, behind_s, _ = self._columns(sensors, behind_s, np.float64, behind_s)
        turned = np.zeros(len(known), np.int8)
        self.ignored += _judge_rows(self._rows, known, behind_s, turned)
        return turned


@compiled
def _judge_rows(
    rows: NDArray[np.void],
    sensors: NDArray[np.intp],
    behind_s: NDArray[np.float64],
    turned: NDArray[np.int8],
) -> int:
    ignored = 0
    for row in range(len(sensors)):
        if row + AHEAD < len(sensors):
            prefetch(rows, sensors[row + AHEAD])
        s, lag = rows[sensors[row]], behind_s[row]
        if not np.isfinite(lag):
            ignored += 1
            continue
        gap, before = lag - s.usual, s.off
        strange = abs(gap) > max(LEAST_S, TIMES * s.varies) and s.age >= WARM_UP
        if not strange:
            s.streak, s.right = 0, min(s.right + 1, RIGHT)
            s.off = s.off and s.right < RIGHT
        else:
            way = 1 if gap > 0.0 else -1
            s.streak = way * min(abs(s.streak) + 1, OFF) if s.streak * way >= 0 else way
            s.right = 0
            s.off = s.off or abs(s.streak) >= OFF
        rate = max(RATE, 1.0 / (s.age + 1.0)) * (SLOW if strange else 1.0)
        most = max(LEAST_S, TIMES * s.varies) if s.age >= WARM_UP else 86_400.0
        gap = min(max(gap, -most), most)
        s.usual += rate * gap
        s.varies += rate * (abs(gap) - s.varies)
        s.age = min(s.age + 1, 65_535)
        turned[row] = np.int8(s.off) - np.int8(before)
    return ignored
