"""Learn weights one example at a time, as surely as all examples together would teach them.

A second-order step needs no rate: what is known already, kept as a covariance, says how far an
example may move the weights. A number and a yes or no are learnt by the same step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, compiled_with_arrays

__all__ = ["dot", "forget", "step"]

Floats = NDArray[np.float64]


@compiled
def dot(weights: Floats, features: Floats) -> float:
    """Return the weighted sum of features; weights beyond them are left out."""
    total = 0.0
    for i in range(len(features)):
        total += weights[i] * features[i]
    return total


@compiled
def step(cov: Floats, features: Floats, information: float, gain: Floats) -> None:
    """Learn that an example was seen; leave in ``gain`` how far its error moves each weight.

    Parameters
    ----------
    cov
        Covariance of the weights, changed in place.
    information
        1 for a number (recursive least squares); p (1 - p) for a yes or no expected with
        probability p (online Newton for the logistic loss).

    Notes
    -----
    Cost: two passes over the covariance.

    Examples
    --------
    >>> cov, weights, gain = 10 * np.eye(2), np.zeros(2), np.zeros(2)
    >>> for x in np.arange(5.0):
    ...     features = np.array([1.0, x])
    ...     error = 3.0 + 2.0 * x - dot(weights, features)
    ...     step(cov, features, 1.0, gain)
    ...     weights += gain * error
    >>> weights.round(1).tolist()
    [2.9, 2.0]

    References
    ----------
    Plackett 1950 (recursive least squares); Hazan, Agarwal and Kale 2007 (online Newton step).
    """
    size, doubt = len(features), 0.0
    for i in range(size):
        total = 0.0
        for j in range(size):
            total += cov[i, j] * features[j]
        gain[i] = total
        doubt += features[i] * total
    part = 1.0 / (1.0 + information * doubt)
    for i in range(size):
        taken = information * part * gain[i]
        # Mirrored, not computed twice: what rounding makes unlike would grow as it is forgotten.
        for j in range(i, size):
            cov[i, j] -= taken * gain[j]
            cov[j, i] = cov[i, j]
    for i in range(size):
        gain[i] *= part


@compiled_with_arrays
def forget(cov: Floats, keep: float, most: float) -> None:
    """Let what was learnt fade to the share ``keep``, never to less than was known at first.

    Each weight fades by itself: one that no example speaks of does not hold up the others.
    """
    grown = np.empty(len(cov))
    for i in range(len(cov)):
        grown[i] = np.sqrt(max(1.0, min(1.0 / keep, most / cov[i, i])))
    for i in range(len(cov)):
        for j in range(i, len(cov)):
            cov[i, j] *= grown[i] * grown[j]
            cov[j, i] = cov[i, j]
