"""It gets where it is to go, never faster than it may, however often one asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.gradual import DAY_MS, Gradual

AIMS = st.lists(st.tuples(st.integers(0, 5 * DAY_MS), st.floats(-1, 1)), max_size=12)


@given(AIMS)
def test_it_moves_no_faster_than_it_may(steps: list[tuple[int, float]]) -> None:
    way, now = Gradual(0.2), 0
    for wait, aim in steps:
        before = way.at(now, aim)
        for part in (wait // 3, wait):
            assert abs(way.at(now + part, aim) - before) <= 0.2 * part / DAY_MS + 1e-9
        now += wait
        way.settle(now, aim)


@given(st.floats(-1, 1), st.lists(st.integers(0, DAY_MS), max_size=8))
def test_settling_on_the_way_changes_nothing(aim: float, stops: list[int]) -> None:
    straight, stopping, now = Gradual(0.2), Gradual(0.2), 0
    for wait in stops:
        now += wait
        stopping.settle(now, aim)
    assert stopping.at(now + DAY_MS, aim) == pytest.approx(straight.at(now + DAY_MS, aim))


def test_it_stays_where_it_has_arrived_and_turns_back() -> None:
    way = Gradual(0.2)
    way.settle(9 * DAY_MS, 1.0)
    assert way.at(99 * DAY_MS, 1.0) == 1.0
    assert way.at(11 * DAY_MS, 0.0) == pytest.approx(0.6)


def test_time_does_not_go_back() -> None:
    way = Gradual(0.2, since_ms=DAY_MS)
    way.settle(2 * DAY_MS, 1.0)
    way.settle(DAY_MS, -1.0)
    assert way.at(0, -1.0) == way.value == pytest.approx(0.2)
    assert way.since_ms == 2 * DAY_MS
