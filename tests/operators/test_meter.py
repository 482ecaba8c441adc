"""What is measured is measured by the clock it was given, and nothing else is."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.meter import BOUNDS_US, Histogram, Meter


def ticking(*times: int) -> Callable[[], int]:
    following = iter(times)
    return lambda: next(following)


def test_every_lap_is_the_time_since_the_one_before() -> None:
    meter = Meter(ticking(100, 107, 110, 1000, 1001))
    meter.start()
    meter.lap("decode")
    meter.lap("screen")
    meter.start()
    meter.lap("decode")
    totals = {name: (h.count, h.total_us) for name, h in meter.steps.items()}
    assert totals == {"decode": (2, 8), "screen": (1, 3)}


def test_now_is_the_time_of_the_last_lap() -> None:
    meter = Meter(ticking(100, 107))
    meter.start()
    assert meter.now_us() == 100
    meter.lap("decode")
    assert meter.now_us() == 107


def test_without_a_clock_nothing_is_measured() -> None:
    meter = Meter()
    meter.start()
    meter.lap("decode")
    assert (meter.steps, meter.now_us()) == ({}, 0)


def test_bounds_go_up_four_a_decade() -> None:
    assert list(BOUNDS_US) == sorted(set(BOUNDS_US))
    assert (BOUNDS_US[0], BOUNDS_US[-1]) == (1, 10_000_000)
    for lower, upper in zip(BOUNDS_US[8:], BOUNDS_US[12:], strict=False):
        assert upper == pytest.approx(10 * lower, rel=0.01)


@given(st.lists(st.integers(0, 20_000_000), max_size=40))
def test_every_duration_is_in_the_bucket_of_the_bound_it_reaches(durations: list[int]) -> None:
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)
    assert (histogram.count, histogram.total_us) == (len(durations), sum(durations))
    below = 0
    for bound, count in zip(BOUNDS_US, histogram.buckets, strict=False):
        below += count
        assert below == sum(duration <= bound for duration in durations)
    assert sum(histogram.buckets) == len(durations)
