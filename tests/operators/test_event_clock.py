"""Each shard's clock goes by its own messages, however they are cut and whoever is beside it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.event_clock import ALLOWED_LATENESS_MS, LEAST_COMPANY, NEVER, EventClocks
from tests.operators.town import DAY, HOUR, MINUTE, T0, cut

_times = st.lists(st.integers(T0, T0 + HOUR), max_size=60)
_sizes = st.lists(st.integers(1, 30), min_size=1, max_size=10)
YEARS = 70 * 365 * DAY


def late(clocks: EventClocks, *times: int, shard: int = 0) -> list[bool]:
    said = clocks.judge(np.full(len(times), shard), np.array(times, np.int64)).late
    return list(said.tolist())


def lateness(times: list[int], sizes: list[int], block: int = 4) -> tuple[list[bool], list[int]]:
    clocks, said, watermarks = EventClocks(1, block), list[bool](), [NEVER]
    for part in cut(times, sizes):
        said += late(clocks, *part)
        watermarks += clocks.watermarks.tolist()
    clocks.close(0)
    return said, [*watermarks, *clocks.watermarks.tolist()]


@given(_times, _sizes)
def test_what_is_late_does_not_depend_on_how_the_feed_was_cut(
    times: list[int], sizes: list[int]
) -> None:
    cut_up, whole = lateness(times, sizes), lateness(times, [1000])
    assert cut_up[0] == whole[0]
    assert cut_up[1][-1] == whole[1][-1]


@given(_times, _sizes)
def test_the_watermark_never_recedes(times: list[int], sizes: list[int]) -> None:
    watermarks = lateness(times, sizes)[1]
    assert watermarks == sorted(watermarks)


@given(_times, _sizes)
def test_a_message_behind_the_watermark_is_late(times: list[int], sizes: list[int]) -> None:
    clocks = EventClocks(1, 4)
    for part in cut(times, sizes):
        (watermark,) = clocks.watermarks.tolist()
        said = late(clocks, *part)
        assert all(told for told, time in zip(said, part, strict=True) if time < watermark)


def test_a_feed_in_order_is_never_late() -> None:
    assert not any(lateness(list(range(T0, T0 + HOUR, MINUTE)), [7])[0])


def test_lateness_is_bounded_and_starts_with_the_second_block() -> None:
    #        block of 2        block of 2
    # now    ----- never ----- --- T0 + 1 h ---
    edge = T0 + HOUR - ALLOWED_LATENESS_MS
    times = [T0, T0 + HOUR, edge, edge - 1]
    assert lateness(times, [1], block=2)[0] == [False, False, False, True]


def test_a_few_clocks_ahead_do_not_drag_it() -> None:
    clocks = EventClocks(1)
    late(clocks, *[T0 + 100 * HOUR] * 15, *[T0] * 49)  # less than a quarter of a block
    assert clocks.now.tolist() == [T0]
    late(clocks, *[T0 + 100 * HOUR] * 20, *[T0] * 44)
    assert clocks.now.tolist() == [T0 + 100 * HOUR]


def test_an_ended_feed_has_come_as_far_as_its_latest_message() -> None:
    clocks = EventClocks(2)
    late(clocks, T0 + 5, T0)
    assert (clocks.now.tolist(), clocks.watermarks.tolist()) == ([NEVER, NEVER], [NEVER, NEVER])
    clocks.close(0)
    assert clocks.latest.tolist() == [T0 + 5, NEVER]
    clocks.close(1)
    assert clocks.latest.tolist()[1] == NEVER, "one that said nothing has come nowhere"


@pytest.mark.parametrize("left", [0, 1, 3, 4, 40])
def test_a_clock_ahead_at_the_end_does_not_say_that_all_others_are_silent(left: int) -> None:
    clocks = EventClocks(1)
    late(clocks, *[T0] * 63, T0 + HOUR, *[T0 + MINUTE] * left)
    clocks.close(0)
    assert clocks.latest.tolist() == [T0 + HOUR]
    assert clocks.now.tolist() == [T0 + MINUTE if left >= LEAST_COMPANY else T0]


@pytest.mark.parametrize("before", [64, 65, 67, 100, 127])
def test_a_clock_years_ahead_does_not_tell_where_the_feed_ends(before: int) -> None:
    clocks = EventClocks(1)
    times = [T0 + n * MINUTE for n in range(before)]
    late(clocks, *times, T0 + YEARS)
    clocks.close(0)
    assert clocks.latest.tolist() == [times[-1]]


# --- shards ----------------------------------------------------------------------------------

_dealt = st.lists(st.tuples(st.integers(0, 2), st.integers(T0, T0 + HOUR)), max_size=80)


@given(_dealt, _sizes)
def test_every_shard_goes_by_its_own_messages_alone(
    dealt: list[tuple[int, int]], sizes: list[int]
) -> None:
    together, said = EventClocks(3, 4), list[bool]()
    for part in cut(dealt, sizes):
        shards, times = (np.array(column, np.int64) for column in zip(*part, strict=True))
        said += together.judge(shards, times).late.tolist()
    for shard in range(3):
        alone = EventClocks(1, 4)
        mine = [time for of, time in dealt if of == shard]
        assert late(alone, *mine) == [
            x for x, (of, _) in zip(said, dealt, strict=True) if of == shard
        ]
        assert together.now[shard] == alone.now[0]
        assert together.latest[shard] == alone.latest[0]


@given(_times, st.integers(0, 60))
def test_a_clock_goes_on_elsewhere_where_it_was(times: list[int], at: int) -> None:
    one, other = EventClocks(1, 4), EventClocks(5, 4)
    late(other, T0 + YEARS, T0, T0, shard=1)  # somebody else's
    late(one, *times[:at])
    other.put(3, one.take(0))
    assert late(other, *times[at:], shard=3) == late(one, *times[at:])
    one.close(0)
    other.close(3)
    assert (other.now[3], other.latest[3]) == (one.now[0], one.latest[0])


def test_what_was_taken_is_not_changed_by_what_follows() -> None:
    clocks = EventClocks(1, 4)
    late(clocks, T0, T0 + 1)
    taken = clocks.take(0)
    late(clocks, T0 + 5, T0 + 5, T0 + 5)
    twin = EventClocks(1, 4)
    twin.put(0, taken)
    assert twin.take(0)[2].tolist() == [T0, T0 + 1]
