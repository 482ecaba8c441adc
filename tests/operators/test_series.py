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
    return Screened(0, rows(*told), np.zeros(size), np.full(size, expected), np.full(size, 0.5), T0)


def point(time: int, value: float, expected: float = 10.0) -> tuple[int, float, float, float]:
    return time, value, expected - BAND * 0.5, expected + BAND * 0.5


def test_a_newly_watched_sensor_brings_what_is_kept_then_what_comes() -> None:
    step = KeepSeries(TOWN)
    assert (
        list(step.on_batch([screened((0, T0, 1.0), (1, T0, 2.0)), screened((0, T0 + 5, 3.0))]))
        == []
    )
    (kept,) = step.on_batch([Watch(("a",))])
    assert kept == SeriesPoints("a", (point(T0, 1.0), point(T0 + 5, 3.0)))
    (new,) = step.on_batch([screened((1, T0 + 9, 7.0), (0, T0 + 9, 4.0))])
    assert new == SeriesPoints("a", (point(T0 + 9, 4.0),))
    assert list(step.on_batch([Watch(("a",))])) == []


def test_who_is_not_watched_any_more_is_not_told() -> None:
    step = KeepSeries(TOWN)
    told = list(
        step.on_batch(
            [Watch(("a",)), screened((0, T0, 1.0)), Watch(()), screened((0, T0 + 1, 2.0))]
        )
    )
    assert [series.points[0][0] for series in told] == [T0]


def test_a_sensor_never_heard_or_never_known_brings_nothing() -> None:
    step = KeepSeries(TOWN)
    assert list(step.on_batch([Watch(("a", "nobody"))])) == []
    step.on_batch([screened((2, T0, 1.0))])
    assert list(step.on_batch([screened((1, T0, 1.0))])) == []


@given(st.lists(st.integers(1, 3 * KEPT), min_size=1, max_size=6))
def test_the_last_readings_are_kept_however_they_came(sizes: list[int]) -> None:
    values = [(n % 2, T0 + n, float(n)) for n in range(5 * KEPT)]
    step = KeepSeries(TOWN)
    for part in cut(values, sizes):
        list(step.on_batch([screened(*part)]))
    both = list(step.on_batch([Watch(("a", "b"))]))
    assert [series.sensor for series in both] == ["a", "b"]
    for number, series in enumerate(both):
        mine = [point(time, value) for n, time, value in values if n == number]
        assert list(series.points) == mine[-KEPT:]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators.series, "LIMIT", 1)
    step = KeepSeries(TOWN)
    list(step.on_batch([screened((1, T0, 1.0)), screened((0, T0, 1.0), (1, T0, 2.0))]))
    assert [series.sensor for series in step.on_batch([Watch(("a", "b"))])] == ["a"]
    (new,) = step.on_batch([screened((1, T0 + 1, 3.0))])
    assert new == SeriesPoints("b", (point(T0 + 1, 3.0),)), "from now on it is told all the same"


def test_a_sensor_in_warm_up_has_no_range() -> None:
    step = KeepSeries(TOWN)
    list(step.on_batch([screened((0, T0, 1.0), expected=float("nan"))]))
    ((series,),) = (list(step.on_batch([Watch(("a",))])),)
    assert series.points[0][:2] == (T0, 1.0)
    assert np.isnan(series.points[0][2:]).all()


def test_a_series_fills_again_after_a_restart() -> None:
    step = KeepSeries(TOWN)
    list(step.on_batch([screened((0, T0, 1.0))]))
    fresh = KeepSeries(TOWN)
    fresh.restore(step.snapshot())
    assert list(fresh.on_batch([Watch(("a",))])) == []
    assert list(fresh.on_batch([screened((0, T0 + 1, 2.0))])) == [
        SeriesPoints("a", (point(T0 + 1, 2.0),))
    ]
