"""A person who looks at a sensor sees the hours before, then every reading."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import operators.series
from operators.events import SeriesPoints
from operators.registry import Registry
from operators.screening import BAND, Screened
from operators.series import KEPT, KeepSeries, Watch
from tests.operators.town import T0, cut, rows, sensor, town

TOWN = Registry(town([sensor("a"), sensor("b"), sensor("c")]))


def screened(*told: tuple[int, int, float], expected: float = 10.0) -> Screened:
    size = len(told)
    columns = np.zeros(size), np.full(size, expected), np.full(size, 0.5)
    return Screened(rows(*told), *columns, np.zeros(size, np.int8))


class Series:
    """What is kept, told readings and watches one after the other."""

    def __init__(self) -> None:
        self.step = KeepSeries(TOWN)

    def tell(self, *items: Screened | Watch) -> list[SeriesPoints]:
        return [
            points
            for item in items
            for points in (
                self.step.watch(item) if isinstance(item, Watch) else self.step.keep(item)
            )
        ]


def point(time: int, value: float, expected: float = 10.0) -> tuple[int, float, float, float]:
    return time, value, expected - BAND * 0.5, expected + BAND * 0.5


def test_a_newly_watched_sensor_brings_what_is_kept_then_what_comes() -> None:
    series = Series()
    assert series.tell(screened((0, T0, 1.0), (1, T0, 2.0)), screened((0, T0 + 5, 3.0))) == []
    (kept,) = series.tell(Watch(("a",)))
    assert kept == SeriesPoints("a", (point(T0, 1.0), point(T0 + 5, 3.0)))
    (new,) = series.tell(screened((1, T0 + 9, 7.0), (0, T0 + 9, 4.0)))
    assert new == SeriesPoints("a", (point(T0 + 9, 4.0),))
    assert series.tell(Watch(("a",))) == []


def test_who_is_not_watched_any_more_is_not_told() -> None:
    told = Series().tell(
        Watch(("a",)), screened((0, T0, 1.0)), Watch(()), screened((0, T0 + 1, 2.0))
    )
    assert [series.points[0][0] for series in told] == [T0]


def test_a_sensor_never_heard_or_never_known_brings_nothing() -> None:
    series = Series()
    assert series.tell(Watch(("a", "nobody"))) == []
    series.tell(screened((2, T0, 1.0)))
    assert series.tell(screened((1, T0, 1.0))) == []
    assert series.tell(Watch(("b", "nobody"))) == [SeriesPoints("b", (point(T0, 1.0),))]


@given(st.lists(st.integers(1, 3 * KEPT), min_size=1, max_size=6))
def test_the_last_readings_are_kept_however_they_came(sizes: list[int]) -> None:
    values = [(n % 2, T0 + n, float(n)) for n in range(5 * KEPT)]
    series = Series()
    for part in cut(values, sizes):
        series.tell(screened(*part))
    both = series.tell(Watch(("a", "b")))
    assert [each.sensor for each in both] == ["a", "b"]
    for number, each in enumerate(both):
        mine = [point(time, value) for n, time, value in values if n == number]
        assert list(each.points) == mine[-KEPT:]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators.series, "LIMIT", 1)
    series = Series()
    series.tell(screened((1, T0, 1.0)), screened((0, T0, 1.0), (1, T0, 2.0)))
    assert [each.sensor for each in series.tell(Watch(("a", "b")))] == ["a"]
    (new,) = series.tell(screened((1, T0 + 1, 3.0)))
    assert new == SeriesPoints("b", (point(T0 + 1, 3.0),)), "from now on it is told all the same"


def test_of_sensors_met_later_as_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators.series, "LIMIT", 7)
    known = Registry(town([sensor("s0")]))
    step = KeepSeries(known)
    for met in range(1, 9):
        list(step.keep(screened(*((n, T0 + met, float(n)) for n in range(met)))))
        known.register(sensor(f"s{met}"))
    told = {
        each.sensor: each.points for each in step.watch(Watch(tuple(f"s{n}" for n in range(9))))
    }
    assert sorted(told) == [f"s{n}" for n in range(7)]
    for n in range(7):
        assert told[f"s{n}"] == tuple(point(T0 + met, float(n)) for met in range(n + 1, 9))


def test_a_sensor_in_warm_up_has_no_range() -> None:
    series = Series()
    series.tell(screened((0, T0, 1.0), expected=float("nan")))
    (told,) = series.tell(Watch(("a",)))
    assert told.points[0][:2] == (T0, 1.0)
    assert np.isnan(told.points[0][2:]).all()
