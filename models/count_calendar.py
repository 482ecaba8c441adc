"""What comes back with the time: the hours of a week, the weeks of a year."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["RECENT", "WARM_UP_S", "WEEK", "YEAR", "Calendar"]

WARM_UP_S = 6 * 3600.0
"""Of watching a week, before anything is judged."""
RECENT = 64
"""Reports of one place that are kept."""


class Calendar(NamedTuple):
    """What comes back with the time, and how long counts are looked at."""

    bins: int
    """How many parts the period has, each with its own rate."""
    bin_s: float
    windows_s: tuple[float, ...]
    half_life_s: float
    """Age at which a report counts half."""
    warm_up_s: float
    """How long is watched before anything is judged."""
    recent: int = RECENT
    """Reports of one place that are kept; more within the longest window count as so many."""

    def bin(self, time_s: float) -> int:
        """Return the part of the period a time is in."""
        return int(time_s // self.bin_s) % self.bins


WEEK = Calendar(168, 3600.0, (600.0, 1800.0, 7200.0), 28 * 86_400.0, WARM_UP_S)
"""The hours of a week; windows of 10, 30 and 120 minutes; four weeks are remembered by half."""
_WEEK_S = 604_800.0
YEAR = Calendar(52, _WEEK_S, (_WEEK_S, 2 * _WEEK_S, 4 * _WEEK_S), 208 * _WEEK_S, 26 * _WEEK_S, 4096)
"""The weeks of a year; windows of 1, 2 and 4 weeks; four years are remembered by half."""
