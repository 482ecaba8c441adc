"""Who went quiet, told once; who came back, told once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.outages import GRACE, OutageWatch

SECOND = 1000
EVERY = np.array([60 * SECOND, 60 * SECOND, 600 * SECOND])
LIMIT = int(GRACE * 60 * SECOND)


def heard(watch: OutageWatch, *pairs: tuple[int, int]) -> list[int]:
    sensors, times = zip(*pairs, strict=True)
    return list(watch.heard(np.array(sensors, np.intp), np.array(times, np.int64)).tolist())


def test_an_outage_is_told_once_and_its_end_once() -> None:
    #  0        GRACE x 60 s
    #  |----------------|x-----back------|
    watch = OutageWatch()
    last = 60_000
    assert heard(watch, (0, 0), (1, 0), (2, 0)) == []
    assert heard(watch, (0, last), (1, last), (2, last)) == []
    limit = last + LIMIT
    assert heard(watch, (1, limit)) == []
    assert watch.tick(limit, EVERY).tolist() == []
    assert watch.tick(limit + 1, EVERY).tolist() == [0]
    assert watch.tick(limit + 2, EVERY).tolist() == []
    assert watch.quiet.tolist() == [True, False, False]
    assert heard(watch, (0, limit + 3), (0, limit + 4)) == [0]
    assert heard(watch, (0, limit + 5)) == []
    assert watch.tick(limit + 6, EVERY).tolist() == []


def test_a_sensor_slower_than_it_is_said_to_be_is_not_quiet_between_its_readings() -> None:
    watch = OutageWatch()
    hour = 3_600_000
    for number in range(6):
        heard(watch, (0, number * hour))
        assert watch.tick(number * hour + hour - 1, EVERY).tolist() == []
    assert watch.tick(5 * hour + int(GRACE) * hour + 1, EVERY).tolist() == [0]


def test_who_was_never_heard_cannot_go_quiet() -> None:
    watch = OutageWatch()
    heard(watch, (2, 0))
    assert watch.tick(10**12, EVERY).tolist() == [2]


def test_a_batch_may_hold_a_sensor_twice_and_out_of_order() -> None:
    watch = OutageWatch()
    heard(watch, (0, LIMIT), (0, 0))
    assert watch.tick(LIMIT + 1, EVERY).tolist() == []


def test_nothing_heard_changes_nothing() -> None:
    watch = OutageWatch()
    assert watch.heard(np.empty(0, np.intp), np.empty(0, np.int64)).tolist() == []
    assert watch.tick(5, EVERY).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3_000_000)), max_size=30))
def test_outages_begin_and_end_in_turns(times: list[tuple[int, int]]) -> None:
    watch, quiet = OutageWatch(), set[int]()
    for sensor, time in sorted(times, key=lambda pair: pair[1]):
        began = watch.tick(time, EVERY).tolist()
        assert quiet.isdisjoint(began)
        quiet.update(began)
        ended = heard(watch, (sensor, time))
        assert quiet.issuperset(ended)
        quiet.difference_update(ended)
        assert set(np.flatnonzero(watch.quiet).tolist()) == quiet
