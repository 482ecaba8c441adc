import numpy as np
from scipy.stats import nbinom, poisson

from models.count_tail import surprisal


def test_surprisal_is_the_exact_tail():
    counts, mean = np.arange(1, 12), 1.7
    np.testing.assert_allclose(
        surprisal(counts, mean, 0.0), -np.log10(poisson.sf(counts - 1, mean)), rtol=1e-9
    )
    for dispersion in (0.1, 0.6, 3.0):
        size = 1 / dispersion
        tail = nbinom.sf(counts - 1, size, size / (size + mean))
        np.testing.assert_allclose(surprisal(counts, mean, dispersion), -np.log10(tail), rtol=1e-9)


def test_none_is_no_surprise_and_very_many_are_finite():
    said = surprisal([0, 10_000], [5.0, 0.001], [0.3, 0.0])
    assert said[0] == 0.0
    assert 100 < said[1] <= 300
