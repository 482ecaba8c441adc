"""A city is flat, wherever on the earth it lies."""

import numpy as np
import pytest

from operators.plane import DEGREE_M, Plane


@pytest.mark.parametrize("lon", [106.5, 0.0, 179.995, -179.995])
@pytest.mark.parametrize("lat", [0.0, 60.0, -33.0])
def test_distances_are_those_on_the_earth(lon: float, lat: float) -> None:
    places = np.array([(lon, lat), ((lon + 0.01 + 180) % 360 - 180, lat), (lon, lat + 0.01)])
    at = Plane(places).metres(places)
    east, north = np.hypot(*(at[1] - at[0])), np.hypot(*(at[2] - at[0]))
    assert north == pytest.approx(0.01 * DEGREE_M)
    assert east == pytest.approx(0.01 * DEGREE_M * np.cos(np.deg2rad(lat)), rel=1e-3)


def test_nowhere_is_a_plane_too() -> None:
    assert Plane([]).metres([]).shape == (0, 2)
