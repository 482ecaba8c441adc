import numpy as np
import pytest

from models.pooled_forecast import HORIZONS_S, WARM_UP, PooledForecast

HOUR_MS = 3_600_000
LEVELS = np.array([np.nan, 150.0, np.nan, 75.0])
SIX = HORIZONS_S.index(6 * 3600.0)
ORANGE = 1


def _feed(forecast, values, start=0, pools=None):
    """One reading an hour of each sensor; rows are hours, columns sensors."""
    hours, n = values.shape
    sensors = np.tile(np.arange(n), hours)
    times = np.repeat(np.arange(start, start + hours), n) * HOUR_MS
    of = np.zeros(n, int) if pools is None else pools
    forecast.observe(sensors, of[sensors], times, values.ravel(), np.tile(LEVELS, (hours * n, 1)))


def _ask(forecast, n):
    return forecast.exceeding(np.arange(n), np.zeros(n, int), np.tile(LEVELS, (n, 1)))


def _bad_air(days, n=4, seed=3):
    """Episodes of bad air that announce themselves: the first sensor is 6 h ahead of the others."""
    rng = np.random.default_rng(seed)
    hours = np.arange(24 * days)
    height = np.zeros(len(hours) + 6)
    for start in np.cumsum(rng.integers(60, 140, days // 3)):
        length = rng.integers(12, 40)
        height[start : start + length] = 1.6 + 0.3 * rng.random()
    smooth = np.convolve(height, np.ones(4) / 4, "same")
    logs = np.stack([smooth[6:] if i == 0 else smooth[: len(hours)] for i in range(n)], axis=1)
    return np.exp(3.6 + logs + rng.normal(0, 0.05, logs.shape))


@pytest.fixture(scope="module")
def prequential():
    """Chances at 6 h said before what came, with what was and what came, for the last sensors."""
    values = _bad_air(240)
    forecast, said = PooledForecast(4, 1), []
    for hour, row in enumerate(values):
        _feed(forecast, row[None], hour)
        said.append(_ask(forecast, 4)[1:, ORANGE, SIX])
    judged = slice(120 * 24, -6)
    after = values[6:, 1:][120 * 24 :] >= 150
    return np.array(said)[judged], values[:, 1:][judged] >= 150, after, forecast


@pytest.mark.slow
def test_what_comes_to_the_neighbours_first_is_foreseen(prequential):
    said, was, came, _ = prequential
    onsets = came & ~was
    assert said[onsets].mean() > 0.5
    assert said[~came & ~was].mean() < 0.1


def test_it_beats_persistence_on_the_same_rows(prequential):
    said, was, came, _ = prequential

    def csi(yes):
        return (yes & came).sum() / (yes | came).sum()

    assert csi(said >= 0.5) > csi(was) + 0.1
    assert np.mean((said - came) ** 2) < 0.6 * np.mean(was != came)


def test_chances_come_true_as_often_as_they_say(prequential):
    said, _, came, _ = prequential
    assert abs(said.mean() - came.mean()) < 0.03
    sure = said > 0.8
    assert came[sure].mean() > 0.75


def test_it_says_how_much_its_chances_rest_on(prequential):
    *_, forecast = prequential
    came = forecast.came(np.array([0]))[0]
    assert (came[ORANGE] > 100).all()
    assert (came[[0, 2]] == 0).all()


def test_pools_learn_apart():
    values = _bad_air(60)
    together, apart = PooledForecast(4, 1), PooledForecast(4, 2)
    _feed(together, values)
    _feed(apart, values, pools=np.array([1, 0, 0, 0]))
    assert (_ask(together, 4)[1:, ORANGE] != _ask(apart, 4)[1:, ORANGE]).all()
    assert apart.came(np.array([1])).max() < together.came(np.array([0])).max()


def test_nothing_is_said_in_warm_up_nor_of_levels_that_do_not_exist():
    forecast = PooledForecast(1, 1)
    _feed(forecast, np.full((int(WARM_UP) - 1, 1), 60.0))
    assert np.isnan(_ask(forecast, 1)).all()
    _feed(forecast, np.full((3, 1), 60.0), start=int(WARM_UP))
    said = _ask(forecast, 1)[0]
    assert np.isfinite(said[[1, 3]]).all()
    assert np.isnan(said[[0, 2]]).all()


def test_a_higher_level_is_less_likely():
    forecast = PooledForecast(4, 1)
    _feed(forecast, _bad_air(60))
    said = _ask(forecast, 4)
    assert (said[:, ORANGE] < said[:, 3]).all()


def test_air_that_never_changes_threatens_nothing():
    forecast = PooledForecast(2, 1)
    _feed(forecast, np.full((500, 2), 30.0))
    said = _ask(forecast, 2)[:, [1, 3]]
    assert said.max() < 0.05
    assert np.isfinite(said).all()


def test_bad_readings_teach_nothing_and_are_counted():
    forecast, twin = PooledForecast(1, 1), PooledForecast(1, 1)
    for each in (forecast, twin):
        _feed(each, np.full((30, 1), 60.0))
    before = twin.snapshot()
    rows = np.array([[np.nan, 40], [np.inf, 41], [60.0, 3], [60.0, -5]])
    none = np.zeros(len(rows), int)
    times = (rows[:, 1] * HOUR_MS).astype(np.int64)
    forecast.observe(none, none, times, rows[:, 0].copy(), np.tile(LEVELS, (len(rows), 1)))
    assert forecast.ignored == len(rows)
    np.testing.assert_array_equal(_ask(forecast, 1), _ask(twin, 1))
    forecast.sensors.ignored = 0
    assert forecast.snapshot() == before


def test_zero_negative_and_huge_values_are_taken_for_the_nearest_that_matter():
    forecast = PooledForecast(2, 1)
    rng = np.random.default_rng(5)
    odd = rng.choice([0.0, -3.0, 1e200, 5e-324, 50.0], (400, 2))
    _feed(forecast, odd)
    said = _ask(forecast, 2)[:, [1, 3]]
    assert np.isfinite(said).all()


def test_bytes_of_another_kind_are_refused():
    forecast = PooledForecast(2, 1)
    for bad in (b"", b"12345678", forecast.snapshot()[:-1], forecast.sensors.snapshot()):
        with pytest.raises(ValueError, match="got"):
            PooledForecast.restore(bad)


def test_growing_keeps_what_was_learnt():
    forecast = PooledForecast(4, 1)
    _feed(forecast, _bad_air(30))
    before = _ask(forecast, 4)
    forecast.grow(9, 3)
    np.testing.assert_array_equal(before, _ask(forecast, 4))
    assert PooledForecast.restore(forecast.snapshot()).sensors.n == 9


def test_a_sensor_alone_is_not_misled_by_being_its_own_pool():
    """Its distance from the pool is none: what hindsight makes of it is no sign of anything."""
    values = np.convolve(np.random.default_rng(9).normal(0, 1, 6040), np.ones(40) / 40, "valid")
    forecast = PooledForecast(1, 1)
    _feed(forecast, np.exp(4.0 + 4.0 * values)[:6000, None])
    assert np.abs(forecast.pools._rows["change"][0]).max() < 3.0


@pytest.fixture(scope="module")
def cleansed():
    """Bad air that a wind from the north ends four hours later: chances with and without it."""
    rng, hours = np.random.default_rng(5), 24 * 200
    blows = np.zeros(hours + 12, bool)
    for start in np.cumsum(rng.integers(20, 90, hours // 55)):
        blows[start : start + 6] = True
    height = np.zeros(hours)
    for hour in range(1, hours):
        height[hour] = 0.0 if blows[hour - 4] else min(height[hour - 1] + 0.12, 1.8)
    values = np.exp(3.6 + height[:, None] + rng.normal(0, 0.1, (hours, 3)))
    said = []
    for told in (True, False):
        forecast, chances = PooledForecast(3, 1), []
        for hour in range(hours):
            if told:
                none = np.zeros(2, int)
                wind, at = np.array([0.0, -8.0 if blows[hour] else 0.5]), np.full(2, hour * HOUR_MS)
                quantities = np.array([0, 1], np.int8)
                everywhere = np.full((2, 4), np.nan)
                forecast.observe(none, none, at, wind, everywhere, quantities=quantities)
            _feed(forecast, values[hour][None], hour)
            chances.append(_ask(forecast, 3)[:, ORANGE, SIX])
        said.append(np.array(chances)[24 * 60 : -6])
    return (*said, values[24 * 60 + 6 :] >= 150.0)


@pytest.mark.slow
def test_what_wind_does_to_the_air_is_learnt(cleansed):
    knowing, blind, came = cleansed
    assert np.mean((knowing - came) ** 2) < 0.8 * np.mean((blind - came) ** 2)


def test_weather_that_is_no_number_is_left_out():
    forecast = PooledForecast(1, 1)
    before = forecast.snapshot()
    one = np.zeros(2, int)
    none = np.full((2, 4), np.nan)
    times, values = np.array([HOUR_MS, -5]), np.array([np.nan, 3.0])
    forecast.observe(one, one, times, values, none, quantities=np.zeros(2, np.int8))
    assert forecast.ignored == 2
    forecast.sensors.ignored = 0
    assert forecast.snapshot() == before


@pytest.mark.parametrize(
    ("sensor", "pool", "sky", "quantity"),
    [
        (2, 0, 0, -1),
        (-1, 0, 0, -1),
        (0, -1, 0, -1),
        (0, 1, 0, -1),
        (0, 0, 1, -1),
        (0, 0, -1, 3),
        (0, 0, 0, 5),
    ],
)
def test_a_position_that_is_not_there_is_an_error_and_nothing_is_learnt(
    sensor: int, pool: int, sky: int, quantity: int
) -> None:
    forecast = PooledForecast(2, 1)
    before, where = forecast.snapshot(), [np.array([each]) for each in (sensor, pool, 10**12)]
    under, told = np.array([sky]), np.array([quantity], np.int8)
    with pytest.raises(
        IndexError, match=f"2 sensors, 1 pools, 1 skies, .* got {sensor} to {sensor}"
    ):
        forecast.observe(*where, np.ones(1), LEVELS[None], skies=under, quantities=told)
    assert forecast.snapshot() == before


def test_weather_is_nobodys() -> None:
    forecast, nobody, wind = PooledForecast(), np.array([-1]), np.zeros(1, np.int8)
    before = forecast.snapshot()
    forecast.observe(nobody, nobody, np.array([10**12]), np.ones(1), LEVELS[None], quantities=wind)
    assert (forecast.ignored, forecast.sensors.n) == (0, 0)
    assert forecast.snapshot() != before


def test_columns_of_different_lengths_are_an_error() -> None:
    one, two, levels = np.zeros(1, np.intp), np.zeros(2, np.intp), np.tile(LEVELS, (2, 1))
    forecast = PooledForecast(1, 1)
    for columns, asked in (
        ((one, one, two, np.ones(2), levels), None),
        ((two, two, two, np.ones(2), levels[:1]), None),
        ((two, two, two, np.ones(2), levels), np.ones(1, np.bool_)),
    ):
        with pytest.raises(ValueError, match="one length"):
            forecast.observe(*columns, asked)
