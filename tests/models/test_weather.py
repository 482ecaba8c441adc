"""Weather is remembered by the hour, and what nobody knows of it says nothing."""

import numpy as np
import pytest

from models.pool_memory import KEPT
from models.weather import (
    CALM,
    QUANTITIES,
    STALE,
    WEATHER_FEATURES,
    describe_weather,
    hear,
    newborn_weather,
)

EAST, NORTH, TEMPERATURE, DEW, PRESSURE = range(len(QUANTITIES))


def heard(*told):
    """The weather after readings: quantity, beat and value of each."""
    weather = newborn_weather()
    for quantity, beat, value in told:
        assert hear(weather[0], quantity, beat, float(value))
    return weather


def windy(*told):
    """The same with a light wind in every hour."""
    beats = {beat for _, beat, _ in told}
    return heard(*told, *((q, beat, 1.0) for beat in beats for q in (EAST, NORTH)))


def described(weather, beat):
    features = np.full(WEATHER_FEATURES, 9.0)
    describe_weather(weather[0], beat, features)
    return features


def test_wind_blows_somewhere_and_so_strongly():
    features = described(heard((EAST, 5, 3.0), (NORTH, 5, -4.0)), 5)
    assert features[:3] == pytest.approx([1.0, -4 / 3, np.log(6.0) - CALM])
    assert not features[3:].any()


def test_readings_of_an_hour_count_together():
    once = described(heard((EAST, 5, 2.0), (NORTH, 5, 1.0)), 5)
    often = heard((EAST, 5, 1.0), (NORTH, 5, 1.0), (EAST, 5, 2.0), (EAST, 5, 3.0))
    np.testing.assert_allclose(described(often, 5), once)


def test_changes_are_told_over_six_hours():
    before = [(TEMPERATURE, 1, 10.0), (DEW, 1, 4.0), (PRESSURE, 1, 1010.0)]
    now = [(TEMPERATURE, 7, 15.0), (DEW, 7, -1.0), (PRESSURE, 7, 1000.0)]
    weather = windy(*before, *now)
    assert described(weather, 7)[4:] == pytest.approx([-1.0, -2.0, 1.0])
    assert not described(weather, 1)[4:].any(), "nothing is known of before"


def test_without_wind_the_rest_is_left_out():
    told = [(q, beat, 10.0 * beat) for beat in (1, 7) for q in (TEMPERATURE, DEW, PRESSURE)]
    assert described(windy(*told), 7)[4:].all()
    assert not described(heard(*told), 7).any()
    assert not described(heard(*told, (EAST, 7, 3.0)), 7).any()


def test_what_is_usual_is_learnt_and_later_knowledge_changes_nothing_of_then():
    days = [each for b in range(1, 30) for each in ((TEMPERATURE, b, 20.0), (DEW, b, 10.0))]
    weather = windy(*days, (TEMPERATURE, 30, 20.0), (DEW, 30, 0.0))
    then = described(weather, 30)
    assert then[3] == pytest.approx(-1.0)
    for beat in range(31, 40):
        hear(weather[0], TEMPERATURE, beat, 20.0)
        hear(weather[0], DEW, beat, 0.0)
    assert described(weather, 30)[3] == then[3]


def test_an_hour_that_has_begun_is_as_the_one_before_until_more_is_heard():
    last = windy((TEMPERATURE, 1, 5.0), (TEMPERATURE, 7, 10.0), (DEW, 7, 4.0))
    before = described(last, 7)
    np.testing.assert_array_equal(described(last, 8)[:4], before[:4])
    hear(last[0], TEMPERATURE, 8, 10.0)
    np.testing.assert_array_equal(described(last, 8)[:4], before[:4])


@pytest.mark.parametrize("every", [1, 2, 3])
def test_it_is_described_later_as_it_was_at_the_time(every):
    rng, weather, then = np.random.default_rng(3), newborn_weather(), {}
    for beat in range(1, 60):
        if beat % every == 0:
            for quantity in range(5):
                hear(weather[0], quantity, beat, float(rng.normal(0, 3)))
        then[beat] = described(weather, beat)
        for ago in range(min(beat, 25)):
            np.testing.assert_array_equal(described(weather, beat - ago), then[beat - ago])


def test_nothing_is_known_of_no_weather_and_of_one_too_old():
    assert not described(newborn_weather(), 1).any()
    weather = heard((EAST, 5, 3.0), (NORTH, 5, 0.0))
    assert described(weather, 5 + STALE)[0] == 1.0
    assert not described(weather, 6 + STALE).any()
    hear(weather[0], PRESSURE, 5 + KEPT, 1000.0)
    assert not described(weather, 5).any()


def test_a_reading_that_is_late_joins_its_hour():
    weather = heard((EAST, 5, 3.0), (NORTH, 5, 0.0), (PRESSURE, 7, 1000.0))
    late = heard((EAST, 5, 3.0), (PRESSURE, 7, 1000.0), (NORTH, 5, 0.0))
    for beat in range(4, 10):
        np.testing.assert_array_equal(described(weather, beat), described(late, beat))


def test_one_that_is_too_late_is_left_out():
    weather = heard((EAST, KEPT + 5, 3.0), (NORTH, KEPT + 5, 0.0))
    before = weather.copy()
    for beat in (5, 0, -3):
        assert not hear(weather[0], EAST, beat, 100.0)
    assert weather.tobytes() == before.tobytes()


def test_features_are_bounded():
    storm = [(each, 1, -1e9) for each in range(5)] + [(each, 7, 1e9) for each in range(5)]
    assert np.abs(described(heard(*storm), 7)).max() == 5.0
