import numpy as np

from simulators.clock import HOUR_MS
from simulators.noise import Noise
from simulators.weather import RainCell, Weather

CELL = RainCell(0, 2.0, 0.0, 0.0, 6.0, 0.0, 2.0, 50.0)


def test_a_shower_moves_with_the_wind_it_was_given() -> None:
    x = np.array([[0.0], [6.0]])
    early, late = (CELL.at(x, np.zeros((2, 1)), np.array([[t]])) for t in (HOUR_MS // 4, HOUR_MS))
    assert early[0, 0] > early[1, 0]
    assert late[1, 0] > late[0, 0]


def test_a_shower_is_dry_before_and_after() -> None:
    times = np.array([[-1, 0, CELL.end_ms, CELL.end_ms + HOUR_MS]])
    assert CELL.at(np.zeros((1, 1)), np.zeros((1, 1)), times).max() < 1e-9


def test_ordinary_rain_is_rare_and_moderate() -> None:
    weather = Weather(Noise(1))
    x = np.linspace(-12, 12, 25)
    times = np.arange(0, 60 * 24 * HOUR_MS, HOUR_MS)[None, :]
    rain = weather.rain(x, np.zeros(25), times)
    assert 0.002 < (rain > 0.5).mean() < 0.15
    assert 1 < rain.max() < 30


def test_the_day_is_warmest_in_the_afternoon() -> None:
    times = np.arange(0, 200 * 24 * HOUR_MS, HOUR_MS)
    by_hour = Weather(Noise(1)).temperature(times).reshape(-1, 24).mean(axis=0)
    assert by_hour.argmax() + 8 == 15  # columns count from midnight UTC


def test_a_calm_slows_the_wind_and_it_never_stands_still() -> None:
    times = np.arange(0, 48 * HOUR_MS, HOUR_MS)
    still = ((10 * HOUR_MS, 30 * HOUR_MS, 0.8),)
    usual, calm = (np.hypot(*Weather(Noise(1), calm=c).wind(times)) for c in ((), still))
    assert usual.min() > 0.89
    assert np.allclose(calm[15:25], 0.2 * usual[15:25])
    assert np.array_equal(calm[:9], usual[:9])
