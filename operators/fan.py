"""How high a value may be in the hours to come, as a warning shows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.level_forecast import STEPS
from operators.events import Forecast

__all__ = ["ahead_s", "fan"]

FEWEST = 4
DIGITS = 3
"""Decimals that are said: a millimetre of a river."""


def ahead_s(horizon_s: float) -> NDArray[np.float64]:
    """Return for how many seconds ahead something is said, where a crossing is looked for."""
    return horizon_s * np.arange(1, STEPS + 1) / STEPS


def fan(
    crossing: tuple[str, int, float, float],
    reading: tuple[int, float],
    horizon_s: float,
    quantiles: NDArray[np.float64],
    possible: tuple[float, float],
) -> Forecast:
    """Return where a sensor is going: from its reading on, to twice as far as the crossing.

    Parameters
    ----------
    crossing
        Of which sensor, of which level, how likely, and in how many seconds.
    reading
        Time (ms) and value.
    horizon_s
        How far ahead was looked.
    quantiles
        ``QUANTILES`` of the value, shape (quantiles, times), at ``ahead_s``.
    possible
        Lowest and highest value there can be.
    """
    sensor, level, chance, wait_s = crossing
    time, value = reading
    ahead = ahead_s(horizon_s)
    shown = max(FEWEST, int(np.searchsorted(ahead, 2.0 * wait_s)) + 1)
    inside = np.clip(quantiles[:, :shown], *possible).round(DIGITS)
    columns = ((round(value, DIGITS), *column) for column in inside.tolist())
    times = (time, *(time + (ahead[:shown] * 1000).astype(np.int64)).tolist())
    return Forecast(sensor, level, chance, times, *columns)
