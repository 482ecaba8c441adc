"""A level is crossed when two readings in a row say so; before that, a forecast may."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.events import NO_LEVEL, Evidence, Levels, Sensor
from operators.levels import (
    LIKELY,
    SURPRISAL_OF_LEVEL,
    WatchLevels,
    rounds,
    worst_over,
)
from operators.registry import Registry
from tests.operators.town import MINUTE, T0, cut, rows, sensor, shard_rows, town

LEVELS = Levels(blue=10.0, yellow=12.0, orange=14.0, red=16.0)
EVERY = 5 * MINUTE


def watch(*sensors: Sensor) -> WatchLevels:
    return WatchLevels(Registry(town(sensors)))


def fed(step: WatchLevels, *values: float, start: int = T0) -> list[list[Evidence]]:
    """What each reading of one sensor brought."""
    said = []
    for number, value in enumerate(values):
        (found,) = step.on_batch([shard_rows(rows((0, start + number * EVERY, value)), T0)])
        said.append(list(found.evidence))
    return said


def levels_of(said: list[list[Evidence]]) -> list[int]:
    return [min((e.level for e in each if e.onset is None), default=NO_LEVEL) for each in said]


def test_two_readings_in_a_row_cross_a_level() -> None:
    # red     16 ---------------------------------x-----x---x
    # orange  14 -----------------------x----x---------------
    # blue    10 ---x----x-------x---------------------------
    #          5 -----------x------x-------------------------
    step = watch(sensor("a", "street_water", levels=LEVELS))
    values = (11.0, 11.0, 5.0, 11.0, 5.0, 14.0, 15.0, 16.0, 16.0, 17.0)
    assert levels_of(fed(step, *values)) == [5, 4, 5, 5, 5, 5, 2, 2, 1, 1]


def test_a_crossing_says_what_was_crossed() -> None:
    step = watch(sensor("a", "street_water", levels=LEVELS))
    *_, (said,) = fed(step, 12.5, 13.0)
    assert (said.source, said.key, said.hazard) == ("level", "a", "waterlogging")
    assert (said.level, said.value, said.expected) == (3, 13.0, 12.0)
    assert (said.onset, said.probability, said.channel) == (None, None, "level")
    assert said.surprisal == SURPRISAL_OF_LEVEL[3]
    assert said.time == T0 + EVERY


def test_a_level_that_does_not_exist_is_not_crossed() -> None:
    step = watch(sensor("a", "street_water", levels=Levels(yellow=12.0, red=16.0)))
    assert levels_of(fed(step, 11.0, 11.0, 12.0, 15.0, 16.0, 16.0)) == [5, 5, 5, 3, 3, 1]


def test_a_threat_below_is_watched_upside_down() -> None:
    edges = Levels(blue=200.0, yellow=150.0, orange=100.0, red=50.0)
    step = watch(sensor("a", "water_pressure", levels=edges))
    said = fed(step, 300.0, 300.0, 190.0, 140.0, 150.0, 40.0, 40.0)
    assert levels_of(said) == [5, 5, 5, 4, 3, 3, 1]
    assert (said[-1][0].value, said[-1][0].expected) == (40.0, 50.0)


def test_a_spike_past_the_possible_is_not_a_crossing() -> None:
    step = watch(sensor("a", "street_water", levels=LEVELS))
    assert levels_of(fed(step, 5.0, 9999.0, 9999.0, 11.0, 9999.0, 11.0)) == [5, 5, 5, 5, 5, 4]


def test_sensors_without_levels_are_left_alone() -> None:
    assert levels_of(fed(watch(sensor("a", "river_level")), 1e3, 1e3, 1e3)) == [5, 5, 5]
    assert fed(watch(sensor("a", "river_level", levels=Levels())), 1e3, 1e3) == [[], []]


def rising(step: WatchLevels, until: float = 12.0, start: float = 6.0) -> list[list[Evidence]]:
    rng = np.random.default_rng(4)
    values = [*rng.normal(start, 0.02, 40), *np.arange(start, until, 0.1)]
    return fed(step, *(round(float(v), 3) for v in values))


def test_a_rising_river_is_told_before_it_crosses() -> None:
    said = rising(watch(sensor("a", "river_level", levels=LEVELS)))
    crossed = levels_of(said).index(4)
    early = [e for each in said[:crossed] for e in each]
    assert early
    assert {e.channel for e in early} == {"forecast"}
    for e in early:
        assert e.onset is not None
        assert e.time <= e.onset <= e.time + 3 * 3600_000
        assert (e.onset - e.time) % MINUTE == 0
        assert e.probability is not None
        assert LIKELY <= e.probability <= 1
        assert e.surprisal < SURPRISAL_OF_LEVEL[e.level]
    first_blue = next(e for e in early if e.level == 4)
    assert first_blue.time <= T0 + (crossed - 3) * EVERY
    assert all(e.time >= T0 + 40 * EVERY for e in early), "a calm river is not forecast to cross"
    later = {e.channel for each in said[crossed:] for e in each if e.level == 4}
    assert later == {"level"}


def test_a_kind_without_a_horizon_is_not_forecast() -> None:
    said = rising(watch(sensor("a", "noise", levels=LEVELS)))
    assert {e.channel for each in said for e in each} == {"level"}


class Foretold:
    """A forecast that says what it is told to, reading by reading."""

    def __init__(self, *chances: float) -> None:
        self.chances = list(chances)

    def grow(self, size: int) -> None: ...

    def observe(self, *columns: object) -> None: ...

    def crossing(self, *asked: object) -> tuple[np.ndarray, np.ndarray]:
        chance = self.chances.pop(0)
        return np.array([[np.nan, np.nan, np.nan, chance]]), np.array([[np.nan] * 3 + [600.0]])


def test_one_likely_forecast_alone_is_not_told() -> None:
    step = watch(sensor("a", "river_level", levels=LEVELS))
    step.forecast = Foretold(0.99, 0.1, 0.99, 0.98, 0.97)  # type: ignore[assignment]
    # It climbs fast enough for the forecast to be asked from its second reading on.
    said = fed(step, *(9.0 + 0.1 * n for n in range(6)))
    assert [[e.probability for e in each] for each in said] == [[], [], [], [], [0.98], [0.97]]
    assert said[4][0].onset == T0 + 4 * EVERY + 600_000


_steps = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(1, 2), st.sampled_from([5.0, 9.0, 10.0, 13.0, 16.0, 1e5])
    ),
    max_size=60,
)


@given(_steps, st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_the_cut_changes_nothing(steps: list[tuple[int, int, float]], sizes: list[int]) -> None:
    time, told = T0, []
    for number, minutes, value in steps:
        time += minutes * MINUTE
        told.append((number, time, value))
    sensors = [
        sensor("a", "river_level", levels=LEVELS),
        sensor("b", "water_pressure", levels=Levels(blue=12.0, red=6.0)),
        sensor("c", "street_water", levels=Levels(red=13.0)),
    ]

    def run(*cuts: int) -> list[Evidence]:
        step = watch(*sensors)
        parts = [shard_rows(rows(*part), T0) for part in cut(told, cuts)]
        found = [e for part in parts for f in step.on_batch([part]) for e in f.evidence]
        return sorted(found, key=lambda e: (e.time, e.key, -e.level))

    assert run(*sizes) == run(1000)


@given(st.lists(st.integers(0, 5), max_size=40))
def test_rounds_hold_a_sensor_once_and_keep_its_order(sensors: list[int]) -> None:
    whole = rows(*((s, T0 + n, float(n)) for n, s in enumerate(sensors)))
    parts = list(rounds(whole))
    for part in parts:
        assert len(set(part.sensor.tolist())) == len(part.sensor)
    for s in set(sensors):
        values = [v for part in parts for v in part.value[part.sensor == s].tolist()]
        assert values == [float(n) for n, other in enumerate(sensors) if other == s]
    assert sum(len(part.sensor) for part in parts) == len(sensors)


@pytest.mark.parametrize(
    ("value", "level"), [(9.9, NO_LEVEL), (10.0, 4), (12.0, 3), (15.9, 2), (16.0, 1), (99.0, 1)]
)
def test_the_worst_level_reached_counts(value: float, level: int) -> None:
    edges = np.array([[16.0, 14.0, 12.0, 10.0]])
    assert worst_over(np.array([value]), edges).tolist() == [level]


def test_a_river_that_falls_is_not_forecast_to_cross() -> None:
    step = watch(sensor("a", "river_level", levels=LEVELS))
    rng = np.random.default_rng(4)
    falling = [*rng.normal(9.9, 0.005, 40), *np.arange(9.9, 5, -0.1)]
    said = fed(step, *(round(float(v), 3) for v in falling))
    assert [e for each in said[45:] for e in each] == []


def test_no_readings_still_tell_the_time() -> None:
    (found,) = watch(sensor("a", levels=LEVELS)).on_batch([shard_rows(rows(), T0 + 5, 3)])
    assert found == ("levels:3", (), T0 + 5)
