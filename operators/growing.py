"""Columns with an entry a sensor, which grow as sensors are met."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled

__all__ = ["grown", "room_for"]

T = TypeVar("T", bound=np.generic)


def grown(column: NDArray[T], size: int, new: Any) -> NDArray[T]:
    """Return a column of so many entries at least, the new ones all the same.

    It grows by half, so that sensors met one at a time do not each copy it all.

    Examples
    --------
    >>> grown(np.array([7, 8], np.int16), 3, -1).tolist()
    [7, 8, -1]
    """
    known = len(column)
    if size <= known:
        return column
    # Zeros come from the system as they are: those of a million sensors need not be written.
    longer = np.zeros(max(size, known + known // 2), column.dtype)
    longer[:known] = column
    if new != 0:
        longer[known:] = new
    return longer


@compiled
def room_for(positions: NDArray[np.intp]) -> int:
    """Return how long a column must be to have an entry at each of these positions.

    Examples
    --------
    >>> room_for(np.array([3, 7, 2])), room_for(np.empty(0, np.intp))
    (8, 0)
    """
    size = 0
    for position in positions:
        size = max(size, position + 1)
    return size
