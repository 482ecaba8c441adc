import numpy as np
import pytest

from benchmarks.yardsticks import upstream
from benchmarks.yardsticks.stages import Site
from models.level_forecast import HORIZONS_S

pytestmark = pytest.mark.slow

QUARTER_MS = 900_000


def _sites(n=1200, lag=6, spoilt=None):
    rng = np.random.default_rng(5)
    waves = np.convolve(rng.normal(0, 1, n + 100) ** 3, np.exp(-np.arange(40) / 8), "same")
    times = np.arange(n) * QUARTER_MS
    values = [20 + waves[50 - shift : 50 - shift + n] for shift in (0, lag)]
    if spoilt is not None:
        values[0][spoilt:] += 50.0
    return [Site(name, times, value) for name, value in zip("ab", values, strict=True)]


def test_the_gauge_below_is_forecast_better_with_the_one_above():
    found = upstream._figures(upstream.judge(_sites())[1][1])
    assert found["error"]["river"] < 0.5 * min(found["error"]["trend"], found["error"]["own"])
    assert found["rows"] > 700


def test_no_forecast_looks_ahead():
    one, two = (upstream.judge(_sites(600, spoilt=s))[1][1] for s in (None, 500))
    for way in upstream.WAYS:
        np.testing.assert_array_equal(one.expected[way][:250], two.expected[way][:250])


def test_records_of_different_years_are_an_error():
    first, second = _sites(100)
    with pytest.raises(ValueError, match="overlap"):
        upstream.judge([first, second._replace(times_ms=second.times_ms + 10**12)])


def test_horizons_have_names():
    assert [upstream._ahead(s) for s in HORIZONS_S] == ["15 min", "1 h", "3 h", "12 h"]
