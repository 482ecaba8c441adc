"""A level is crossed when two readings in a row say so; before that, a forecast may."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from operators.events import NO_LEVEL, Evidence, Levels, Readings, Sensor
from operators.foresight import Learnt
from operators.levels import LIKELY, SURPRISAL_OF_LEVEL, WatchLevels, rounds
from operators.registry import Registry
from tests.operators.town import HOUR, MINUTE, T0, cut, rows, sensor, town

LEVELS = Levels(blue=10.0, yellow=12.0, orange=14.0, red=16.0)
EVERY = 5 * MINUTE


def watch(*sensors: Sensor) -> WatchLevels:
    return WatchLevels(Registry(town(sensors)))


def fed(step: WatchLevels, *values: float, start: int = T0) -> list[list[Evidence]]:
    """What each reading of one sensor brought."""
    said = []
    for number, value in enumerate(values):
        told = list(step.evidence(rows((0, start + number * EVERY, value))))
        assert {row for row, _ in told} <= {0}
        said.append([evidence for _, evidence in told])
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


def test_sensors_without_levels_are_left_alone() -> None:
    assert levels_of(fed(watch(sensor("a", "river_level")), 1e3, 1e3, 1e3)) == [5, 5, 5]
    assert fed(watch(sensor("a", "river_level", levels=Levels())), 1e3, 1e3) == [[], []]


def test_a_city_without_any_horizon_is_watched_too() -> None:
    step = watch(sensor("a", "noise", levels=LEVELS), sensor("b", "noise"))
    assert levels_of(fed(step, 11.0, 11.0, 5.0, 5.0)) == [5, 4, 5, 5]


def test_evidence_says_which_row_it_is_of() -> None:
    step = watch(sensor("a"), sensor("b", "street_water", levels=LEVELS))
    told = [(0, T0, 60.0), (1, T0, 13.0), (0, T0 + 1, 60.0), (1, T0 + 1, 13.0)]
    assert [(row, said.level) for row, said in step.evidence(rows(*told))] == [(3, 3)]


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


def test_what_is_told_ahead_says_how_high_it_may_be() -> None:
    #        q95 /
    #          / / q50   the level lies within, where it is expected to be crossed
    #  ____../ /_/ q05
    said = rising(watch(sensor("a", "river_level", levels=LEVELS)))
    told = [e for each in said for e in each if e.onset is not None]
    for e in told:
        fan = e.forecast
        assert fan is not None
        assert e.onset is not None
        assert (fan.sensor, fan.level, fan.p) == (e.key, e.level, e.probability)
        assert fan.times[0] == e.time
        assert fan.times[-1] >= e.onset + (e.onset - e.time) or fan.times[-1] == e.time + 3 * HOUR
        assert len(fan.times) == len(fan.q50) > 4
        rows = np.array([fan.q05, fan.q25, fan.q50, fan.q75, fan.q95])
        assert (rows[:, 0] == e.value).all()
        assert (np.diff(rows, axis=0) >= 0).all()
        assert (np.diff(rows[4] - rows[0]) >= 0).all()
        assert fan.q50[-1] > e.value
        assert fan.q95[-1] > e.expected
    assert all(e.forecast is None for each in said for e in each if e.onset is None)


def test_a_threat_below_is_foretold_upside_down() -> None:
    edges = Levels(blue=4.0, yellow=3.0, orange=2.0, red=1.0)
    low = sensor("a", "river_level", levels=edges, direction="below")
    step = watch(low)
    said = fed(step, *(8.0 - 0.02 * (n % 2) for n in range(40)), *np.arange(8.0, 0.0, -0.1))
    told = [e for each in said for e in each if e.forecast is not None]
    assert told
    for e in told:
        assert e.forecast is not None
        assert e.forecast.q05[-1] <= e.forecast.q50[-1] <= e.forecast.q95[-1]
        assert e.forecast.q50[-1] < e.value


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

    def quantiles(self, slots: np.ndarray, ahead_s: np.ndarray, *_: object) -> np.ndarray:
        return np.ones((len(slots), 5, len(ahead_s)))


def test_one_likely_forecast_alone_is_not_told() -> None:
    step = watch(sensor("a", "river_level", levels=LEVELS))
    step.forecast = Foretold(0.99, 0.1, 0.99, 0.98, 0.97)  # type: ignore[assignment]
    # It climbs fast enough for the forecast to be asked from its second reading on.
    said = fed(step, *(9.0 + 0.1 * n for n in range(6)))
    assert [[e.probability for e in each] for each in said] == [[], [], [], [], [0.98], [0.97]]
    assert said[4][0].onset == T0 + 4 * EVERY + 600_000


_steps = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 2), st.sampled_from([5.0, 9.0, 10.0, 13.0, 16.0])),
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
        found: list[tuple[int, Evidence]] = []
        for part in cut(list(enumerate(told)), cuts):
            where = [row for row, _ in part]
            said = step.evidence(rows(*(triple for _, triple in part)))
            found += sorted(((where[row], e) for row, e in said), key=lambda item: item[0])
        return [e for _, e in found]

    assert run(*sizes) == run(1000)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=40))
def test_rounds_hold_a_sensor_once_and_keep_its_order(told: list[tuple[int, bool]]) -> None:
    slots = np.array([slot for slot, _ in told], np.int32)
    wanted = np.flatnonzero([of_it for _, of_it in told])
    parts = list(rounds(slots, wanted))
    for part in parts:
        assert len(set(slots[part].tolist())) == len(part)
    for slot in set(slots.tolist()):
        seen = [row for part in parts for row in part.tolist() if slots[row] == slot]
        assert seen == [row for row in wanted.tolist() if slots[row] == slot]
    assert sum(map(len, parts)) == len(wanted)


@pytest.mark.parametrize(
    ("value", "level"), [(9.9, NO_LEVEL), (10.0, 4), (12.0, 3), (15.9, 2), (16.0, 1), (99.0, 1)]
)
def test_the_worst_level_reached_counts(value: float, level: int) -> None:
    step = watch(sensor("a", "street_water", levels=LEVELS))
    assert levels_of(fed(step, value, value)) == [NO_LEVEL, level]


def test_a_river_that_falls_is_not_forecast_to_cross() -> None:
    step = watch(sensor("a", "river_level", levels=LEVELS))
    rng = np.random.default_rng(4)
    falling = [*rng.normal(9.9, 0.005, 40), *np.arange(9.9, 5, -0.1)]
    said = fed(step, *(round(float(v), 3) for v in falling))
    assert [e for each in said[45:] for e in each] == []


def test_no_readings_say_nothing() -> None:
    assert list(watch(sensor("a", levels=LEVELS)).evidence(rows())) == []


@pytest.mark.parametrize("at", [1, 38, 45, 60])
def test_sensors_go_on_elsewhere_where_they_were(at: int) -> None:
    """They have other numbers there, and company that is near its levels too."""
    river, slope = (sensor(kind, kind, levels=LEVELS) for kind in ("river_level", "slope_tilt"))
    here, there = watch(river, slope), watch(slope, sensor("more", "rain", levels=LEVELS), river)
    rng = np.random.default_rng(4)
    values = [*rng.normal(6, 0.02, 40), *np.arange(6, 12.5, 0.1)]
    told = [(n, T0 + i * EVERY, round(float(v), 3)) for i, v in enumerate(values) for n in range(2)]
    list(here.evidence(rows(*told[: 2 * at])))
    list(there.evidence(rows(*((1, time, value) for _, time, value in told))))
    there.put(0, np.array([2, 0]), here.take(0, np.array([0, 1])))
    rest = told[2 * at :]
    expected = list(here.evidence(rows(*rest)))
    got = list(there.evidence(rows(*((2 - 2 * n, time, value) for n, time, value in rest))))
    assert repr(got) == repr(expected)
    assert {said.channel for _, said in got} == {"level", "forecast"}
    assert {said.key for _, said in got} == {"river_level", "slope_tilt"}


def test_no_sensors_are_moved_too() -> None:
    step, none = watch(sensor("a", levels=LEVELS)), np.empty(0, np.intp)
    step.put(0, none, step.take(0, none))
    assert levels_of(fed(step, 11.0, 11.0)) == [5, 4]


def test_a_sensor_that_lost_its_levels_keeps_its_state_and_breaks_nothing() -> None:
    river, other = sensor("river", "river_level", levels=LEVELS), sensor("b", "rain", levels=LEVELS)
    here, there = watch(river, other), watch(other, sensor("river"))
    list(here.evidence(rows(*((n, T0 + i * EVERY, 5.0) for i in range(30) for n in range(2)))))
    state = here.take(0, np.array([0, 1]))
    there.put(0, np.array([1, 0]), state)
    assert repr(there.take(0, np.array([1, 0]))) == repr(state)


def test_a_gauge_that_lost_a_level_learns_with_nobody_however_rows_are_cut() -> None:
    """One level spans nothing, so there is no measure to learn by; what was learnt is kept."""
    air = sensor("air", "pm25", levels=LEVELS)
    one = sensor("river", "river_level", levels=Levels(blue=10.0))
    here, both = watch(sensor("river", "river_level", levels=LEVELS), air), np.arange(2)
    said = [(n, T0 + hour * HOUR, 5.0 + hour % 3) for hour in range(60) for n in range(2)]
    list(here.evidence(rows(*said[:60])))
    state = here.take(0, both)
    after = []
    for size in (1, 7, 60):
        there = watch(one, air)
        there.put(0, both, state)
        for part in range(60, 120, size):
            list(there.evidence(rows(*said[part : part + size])))
        after.append(there.take(0, both)[1][0][0])
    for pools in after:
        assert bytes(pools["river_level"]) == bytes(state[1][0][0]["river_level"])
        assert bytes(pools["pm25"]) == bytes(after[0]["pm25"]) != bytes(state[1][0][0]["pm25"])


@pytest.mark.parametrize("until", [9.98, 10.2], ids=["expected", "crossed"])
def test_a_level_that_was_taken_away_is_neither_crossed_nor_expected(until: float) -> None:
    with_blue, without = LEVELS, Levels(yellow=12.0, orange=14.0, red=16.0)
    here = watch(sensor("river", "river_level", levels=with_blue))
    slowly = np.arange(8.0, until, 0.02).tolist()
    assert {e.level for each in fed(here, *slowly)[-3:] for e in each} == {4}
    there, alone = watch(sensor("river", "river_level", levels=without)), np.array([0])
    there.put(0, alone, here.take(0, alone))
    said = fed(there, 11.9, *np.arange(12.1, 17.0, 0.4), start=T0 + len(slowly) * EVERY)
    assert {e.level for each in said for e in each} == {1, 2, 3}
    assert all(e.expected in (12.0, 14.0, 16.0) for each in said for e in each)


def test_weather_is_heard_though_it_has_no_levels() -> None:
    air = sensor("air", "pm25", levels=Levels(blue=75.0))
    step = watch(air, sensor("wind", "northward_wind"), sensor("deaf", "noise"))
    before = bytes(step.together.take(0, np.arange(3))[1])
    assert list(step.evidence(rows((2, T0, 50.0), (0, T0, 50.0)))) == []
    assert bytes(step.together.take(0, np.arange(3))[1]) == before
    assert list(step.evidence(rows((1, T0, -3.0)))) == []
    assert bytes(step.together.take(0, np.arange(3))[1]) != before


def test_near_its_first_level_a_value_is_asked_about_whatever_its_slope(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    levels = Levels(blue=75.0, orange=150.0)
    step = watch(sensor("air", "pm25", levels=levels), sensor("r", "river_level", levels=levels))
    asked: list[bool] = []
    observe = step.together.observe

    def noted(told: Readings, near: NDArray[np.bool_]) -> Learnt:
        asked.extend(near.tolist())
        return observe(told, near)

    monkeypatch.setattr(step.together, "observe", noted)
    for beat, value in enumerate((74.0, 60.0, 53.0, 52.0)):  # falling
        list(step.evidence(rows(*((n, T0 + beat * EVERY, value) for n in range(2)))))
    assert asked == [True, False, True, False, True, False, False, False]


def test_until_the_worst_level_is_said_to_be_reached_it_is_expected() -> None:
    """Two readings cross it; else the warning would be eased between the two."""
    said = rising(watch(sensor("a", "river_level", levels=LEVELS)), LEVELS.red + 1)
    worst = [min((e.level for e in each), default=5) for each in said]
    assert worst[-1] == 1
    first = worst.index(1)
    assert {*worst[first:]} == {1}
    (onset,) = {e.onset is None for e in said[-1] if e.level == 1}
    assert onset
