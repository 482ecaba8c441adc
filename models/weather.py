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
        ("beat", np.int64),  # now going on
        ("count", np.float64, len(QUANTITIES)),  # readings of it
        ("mean", np.float64, (KEPT, len(QUANTITIES))),  # of each beat, NaN where there was none
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
def hear(w: Row, quantity: int, beat: int, value: float) -> None:
    """Take a reading of a quantity into its beat; one that comes after its beat is left out."""
    if beat < w.beat:
        return
    if beat > w.beat:
        _open(w, beat)
    w.count[quantity] += 1.0
    mean = w.mean[beat % KEPT, quantity]
    w.mean[beat % KEPT, quantity] = (
        value if w.count[quantity] == 1.0 else mean + (value - mean) / w.count[quantity]
    )


@compiled
def _open(w: Row, beat: int) -> None:
    dry = w.mean[w.beat % KEPT, _DEW] - w.mean[w.beat % KEPT, _TEMPERATURE]
    if w.beat > 0 and not math.isnan(dry):
        w.beats += 1.0
        w.dryness += max(MEAN_RATE, 1.0 / w.beats) * (dry - w.dryness)
    for other in range(max(w.beat + 1, beat - KEPT + 1), beat + 1):
        w.mean[other % KEPT, :] = np.nan
        w.usual[other % KEPT] = w.dryness
    w.beat = beat
    w.count[:] = 0.0


@compiled
def describe_weather(w: Row, beat: int, f: Floats) -> None:
    """Put into ``f`` what the weather of a beat was like, all about 1 in size; 0 where unknown.

    Wind to the east, to the north and its strength; how much drier than usual it is; what dew
    point, pressure and temperature have changed by in ``BACK`` beats.
    """
    f[:] = 0.0
    at = min(beat, w.beat)
    if w.beat == 0 or beat - at > STALE or w.beat - at >= KEPT - BACK:
        return
    now, before = w.mean[at % KEPT], w.mean[(at - BACK) % KEPT]
    east, north = now[_EAST], now[_NORTH]
    f[0], f[1] = _known(east / WIND), _known(north / WIND)
    f[2] = _known(math.log1p(math.sqrt(east * east + north * north)) - CALM)
    f[3] = _known((now[_DEW] - now[_TEMPERATURE] - w.usual[at % KEPT]) / DRY)
    f[4] = _known((now[_DEW] - before[_DEW]) / CHANGE)
    f[5] = _known((now[_PRESSURE] - before[_PRESSURE]) / CHANGE)
    f[6] = _known((now[_TEMPERATURE] - before[_TEMPERATURE]) / CHANGE)


@compiled
def _known(feature: float) -> float:
    """Return a feature; what is unknown, or beyond what weather does, says little."""
    return 0.0 if math.isnan(feature) else min(max(feature, -5.0), 5.0)
