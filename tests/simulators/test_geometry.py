import numpy as np
import pytest

from simulators import geometry


def test_degrees_and_kilometres_are_inverse() -> None:
    x, y = np.array([-12.3, 0.0, 17.9]), np.array([4.5, 0.0, -9.1])
    lon, lat = geometry.to_lonlat(x, y)
    back = geometry.to_km(lon, lat)
    assert np.allclose(back, (x, y), atol=0.001)


def test_districts_are_whole_and_tile_the_city() -> None:
    districts = geometry.district_polygons()
    assert len(districts) == len(geometry.DISTRICTS) == 11
    assert all(d.geom_type == "Polygon" and d.is_valid for d in districts)
    assert sum(d.area for d in districts) == pytest.approx(geometry.outline().area, rel=0.01)
    overlaps = [a.intersection(b).area for i, a in enumerate(districts) for b in districts[:i]]
    assert max(overlaps) < 0.01


def test_tributaries_end_at_the_main_river() -> None:
    main, *tributaries = geometry.river_paths()
    for river in tributaries:
        x, y = river.xy[-1]
        nearest = main.at(np.array([main.nearest_km(x, y)]))
        assert np.hypot(nearest[0] - x, nearest[1] - y)[0] < 1.0


def test_a_path_measures_along_itself() -> None:
    road = geometry.express_roads()[2]
    x, y = road.at(np.array([0.0, road.length_km]))
    assert (x[0], y[0]) == tuple(road.xy[0])
    assert (x[1], y[1]) == tuple(road.xy[-1])
