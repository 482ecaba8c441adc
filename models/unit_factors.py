"""Know a unit that changed by its factor: after a leap, everything is so many times what it should.

Metres become centimetres, millimetres inches, km/h m/s, counts a minute counts an hour. A sensor
that leapt and stays is compared with what is expected of it: where the ratio is one of a few
factors to within a few per cent, reading after reading, it is the unit. A factor must stand out
from the sensor's own spread.

The functions move on ``s``, a row of ``sensor_faults.FAULT``, and are part of its compiled loop.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.compiled import inlined

__all__ = ["FACTORS", "unit_changed"]

FACTORS = (1000.0, 500.0, 100.0, 60.0, 25.4, 12.0, 10.0, 3.6, 3.281, 1.88, 1.8)
"""Milli, ppm per % LEL, centi, minutes, inches, per 5 minutes, deci, m/s, feet, ppb of NO2, degrees
of another scale without its offset."""
READINGS = 5  # from the leap on, each of which must show the factor
CLOSE = 0.03  # how near the logarithm of their mean ratio must be to that of a factor
LOOSE = 0.15  # at most, however wide the sensor spreads
SPREADS = 3.0  # by which one reading may be off
STANDS_OUT = 4.0  # times the relative spread that a factor must amount to
_LOGS = np.log(np.array(FACTORS))


@inlined
def unit_changed(s: Any, x: float, expected: float, spread: float) -> bool:
    """Take a reading of a sensor that leapt; return whether its ratio is a factor of units.

    An event grows or wavers: one ratio that is far from the others, and it is no unit.
    """
    if s.away == 0 or not x * expected > 0.0:
        s.unit = 0
        return False
    ratio, relative, n = math.log(x / expected), spread / abs(expected), float(s.away)
    gap = ratio - s.ratio if n > 1.0 else 0.0
    if abs(gap) > min(CLOSE + SPREADS * relative, LOOSE):
        s.ratio = math.nan
    elif n > 1.0:
        s.ratio += gap / min(n, 30.0)
    else:
        s.ratio = ratio
    s.unit = n >= READINGS and _near(s.ratio, relative, n)
    return bool(s.unit)


@inlined
def _near(ratio: float, relative: float, n: float) -> bool:
    close = min(CLOSE + 2.0 * relative / math.sqrt(n), LOOSE)
    for factor in _LOGS:
        if abs(abs(ratio) - factor) <= close and factor >= STANDS_OUT * relative:
            return True
    return False
