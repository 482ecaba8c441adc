"""Poll size and arrival order change nothing downstream of here."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.counters import Counters
from operators.events import Readings
from operators.ordering import (
    ALLOWED_LATENESS_MS,
    BEYOND,
    NEVER,
    EventClock,
    OrderReadings,
    ShardRows,
    join_readings,
)
from tests.operators.town import HOUR, MINUTE, T0, cut, rows, shard_rows

_times = st.lists(st.integers(T0, T0 + HOUR), max_size=60)
_sizes = st.lists(st.integers(1, 30), min_size=1, max_size=10)


def lateness(times: list[int], sizes: list[int], block: int = 4) -> tuple[list[bool], list[int]]:
    clock, late, watermarks = EventClock(block), list[bool](), [NEVER]
    for part in cut(times, sizes):
        late += clock.late(np.array(part, np.int64)).tolist()
        watermarks.append(clock.watermark)
    clock.close()
    return late, [*watermarks, clock.watermark]


# --- the clock -------------------------------------------------------------------------------


@given(_times, _sizes)
def test_what_is_late_does_not_depend_on_how_the_feed_was_cut(
    times: list[int], sizes: list[int]
) -> None:
    assert lateness(times, sizes)[0] == lateness(times, [1000])[0]


@given(_times, _sizes)
def test_the_watermark_never_recedes(times: list[int], sizes: list[int]) -> None:
    watermarks = lateness(times, sizes)[1]
    assert watermarks == sorted(watermarks)


@given(_times, _sizes)
def test_a_message_behind_the_watermark_is_late(times: list[int], sizes: list[int]) -> None:
    clock = EventClock(4)
    for part in cut(times, sizes):
        watermark = clock.watermark
        late = clock.late(np.array(part, np.int64))
        assert all(late[np.array(part, np.int64) < watermark])


def test_a_feed_in_order_is_never_late() -> None:
    assert not any(lateness(list(range(T0, T0 + HOUR, MINUTE)), [7])[0])


def test_lateness_is_bounded_and_starts_with_the_second_block() -> None:
    #        block of 2        block of 2
    # now    ----- never ----- --- T0 + 1 h ---
    edge = T0 + HOUR - ALLOWED_LATENESS_MS
    times = [T0, T0 + HOUR, edge, edge - 1]
    assert lateness(times, [1], block=2)[0] == [False, False, False, True]


def test_a_few_clocks_ahead_do_not_drag_it() -> None:
    clock = EventClock(64)
    ahead = np.full(15, T0 + 100 * HOUR)  # less than a quarter of a block
    clock.late(np.r_[ahead, np.full(49, T0)])
    assert clock.now == T0
    clock.late(np.r_[np.full(20, T0 + 100 * HOUR), np.full(44, T0)])
    assert clock.now == T0 + 100 * HOUR


def test_an_ended_feed_has_come_as_far_as_its_latest_message() -> None:
    clock = EventClock(64)
    clock.late(np.array([T0 + 5, T0]))
    assert (clock.now, clock.watermark) == (NEVER, NEVER)
    clock.close()
    assert clock.now == T0 + 5
    silent = EventClock()
    silent.late(np.empty(0, np.int64))
    silent.close()
    assert silent.watermark == NEVER


# --- ordered mode ----------------------------------------------------------------------------


def test_joining_parts_keeps_their_order() -> None:
    parts = [rows((0, 2, 1.0)), rows(), rows((1, 1, 2.0), (0, 3, 3.0))]
    assert [column.tolist() for column in join_readings(parts)] == [
        [0, 1, 0],
        [2, 1, 3],
        [1.0, 2.0, 3.0],
    ]
    assert len(join_readings([]).sensor) == 0
    assert join_readings(parts[:1]) is parts[0]


def as_triples(readings: Readings) -> list[tuple[int, int, float]]:
    columns = readings.time.tolist(), readings.sensor.tolist(), readings.value.tolist()
    return list(zip(*columns, strict=True))


def released(step: OrderReadings, batches: list[list[ShardRows]]) -> list[tuple[int, int, float]]:
    return [
        row for batch in batches for out in step.on_batch(batch) for row in as_triples(out.rows)
    ]


_readings = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=40)


@given(_readings, st.integers(0, 10), st.randoms(use_true_random=False), _sizes, _sizes)
def test_any_arrival_in_time_is_released_alike(
    readings: list[tuple[int, int]], delay: int, rng: Any, sizes: list[int], batching: list[int]
) -> None:
    """Shuffled within the lateness, duplicated, and batched in any way."""
    sent = sorted({(T0 + time, sensor, float(sensor + time)) for sensor, time in readings})
    arrivals = [(row[0] + rng.randint(0, delay), row) for row in sent]
    arrivals += [(at + rng.randint(0, delay), row) for at, row in arrivals if rng.random() < 0.3]
    arrived = [row for _, row in sorted(arrivals, key=lambda arrival: arrival[0])]
    polls, done = [], 0
    for part in cut(arrived, sizes):
        done += len(part)
        watermark = min((row[0] for row in arrived[done:]), default=T0 + 1000)
        readings_of_part = rows(*((sensor, time, value) for time, sensor, value in part))
        polls.append(shard_rows(readings_of_part, watermark))
    counters = Counters()
    step = OrderReadings(counters)
    got = released(step, [list(batch) for batch in cut(polls, batching)])
    assert got == sent
    account = counters.account("order")
    assert account.balanced
    assert account.rejected == len(arrived) - len(sent)


def test_a_reading_waits_until_time_has_passed_it() -> None:
    step = OrderReadings(Counters())
    first = shard_rows(rows((0, T0 + 5, 1.0), (0, T0, 2.0)), T0 + 5)
    assert released(step, [[first]]) == [(T0, 0, 2.0)]
    assert released(step, [[shard_rows(rows(), T0 + 5)]]) == []
    assert released(step, [[shard_rows(rows(), T0 + 6)]]) == [(T0 + 5, 0, 1.0)]


def test_of_duplicates_the_first_that_arrived_counts() -> None:
    for batches in ([[0, 1]], [[0], [1]]):
        counters = Counters()
        step = OrderReadings(counters)
        told = [shard_rows(rows((0, T0, 1.0)), T0), shard_rows(rows((0, T0, 9.0)), T0 + 1)]
        assert released(step, [[told[n] for n in batch] for batch in batches]) == [(T0, 0, 1.0)]
        assert counters.account("order").reasons == {"duplicate": 1}


def test_the_watermark_goes_on_even_without_readings() -> None:
    (out,) = OrderReadings(Counters()).on_batch([shard_rows(rows(), T0, 3)])
    assert (out.shard, out.watermark, len(out.rows.sensor)) == (3, T0, 0)


# --- prompt mode -----------------------------------------------------------------------------


def test_prompt_readings_go_on_at_once_but_only_newer_ones() -> None:
    counters = Counters()
    step = OrderReadings(counters, prompt=True)
    arrivals = [
        ([(0, T0, 1.0), (1, T0 + 9, 2.0)], [(T0, 0, 1.0), (T0 + 9, 1, 2.0)]),
        ([(1, T0 + 9, 3.0), (1, T0 + 8, 3.0), (0, T0 + 1, 4.0)], [(T0 + 1, 0, 4.0)]),
        ([(1, T0 + 8, 5.0)], []),
        ([(1, T0 + 9, 5.0)], []),
        ([(7, T0, 5.0), (7, T0, 6.0)], [(T0, 7, 5.0)]),
    ]
    for sent, expected in arrivals:
        assert released(step, [[shard_rows(rows(*sent), NEVER)]]) == expected
    account = counters.account("order")
    assert account == ("order", 9, 4, 0, 5, {"duplicate": 5})


@pytest.mark.parametrize("prompt", [False, True])
def test_nothing_held_is_nothing_lost(prompt: bool) -> None:
    step = OrderReadings(Counters(), prompt)
    twin = OrderReadings(Counters(), prompt)
    twin.restore(step.snapshot())
    assert released(twin, [[shard_rows(rows((0, T0, 1.0)), T0 + 1)]]) == [(T0, 0, 1.0)]


# --- the end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [64, 65, 67, 100, 127])
def test_a_clock_years_ahead_does_not_tell_where_the_feed_ends(before: int) -> None:
    clock = EventClock()
    times = np.arange(before, dtype=np.int64) * MINUTE + T0
    clock.late(np.r_[times, T0 + 70 * 365 * 24 * HOUR])
    clock.close()
    assert clock.now == times[-1]


def test_what_claims_to_be_from_after_the_end_is_rejected_there() -> None:
    counters = Counters()
    step = OrderReadings(counters)
    ahead = shard_rows(rows((0, T0, 1.0), (1, T0 + 70 * 365 * 24 * HOUR, 2.0)), T0)
    assert released(step, [[ahead]]) == []
    end = shard_rows(rows(), T0 + 1)._replace(last=True)
    (out,) = step.on_batch([end])
    assert as_triples(out.rows) == [(T0, 0, 1.0)]
    assert out.last
    assert counters.account("order") == ("order", 2, 1, 0, 1, {BEYOND: 1})
    assert released(step, [[shard_rows(rows(), T0 + 10**13)]]) == []
