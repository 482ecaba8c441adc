"""Poll size and arrival order change nothing downstream of here."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.counters import Counters
from operators.event_clock import NEVER
from operators.events import Readings
from operators.ordering import BEYOND, OrderReadings, RowBatch, join_readings
from tests.operators.town import DAY, T0, cut, row_batch, rows

_sizes = st.lists(st.integers(1, 30), min_size=1, max_size=10)


def test_joining_parts_keeps_their_order() -> None:
    parts = [rows((0, 2, 1.0)), rows(), rows((1, 1, 2.0), (0, 3, 3.0), shard=(1, 0))]
    assert [column.tolist() for column in join_readings(parts)] == [
        [0, 1, 0],
        [2, 1, 3],
        [1.0, 2.0, 3.0],
        [0, 1, 0],
    ]
    assert len(join_readings([]).sensor) == 0
    assert join_readings(parts[:1]) is parts[0]


# --- ordered mode ----------------------------------------------------------------------------


def as_triples(readings: Readings) -> list[tuple[int, int, float]]:
    columns = readings.time.tolist(), readings.sensor.tolist(), readings.value.tolist()
    return list(zip(*columns, strict=True))


def released(step: OrderReadings, *batches: RowBatch) -> list[tuple[int, int, float]]:
    return [row for batch in batches for row in as_triples(step.pass_on(batch).rows)]


_readings = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=40)


@given(_readings, st.integers(0, 10), st.randoms(use_true_random=False), _sizes)
def test_any_arrival_in_time_is_released_alike(
    readings: list[tuple[int, int]], delay: int, rng: Any, sizes: list[int]
) -> None:
    """Shuffled within the lateness, duplicated, and cut in any way."""
    sent = sorted({(T0 + time, sensor, float(sensor + time)) for sensor, time in readings})
    arrivals = [(row[0] + rng.randint(0, delay), row) for row in sent]
    arrivals += [(at + rng.randint(0, delay), row) for at, row in arrivals if rng.random() < 0.3]
    arrived = [row for _, row in sorted(arrivals, key=lambda arrival: arrival[0])]
    batches, done = [], 0
    for part in cut(arrived, sizes):
        done += len(part)
        watermark = min((row[0] for row in arrived[done:]), default=T0 + 1000)
        readings_of_part = rows(*((sensor, time, value) for time, sensor, value in part))
        batches.append(row_batch(readings_of_part, watermark))
    counters = Counters()
    got = released(OrderReadings(counters), *batches)
    assert got == sent
    account = counters.account("order")
    assert account.balanced
    assert account.rejected == len(arrived) - len(sent)


def test_a_reading_waits_until_time_has_passed_it() -> None:
    step = OrderReadings(Counters())
    first = row_batch(rows((0, T0 + 5, 1.0), (0, T0, 2.0)), T0 + 5)
    assert released(step, first) == [(T0, 0, 2.0)]
    assert released(step, row_batch(rows(), T0 + 5)) == []
    assert released(step, row_batch(rows(), T0 + 6)) == [(T0 + 5, 0, 1.0)]


def test_each_shard_waits_for_its_own_time() -> None:
    step = OrderReadings(Counters())
    told = rows((0, T0, 1.0), (1, T0, 2.0), (2, T0 + 1, 3.0), shard=(0, 1, 1))
    assert released(step, row_batch(told, NEVER, T0 + 1)) == [(T0, 1, 2.0)]
    assert released(step, row_batch(rows(), T0 + 1, T0 + 1)) == [(T0, 0, 1.0)]
    assert released(step, row_batch(rows(), T0 + 1, T0 + 2)) == [(T0 + 1, 2, 3.0)]


def test_of_duplicates_the_first_that_arrived_counts() -> None:
    both = row_batch(rows((0, T0, 1.0), (0, T0, 9.0)), T0 + 1)
    apart = row_batch(rows((0, T0, 1.0)), T0), row_batch(rows((0, T0, 9.0)), T0 + 1)
    for batches in ([both], apart):
        counters = Counters()
        assert released(OrderReadings(counters), *batches) == [(T0, 0, 1.0)]
        assert counters.account("order") == ("order", 2, 1, 0, 1, {"duplicate": 1})


def test_a_duplicate_after_its_turn_is_one_too() -> None:
    counters = Counters()
    step = OrderReadings(counters)
    told = [row_batch(rows((0, T0, value)), T0 + 1) for value in (1.0, 9.0)]
    assert released(step, *told) == [(T0, 0, 1.0)]
    assert counters.account("order").reasons == {"duplicate": 1}


def test_the_watermark_goes_on_even_without_readings() -> None:
    out = OrderReadings(Counters()).pass_on(row_batch(rows(), T0, T0 + 3, ended=[1]))
    assert (out.watermarks.tolist(), out.ended, len(out.rows.sensor)) == ([T0, T0 + 3], {1}, 0)


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
        assert released(step, row_batch(rows(*sent))) == expected
    account = counters.account("order")
    assert account == ("order", 9, 4, 0, 5, {"duplicate": 3, "older than its last": 2})


@given(_readings, _sizes)
def test_promptly_the_cut_changes_nothing(
    readings: list[tuple[int, int]], sizes: list[int]
) -> None:
    told = [(sensor, T0 + time, float(n)) for n, (sensor, time) in enumerate(readings)]
    whole, parts = Counters(), Counters()
    expected = released(OrderReadings(whole, prompt=True), row_batch(rows(*told)))
    step = OrderReadings(parts, prompt=True)
    got = released(step, *(row_batch(rows(*part)) for part in cut(told, sizes)))
    assert got == expected
    assert parts.accounts() == whole.accounts()


# --- elsewhere -------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", [False, True])
def test_a_shard_goes_on_elsewhere_where_it_was(prompt: bool) -> None:
    step, sensors = OrderReadings(Counters(), prompt), np.array([0, 4])
    told = rows((0, T0, 1.0), (4, T0 + 7, 2.0), (1, T0 + 7, 3.0), shard=(0, 0, 1))
    released(step, row_batch(told, T0 + 5, T0 + 5))
    twin = OrderReadings(Counters(), prompt)
    there = np.array([3, 2])  # what they are called there
    held = step.held(0)
    place = np.where(held.sensor == 4, 2, 3)
    twin.hold(held._replace(sensor=place, shard=np.full(len(held.sensor), 1)))
    twin.put(there, step.take(sensors))
    again = rows((3, T0, 9.0), (2, T0 + 7, 9.0), (2, T0 + 8, 4.0), shard=1)
    expected = [(T0 + 8, 2, 4.0)] if prompt else [(T0 + 7, 2, 2.0), (T0 + 8, 2, 4.0)]
    assert released(twin, row_batch(again, NEVER, T0 + 9)) == expected
    account = twin.counters.account("order")
    assert account.balanced
    assert account.reasons == {"duplicate": 2}


@pytest.mark.parametrize("prompt", [False, True])
def test_nothing_held_is_nothing_lost(prompt: bool) -> None:
    step = OrderReadings(Counters(), prompt)
    none = np.empty(0, np.intp)
    twin = OrderReadings(Counters(), prompt)
    twin.hold(step.held(0))
    twin.put(none, step.take(none))
    assert released(twin, row_batch(rows((0, T0, 1.0)), T0 + 1)) == [(T0, 0, 1.0)]


# --- the end ---------------------------------------------------------------------------------


def test_what_claims_to_be_from_after_the_end_is_rejected_there() -> None:
    counters = Counters()
    step = OrderReadings(counters)
    years = T0 + 70 * 365 * DAY
    ahead = rows((0, T0, 1.0), (1, years, 2.0), (2, years, 3.0), shard=(0, 0, 1))
    assert released(step, row_batch(ahead, T0, T0)) == []
    out = step.pass_on(row_batch(rows(), T0 + 1, T0, ended=[0]))
    assert as_triples(out.rows) == [(T0, 0, 1.0)]
    assert out.ended == {0}
    assert counters.account("order") == ("order", 3, 1, 0, 1, {BEYOND: 1})
    assert released(step, row_batch(rows(), T0 + 10**13, T0)) == []
    assert released(step, row_batch(rows(), T0 + 10**13, years + 1)) == [(years, 2, 3.0)]
    assert counters.account("order").balanced
