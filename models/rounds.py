"""Let whole columns of readings move per-sensor state on as if they had come one by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_rounds"]

Positions = NDArray[np.intp]


def in_rounds(keys: Positions, rows: Positions) -> list[Positions]:
    """Split rows into parts that name no key twice and keep each key's rows in order.

    Parameters
    ----------
    keys
        Key of every row of the columns.
    rows
        Which rows to split, ascending.

    Examples
    --------
    >>> keys = np.array([4, 7, 4, 4, 7])
    >>> [part.tolist() for part in in_rounds(keys, np.arange(5))]
    [[0, 1], [2, 4], [3]]
    """
    if not len(rows):
        return []
    order = rows[np.argsort(keys[rows], kind="stable")]
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    if len(first) == len(rows):
        return [rows]
    nth = np.arange(len(order)) - np.repeat(first, np.diff(first, append=len(order)))
    by_nth = order[np.argsort(nth, kind="stable")]
    return np.split(by_nth, np.cumsum(np.bincount(nth))[:-1])
