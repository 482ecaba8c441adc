"""What sensors of a kind learnt together counts as far as it has seen levels exceeded."""

import numpy as np
import pytest

from models.pooled_forecast import HORIZONS_S
from operators.events import Levels, Sensor
from operators.foresight import ENOUGH, NOWHERE, Foresee, Learnt
from operators.registry import Registry
from tests.operators.town import HOUR, T0, rows, sensor, town

LEVELS = Levels(blue=75.0, orange=150.0)
BLUE = 3
NONE = np.full((1, 4), np.nan)


def foresee(*sensors: Sensor) -> Foresee:
    return Foresee(Registry(town(sensors)))


def air(name: str, levels: Levels | None = LEVELS) -> Sensor:
    return sensor(name, "pm25", levels=levels)


def told(hours: int, *series: float, start: int = 0) -> list[tuple[int, int, float]]:
    """One reading an hour of each sensor, each at its value."""
    every = range(start, start + hours)
    return [(n, T0 + hour * HOUR, value) for hour in every for n, value in enumerate(series)]


def learnt(chance: float, onsets: float) -> Learnt:
    """One row asked about, for which every horizon of the blue level says the same."""
    came = 3 * onsets  # each is seen from three hours
    shape = (1, 4, len(HORIZONS_S))
    said = np.full(shape, np.nan)
    said[0, BLUE] = chance
    return Learnt(np.array([0]), said, np.full(shape, came))


def blended(one: Learnt, trend: float, seconds: float = 600.0) -> tuple[float, float]:
    chance, when = NONE.copy(), NONE.copy()
    chance[0, BLUE], when[0, BLUE] = trend, seconds
    joint, then = one.blend(np.array([0]), chance, when, 3 * 3600.0)
    assert np.isnan(joint[0, :BLUE]).all()
    return float(joint[0, BLUE]), float(then[0, BLUE])


def test_a_new_city_has_the_trend_alone() -> None:
    assert blended(learnt(0.9, 0), 0.2) == (0.2, 600.0)


def test_what_was_seen_often_enough_counts_as_much_as_the_trend() -> None:
    chance, seconds = blended(learnt(0.9, ENOUGH), 0.1)
    assert chance == pytest.approx(0.5)
    assert seconds == pytest.approx((600.0 + 3600.0) / 2)
    assert blended(learnt(0.9, 50 * ENOUGH), 0.1)[0] > 0.8


def test_a_level_that_is_reached_stays_certain() -> None:
    assert blended(learnt(0.1, 50 * ENOUGH), 1.0, 0.0) == (1.0, 0.0)


def test_where_the_trend_sees_no_crossing_there_is_still_a_time() -> None:
    chance, seconds = blended(learnt(0.9, 50 * ENOUGH), 0.0, np.nan)
    assert 0.5 < chance < 0.9
    assert seconds == pytest.approx(3600.0)


def test_horizons_beyond_the_one_asked_for_do_not_count() -> None:
    one = learnt(0.1, ENOUGH)
    one.chance[0, BLUE, 2:] = 1.0
    assert blended(one, 0.1)[0] == pytest.approx(0.1)


def test_in_warm_up_nothing_is_added() -> None:
    assert blended(learnt(np.nan, ENOUGH), 0.3) == (0.3, 600.0)


def test_rows_that_were_not_asked_about_keep_the_trend() -> None:
    one = learnt(0.9, ENOUGH)._replace(position=np.array([NOWHERE]))
    assert blended(one, 0.2) == (0.2, 600.0)


def test_who_can_be_forecast_hours_ahead_learns_together() -> None:
    mixed = (
        air("a"),
        sensor("river", "river_level", levels=LEVELS),
        sensor("one level", "river_level", levels=Levels(red=80.0)),
        sensor("no span", "river_level", levels=Levels(blue=80.0, red=80.0)),
        sensor("minutes", "street_water", levels=LEVELS),
        sensor("never", "water_pressure", levels=LEVELS),
        sensor("free", "pm25"),
    )
    step = foresee(*mixed)
    feed = rows(*told(40, *(60.0,) * len(mixed)))
    said = step.observe(feed, np.ones(len(feed.sensor), np.bool_))
    assert set(feed.sensor[said.position != NOWHERE].tolist()) == {0, 1}
    assert len(said.chance) == 80
    assert (step.forecast.sensors.n, step.forecast.pools.n) == (2, 2)
    assert np.isfinite(said.chance[-1, [1, 3]]).all()


def test_a_concentration_varies_by_factors_a_stage_does_not() -> None:
    step = foresee(air("a"), sensor("river", "river_level", levels=LEVELS), air("b", levels=None))
    assert step.varies_by_factors(np.arange(3)).tolist() == [True, False, False]


def test_nobody_to_learn_is_no_error() -> None:
    step = foresee(sensor("noise"))
    feed = rows((0, T0, 1.0))
    assert step.observe(feed, np.ones(1, np.bool_)).position.tolist() == [NOWHERE]
    none = np.empty(0, np.intp)
    step.put(0, none, step.take(0, none))


def _walk(hours: int, sensors: int, start: int = 0) -> list[tuple[int, int, float]]:
    rng = np.random.default_rng(7)
    logs = 4.2 + np.cumsum(rng.normal(0, 0.15, (start + hours, 1)), axis=0) * 0.5
    values = np.exp(logs + rng.normal(0, 0.05, (start + hours, sensors)))
    return [
        (n, T0 + hour * HOUR, float(values[hour, n]))
        for hour in range(start, start + hours)
        for n in range(sensors)
    ]


def windy(hours: int, wind: int, start: int = 0) -> list[tuple[int, int, float]]:
    """Winds of two sensors, to the east and to the north, each twice an hour."""
    rng = np.random.default_rng(8)
    half_hours = range(2 * start, 2 * (start + hours))
    return [
        (wind + n, T0 + half * HOUR // 2, float(rng.normal(0, 4)))
        for half in half_hours
        for n in range(2)
    ]


def winds() -> tuple[Sensor, Sensor]:
    return sensor("wind", "eastward_wind"), sensor("and", "northward_wind")


@pytest.mark.parametrize("wind", [[], windy(80, 3)])
def test_the_cut_changes_nothing(wind: list[tuple[int, int, float]]) -> None:
    feed = sorted(_walk(80, 3) + wind, key=lambda row: (row[1], -row[0]))
    city = *map(air, "abc"), *winds()
    whole, parts = foresee(*city), foresee(*city)
    everything = np.ones(len(feed), np.bool_)
    expected = whole.observe(rows(*feed), everything)
    said = [
        parts.observe(rows(*feed[n : n + 7]), everything[n : n + 7]) for n in range(0, len(feed), 7)
    ]
    np.testing.assert_array_equal(np.concatenate([s.chance for s in said]), expected.chance)
    np.testing.assert_array_equal(np.concatenate([s.came for s in said]), expected.came)


def test_a_shard_goes_on_elsewhere_as_it_was() -> None:
    """Its sensors have other numbers there, and one is no more in the city file."""
    here = foresee(*map(air, "abc"), *winds())
    there = foresee(air("new"), air("c"), air("a"), sensor("b"), *winds())
    here.observe(rows(*_walk(60, 3), *windy(60, 3)), np.zeros(420, np.bool_))
    there.put(0, np.array([2, 3, 1, 4, 5]), here.take(0, np.arange(5)))
    rest = [row for row in _walk(30, 3, start=60) if row[0] != 1]
    rest = sorted(rest + windy(30, 3, start=60), key=lambda row: row[1])
    number = {0: 2, 2: 1, 3: 4, 4: 5}
    asked = np.ones(len(rest), np.bool_)
    expected = here.observe(rows(*rest), asked)
    got = there.observe(rows(*((number[n], time, value) for n, time, value in rest)), asked)
    np.testing.assert_array_equal(got.chance, expected.chance)
    state = there.take(0, np.array([2, 3, 1]))
    assert len(state[2]) == 3, "what was kept of the sensor that is no more is kept"


@pytest.mark.parametrize("size", [1, 2])
def test_who_does_not_learn_has_no_pool(size: int) -> None:
    """A gauge that was not heard before the city file left it a single level."""
    here = foresee(sensor("river", "river_level", levels=LEVELS), air("a"))
    there = foresee(sensor("river", "river_level", levels=Levels(blue=75.0)), air("a"))
    there.put(0, np.arange(2), here.take(0, np.arange(2)))
    told = rows((1, T0, 50.0), (0, T0, 5.0))
    for n in range(0, 2, size):
        there.observe(told.take(slice(n, n + size)), np.zeros(size, np.bool_))
    assert list(there.take(0, np.arange(2))[0]) == ["pm25"]


def test_the_weather_is_that_of_its_shard() -> None:
    feed = sorted(_walk(400, 2) + windy(400, 2), key=lambda row: row[1])
    said = []
    for shard in (0, 1):
        step = foresee(*map(air, "ab"), *winds())
        one = rows(*feed)
        one = one._replace(shard=np.where(one.sensor >= 2, shard, 0))
        said.append(step.observe(one, one.sensor < 2).chance)
        assert step.hears(np.arange(4)).all()
        assert step.observe(one, np.ones(len(feed), np.bool_)).position[one.sensor >= 2].max() < 0
    assert (np.nan_to_num(said[0]) != np.nan_to_num(said[1])).any()


def test_weather_may_come_before_anybody_who_learns() -> None:
    step, other = (foresee(air("a"), sensor("wind", "eastward_wind")) for _ in range(2))
    feed = rows((1, T0, 3.0), (0, T0 + 1, 50.0))
    step.observe(feed, np.zeros(2, np.bool_))
    for n in range(2):
        other.observe(feed.take(np.array([n])), np.zeros(1, np.bool_))
    both = np.arange(2)
    assert bytes(step.take(0, both)[1]) == bytes(other.take(0, both)[1])
    assert bytes(step.take(0, both)[0]["pm25"]) == bytes(other.take(0, both)[0]["pm25"])


def test_shards_learn_apart() -> None:
    feed = rows(*_walk(60, 2))
    step = foresee(*map(air, "ab"))
    step.observe(feed._replace(shard=feed.sensor), np.zeros(len(feed.sensor), np.bool_))
    assert step.forecast.pools.n == 2
    kept = [bytes(step.take(shard, np.array([shard]))[0]["pm25"]) for shard in range(2)]
    assert kept[0] != kept[1]
