"""What is counted of a window is exact, shard by shard, and can be carried elsewhere."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.open_window import TOP, KindSums, OpenWindow, Top
from tests.operators.town import T0

Row = tuple[int, int, float, int, float]
"""Sensor, milliseconds into the window, value, shard, surprisal."""
KINDS = ("noise", "rain")
KIND_OF = np.array([0, 0, 1, 1, 0, 0, 0, 0, 0, 0])


def milli(surprisal: float) -> int:
    return round(1000 * min(max(0.0 if np.isnan(surprisal) else surprisal, 0.0), 10.0))


def add(window: OpenWindow, told: list[Row], part: list[int] | None = None) -> OpenWindow:
    sensors, times, values, shards, surprisals = (
        np.array([row[i] for row in told], kind)
        for i, kind in enumerate((np.intp, np.int64, np.float64, np.intp, np.float64))
    )
    columns = sensors, T0 + times, values, shards, surprisals, values - 1, values * 0 + 2.0
    which = np.arange(len(told)) if part is None else np.array(part, np.intp)
    thousandths = np.array([milli(row[4]) for row in told], np.int64)
    window.add(which, columns, thousandths, KIND_OF, len(KINDS), T0)
    return window


def test_a_shard_is_summed_up_by_kind() -> None:
    told = [
        (0, 5, 60.0, 0, 1.0),
        (1, 3, 62.0, 0, np.nan),
        (2, 9, 7.0, 0, 0.0),
        (0, 7, 61.0, 1, 2.0),
    ]
    window = add(OpenWindow(2), told)
    assert window.rows.tolist() == [3, 1]
    assert window.kinds(0, KINDS) == {
        "noise": KindSums(2, T0 + 5, 122.0, 59.0, 2.0, 1),
        "rain": KindSums(1, T0 + 9, 7.0, 6.0, 2.0, 1),
    }
    assert window.kinds(1, KINDS) == {"noise": KindSums(1, T0 + 7, 61.0, 60.0, 2.0, 1)}


def test_only_the_rows_of_the_window_count() -> None:
    told = [(0, 0, 60.0, 0, 1.0), (1, 0, 61.0, 0, 2.0), (2, 0, 7.0, 0, 3.0)]
    window = add(OpenWindow(1), told, [1])
    assert window.rows.tolist() == [1]
    assert window.heard(np.array([0, 1, 2])).tolist() == [(0, 0, 0), (0, 2000, 1), (0, 0, 0)]


def test_a_sensor_is_known_by_its_worst_its_last_and_how_often() -> None:
    told = [(3, 8, 1.0, 0, 0.5), (3, 2, 1.0, 0, 4.25), (3, -(10**12), 1.0, 0, np.nan)]
    window = add(OpenWindow(1), told)
    assert window.heard(np.array([3])).tolist() == [(8, 4250, 3)]


def test_one_only_heard_in_warm_up_is_heard_all_the_same() -> None:
    window = add(OpenWindow(1), [(3, 8, 1.0, 0, np.nan)])
    assert window.heard(np.array([3, 1000]))["readings"].tolist() == [1, 0]


def test_one_that_reports_very_often_is_counted_up_to_a_bound() -> None:
    window = add(OpenWindow(1), [(3, n, 1.0, 0, 0.0) for n in range(66_000)])
    assert window.heard(np.array([3]))["readings"].tolist() == [65_535]


def test_nothing_heard_is_nothing_counted() -> None:
    window = OpenWindow(2)
    none = np.empty(0, np.intp)
    assert (window.kinds(1, KINDS), window.top(1), window.heard(none).tolist()) == ({}, (), [])


_row = st.tuples(
    st.integers(0, 9),
    st.integers(0, 300_000),
    st.integers(-9, 9).map(float),
    st.integers(0, 1),
    st.sampled_from([0.0, 0.5, 1.0, 2.5, 3.0, 9.0, np.nan]),
)


@given(st.lists(_row, max_size=60))
def test_the_top_is_what_sorting_would_give(told: list[Row]) -> None:
    window = add(OpenWindow(2), told)
    for shard in range(2):
        best: dict[int, Top] = {}
        for sensor, _, value, of, surprisal in told:
            if of == shard and surprisal > 0:
                known = best.get(sensor)
                if known is None or surprisal > known.surprisal:
                    best[sensor] = Top(sensor, value, value - 1, surprisal)
        ranked = sorted(best.values(), key=lambda top: (-top.surprisal, top.sensor))
        assert window.top(shard) == tuple(ranked[:TOP])


def whole(window: OpenWindow, shard: int, sensors: np.ndarray) -> tuple[Any, ...]:
    heard, rows = window.heard(sensors).tolist(), int(window.rows[shard])
    return rows, heard, window.kinds(shard, KINDS), window.top(shard)


@given(st.lists(_row, max_size=60), st.integers(0, 60))
def test_the_cut_changes_not_a_bit(told: list[Row], at: int) -> None:
    everybody = np.arange(10)
    one, two = add(OpenWindow(2), told), add(add(OpenWindow(2), told[:at]), told[at:])
    for shard in range(2):
        assert whole(two, shard, everybody) == whole(one, shard, everybody)


@given(st.lists(_row, max_size=60), st.integers(0, 60))
def test_a_shards_part_goes_on_elsewhere_under_other_numbers(told: list[Row], at: int) -> None:
    """Even sensors are the shard's; there they are three more, and kinds are the other way."""
    mine = [(s, t, v, 0, x) for s, t, v, _, x in told if s % 2 == 0]
    here = add(OpenWindow(2), mine[:at])
    here.landmark = 0, 4.5
    here_sensors = np.array([0, 2, 4, 6, 8])
    state = here.take(0, here_sensors, here_sensors, KINDS)
    add(here, mine[at:])
    there, theirs = OpenWindow(3), here_sensors + 3
    there.put(2, theirs, theirs, state, {"rain": 0, "noise": 1, "pm25": 2})
    rest = [(s + 3, t, v, 2, x) for s, t, v, _, x in mine[at:]]
    sensors, times, values, shards, surprisals = (
        np.array([row[i] for row in rest], kind)
        for i, kind in enumerate((np.intp, np.int64, np.float64, np.intp, np.float64))
    )
    columns = sensors, T0 + times, values, shards, surprisals, values - 1, values * 0 + 2.0
    kind_of = np.concatenate([[1] * 3, 1 - KIND_OF])
    thousandths = np.array([milli(row[4]) for row in rest], np.int64)
    there.add(np.arange(len(rest)), columns, thousandths, kind_of, 3, T0)
    assert there.landmark == (2, 4.5)
    expected = whole(here, 0, here_sensors)
    assert there.kinds(2, ("rain", "noise", "pm25")) == expected[2]
    assert [top._replace(sensor=top.sensor - 3) for top in there.top(2)] == list(expected[3])
    assert (int(there.rows[2]), there.heard(theirs).tolist()) == expected[:2]
    assert there.rows.tolist()[:2] == [0, 0]


def test_a_kind_that_is_no_more_is_left_out() -> None:
    here = add(OpenWindow(1), [(0, 0, 60.0, 0, 1.0), (2, 0, 7.0, 0, 1.0)])
    sensors = np.array([0, 2])
    there = OpenWindow(1)
    there.put(0, sensors, sensors, here.take(0, sensors, sensors, KINDS), {"noise": 0})
    assert there.kinds(0, ("noise",)) == {"noise": KindSums(1, T0, 60.0, 59.0, 2.0, 1)}


def test_the_top_names_a_sensor_that_has_left_the_shard() -> None:
    here = add(OpenWindow(1), [(0, 0, 60.0, 0, 1.0), (4, 0, 7.0, 0, 9.0)])
    sensors, named = np.array([0]), np.array([0, 4])
    there = OpenWindow(1)
    state = here.take(0, sensors, named, KINDS)
    there.put(0, sensors, np.array([7, 5]), state, {"noise": 0, "rain": 1})
    assert [top.sensor for top in there.top(0)] == [5, 7]
