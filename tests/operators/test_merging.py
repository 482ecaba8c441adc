"""A city's window is told when its last shard has finished it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.merging import CityWindow, MergeWindows
from operators.windows import WINDOW_MS, CellSums, ShardWindow
from tests.operators.town import T0

NONE = np.empty(0, np.int64)
EMPTY = CellSums(NONE, NONE, NONE, NONE, NONE, NONE)


def summary(shard: int, number: int) -> ShardWindow:
    end = T0 + number * WINDOW_MS
    return ShardWindow(shard, end, end, EMPTY)


def passed(shard: int, number: float) -> ShardWindow:
    at = T0 + int(number * WINDOW_MS)
    return ShardWindow(shard, at, at)


def told(step: MergeWindows, *items: ShardWindow) -> list[tuple[int, list[int]]]:
    """Windows by number, with the shards in each."""
    return [
        ((w.end - T0) // WINDOW_MS, [shard.shard for shard in w.shards])
        for w in step.on_batch(items)
        if w.shards
    ]


def test_a_window_waits_for_the_slowest_shard() -> None:
    step = MergeWindows(range(2))
    assert told(step, summary(1, 1), summary(1, 2)) == []
    assert told(step, passed(0, 1.5)) == [(1, [1])]
    assert told(step, summary(0, 2)) == [(2, [0, 1])]
    assert told(step, passed(0, 9), passed(1, 9)) == []


def test_time_is_told_once_a_batch_and_is_that_of_the_slowest() -> None:
    step = MergeWindows(range(2))
    *_, last = step.on_batch([passed(0, 7), passed(1, 3), passed(1, 2)])
    assert last == CityWindow(T0 + 3 * WINDOW_MS, T0 + 3 * WINDOW_MS)


def test_shards_go_by_their_numbers() -> None:
    step = MergeWindows([7, 3])
    assert told(step, summary(7, 1)) == []
    assert told(step, summary(3, 1)) == [(1, [3, 7])]


def test_a_summary_that_comes_again_is_left_out() -> None:
    step = MergeWindows(range(2))
    first, again = summary(0, 1), summary(0, 1)._replace(heard=99)
    assert told(step, first, again) == []
    (whole, _) = step.on_batch([summary(1, 1)])
    assert [shard.heard for shard in whole.shards] == [0, 0]
    assert told(step, again, summary(1, 1), passed(1, 5)) == []
    assert told(step, summary(0, 2)) == [(2, [0])], "a shard may be silent in a window"


def test_a_shard_that_ended_is_not_waited_for() -> None:
    step = MergeWindows(range(2))
    assert told(step, passed(0, 1), summary(1, 2)) == []
    assert told(step, passed(0, 1)._replace(last=True)) == [(2, [1])]
    assert told(step, summary(1, 3)) == [(3, [1])]


def test_it_is_over_when_every_shard_has_ended() -> None:
    step = MergeWindows(range(2))
    *_, first = step.on_batch([passed(0, 3)._replace(last=True), passed(1, 1)])
    assert (first.watermark, first.last) == (T0 + WINDOW_MS, False)
    *_, last = step.on_batch([passed(1, 2)._replace(last=True)])
    assert (last.watermark, last.last) == (T0 + 3 * WINDOW_MS, True), "as far as any has come"
    *_, still = step.on_batch([])
    assert still.last


def test_shards_added_since_are_waited_for_too() -> None:
    before, after = MergeWindows(range(2)), MergeWindows(range(3))
    assert told(before, summary(0, 1), summary(0, 2), passed(1, 1)) == [(1, [0])]
    after.restore(before.snapshot())
    assert told(after, passed(1, 2), summary(0, 1)) == []
    assert told(after, summary(2, 2)) == [(2, [0, 2])]


def test_a_shard_that_is_heard_of_later_is_waited_for_from_then_on() -> None:
    step = MergeWindows(range(1))
    assert told(step, summary(0, 1)) == [(1, [0])]
    assert told(step, passed(1, 1), summary(0, 2)) == []
    after = MergeWindows(range(2))
    after.restore(step.snapshot())
    for each in (step, after):
        assert told(each, summary(1, 2)) == [(2, [0, 1])]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=30), st.data())
def test_windows_come_in_order_whole_and_once(
    moves: list[tuple[int, int]], data: st.DataObject
) -> None:
    step, reached = MergeWindows(range(3)), [0, 0, 0]
    got: list[tuple[int, list[int]]] = []
    for shard, by in [*moves, *((shard, 99) for shard in range(3))]:
        to = min(99, reached[shard] + by)
        items = [summary(shard, n) for n in range(reached[shard] + 1, min(to, 8) + 1)]
        reached[shard] = to
        got += told(step, *items, passed(shard, to))
    assert got == [(n, [0, 1, 2]) for n in range(1, 9)]
