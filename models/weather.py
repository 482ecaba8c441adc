"""Remember a place's weather hour by hour, and describe it for who asks what the air will carry.

Bad air stands where no wind moves it, and comes from where the wind comes from. A *beat* is an hour
of event time, as in ``pool_memory``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.pool_memory import KEPT, MEAN_RATE

__all__ = [
    "QUANTITIES",
    "WEATHER",
    "WEATHER_FEATURES",
    "describe_weather",
    "hear",
    "newborn_weather",
]

QUANTITIES = (
    "eastward_wind",
    "northward_wind",
    "temperature",
    "dew_point_temperature",
    "air_pressure",
)
"""What is heard of, by its name in the CF conventions: m/s, m/s, Celsius, Celsius, hPa."""
BACK = 6  # beats back to which now is compared
STALE = 3  # beats after which nobody knows the weather any more
WIND, CALM = 3.0, 0.8  # m/s of a light wind; log of 1 and its speed
DRY, CHANGE = 10.0, 5.0  # kelvin, and kelvin or hPa: sizes of an ordinary difference
_EAST, _NORTH, _TEMPERATURE, _DEW, _PRESSURE = range(len(QUANTITIES))
WEATHER_FEATURES = 7

WEATHER = np.dtype(
    [
        ("beat", np.int64),  # the latest heard of
        ("count", np.float64, (KEPT, len(QUANTITIES))),  # readings of each beat,
        ("mean", np.float64, (KEPT, len(QUANTITIES))),  # and their mean, NaN where there was none
        ("beats", np.float64),  # that dryness was learnt from
        ("dryness", np.float64),  # what is usual: dew point less temperature
        ("usual", np.float64, KEPT),  # what was usual at the beginning of each beat
    ]
)
"""What is kept of one place's weather."""

Floats = NDArray[np.float64]
Row = Any  # of ``WEATHER``


def newborn_weather() -> NDArray[np.void]:
    """Return the row of a place of whose weather nothing was ever heard."""
    row = np.zeros(1, WEATHER)
    row["mean"] = np.nan
    return row


@compiled
def hear(w: Row, quantity: int, beat: int, value: float) -> bool:
    """Take a reading into its beat, which need not be the latest; return whether it still can."""
    if beat > w.beat:
        _open(w, beat)
    if beat <= 0 or w.beat - beat >= KEPT:
        return False
    at = beat % KEPT
    w.count[at, quantity] += 1.0
    mean = w.mean[at, quantity]
    w.mean[at, quantity] = (
        value if w.count[at, quantity] == 1.0 else mean + (value - mean) / w.count[at, quantity]
    )
    return True


@compiled
def _open(w: Row, beat: int) -> None:
    dry = w.mean[w.beat % KEPT, _DEW] - w.mean[w.beat % KEPT, _TEMPERATURE]
    if w.beat > 0 and not math.isnan(dry):
        w.beats += 1.0
        w.dryness += max(MEAN_RATE, 1.0 / w.beats) * (dry - w.dryness)
    for other in range(max(w.beat + 1, beat - KEPT + 1), beat + 1):
        w.mean[other % KEPT, :], w.count[other % KEPT, :] = np.nan, 0.0
        w.usual[other % KEPT] = w.dryness
    w.beat = beat


@compiled
def describe_weather(w: Row, beat: int, f: Floats) -> None:
    """Put into ``f`` what the weather of a beat was like, all about 1 in size; 0 where unknown.

    Wind to the east, to the north and its strength; how much drier than usual it is; what dew
    point, pressure and temperature have changed by in ``BACK`` beats. Of each the latest that is
    known, up to ``STALE`` beats before. Where no wind is known the rest is left out as well: by
    itself it says nothing that the hour of the day does not.
    """
    f[:] = 0.0
    east, north = _latest(w, _EAST, beat), _latest(w, _NORTH, beat)
    if math.isnan(east) or math.isnan(north):
        return
    temperature, dew = _latest(w, _TEMPERATURE, beat), _latest(w, _DEW, beat)
    usual = w.usual[_known_at(w, _DEW, beat) % KEPT]
    f[0], f[1] = _known(east / WIND), _known(north / WIND)
    f[2] = _known(math.log1p(math.sqrt(east * east + north * north)) - CALM)
    f[3] = _known((dew - temperature - usual) / DRY)
    f[4] = _known((dew - _latest(w, _DEW, beat - BACK)) / CHANGE)
    pressure = _latest(w, _PRESSURE, beat)
    f[5] = _known((pressure - _latest(w, _PRESSURE, beat - BACK)) / CHANGE)
    f[6] = _known((temperature - _latest(w, _TEMPERATURE, beat - BACK)) / CHANGE)


@compiled
def _latest(w: Row, quantity: int, beat: int) -> float:
    """Return what was last known in a beat, NaN where that is too old or forgotten."""
    at = _known_at(w, quantity, beat)
    return float(w.mean[at % KEPT, quantity]) if at > 0 else np.nan


@compiled
def _known_at(w: Row, quantity: int, beat: int) -> int:
    """Return the beat in which it was, 0 where there is none."""
    for at in range(beat, beat - STALE - 1, -1):
        within = 0 < at <= w.beat and w.beat - at < KEPT
        if within and not math.isnan(w.mean[at % KEPT, quantity]):
            return at
    return 0


@compiled
def _known(feature: float) -> float:
    """Return a feature; what is unknown, or beyond what weather does, says little."""
    return 0.0 if math.isnan(feature) else min(max(feature, -5.0), 5.0)
