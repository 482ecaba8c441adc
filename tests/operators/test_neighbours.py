"""Neighbours are the nearest of the same kind within reach."""

from operators.events import Sensor
from operators.neighbours import NEIGHBOURS, WITHIN_M, neighbours
from tests.operators.town import sensor


def ids(*sensors):
    """The neighbours of each, by name."""
    return {
        s.id: [sensors[n].id for n in row if n >= 0]
        for s, row in zip(sensors, neighbours(sensors), strict=True)
    }


def test_the_nearest_come_first_and_another_kind_does_not_count():
    found = ids(
        sensor("a", "rain", at_m=(0, 0)),
        sensor("b", "rain", at_m=(500, 0)),
        sensor("c", "rain", at_m=(0, 200)),
        sensor("d", "pm25", at_m=(1, 1)),
    )
    assert found == {"a": ["c", "b"], "b": ["a", "c"], "c": ["a", "b"], "d": []}


def test_who_is_out_of_reach_is_no_neighbour():
    near, far = 0.8 * WITHIN_M, 1.2 * WITHIN_M
    found = ids(sensor("a"), sensor("b", at_m=(0, near)), sensor("c", at_m=(0, -far)))
    assert found["a"] == ["b"]
    assert found["c"] == []


def test_a_metre_east_is_a_metre_north():
    found = ids(sensor("a"), sensor("east", at_m=(110, 0)), sensor("north", at_m=(0, 100)))
    assert found["a"] == ["east", "north"], "a degree of longitude is shorter here"


def test_no_more_than_so_many_and_never_itself_where_many_stand_in_one_place():
    crowd = [sensor(f"s{n}") for n in range(30)]
    for name, near in ids(*crowd).items():
        assert len(near) == len(set(near)) == NEIGHBOURS
        assert name not in near


def test_nobody_has_no_neighbours():
    assert neighbours(()).shape == (0, NEIGHBOURS)
    assert ids(sensor("alone")) == {"alone": []}


def test_neighbours_on_both_sides_of_the_date_line() -> None:
    pair = [Sensor("a", "rain", 179.995, -17.0), Sensor("b", "rain", -179.995, -17.0)]
    assert neighbours(tuple(pair))[:, 0].tolist() == [1, 0]
