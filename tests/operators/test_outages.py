"""Who went quiet, told once; who came back, told once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.outages import GRACE, OutageWatch

SECOND = 1000
EVERY = np.array([60 * SECOND, 60 * SECOND, 600 * SECOND])
LIMIT = int(GRACE * 60 * SECOND)


ALL = np.arange(3)


def heard(watch: OutageWatch, *pairs: tuple[int, int], readings: int = 1) -> list[int]:
    sensors, times = zip(*pairs, strict=True)
    counts = np.full(len(sensors), readings, np.int64)
    return list(watch.heard(np.array(sensors, np.intp), np.array(times, np.int64), counts).tolist())


def tick(watch: OutageWatch, now_ms: int, sensors: np.ndarray = ALL) -> list[int]:
    return list(watch.tick(now_ms, sensors, EVERY).tolist())


def test_an_outage_is_told_once_and_its_end_once() -> None:
    #  0        GRACE x 60 s
    #  |----------------|x-----back------|
    watch = OutageWatch()
    last = 60_000
    assert heard(watch, (0, 0), (1, 0), (2, 0)) == []
    assert heard(watch, (0, last), (1, last), (2, last)) == []
    limit = last + LIMIT
    assert heard(watch, (1, limit)) == []
    assert tick(watch, limit) == []
    assert tick(watch, limit + 1) == [0]
    assert tick(watch, limit + 2) == []
    assert watch.quiet.tolist() == [True, False, False]
    assert heard(watch, (0, limit + 4), readings=2) == [0]
    assert heard(watch, (0, limit + 5)) == []
    assert tick(watch, limit + 6) == []


def test_a_sensor_slower_than_it_is_said_to_be_is_not_quiet_between_its_readings() -> None:
    watch = OutageWatch()
    hour = 3_600_000
    for number in range(6):
        heard(watch, (0, number * hour))
        assert tick(watch, number * hour + hour - 1) == []
    assert tick(watch, 5 * hour + int(GRACE) * hour + 1) == [0]


def test_who_was_never_heard_cannot_go_quiet() -> None:
    watch = OutageWatch()
    heard(watch, (2, 0))
    assert tick(watch, 10**12) == [2]


def test_how_often_a_sensor_reports_is_learnt_from_how_many_readings_there_were() -> None:
    hour = 3_600_000
    often, seldom = OutageWatch(), OutageWatch()
    for number in range(8):
        heard(often, (0, number * hour), readings=60)
        heard(seldom, (0, number * hour), readings=1)
    now = 7 * hour + LIMIT + 1
    assert tick(often, now) == [0]
    assert tick(seldom, now) == []


def test_what_comes_late_changes_nothing_about_when_it_was_last_heard() -> None:
    watch = OutageWatch()
    heard(watch, (0, 0))
    heard(watch, (0, LIMIT))
    heard(watch, (0, 5))
    assert tick(watch, LIMIT + 1) == []


def test_only_those_asked_for_are_looked_at() -> None:
    watch = OutageWatch()
    heard(watch, (0, 0), (1, 0))
    assert tick(watch, 10**9, np.array([1])) == [1]
    assert tick(watch, 10**9, np.array([0, 1])) == [0]


def test_one_of_which_there_were_no_readings_was_not_heard() -> None:
    watch = OutageWatch()
    heard(watch, (0, 0), (1, 0))
    assert tick(watch, 10**9) == [0, 1]
    assert heard(watch, (1, 10**9), readings=0) == []
    assert watch.quiet[:2].tolist() == [True, True]
    assert watch.last_ms[:2].tolist() == [0, 0]


def test_nothing_heard_changes_nothing() -> None:
    watch, none = OutageWatch(), np.empty(0, np.intp)
    assert watch.heard(none, none, none).tolist() == []
    assert tick(watch, 5) == []
    assert watch.tick(5, none, none).tolist() == []


def test_sensors_go_on_elsewhere_where_they_were() -> None:
    here, there, moved = OutageWatch(), OutageWatch(), np.array([7, 4, 9])
    hour = 3_600_000
    for number in range(4):
        heard(here, (0, number * hour), (1, number * 60_000), (2, 0))
    assert tick(here, 3 * hour) == [1, 2]
    there.put(moved, here.take(ALL))
    every = np.zeros(10, np.int64)
    every[moved] = EVERY
    assert there.quiet[moved].tolist() == [False, True, True]
    for now in (3 * hour + 1, 6 * hour, 40 * hour):
        went = there.tick(now, moved, every).tolist()
        assert went == [moved[n] for n in tick(here, now)]
    assert there.heard(moved, np.full(3, 41 * hour), np.ones(3, np.int64)).tolist() == [7, 4, 9]
    there.put(moved[:0], there.take(moved[:0]))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3_000_000)), max_size=30))
def test_outages_begin_and_end_in_turns(times: list[tuple[int, int]]) -> None:
    watch, quiet = OutageWatch(), set[int]()
    for sensor, time in sorted(times, key=lambda pair: pair[1]):
        began = tick(watch, time)
        assert quiet.isdisjoint(began)
        quiet.update(began)
        ended = heard(watch, (sensor, time))
        assert quiet.issuperset(ended)
        quiet.difference_update(ended)
        assert set(np.flatnonzero(watch.quiet).tolist()) == quiet
