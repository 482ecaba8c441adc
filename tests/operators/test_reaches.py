"""Gauges keep company along a river's line, and nowhere else."""

import numpy as np

from operators.events import Line
from operators.reaches import COMPANY, FARTHEST_M, along, company
from tests.operators.town import LAT, LON, sensor

RIVER = Line("river", "Lan", [(LON - 0.2, LAT), (LON + 0.5, LAT)])


def test_the_nearer_and_the_farther_of_both_sides():
    metres = np.array([0.0, 1000.0, 4000.0, 12_000.0, 30_000.0])
    assert along(metres)[1].tolist() == [0, -1, 2, 3]
    assert along(metres)[4].tolist() == [3, 2, -1, -1]


def test_where_all_are_near_the_farthest_are_heard():
    assert along(np.array([0.0, 100.0, 200.0, 300.0]))[0].tolist() == [-1, -1, 2, 3]


def test_who_is_too_far_says_nothing():
    assert (along(np.array([0.0, 2.0 * FARTHEST_M])) == -1).all()
    assert along(np.array([5.0])).tolist() == [[-1] * COMPANY]


def test_only_gauges_on_the_line_of_a_river_have_company():
    gauges = [sensor(n, "river_level", at_m=at) for n, at in (("a", (0, 0)), ("b", (5000, 100)))]
    aside = sensor("aside", "river_level", at_m=(2000, 2000))
    rain = sensor("rain", "rain", at_m=(2000, 0))
    found = company((*gauges, aside, rain), [RIVER])
    assert found.tolist() == [[-1, -1, 1, -1], [0, -1, -1, -1], [-1] * 4, [-1] * 4]


def test_a_city_without_rivers_or_gauges_has_no_company():
    road = Line("road", "Ring", RIVER.coordinates)
    gauges = [sensor(n, "river_level") for n in "ab"]
    assert (company(gauges, [road]) == -1).all()
    assert (company([sensor("r", "rain")], [RIVER]) == -1).all()
    assert company([], [RIVER]).shape == (0, COMPANY)
