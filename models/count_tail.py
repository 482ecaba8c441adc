"""How surprising a count is: the negative-binomial tail."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, gammainc

__all__ = ["surprisal"]


def surprisal(counts: ArrayLike, expected: ArrayLike, dispersion: ArrayLike) -> NDArray[np.float64]:
    """Return -log10 of the chance of so many or more; exact, elementwise.

    Parameters
    ----------
    counts
        Whole numbers of 0 or more.
    expected
        Mean of the counts.
    dispersion
        Variance beyond Poisson: ``variance = expected + dispersion * expected ** 2``. 0 is Poisson.

    Examples
    --------
    >>> surprisal([0, 1, 5, 5], [0.1, 0.1, 0.5, 0.5], [0.0, 0.0, 0.0, 1.0]).round(2).tolist()
    [0.0, 1.02, 3.76, 2.39]
    """
    n, mean, spread = np.broadcast_arrays(
        np.asarray(counts, np.float64), np.asarray(expected), np.asarray(dispersion)
    )
    some = np.maximum(n, 1.0)
    size = 1.0 / np.maximum(spread, 1e-9)
    negative_binomial = betainc(some, size, mean / (mean + size))
    chance = np.where(spread > 1e-9, negative_binomial, gammainc(some, mean))
    tail = np.where(n >= 1.0, np.maximum(chance, 1e-300), 1.0)
    result: NDArray[np.float64] = -np.log10(tail)
    return result + 0.0  # -0.0 + 0.0 is 0.0
