"""A window's summary depends on the readings in it and on nothing else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.event_clock import NEVER
from operators.events import HAZARDS, Readings, Text
from operators.homes import Homes
from operators.outages import GRACE
from operators.registry import Registry
from operators.screening import Screened
from operators.windows import (
    MILLI,
    ODD,
    SILENT,
    TOP,
    WINDOW_MS,
    ShardWindow,
    SummariseShards,
    Top,
    _distinct,
)
from tests.operators.town import HOUR, MINUTE, T0, cut, row_batch, rows, sensor, town

SENSORS = [
    sensor("r", "river_level", name=Text("Bridge", "桥")),
    sensor("a", "noise"),
    sensor("b", "noise"),
    sensor("w", "street_water", at_m=(5000, 0)),
    sensor("slow", "pm25", at_m=(5000, 0), interval_s=3600.0),
]
TOWN = town(SENSORS)
Scored = tuple[int, int, float, float]
"""Sensor, time, value, surprisal."""


def screened(told: list[Scored], shard: int | list[int] = 0) -> Screened:
    surprisal = np.array([row[3] for row in told])
    values = np.array([row[2] for row in told])
    readings = rows(*(row[:3] for row in told), shard=shard)
    channel = np.zeros(len(told), np.int8)
    return Screened(readings, surprisal, values - 1, np.ones(len(told)), channel)


class Summing:
    """Windows of one or more shards, each told how far it has come."""

    def __init__(self, *sensors: Any, shards: int = 1) -> None:
        self.registry = Registry(town(sensors) if sensors else TOWN)
        self.homes = Homes(shards)
        self.step = SummariseShards(self.registry, self.homes)

    def tell(
        self,
        told: list[Scored],
        *watermarks: int,
        shard: int | list[int] = 0,
        impossible: Readings | None = None,
    ) -> list[ShardWindow]:
        scored = screened(told, shard)
        if impossible is not None:
            scored = scored._replace(impossible=impossible)
        self.homes.note(scored.rows.sensor, scored.rows.shard)
        return list(self.step.sum_up(scored, row_batch(scored.rows, *watermarks)))


def summed(told: list[Scored], watermark: int, **more: Any) -> list[ShardWindow]:
    return Summing().tell(told, watermark, **more)


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
    step = Summing()
    told = [
        (1, T0, 60.0, 0.5),
        (2, T0 + 5, 61.0, 2.5),
        (0, T0 + 9, 4.0, 0.0),
        (3, T0 + WINDOW_MS, 9.0, 6.0),
    ]
    assert step.tell(told, T0 + WINDOW_MS - 1) == []
    (first,) = step.tell([], T0 + WINDOW_MS)
    assert (first.end, first.watermark, first.shard) == (T0 + WINDOW_MS, T0 + WINDOW_MS, 0)
    assert (first.heard, first.quiet.tolist(), first.newly_quiet.tolist()) == (3, [], [])
    assert {name: sums[0] for name, sums in first.kinds.items()} == {"river_level": 1, "noise": 2}
    assert first.kinds["noise"][:4] == (2, T0 + 5, 121.0, 119.0)
    (second,) = step.tell([], T0 + 2 * WINDOW_MS)
    assert second.kinds.keys() == {"street_water"}


def test_cells_sum_up_by_hazard_and_count_a_sensor_once_with_its_worst() -> None:
    told = [(1, T0, 1.0, 0.25), (1, T0 + 1, 1.0, ODD), (1, T0 + 2, 1.0, 1.0), (2, T0, 1.0, np.nan)]
    told += [(0, T0, 1.0, 0.5), (3, T0, 1.0, 99.0)]
    (window,) = summed(told, T0 + WINDOW_MS)
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
    (window,) = summed([(1, T0, 60.0, np.nan), (2, T0, 62.0, 1.0)], T0 + WINDOW_MS)
    kind = window.kinds["noise"]
    assert (kind.readings, kind.scored, kind.value, kind.expected) == (2, 1, 122.0, 61.0)


def test_the_top_names_each_sensor_once_the_worst_first() -> None:
    numbers = range(1, 2 * TOP)
    many = Summing(*(sensor(f"s-{n:02d}", "noise") for n in range(2 * TOP)))
    told = [(0, T0 + n, 90.0 + n, 9.0 - n / 1000) for n in range(40)]  # one that reports often
    told += [(n, T0, 70.0, float(n % 4)) for n in numbers]
    (window,) = many.tell(told, T0 + WINDOW_MS)
    assert window.top[0] == Top(0, 90.0, 89.0, 9.0)
    ranked = sorted(numbers, key=lambda n: (-(n % 4), n))
    assert [top.sensor for top in window.top] == [0, *ranked][:TOP]
    calm = summed([(0, T0, 1.0, 0.0), (1, T0, 1.0, np.nan)], T0 + WINDOW_MS)
    assert calm[0].top == ()


def test_the_river_is_what_its_gauge_said_last() -> None:
    (window,) = summed([(0, T0, 4.0, 0.0), (0, T0 + 5, 4.5, 0.0)], T0 + WINDOW_MS)
    assert window.landmark == {
        "value": 4.5,
        "unit": "m",
        "name": Text("Bridge", "桥"),
        "trend": None,
    }
    (window,) = summed([(1, T0, 60.0, 0.0)], T0 + WINDOW_MS)
    assert window.landmark is None


def test_silence_is_summed_up_for_an_hour_and_names_who_is_quiet() -> None:
    before = T0 - WINDOW_MS
    told = [(1, before, 60.0, 0.0), (4, before, 9.0, 0.0), (1, T0, 60.0, 0.0), (4, T0, 9.0, 0.0)]
    windows = summed(told, T0 + 100 * WINDOW_MS)
    assert [w.end for w in windows] == [T0 + n * WINDOW_MS for n in range(SILENT + 2)]
    began = next(w for w in windows if w.newly_quiet.size)
    assert began.newly_quiet.tolist() == [1]
    assert began.end == T0 + (int(GRACE) + 1) * WINDOW_MS
    assert [w.quiet.tolist() for w in windows if w.end < began.end] == [[]] * (int(GRACE) + 1)
    assert all(w.quiet.tolist() == [1] for w in windows if w.end >= began.end)
    assert all(w.newly_quiet.size == 0 for w in windows if w.end > began.end)
    assert {w.heard for w in windows} == {2}


def test_that_a_sensor_heard_once_is_quiet_is_no_news() -> None:
    """It may report once a day, whatever the city file says."""
    often = [(1, T0 + n * WINDOW_MS, 60.0, 0.0) for n in range(2)]
    windows = summed([(2, T0, 60.0, 0.0), *often], T0 + 100 * WINDOW_MS)
    assert {int(n) for window in windows for n in window.newly_quiet} == {1}
    assert windows[-1].quiet.tolist() == [1, 2]


def test_a_sensor_that_comes_back_is_not_quiet_any_more() -> None:
    step = Summing()
    step.tell([(1, T0, 60.0, 0.0)], T0 + 10 * WINDOW_MS)
    back = step.tell([(1, T0 + 20 * WINDOW_MS, 60.0, 0.0)], T0 + 22 * WINDOW_MS)
    assert back[-1].end == T0 + 22 * WINDOW_MS
    assert back[-2].quiet.tolist() == []


def test_who_falls_silent_is_judged_only_as_far_as_all_have_come_together() -> None:
    #          together              |     the end, as one clock ahead has it
    #  a b  a b  a b  a b  a b  a b  |                                      b
    step, together = Summing(), T0 + 2 * WINDOW_MS
    told = [(s, t, 1.0, 0.0) for t in range(T0, together, MINUTE) for s in (1, 2)]
    scored = screened([*told, (2, together + HOUR, 1.0, 0.0)])
    step.homes.note(scored.rows.sensor, scored.rows.shard)
    batch = row_batch(scored.rows, together + HOUR + 1)
    ended = batch._replace(reached=np.array([together]), ended=frozenset({0}))
    windows = list(step.step.sum_up(scored, ended))
    assert windows[-1].end == together + HOUR
    assert not any(window.quiet.size for window in windows)


def test_before_the_first_reading_there_are_no_windows() -> None:
    step = Summing(shards=3)
    assert step.tell([], *[T0 + 50 * WINDOW_MS] * 3) == []
    later = [T0 + 60 * WINDOW_MS] * 3
    told = step.tell([(1, T0 + 51 * WINDOW_MS, 60.0, 0.0)], *later, shard=2)
    assert {w.shard for w in told} == {2}


def test_readings_of_impossible_values_are_counted_by_kind_once_their_time_has_come() -> None:
    step = Summing()
    bad = rows((1, T0, -5.0), (2, T0 + 1, 1e9), (3, T0 + WINDOW_MS, -9.0))
    (first,) = step.tell([(0, T0, 4.0, 0.0)], T0 + WINDOW_MS, impossible=bad)
    assert first.rejected == {"noise": 2}
    (second,) = step.tell([], T0 + 2 * WINDOW_MS)
    assert second.rejected == {"noise": 2, "street_water": 1}, "since the shard began"


def test_a_shard_that_tells_nothing_but_impossible_values_is_summed_up() -> None:
    step = Summing()
    assert step.tell([], T0, impossible=rows((1, T0, -5.0))) == []
    later = rows((1, T0 + 2 * WINDOW_MS, -5.0), (2, T0 + 2 * WINDOW_MS, 1e9))
    told = step.tell([], T0 + 4 * WINDOW_MS, impossible=later)
    assert [(w.end - T0) // WINDOW_MS for w in told] == [1, 2, 3, 4]
    assert [w.rejected for w in told] == [{"noise": 1}, {"noise": 1}, {"noise": 3}, {"noise": 3}]
    assert step.step._impossible == {}, "nothing is kept of a window that is closed"


def test_of_a_closed_window_nothing_is_kept() -> None:
    step = Summing(shards=2)
    told = [(0, T0, 4.0, 0.0), (1, T0 + 1, 60.0, 0.0)]
    step.tell(told, T0 + WINDOW_MS, T0, shard=[0, 1])
    sensors = np.array([0, 1])
    (_, _, ended, *_), (_, _, opened, *_) = (step.step.take(n, sensors, sensors) for n in (0, 1))
    assert (ended, len(opened)) == ([], 1)
    step.tell([], T0 + WINDOW_MS, T0 + WINDOW_MS)
    assert step.step._open == {}


def test_a_sensor_that_changes_its_shard_counts_in_its_cell_there() -> None:
    step = Summing(shards=2)
    for number, shards in enumerate(([0, 1], [1, 0])):
        at = T0 + number * WINDOW_MS
        told = [(0, at, 4.0, 0.0), (3, at + 1, 1.0, 0.0)]
        summed = step.tell(told, *[at + WINDOW_MS] * 2, shard=shards)
        cells = {w.shard: w.cells.cell.tolist() for w in summed if w.cells is not None}
        home = step.registry.columns.cell
        assert cells == {shards[0]: [home[0]], shards[1]: [home[3]]}


def test_impossible_values_go_with_their_shard() -> None:
    here, there = Summing(shards=2), Summing(shards=3)
    here.tell([], T0, T0, impossible=rows((1, T0, -5.0), shard=1))
    nobody = np.empty(0, np.intp)
    there.step.put(2, nobody, nobody, here.step.take(1, nobody, nobody))
    (window,) = there.tell([], *[T0 + WINDOW_MS] * 3)
    assert (window.shard, window.rejected) == (2, {"noise": 1})


@given(st.lists(st.integers(0, 50) | st.integers(10**6, 10**6 + 9), min_size=1))
def test_windows_are_found_in_order_however_far_apart(numbers: list[int]) -> None:
    found = _distinct(np.array(numbers), min(numbers), max(numbers))
    assert found == sorted(set(numbers))


_told = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 20 * WINDOW_MS),
        st.integers(-5, 5).map(float),
        st.sampled_from([0.0, 0.3, 1.1, ODD, 7.7, np.nan]),
    ),
    max_size=40,
)
END = T0 + 45 * WINDOW_MS


def ordered(told: list[Scored]) -> list[Scored]:
    return sorted(((s, T0 + t, v, x) for s, t, v, x in told), key=lambda row: row[1])


@given(_told, st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 30))
def test_any_batching_gives_the_same_windows(
    told: list[Scored], sizes: list[int], extra: int
) -> None:
    def run(*cuts: int) -> list[tuple[Any, ...]]:
        step, done, windows = Summing(), 0, list[ShardWindow]()
        for part in cut(ordered(told), cuts):
            done += len(part)
            behind = ordered(told)[done][1] if done < len(told) else END
            windows += step.tell(list(part), behind)
            windows += step.tell([], min(END, behind + (extra if done == len(told) else 0)))
        windows += step.tell([], END)
        return [as_plain(window) for window in windows]

    whole = run(1000)
    assert run(*sizes) == whole
    assert [w[1] for w in whole] == sorted({w[1] for w in whole})
    counted = sum(kind.readings for w in whole for kind in w[4].values())
    assert counted == len(told)


@given(_told, st.integers(0, 40))
def test_a_shard_is_summed_up_as_if_it_were_alone_also_when_it_moves(
    told: list[Scored], at: int
) -> None:
    """Sensors 0, 2 and 4 are one shard, 1 and 3 another; the first goes elsewhere half-way."""

    def until(number: int) -> int:
        return ordered(told)[number][1] if number < len(told) else END

    both, moved = Summing(shards=2), Summing(*SENSORS[::-1], sensor("more", "rain"), shards=3)
    halves = ordered(told)[:at], ordered(told)[at:]
    windows: dict[int, list[Any]] = {0: [], 1: []}
    alone: list[Any] = []
    for number, part in enumerate(halves):
        reached = until(at) if number == 0 else END
        for w in both.tell(part, reached, reached, shard=[row[0] % 2 for row in part]):
            windows[w.shard].append(as_plain(w))
        mine = [row for row in part if row[0] % 2 == 0]
        if number == 0:
            first = Summing()
            alone += [as_plain(w) for w in first.tell(mine, reached)]
            sensors = first.homes.sensors(0)
            state = first.step.take(0, sensors, sensors)
            there = np.array([4 - s for s in sensors.tolist()], np.intp)
            moved.homes.note(there, np.full(len(there), 2))
            moved.step.put(2, there, there, state)
        else:
            renamed = [(4 - s, *rest) for s, *rest in mine]
            for w in moved.tell(renamed, NEVER, NEVER, END, shard=2):  # type: ignore[arg-type]
                assert w.shard == 2
                alone.append(renamed_back(moved.registry, w))
    assert [by_name(both.registry, w) for w in windows[0]] == [
        w if isinstance(w, Named) else by_name(both.registry, w) for w in alone
    ]


class Named(tuple[Any, ...]):
    """A window in which sensors and cells go by name."""

    __slots__ = ()


def by_name(registry: Registry, plain: tuple[Any, ...]) -> Named:
    _, end, watermark, cells, kinds, top, quiet, newly, heard, landmark = plain
    names, ids = registry.columns.cell_names, [s.id for s in registry.sensors]
    placed = sorted((names[cell], *rest) for cell, *rest in zip(*cells, strict=True))
    tops = sorted((-t.surprisal, ids[t.sensor], t.value, t.expected) for t in top)
    quiets = [sorted(ids[s] for s in each) for each in (quiet, newly)]
    named = dict(landmark) if landmark else None
    return Named((end, watermark, placed, sorted(kinds.items()), tops, quiets, heard, named))


def renamed_back(registry: Registry, window: ShardWindow) -> Named:
    return by_name(registry, as_plain(window))


def test_time_goes_on_when_nothing_closes() -> None:
    assert Summing().tell([(1, T0, 1.0, 0.0)], T0 + MINUTE) == []


@pytest.mark.parametrize("late", [1, 3])
def test_a_prompt_reading_of_a_closed_window_is_counted_in_the_next(late: int) -> None:
    step = Summing()
    step.tell([(1, T0 + late * WINDOW_MS, 60.0, 0.0)], T0 + (late + 1) * WINDOW_MS)
    windows = step.tell([(2, T0, 60.0, 0.0)], T0 + (late + 1) * WINDOW_MS)
    windows += step.tell([], T0 + (late + 2) * WINDOW_MS)
    assert [w.kinds["noise"].readings for w in windows if w.kinds] == [1]


def test_a_window_stays_open_for_the_shards_that_are_behind() -> None:
    step = Summing(shards=2)
    told = [(1, T0, 60.0, 1.0), (2, T0, 61.0, 2.0)]
    (ahead,) = step.tell(told, T0 + WINDOW_MS, T0, shard=[0, 1])
    assert (ahead.shard, ahead.kinds["noise"].value) == (0, 60.0)
    (behind,) = step.tell([(2, T0 + 9, 1.0, 0.0)], T0 + WINDOW_MS, T0 + WINDOW_MS, shard=1)
    assert (behind.shard, behind.kinds["noise"].value) == (1, 62.0)
    assert [top.sensor for top in behind.top] == [2]
