"""Let whole columns of readings move per-sensor state on as if they had come one by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_rounds"]

Positions = NDArray[np.intp]


def in_rounds(keys: Positions, rows: Positions) -> tuple[Positions, list[slice]]:
    """Order rows so that they fall into rounds, each key at most once a round.

    Parameters
    ----------
    keys
        Key of every row of the columns, 0 or more.
    rows
        Which rows to order, ascending.

    Returns
    -------
    The rows, each key's in their order, and where in them each round lies.

    Examples
    --------
    >>> keys = np.array([4, 7, 4, 4, 7])
    >>> order, rounds = in_rounds(keys, np.arange(5))
    >>> [order[part].tolist() for part in rounds]
    [[0, 1], [2, 4], [3]]
    """
    who = keys[rows]
    together = np.sort(who)
    if not (together[1:] == together[:-1]).any():
        return rows, [slice(0, len(rows))] if len(rows) else []
    order = _stable_order(who)
    together = who[order]
    places = np.arange(len(order))
    starts = places.copy()
    starts[1:][together[1:] == together[:-1]] = 0
    nth = places - np.maximum.accumulate(starts)
    ends = np.cumsum(np.bincount(nth)).tolist()
    parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
    return rows[order[_stable_order(nth)]], parts


def _stable_order(numbers: Positions) -> Positions:
    # Numbers that fit in 16 bits are sorted by radix, ten times as fast.
    short = numbers.astype(np.uint16) if numbers.max() < 1 << 16 else numbers
    order: Positions = np.argsort(short, kind="stable")
    return order
