"""The plainer verdict on a single series: how far it is off for this time of day, and lately.

Beside the record (*never seen like this*), which a second storm as large as the first is not. The
same readings, habits and tails; only another question.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

from models.one_series import RecordOfPeaks

__all__ = ["EventOfLate"]


class EventOfLate(RecordOfPeaks):
    """How unusual the short mean of a series' deviations is.

    Notes
    -----
    Parameters, state and cost are those of ``RecordOfPeaks``. Agrees with
    ``SensorBank.score_and_learn(...).residual_surprisal`` to the precision of float32 habits.

    Examples
    --------
    >>> import random
    >>> rng = random.Random(4)
    >>> model, said = EventOfLate(), []
    >>> for t in range(3000):
    ...     x = {"value": rng.gauss(20, 1) + 6.0 * (t % 1000 > 990), "time": 300.0 * t}
    ...     said.append(model.score_one(x))
    ...     model.learn_one(x)
    >>> [round(max(said[at - 300 : at - 10])) for at in (2000, 3000)]  # quiet
    [2, 2]
    >>> [round(max(said[at - 10 : at])) for at in (1000, 2000, 3000)]  # each storm is one
    [6, 5, 5]
    """

    def score_one(self, x: dict[Hashable, Any]) -> float:
        """Return the surprisal of this reading; NaN for the first 30. Changes nothing."""
        look = self._look(x)
        surprisal = None if look is None else self._shifts.surprisal_one(look.features[1])
        return math.nan if surprisal is None else surprisal
