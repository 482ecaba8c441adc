"""The numbers the record of peaks goes by, in one place.

They were chosen once, on the structure and not on a data set: with all of them off by random
factors of up to 1.4 the detector loses three points (``benchmarks/yardsticks/nab.py``).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["RULES", "Rules"]

Seven = tuple[float, float, float, float, float, float, float]


class Rules(NamedTuple):
    """Rates are shares of the way to a new value that one reading moves a mean."""

    threshold: float = 0.26
    """Score an alarm begins above: 30 % above the second largest peak. The operator's one knob."""
    re_arm: float = 0.2
    """An episode is over when the score falls this far below the threshold."""
    hold: float = 0.05
    """Readings without a second alarm, as a share of those there were."""
    hold_most: float = 300.0
    warm_up: int = 150
    """Readings before a sensor is judged by what it has never done."""
    peak: int = 100
    """Readings that belong to one peak, 255 at most."""
    half_life: float = 6000.0
    """Readings after which a remembered peak counts half."""
    confirm: float = 0.25
    """What the second and the third most unusual view add to the first."""
    x20: float = 1 / 20
    x200: float = 1 / 200
    """Means of the value whose distance is a level shift; the first is the level of late, expected
    where there is no habit."""
    r5: float = 1 / 5
    r80: float = 1 / 80
    """Means of the residual: a short and a long shift."""
    a80: float = 1 / 80
    a20: float = 1 / 20
    a500: float = 1 / 500
    """Means of the jump from reading to reading: roughness, and a burst of it."""
    error: float = 1 / 500
    """Mean size of residuals."""
    wild: float = 20.0
    """Errors from what was expected, beyond which a reading teaches no more than one as far off."""
    few: int = 30
    """Readings from which its mean error is one: before, each is believed, and none is judged."""
    clip: float = 5.0
    """Errors by which a habit follows at most, once it is known."""
    day: float = 0.1
    """The habit of a half hour of the day, by a reading or five minutes of them; 0: none."""
    week: float = 0.2
    """The habit of an hour of the week, likewise."""
    views: Seven = (1.0,) * 7
    """What each view of a reading counts: 1, or 0 to leave it out."""


RULES = Rules()
"""Those of the city."""
