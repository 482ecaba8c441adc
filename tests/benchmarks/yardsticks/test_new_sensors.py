"""New sensors begin when they do, and are shifted as known ones are."""

import numpy as np
import pytest

from benchmarks.yardsticks.new_sensors import KNOWN_H, LASTS, _Sensors, measure
from operators.events import Readings
from operators.registry import Registry
from tests.operators.town import T0, sensor, town

HOUR = 3_600_000
NAMES = [sensor(f"s-{n}", "noise") for n in range(60)]


def sent(size: float) -> tuple[_Sensors, list[tuple[int, int, int, float]]]:
    plan, rows = _Sensors(Registry(town(NAMES)), T0, size, seed=3), []
    for turn in range(int((KNOWN_H + 18) * 12)):
        time = T0 + turn * HOUR // 12
        everybody = np.arange(len(NAMES))
        values = np.full(len(NAMES), 60.0 + turn % 2)  # each jump is one
        got, number = plan.pass_on(Readings(everybody, everybody * 0 + time, values, everybody * 0))
        rows += zip(
            got.sensor.tolist(), got.time.tolist(), number.tolist(), got.value.tolist(), strict=True
        )
    return plan, rows


def test_new_ones_are_silent_until_they_begin_and_count_from_there() -> None:
    plan, rows = sent(30.0)
    assert plan.new.any()
    assert plan.known.any()
    assert not (plan.new & plan.known).any()
    for n in np.flatnonzero(plan.new):
        mine = [(time, number) for which, time, number, _ in rows if which == n]
        assert plan.begins[n] <= mine[0][0] < plan.begins[n] + HOUR // 12
        assert [number for _, number in mine] == list(range(len(mine)))


def test_both_are_shifted_as_long_and_as_far_and_others_are_not() -> None:
    plan, rows = sent(30.0)
    shifted = {n: [v for which, _, _, v in rows if which == n and v > 70] for n in range(60)}
    for n, values in shifted.items():
        assert plan.new[n] or plan.known[n] or not plan.shifted[n]
        assert len(values) == (LASTS if plan.shifted[n] else 0)
        assert values == pytest.approx([90.5] * len(values), abs=0.6)


@pytest.mark.slow
def test_what_is_far_off_is_found_of_new_ones_too() -> None:
    for found in measure(104, 200.0, sensors=700).values():
        assert found.found > found.shifts / 3 > 3
        assert found.wrong < found.readings / 300
