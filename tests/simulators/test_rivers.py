import numpy as np
import pytest

from simulators.clock import HOUR_MS, MINUTE_MS
from simulators.geometry import river_paths
from simulators.noise import Noise
from simulators.rivers import Pulse, Rivers
from simulators.weather import Weather

TIMES = np.arange(0, 30 * HOUR_MS, 10 * MINUTE_MS)


def rivers(*pulses: Pulse) -> Rivers:
    return Rivers(river_paths(), Weather(Noise(1), ordinary=False), pulses)


def waves(model: Rivers, river: int) -> np.ndarray:
    return np.stack([model.rise(river, int(t)) for t in TIMES])


def test_without_rain_nothing_rises() -> None:
    assert not waves(rivers(), 0).any()


@pytest.mark.parametrize("river", range(5))
def test_a_wave_comes_later_and_lower_downstream(river: int) -> None:
    wave = waves(rivers(Pulse(river, 0, 4.0, 15.0)), river)
    peaks = wave.argmax(axis=0)
    assert (np.diff(peaks) >= 0).all()
    assert peaks[-1] > peaks[0]
    assert (np.diff(wave.max(axis=0)) < 1e-9).all()


def test_the_wave_travels_at_the_speed_of_its_river() -> None:
    model = rivers(Pulse(0, 0, 4.0, 15.0))
    wave = waves(model, 0)
    km = model.nodes_km[0]
    hours = wave.argmax(axis=0) / 6
    speed = (km[-1] - km[0]) / (hours[-1] - hours[0])
    assert 5 < speed < 9  # km/h: the crest is slowed a little by its flattening


def test_a_tributary_swells_the_main_river_only_below_its_mouth() -> None:
    model = rivers(Pulse(1, 0, 4.0, 20.0))
    highest = waves(model, 0).max(axis=0)
    above = model.nodes_km[0] < model.joins_km[1]
    assert not highest[above].any()
    assert highest[~above].min() > 0.05


def test_a_main_river_in_flood_backs_up_into_its_tributaries() -> None:
    rise = waves(rivers(Pulse(0, 0, 4.0, 15.0)), 1).max(axis=0)
    assert rise[-1] > 10 * rise[-9]


def test_the_past_does_not_know_the_rain_to_come() -> None:
    assert not rivers(Pulse(0, 5 * HOUR_MS, 4.0, 15.0)).rise(0, 5 * HOUR_MS).any()
