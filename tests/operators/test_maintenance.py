"""An item is listed from its beginning to its end, whenever it is asked for."""

import pickle

import numpy as np

from operators.maintenance import (
    DEAD_MS,
    ITEMS,
    FaultItem,
    MaintenanceList,
    dead_sensors,
    shorten,
)

HOME = np.array([2, 5, 7])


def listed(*items: FaultItem) -> MaintenanceList:
    made = MaintenanceList()
    for item in items:
        made.begin(0, item)
    return made


def test_a_window_sees_what_began_before_its_end_and_was_not_over():
    #  begins 100       ends 300
    #  ───────|───────────|──────
    #      ^  ^ 101    ^ 300  ^ 301
    item = FaultItem(5, "stuck", 100, 7.0, 3.0)
    made = listed(item)
    made.end(0, 5, 300)
    assert [made.at(0, end, HOME) for end in (100, 101, 300)] == [[], [item], [item]]
    assert made.at(0, 301, HOME) == []


def test_an_item_takes_the_place_of_the_one_before():
    first, second = FaultItem(5, "drift", 100), FaultItem(5, "stuck", 200)
    made = listed(first, second)
    assert made.at(0, 150, HOME) == [first]
    assert made.at(0, 250, HOME) == [second]


def test_a_shard_lists_its_own_sensors():
    made = listed(FaultItem(5, "stuck", 100), FaultItem(6, "stuck", 100))
    assert [item.sensor for item in made.at(0, 200, HOME)] == [5]
    assert made.at(1, 200, np.array([3])) == []


def test_who_is_on_no_list_can_be_taken_off():
    made = MaintenanceList()
    made.end(0, 5, 100)
    assert made.at(0, 200, HOME) == []


def test_a_shard_goes_on_elsewhere():
    made = listed(FaultItem(2, "noise", 50), FaultItem(7, "range", 100, -5.0))
    made.end(0, 2, 300)
    state = pickle.loads(pickle.dumps(made.take(0, HOME)))
    away = MaintenanceList()
    there = np.array([11, 12, 13])
    away.put(4, there, state)
    assert away.at(4, 200, there) == [
        FaultItem(13, "range", 100, -5.0),
        FaultItem(11, "noise", 50),
    ]
    away.end(4, 13, 400)
    assert away.at(4, 401, there) == []


def test_the_long_silent_are_dead():
    quiet, heard = np.array([3, 4]), np.array([1000, 2000])
    found = list(dead_sensors(1000 + DEAD_MS, quiet, heard))
    assert found == [FaultItem(3, "dead", 1000)]


def test_the_latest_are_told_and_all_are_counted():
    many = [FaultItem(n, "noise", n) for n in range(ITEMS + 5)]
    told, counts = shorten(many)
    assert [item.since for item in told] == list(range(ITEMS + 4, 4, -1))
    assert counts == {"noise": ITEMS + 5}


def test_who_is_dead_is_nothing_else():
    told, counts = shorten([FaultItem(1, "stuck", 5), FaultItem(1, "dead", 3)])
    assert told == (FaultItem(1, "dead", 3),)
    assert counts == {"dead": 1}
