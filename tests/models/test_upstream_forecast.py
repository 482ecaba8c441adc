import numpy as np
import pytest

from models.upstream_forecast import OTHERS, UpstreamForecast

QUARTER_MS = 900_000
LAG = 4  # beats
HOUR = 1  # horizon


def _river(n=3000, lag=LAG, seed=3, related=True):
    """Two gauges: waves that pass the first, and later the second."""
    rng = np.random.default_rng(seed)
    waves = np.convolve(rng.normal(0, 1, n + 300) ** 3, np.exp(-np.arange(60) / 8), "same")
    other = np.convolve(rng.normal(0, 1, n + 300) ** 3, np.exp(-np.arange(60) / 8), "same")
    up = 10 + waves[200 : 200 + n]
    source = waves if related else other
    down = 5 + 0.6 * source[200 - lag : 200 - lag + n]
    return up + rng.normal(0, 0.01, n), down + rng.normal(0, 0.01, n)


def _columns(up, down):
    n = len(up)
    gauges = np.tile([0, 1], n)
    times = np.repeat(np.arange(n) * QUARTER_MS, 2)
    return gauges, np.zeros(2 * n, np.int64), times, np.stack([up, down], axis=1).ravel()


OF = np.full((2, OTHERS), -1, np.int32)
OF[0, 0], OF[1, 0] = 1, 0


def _told(model, columns, rows=slice(None)):
    gauges, homes, times, values = (column[rows] for column in columns)
    return model.observe(gauges, homes, OF, times, values)


def _errors(columns, told, gauge, horizon=HOUR, ahead=4):
    """Mean error of the trend and of the corrected forecast, over the second half."""
    mine = np.flatnonzero(columns[0] == gauge)
    value = columns[3][mine]
    came = value[ahead:] - value[:-ahead]
    change, shift = told.change[mine, horizon][:-ahead], told.shift[mine, horizon][:-ahead]
    half = len(came) // 2
    return (
        np.abs(came - (change - shift))[half:].mean(),
        np.abs(came - change)[half:].mean(),
    )


def test_a_known_lag_and_share_are_found():
    model, columns = UpstreamForecast(2), _columns(*_river())
    told = _told(model, columns)
    seconds, share = model.arrival(1, 0)
    assert seconds == pytest.approx(LAG * 900.0, abs=1800.0)
    assert share == pytest.approx(0.6, abs=0.15)
    trend, corrected = _errors(columns, told, 1)
    assert corrected < 0.4 * trend


def test_who_does_not_lead_helps_little_and_harms_less():
    columns = _columns(*_river(related=False))
    model, alone = UpstreamForecast(2), UpstreamForecast(2)
    told = _told(model, columns)
    gauges, homes, times, values = columns
    own = alone.observe(gauges, homes, np.full_like(OF, -1), times, values)
    assert _errors(columns, told, 1)[1] < 1.05 * _errors(columns, own, 1)[1]


def test_in_a_new_city_the_trend_speaks_alone():
    columns = _columns(*_river(40))
    told = _told(UpstreamForecast(2), columns)
    assert (told.shift == 0.0).all()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_cut_changes_no_bit(size):
    columns = _columns(*_river(400))
    whole, parts = UpstreamForecast(2), UpstreamForecast(2)
    expected = _told(whole, columns)
    cuts = range(0, 800, size)
    got = np.concatenate([_told(parts, columns, slice(n, n + size)).change for n in cuts])
    np.testing.assert_array_equal(got, expected.change)
    both = np.arange(2)
    assert parts.take(both) == whole.take(both)


def test_gauges_go_on_elsewhere_where_they_were():
    columns = _columns(*_river(400))
    whole, here, there = UpstreamForecast(2), UpstreamForecast(2), UpstreamForecast()
    expected = _told(whole, columns)
    _told(here, columns, slice(0, 501))
    there.put(np.arange(2), here.take(np.arange(2)))
    got = _told(there, columns, slice(501, None))
    np.testing.assert_array_equal(got.change, expected.change[501:])
    there.move(np.arange(2), 7)
    with pytest.raises(ValueError, match="8 bytes"):
        there.put(np.arange(2), b"")


def test_nothing_is_known_before_its_time():
    columns = _columns(*_river(400))
    other = (*columns[:3], np.where(np.arange(800) >= 600, 99.0, columns[3]))
    one, two = (_told(UpstreamForecast(2), each) for each in (columns, other))
    np.testing.assert_array_equal(one.change[:600], two.change[:600])


def test_what_cannot_be_learnt_from_is_counted_and_changes_nothing():
    columns = _columns(*_river(300))
    whole, spoilt = UpstreamForecast(2), UpstreamForecast(2)
    _told(whole, columns)
    _told(spoilt, columns)
    said = spoilt.observe(
        np.array([0, 1, 1]),
        np.zeros(3, np.int64),
        OF,
        np.array([10**9, 0, -5]),
        np.array([np.nan, 3.0, 3.0]),
    )
    assert (said.shift == 0.0).all()
    assert spoilt.gauges.ignored == 3
    assert spoilt.take(np.arange(2)) == whole.take(np.arange(2))


def test_gaps_leave_numbers():
    up, down = _river(600)
    columns = _columns(up, down)
    kept = np.ones(1200, np.bool_)
    kept[400:520], kept[700:1000:3] = False, False
    gauges, homes, times, values = (column[kept] for column in columns)
    told = UpstreamForecast(2).observe(gauges, homes, OF, times, values)
    assert all(np.isfinite(each).all() for each in told)
