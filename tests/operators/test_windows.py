"""A window's summary depends on the readings in it and on nothing else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.events import HAZARDS, Text
from operators.outages import GRACE
from operators.registry import Registry
from operators.screening import Screened
from operators.windows import MILLI, ODD, SILENT, TOP, WINDOW_MS, ShardWindow, SummariseShard, Top
from tests.operators.town import MINUTE, T0, cut, rows, sensor, town

TOWN = town(
    [
        sensor("r", "river_level", name=Text("Bridge", "桥")),
        sensor("a", "noise"),
        sensor("b", "noise"),
        sensor("w", "street_water", at_m=(5000, 0)),
        sensor("slow", "pm25", at_m=(5000, 0), interval_s=3600.0),
    ]
)
Scored = tuple[int, int, float, float]
"""Sensor, time, value, surprisal."""


def screened(told: list[Scored], watermark: int, shard: int = 0) -> Screened:
    surprisal = np.array([row[3] for row in told])
    values = np.array([row[2] for row in told])
    return Screened(
        shard,
        rows(*(row[:3] for row in told)),
        surprisal,
        values - 1,
        np.ones(len(told)),
        watermark,
    )


def summed(*items: Screened, step: SummariseShard | None = None) -> list[ShardWindow]:
    step = step or SummariseShard(Registry(TOWN))
    return [w for item in items for w in step.on_batch([item]) if w.cells is not None]


def as_plain(window: ShardWindow) -> tuple[Any, ...]:
    assert window.cells is not None
    return (
        window.shard,
        window.end,
        window.watermark,
        [column.tolist() for column in window.cells],
        window.kinds,
        window.top,
        window.quiet.tolist(),
        window.newly_quiet.tolist(),
        window.heard,
        window.landmark,
    )


def test_a_window_closes_when_the_watermark_reaches_its_end() -> None:
    # T0            +1 window      +2
    #  |--a----b---r----|--w-----------|
    step = SummariseShard(Registry(TOWN))
    told = [
        (1, T0, 60.0, 0.5),
        (2, T0 + 5, 61.0, 2.5),
        (0, T0 + 9, 4.0, 0.0),
        (3, T0 + WINDOW_MS, 9.0, 6.0),
    ]
    assert summed(screened(told, T0 + WINDOW_MS - 1), step=step) == []
    (first,) = summed(screened([], T0 + WINDOW_MS), step=step)
    assert (first.end, first.watermark, first.shard) == (T0 + WINDOW_MS, T0 + WINDOW_MS, 0)
    assert (first.heard, first.quiet.tolist(), first.newly_quiet.tolist()) == (3, [], [])
    assert {name: sums[0] for name, sums in first.kinds.items()} == {"river_level": 1, "noise": 2}
    assert first.kinds["noise"][:4] == (2, T0 + 5, 121.0, 119.0)
    (second,) = summed(screened([], T0 + 2 * WINDOW_MS), step=step)
    assert second.kinds.keys() == {"street_water"}


def test_cells_sum_up_by_hazard_and_count_a_sensor_once_with_its_worst() -> None:
    told = [(1, T0, 1.0, 0.25), (1, T0 + 1, 1.0, ODD), (1, T0 + 2, 1.0, 1.0), (2, T0, 1.0, np.nan)]
    told += [(0, T0, 1.0, 0.5), (3, T0, 1.0, 99.0)]
    (window,) = summed(screened(told, T0 + WINDOW_MS))
    assert window.cells is not None
    names, columns = Registry(TOWN).columns.cell_names, []
    for cell, hazard, *figures in zip(*(c.tolist() for c in window.cells), strict=True):
        columns.append((names[cell] == names[0], HAZARDS[hazard], *figures))
    odd = int(ODD * MILLI)
    assert sorted(columns) == [
        (False, "waterlogging", 1, 1, 10 * MILLI, 10 * MILLI),
        (True, "flood", 1, 0, 500, 500),
        (True, "noise", 2, 1, odd, odd),
    ]


def test_warm_up_is_counted_but_not_scored() -> None:
    (window,) = summed(screened([(1, T0, 60.0, np.nan), (2, T0, 62.0, 1.0)], T0 + WINDOW_MS))
    kind = window.kinds["noise"]
    assert (kind.readings, kind.scored, kind.value, kind.expected) == (2, 1, 122.0, 61.0)


def test_the_top_names_each_sensor_once_the_worst_first() -> None:
    many = town([sensor(f"s-{n:02d}", "noise") for n in range(TOP + 3)])
    told = [(0, T0 + n, 90.0 + n, 9.0 - n / 1000) for n in range(40)]  # one that reports often
    told += [(n, T0, 70.0, float(n % 4)) for n in range(1, TOP + 3)]
    (window,) = summed(screened(told, T0 + WINDOW_MS), step=SummariseShard(Registry(many)))
    assert window.top[0] == Top(0, 90.0, 89.0, 9.0)
    assert [top.sensor for top in window.top] == [0, 3, 7, 2, 6, 1]
    calm = summed(screened([(0, T0, 1.0, 0.0), (1, T0, 1.0, np.nan)], T0 + WINDOW_MS))
    assert calm[0].top == ()


def test_the_river_is_what_its_gauge_said_last() -> None:
    (window,) = summed(screened([(0, T0, 4.0, 0.0), (0, T0 + 5, 4.5, 0.0)], T0 + WINDOW_MS))
    assert window.landmark is not None
    assert window.landmark["value"] == 4.5
    assert window.landmark["name"] == Text("Bridge", "桥")
    (window,) = summed(screened([(1, T0, 60.0, 0.0)], T0 + WINDOW_MS))
    assert window.landmark is None


def test_silence_is_summed_up_for_an_hour_and_names_who_is_quiet() -> None:
    before = T0 - WINDOW_MS
    told = [(1, before, 60.0, 0.0), (4, before, 9.0, 0.0), (1, T0, 60.0, 0.0), (4, T0, 9.0, 0.0)]
    windows = summed(screened(told, T0 + 100 * WINDOW_MS))
    assert [w.end for w in windows] == [T0 + n * WINDOW_MS for n in range(SILENT + 2)]
    began = next(w for w in windows if w.newly_quiet.size)
    assert began.newly_quiet.tolist() == [1]
    assert began.end == T0 + (int(GRACE) + 1) * WINDOW_MS
    assert [w.quiet.tolist() for w in windows if w.end < began.end] == [[]] * (int(GRACE) + 1)
    assert all(w.quiet.tolist() == [1] for w in windows if w.end >= began.end)
    assert all(w.newly_quiet.size == 0 for w in windows if w.end > began.end)
    assert {w.heard for w in windows} == {2}


def test_a_sensor_that_comes_back_is_not_quiet_any_more() -> None:
    step = SummariseShard(Registry(TOWN))
    summed(screened([(1, T0, 60.0, 0.0)], T0 + 10 * WINDOW_MS), step=step)
    back = summed(screened([(1, T0 + 20 * WINDOW_MS, 60.0, 0.0)], T0 + 22 * WINDOW_MS), step=step)
    assert back[-1].end == T0 + 22 * WINDOW_MS
    assert back[-2].quiet.tolist() == []


def test_before_the_first_reading_there_are_no_windows() -> None:
    step = SummariseShard(Registry(TOWN))
    (only,) = step.on_batch([screened([], T0 + 50 * WINDOW_MS, shard=2)])
    assert (only.shard, only.watermark, only.cells) == (2, T0 + 50 * WINDOW_MS, None)


_told = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 20 * WINDOW_MS),
        st.integers(-5, 5).map(float),
        st.sampled_from([0.0, 0.3, 1.1, ODD, 7.7, np.nan]),
    ),
    max_size=40,
)


@given(_told, st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 30))
def test_any_batching_gives_the_same_windows(
    told: list[Scored], sizes: list[int], extra: int
) -> None:
    ordered = sorted(((s, T0 + t, v, x) for s, t, v, x in told), key=lambda row: row[1])
    end = T0 + 45 * WINDOW_MS

    def run(*cuts: int) -> list[tuple[Any, ...]]:
        items, done = [], 0
        for part in cut(ordered, cuts):
            done += len(part)
            behind = ordered[done][1] if done < len(ordered) else end
            items.append(screened(list(part), behind))
            items.append(screened([], min(end, behind + (extra if done == len(ordered) else 0))))
        return [as_plain(window) for window in summed(*items, screened([], end))]

    whole = run(1000)
    assert run(*sizes) == whole
    assert [w[1] for w in whole] == sorted({w[1] for w in whole})
    counted = sum(kind.readings for w in whole for kind in w[4].values())
    assert counted == len(told)


def test_time_goes_on_when_nothing_closes() -> None:
    step = SummariseShard(Registry(TOWN))
    (only,) = step.on_batch([screened([(1, T0, 1.0, 0.0)], T0 + MINUTE)])
    assert (only.end, only.watermark, only.cells) == (T0 + MINUTE, T0 + MINUTE, None)


@pytest.mark.parametrize("late", [1, 3])
def test_a_prompt_reading_of_a_closed_window_is_counted_in_the_next(late: int) -> None:
    step = SummariseShard(Registry(TOWN))
    summed(
        screened([(1, T0 + late * WINDOW_MS, 60.0, 0.0)], T0 + (late + 1) * WINDOW_MS), step=step
    )
    windows = summed(
        screened([(2, T0, 60.0, 0.0)], T0 + (late + 1) * WINDOW_MS),
        screened([], T0 + (late + 2) * WINDOW_MS),
        step=step,
    )
    assert [w.kinds["noise"].readings for w in windows if w.kinds] == [1]
