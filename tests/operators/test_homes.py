"""A sensor is at home where its last reading came by."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.homes import Homes


def note(homes: Homes, *pairs: tuple[int, int]) -> None:
    sensors, shards = zip(*pairs, strict=True) if pairs else ((), ())
    homes.note(np.array(sensors, np.intp), np.array(shards, np.intp))


def test_before_its_first_reading_nobody_is_at_home() -> None:
    homes = Homes(2)
    assert homes.sensors(0).tolist() == []
    note(homes)
    assert homes.changes == [0, 0]


def test_a_shard_lists_its_sensors_ascending() -> None:
    homes = Homes(2)
    note(homes, (9, 1), (3, 0), (4, 1))
    assert (homes.sensors(0).tolist(), homes.sensors(1).tolist()) == ([3], [4, 9])


def test_who_comes_by_another_shard_moves_there() -> None:
    homes = Homes(3)
    note(homes, (3, 0), (4, 0))
    assert homes.sensors(0).tolist() == [3, 4]
    note(homes, (3, 2))
    assert [homes.sensors(shard).tolist() for shard in range(3)] == [[4], [], [3]]


def test_changes_are_counted_only_where_somebody_came_or_went() -> None:
    homes = Homes(3)
    note(homes, (3, 0), (4, 1))
    before = list(homes.changes)
    assert (before[0] > 0, before[1] > 0, before[2]) == (True, True, 0)
    note(homes, (3, 0), (4, 1), (3, 0))
    assert homes.changes == before
    note(homes, (4, 0))
    assert homes.changes[0] > before[0]
    assert homes.changes[1] > before[1]
    assert homes.changes[2] == 0


def test_what_is_listed_follows_from_the_last_change() -> None:
    homes = Homes(1)
    note(homes, (1, 0))
    first = homes.sensors(0)
    assert homes.sensors(0) is first, "made once"
    note(homes, (5000, 0))
    assert homes.sensors(0).tolist() == [1, 5000]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), max_size=80), st.integers(0, 80))
def test_everybody_is_at_home_once_and_the_cut_changes_nothing(
    pairs: list[tuple[int, int]], at: int
) -> None:
    homes, parts = Homes(4), Homes(4)
    note(homes, *pairs)
    note(parts, *pairs[:at])
    note(parts, *pairs[at:])
    home = dict(pairs)
    for shard in range(4):
        assert homes.sensors(shard).tolist() == sorted(s for s, of in home.items() if of == shard)
        assert parts.sensors(shard).tolist() == homes.sensors(shard).tolist()
