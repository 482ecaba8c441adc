import numpy as np
import pytest
import shapely

from simulators.layout import KIND_ORDER, lay_out, scattered
from simulators.noise import Noise


@pytest.mark.slow
def test_exactly_as_many_sensors_as_asked_for() -> None:
    for sensors in (100, 777, 2000):
        assert sum(len(s) for s in lay_out(3, sensors).sites.values()) == sensors


def test_sensors_of_one_kind_are_numbered_on_from_the_last() -> None:
    layout = lay_out(1, 2000)
    firsts = [layout.sites[kind].first for kind in KIND_ORDER]
    lengths = [len(layout.sites[kind]) for kind in KIND_ORDER]
    assert firsts == np.cumsum([0, *lengths[:-1]]).tolist()


def test_names_are_unique_within_a_kind() -> None:
    for sites in lay_out(1, 2000).sites.values():
        assert len({name.en for name in sites.names}) == len(sites)
        assert len({name.zh for name in sites.names}) == len(sites)


def test_road_sensors_lie_on_their_road() -> None:
    layout = lay_out(1, 2000)
    sites = layout.sites["traffic_speed"]
    for row in range(0, len(sites), 17):
        x, y = layout.roads[int(sites.path[row])].at(sites.path_km[row : row + 1])
        assert np.hypot(x[0] - sites.x[row], y[0] - sites.y[row]) < 1e-9


def test_every_sensor_is_in_the_city_or_at_its_edge() -> None:
    layout = lay_out(1, 2000)
    wide = layout.area.buffer(0.7)
    for sites in layout.sites.values():
        assert shapely.contains_xy(wide, sites.x, sites.y).all()


def test_scattered_points_are_even_and_their_first_part_too() -> None:
    area = lay_out(1, 2000).area
    points = scattered(Noise(1).draws("t"), area, 400, core=0.0)
    gaps = np.hypot(*(points[:, None] - points[None]).T) + 99 * np.eye(400)
    # Random points would have neighbours at about a tenth of this.
    assert gaps.min(axis=0).min() > 0.3
    assert np.array_equal(points[:50], scattered(Noise(1).draws("t"), area, 50, core=0.0))


@pytest.mark.system
def test_a_city_of_a_million_sensors_can_be_built() -> None:
    layout = lay_out(1, 1_000_000)
    assert sum(len(s) for s in layout.sites.values()) == 1_000_000
    lay_out.cache_clear()
