"""Columns with an entry a sensor, which grow as sensors are met."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["grown"]

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
