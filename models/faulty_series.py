"""Whether one series lies, with River's contract.

The same code as the bank's, for a shard of one sensor without neighbours: to try on a series, and
to put in a River pipeline.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
from river import base

from models.one_series import is_number
from models.record_of_peaks import SensorBank
from models.sensor_faults import FAULTS, FaultBank

__all__ = ["FaultySeries"]

_ALONE = np.zeros(1, np.intp)


class FaultySeries(base.AnomalyDetector):
    """Whether a reading of one series is faulty.

    Parameters
    ----------
    feature
        Name of the value among the features; the others, save the time, are not looked at.
    time
        Name of the local time in seconds; without one what is expected knows no habits of the day.

    Notes
    -----
    ``score_one`` returns 1 for a reading that is faulty, 0 for one that is not, NaN for a value
    that is missing or not finite, which is not learnt either. ``fault`` says what the last reading
    learnt was, a word of ``sensor_faults.FAULTS``.
    State: 470 bytes, for ever. Cost: 40 us to score, 20 us to learn.

    Examples
    --------
    >>> import random
    >>> rng = random.Random(4)
    >>> model = FaultySeries()
    >>> for t in range(400):
    ...     model.learn_one({"value": round(rng.gauss(20, 1), 2), "time": 300.0 * t})
    >>> for t in range(400, 410):
    ...     model.learn_one({"value": 20.5, "time": 300.0 * t})
    >>> model.fault, model.score_one({"value": 20.5, "time": 123_000.0})
    ('stuck', 1.0)
    """

    def __init__(self, feature: str = "value", time: str = "time") -> None:
        self.feature = feature
        self.time = time
        self.fault = FAULTS[0]
        self._peaks, self._faults = SensorBank(1), FaultBank(1)

    def score_one(self, x: dict[Hashable, Any]) -> float:
        """Return 1 if this reading is faulty, 0 if not, NaN if there is none. Changes nothing."""
        peaks, faults = SensorBank(1), FaultBank(1)
        peaks.put(_ALONE, self._peaks.take(_ALONE))
        faults.put(_ALONE, self._faults.take(_ALONE))
        kind = self._judge(x, peaks, faults)
        return math.nan if kind is None else float(FAULTS[kind] not in ("none", "spikes"))

    def learn_one(self, x: dict[Hashable, Any]) -> None:
        """Learn this reading, and note what it was."""
        kind = self._judge(x, self._peaks, self._faults)
        if kind is not None:
            self.fault = FAULTS[kind]

    def _judge(self, x: dict[Hashable, Any], peaks: SensorBank, faults: FaultBank) -> int | None:
        """Return what a reading is, learnt by the banks; None where there is no usable value."""
        value, time = x.get(self.feature), x.get(self.time)
        if not is_number(value) or not abs(value) < 1e30:
            return None
        if not is_number(time) or not math.isfinite(time):
            time = 0.0
        values = np.array([float(value)])
        said = peaks.score_and_learn(_ALONE, np.array([float(time)]), values)
        return int(faults.judge_and_learn(_ALONE, values, said.expected, said.scale)[0])
