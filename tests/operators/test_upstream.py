"""What is on its way down a river is told to gauges of one shard, and to nobody else."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.arriving import Arriving
from models.level_forecast import HORIZONS_S
from models.row_bank import Positions
from operators.events import Levels, Line, Readings
from operators.levels import WatchLevels
from operators.registry import Registry
from operators.upstream import NOWHERE, OnItsWay, Upstream
from tests.operators.town import LAT, LON, T0, rows, sensor, town

RIVER = Line("river", "Lan", [(LON - 0.2, LAT), (LON + 0.5, LAT)])
LEVELS = Levels(blue=10.0, red=16.0)
QUARTER = 900_000
GAUGES = (
    sensor("up", "river_level", at_m=(0, 0)),
    sensor("down", "river_level", at_m=(8000, 0), levels=LEVELS),
)
RAIN = sensor("rain", "rain", levels=LEVELS)


def upstream(*sensors, lines=(RIVER,)) -> Upstream:
    return Upstream(Registry(town(sensors, lines=lines)))


def feed(numbers, beats: int, start: int = 0) -> Readings:
    rng = np.random.default_rng(2)
    waves = 5 + np.convolve(rng.normal(0, 1, 900), np.exp(-np.arange(30) / 6), "same")
    told = [
        (number, T0 + beat * QUARTER, round(float(waves[beat + 4 - 4 * nth]), 3))
        for beat in range(start, start + beats)
        for nth, number in enumerate(numbers)
    ]
    return rows(*told)


def observed(step: Upstream, readings: Readings) -> OnItsWay:
    return step.observe(readings, readings.value)


def test_only_gauges_with_company_are_heard_with_levels_or_not() -> None:
    step = upstream(*GAUGES, RAIN)
    assert step.hears(np.array([0, 1, 2, 9])).tolist() == [True, True, False, False]
    coming = observed(step, rows((2, T0, 1.0), (1, T0, 2.0)))
    assert coming.position.tolist() == [NOWHERE, 0]
    assert coming.of(np.array([0])) is None
    both = coming.of(np.array([0, 1]))
    assert both is not None
    assert both.shift.shape == (2, len(HORIZONS_S))


def test_without_a_river_or_levels_nobody_is_heard() -> None:
    free = sensor("free", "river_level", at_m=(8000, 0))
    for step in (upstream(*GAUGES, lines=()), upstream(GAUGES[0], free)):
        assert not step.hears(np.arange(2)).any()
        assert observed(step, feed((0, 1), 3)).of(np.arange(6)) is None


def test_gauges_of_other_shards_are_not_listened_to() -> None:
    together, apart = upstream(*GAUGES), upstream(*GAUGES)
    readings = feed((0, 1), 600)
    one = observed(together, readings)
    two = observed(apart, readings._replace(shard=readings.sensor))
    mine = np.flatnonzero(readings.sensor == 1)
    assert np.abs(one.arriving.shift[mine]).max() > 0
    assert (one.arriving.shift[mine] != two.arriving.shift[mine]).any()


def test_a_shard_goes_on_elsewhere_under_another_number() -> None:
    here, there = upstream(*GAUGES), upstream(RAIN, GAUGES[1], GAUGES[0])
    observed(here, feed((0, 1), 400))
    there.put(3, np.array([2, 1]), here.take(np.array([0, 1])))
    expected = observed(here, feed((0, 1), 50, 400))
    rest = feed((2, 1), 50, 400)
    got = observed(there, rest._replace(shard=np.full_like(rest.shard, 3)))
    np.testing.assert_array_equal(got.arriving.change, expected.arriving.change)


def test_where_its_company_has_changed_a_gauge_starts_anew() -> None:
    here = upstream(*GAUGES)
    there = upstream(sensor("other", "river_level", at_m=(0, 0)), GAUGES[1])
    gone = upstream(*GAUGES, lines=())
    observed(here, feed((0, 1), 400))
    down = np.array([1])
    state, fresh = here.take(down), there.take(down)[2]
    for step in (there, gone):
        step.put(0, down, state)
    assert there.take(down)[2] == fresh
    none = np.empty(0, np.intp)
    here.put(0, none, here.take(none))


def test_water_on_its_way_makes_a_level_worth_asking_for() -> None:
    step = upstream(*GAUGES)
    readings = rows((1, T0, 9.0))
    told = Arriving.nothing(1)
    coming = OnItsWay(np.array([0]), told)
    assert not step.close(readings, readings.value, coming).any()
    told.shift[:], told.change[:] = 0.6, 0.6
    assert step.close(readings, readings.value, coming).all()


@pytest.mark.parametrize("coming", [False, True])
def test_water_on_its_way_is_reason_enough_to_ask(
    monkeypatch: pytest.MonkeyPatch, coming: bool
) -> None:
    step = WatchLevels(Registry(town(GAUGES, lines=(RIVER,))))
    asked, crossing = list[int](), step.forecast.crossing

    def noted(sensors: Positions, *more: Any) -> Any:
        asked.extend(sensors.tolist())
        return crossing(sensors, *more)

    def close(told: Readings, *_: Any) -> NDArray[np.bool_]:
        return np.full(len(told.sensor), coming)

    monkeypatch.setattr(step.forecast, "crossing", noted)
    monkeypatch.setattr(step.upstream, "close", close)
    for beat in range(12):
        list(step.evidence(rows((1, T0 + beat * QUARTER, 1.0))))
    assert len(asked) == (12 if coming else 0)


@pytest.mark.parametrize("size", [1, 37])
def test_the_cut_changes_nothing_in_what_is_told_of_levels(size: int) -> None:
    readings = feed((0, 1), 500)
    readings = readings._replace(value=readings.value + 3.0)
    whole, parts = (WatchLevels(Registry(town(GAUGES, lines=(RIVER,)))) for _ in range(2))
    expected = [said for _, said in sorted(whole.evidence(readings), key=lambda each: each[0])]
    got = []
    for n in range(0, 1000, size):
        part = readings.take(slice(n, n + size))
        got += [said for _, said in sorted(parts.evidence(part), key=lambda each: each[0])]
    assert got == expected
    assert {said.channel for said in got} == {"level", "forecast"}
