"""How high a value may be in the hours to come, as a warning shows it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.level_forecast import STEPS
from operators.events import Forecast

__all__ = ["FEWEST", "ahead_s", "as_said", "fan"]

FEWEST = 4
DIGITS = 3
"""Decimals that are said: a millimetre of a river."""

Floats = NDArray[np.float64]


def ahead_s(horizon_s: float) -> Floats:
    """Return for how many seconds ahead something is said, where a crossing is looked for."""
    return horizon_s * np.arange(1, STEPS + 1) / STEPS


def as_said(quantiles: Floats, low: Floats, high: Floats) -> list[list[list[float]]]:
    """Return quantiles as they are said: possible values, with the decimals that matter.

    Parameters
    ----------
    quantiles
        Shape (sensors, quantiles, times).
    low, high
        Lowest and highest value there can be, one a sensor.
    """
    inside = np.clip(quantiles, low[:, None, None], high[:, None, None])
    told: list[list[list[float]]] = inside.round(DIGITS).tolist()
    return told


def fan(
    crossing: tuple[str, int, float, float],
    reading: tuple[int, float],
    horizon_s: float,
    bands: Sequence[Sequence[float]],
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
    bands
        What ``as_said`` returned for it: a row a quantile, at ``ahead_s``.
    """
    sensor, level, chance, wait_s = crossing
    (time, value), ahead = reading, _ahead_ms(horizon_s)
    shown = max(FEWEST, bisect_left(ahead, 2000.0 * wait_s) + 1)
    first = round(value, DIGITS)
    columns = ((first, *band[:shown]) for band in bands)
    return Forecast(sensor, level, chance, (time, *(time + a for a in ahead[:shown])), *columns)


@cache
def _ahead_ms(horizon_s: float) -> tuple[int, ...]:
    return tuple((ahead_s(horizon_s) * 1000).astype(np.int64).tolist())
