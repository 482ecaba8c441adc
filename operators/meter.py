"""How long each step of a path takes, in microseconds.

The clock is given: nothing here reads one. Without one nothing is measured and nothing costs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

__all__ = ["BOUNDS_US", "Histogram", "Meter"]

BOUNDS_US = tuple(round(10 ** (power / 4)) for power in range(0, 29))
"""Upper bounds of the buckets, four a decade, 1 us to 10 s."""


class Histogram:
    """Durations of one step.

    Notes
    -----
    State: one integer a bucket.

    Examples
    --------
    >>> histogram = Histogram()
    >>> histogram.add(7)
    >>> histogram.count, histogram.total_us, histogram.buckets[BOUNDS_US.index(10)]
    (1, 7, 1)
    """

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_US) + 1)
        """Durations up to each bound and above the one before; the last bucket has no bound."""
        self.count = 0
        self.total_us = 0

    def add(self, duration_us: int) -> None:
        """Count one duration."""
        self.buckets[bisect_left(BOUNDS_US, duration_us)] += 1
        self.count += 1
        self.total_us += duration_us


class Meter:
    """Stop-watch of a path: every lap is a step.

    Parameters
    ----------
    clock_us
        Wall-clock time in microseconds; None measures nothing.

    Examples
    --------
    >>> times = iter([100, 107, 110])
    >>> meter = Meter(lambda: next(times))
    >>> meter.start(); meter.lap("decode"); meter.lap("screen")
    >>> {name: histogram.total_us for name, histogram in meter.steps.items()}
    {'decode': 7, 'screen': 3}
    """

    def __init__(self, clock_us: Callable[[], int] | None = None) -> None:
        self.steps: dict[str, Histogram] = {}
        self._clock_us = clock_us
        self._since = 0

    def start(self) -> None:
        """Begin a round."""
        if self._clock_us is not None:
            self._since = self._clock_us()

    def lap(self, step: str) -> None:
        """Note that a step has ended, and the next begins."""
        if self._clock_us is not None:
            now = self._clock_us()
            if step not in self.steps:
                self.steps[step] = Histogram()
            self.steps[step].add(now - self._since)
            self._since = now

    def now_us(self) -> int:
        """Return the time of the last lap, 0 where nothing is measured."""
        return self._since
