"""The city's day and week: local hours, kinds of day and profiles over them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from simulators.noise import Floats

__all__ = ["DAY_MS", "HOUR_MS", "MINUTE_MS", "TIMEZONE", "Calendar", "default_start", "local_hour"]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
TIMEZONE = "Asia/Chongqing"
_OFFSET_MS = 8 * HOUR_MS  # no summer time there

Times = NDArray[np.int64]


def default_start(seed: int) -> int:
    """Return a local Monday midnight in late spring to early autumn of 2025, chosen by the seed."""
    monday = datetime(2025, 5, 12, tzinfo=UTC) + timedelta(weeks=seed % 16)
    return int(monday.timestamp() * 1000) - _OFFSET_MS


def local_hour(times_ms: Times) -> Floats:
    """Return the local hour of the day, 0 to 24."""
    hours: Floats = ((times_ms + _OFFSET_MS) % DAY_MS) / HOUR_MS
    return hours


class Calendar:
    """Which days are working days; holidays count as Sundays."""

    def __init__(self, holidays: frozenset[int] = frozenset()) -> None:
        self._holidays = holidays

    @staticmethod
    def day(time_ms: int) -> int:
        """Return the number of the local day."""
        return (time_ms + _OFFSET_MS) // DAY_MS

    def is_free(self, times_ms: Times) -> NDArray[np.bool_]:
        """Return whether people do not go to work then."""
        day = (times_ms + _OFFSET_MS) // DAY_MS
        weekend = (day + 3) % 7 >= 5  # day 0 was a Thursday
        if not self._holidays:
            free: NDArray[np.bool_] = weekend
            return free
        return weekend | np.isin(day, sorted(self._holidays))

    def profile(
        self,
        times_ms: Times,
        workday: Sequence[float],
        free_day: Sequence[float] | None = None,
        shift_h: Floats | float = 0.0,
    ) -> Floats:
        """Return the value of a day's curve, given at each full hour, between the hours."""
        hour = (local_hour(times_ms) + shift_h) % 24
        curve = np.interp(hour, np.arange(25), [*workday, workday[0]])
        if free_day is None:
            return curve
        other = np.interp(hour, np.arange(25), [*free_day, free_day[0]])
        return np.where(self.is_free(times_ms), other, curve)
