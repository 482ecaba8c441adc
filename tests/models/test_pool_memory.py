import numpy as np

from models.pool_memory import (
    FEATURES,
    HOUR,
    KEPT,
    aim,
    close_beat,
    count_in,
    describe,
    newborn_sensor,
    open_beat,
)
from models.pooled_forecast import POOL


def _pool():
    pool = np.zeros(1, POOL)  # a row of memory alone would be compiled for apart
    pool["of_beat"] = -1
    return pool


def _told(*series):
    """Sensors of one pool after one reading a beat, NaN where there is none; beats from 1."""
    sensors, pool = np.repeat(newborn_sensor(), len(series)), _pool()
    for beat, now in enumerate(zip(*series, strict=True), 1):
        for s, value in zip(sensors, now, strict=True):
            if np.isnan(value):
                continue
            open_beat(s, beat, value)
            if pool[0]["beat"] < beat:
                close_beat(pool[0], beat)
            count_in(s, pool[0], beat, value)
    return sensors, pool


def _described(s, pool, beat):
    f = np.full(FEATURES, np.nan)
    describe(s, pool[0], beat, f)
    return f


def test_a_moment_is_described_by_its_changes_and_its_extremes():
    series = np.concatenate([np.full(30, 2.0), [2.5, 3.0, 2.8]])
    sensors, pool = _told(series)
    f = _described(sensors[0], pool, 33)
    assert f[0] == 1.0
    np.testing.assert_allclose(f[2:7], [-0.2, 0.8, 0.8, 0.8, 0.8], atol=1e-6)
    np.testing.assert_allclose(f[7:9], [0.2, 0.8], atol=1e-6)


def test_neighbours_say_what_the_pool_did_and_how_far_one_is_from_it():
    quiet, rising = np.full(40, 2.0), np.concatenate([np.full(37, 2.0), [2.3, 2.6, 2.9]])
    sensors, pool = _told(quiet, rising, rising)
    f = _described(sensors[0], pool, 40)
    assert abs(f[9] - 0.6) < 0.03
    assert f[10] > 0.3
    np.testing.assert_allclose(f[11:13], [0.2, 0.6], atol=0.03)


def test_who_has_not_spoken_yet_stands_where_the_pool_stood_before():
    series = [np.full(30, 2.0) for _ in range(4)]
    series[0] = np.concatenate([np.full(29, 2.0), [4.0]])
    for other in series[1:]:
        other[29] = np.nan
    sensors, pool = _told(*series)
    # One of four has risen by 2: the pool by half, not by 2.
    assert (
        abs(_described(sensors[0], pool, 30)[9] + _described(sensors[0], pool, 30)[1] - 0.5) < 0.1
    )


def test_a_gap_is_no_change():
    series = np.arange(40) / 10.0
    series[38] = np.nan
    sensors, pool = _told(series)
    f = _described(sensors[0], pool, 40)
    assert f[2] == 0.0
    np.testing.assert_allclose(f[3], 0.3, atol=1e-6)


def test_after_a_long_gap_nothing_old_is_taken_for_new():
    sensors, pool = _told(np.concatenate([np.full(30, 2.0), np.full(KEPT + 3, np.nan), [9.0]]))
    beat = 30 + KEPT + 4
    f = _described(sensors[0], pool, beat)
    np.testing.assert_array_equal(f[2:9], 0.0)
    assert np.isfinite(f[:HOUR]).all()


def test_the_hour_of_the_day_at_the_end_of_the_horizon_counts():
    f, same, other = (np.zeros(FEATURES) for _ in range(3))
    aim(10, 6, f)
    aim(34, 6, same)
    aim(10, 12, other)
    np.testing.assert_allclose(f, same)
    assert not np.allclose(f, other)
