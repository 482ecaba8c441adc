"""A compiled loop does what the same Python does."""

import numpy as np

from models.compiled import compiled


def _sum_of_ratios(top: np.ndarray, bottom: np.ndarray) -> float:
    total = 0.0
    for row in range(len(top)):
        total += top[row] / bottom[row]
    return total


def test_the_same_bits_as_python() -> None:
    rng = np.random.default_rng(5)
    top, bottom = rng.normal(size=1000), rng.normal(size=1000)
    assert compiled(_sum_of_ratios)(top, bottom) == _sum_of_ratios(top, bottom)


def test_division_by_zero_is_infinite() -> None:
    assert compiled(_sum_of_ratios)(np.ones(1), np.zeros(1)) == np.inf
