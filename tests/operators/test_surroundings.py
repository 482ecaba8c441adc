"""Agreement is worth what it is unlikely to be: of how many, and how unusual the city is."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.registry import Registry, cell_of
from operators.surroundings import ALONE, MOST, ORDINARY, Around, Surroundings
from tests.operators.town import LAT, LON, METRE, MINUTE, T0, sensor, town

counts = st.integers(0, 200)
shares = st.floats(0, 1)


@given(counts, shares, st.integers(1, 40))
def test_more_who_agree_say_more_and_more_who_are_silent_say_less(
    sensors: int, share: float, speaking: int
) -> None:
    sensors = max(sensors, speaking)
    said = Around(sensors, share).agreement(speaking)
    assert 0.0 <= said <= MOST
    assert Around(sensors + 1, share).agreement(speaking + 1) >= said - 1e-9
    assert Around(sensors + 5, share).agreement(speaking) <= said + 1e-9
    assert Around(sensors, min(1.0, share + 0.1)).agreement(speaking) <= said + 1e-9


def test_it_is_the_binomial_tail() -> None:
    rng = np.random.default_rng(1)
    drawn = rng.binomial(19, 0.1, 400_000)
    for speaking in (2, 4, 6):
        tail = (drawn >= speaking - 1).mean()
        assert Around(20, 0.1).agreement(speaking) == pytest.approx(-np.log10(tail), abs=0.03)


def test_one_agrees_with_nobody_and_the_share_is_never_nothing() -> None:
    assert Around(50, 0.0).agreement(1) == ALONE.agreement(0) == 0.0
    assert Around(5, 0.0) != Around(5, ORDINARY)
    assert Around(5, 0.0).agreement(3) == Around(5, ORDINARY).agreement(3)
    assert Around(0).peers == 0
    assert Around(3).peers == 2


def surroundings() -> Surroundings:
    street = [sensor(f"t-{n}", "traffic_speed", at_m=(100 * n, 0)) for n in range(3)]
    far = [sensor(f"f-{n}", "traffic_speed", at_m=(9000, 100 * n)) for n in range(7)]
    crowd = [sensor("c", "crowd_count", at_m=(50, 0)), sensor("n", "noise", at_m=(50, 0))]
    return Surroundings(Registry(town([*street, *far, *crowd])))


HERE = cell_of(LON, LAT)
FAR = cell_of(LON + 9000 * METRE, LAT)


def test_sensors_are_counted_by_place_and_hazard() -> None:
    around = surroundings()
    cells = set(around.registry.cells[:3])
    assert around.sensors(cells, ["traffic"]) == 3
    assert around.sensors(cells, ["traffic", "crowding"]) == 4
    assert around.sensors(["8840000000fffff"], ["traffic"]) == 0
    around.registry.register(sensor("new", "traffic_flow", at_m=(0, 0)))
    assert around.sensors(cells, ["traffic"]) == 4


def test_the_share_is_of_the_rest_of_the_city_and_of_late() -> None:
    around, own = surroundings(), ["traffic"]
    for cell, name in ((HERE, "t-0"), (FAR, "f-0"), (FAR, "f-1")):
        around.hear("traffic", cell, name, T0 + 10 * MINUTE)
    around.hear("traffic", FAR, "f-1", T0 + 20 * MINUTE)  # the same again is one
    around.hear("noise", HERE, "n", T0 + 20 * MINUTE)
    assert around.speaking(own, {HERE}) == around.speaking(own, {HERE, "x", "y"}) == 1
    assert around.speaking(["traffic", "noise"], {HERE}) == 2
    assert around.share_beside(own, 3, 1) == pytest.approx(2 / 7)
    around.pass_time(T0 + 10 * MINUTE)
    assert around.speaking(own, {HERE}) == 0
    assert around.share_beside(own, 3, 0) == pytest.approx(1 / 7)
    later = surroundings()
    later.put(pickle.loads(pickle.dumps(around.take())))
    later.pass_time(T0 + 20 * MINUTE)
    assert later.share_beside(own, 3, 0) == 0.0
    assert around.share_beside(own, 3, 0) == pytest.approx(1 / 7)


def test_a_city_without_such_sensors_has_no_share() -> None:
    around = surroundings()
    assert around.share_beside(["fire"], 0, 0) == 0.0
