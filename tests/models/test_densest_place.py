import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.densest_place import densest_place


def test_one_point_is_its_own_place() -> None:
    assert densest_place(np.array([[3.0, 4.0]]), 500.0) == (3.0, 4.0, 1, 0.0)


@given(st.integers(0, 1000), st.integers(0, 3))
def test_outliers_move_nothing_far(seed: int, astray: int) -> None:
    rng = np.random.default_rng(seed)
    cluster = rng.normal((1000.0, -2000.0), 150.0, (8, 2))
    found = densest_place(np.vstack([cluster, rng.normal(0, 5000, (astray, 2))]), 500.0)
    assert np.hypot(found.x - 1000.0, found.y + 2000.0) < 500.0


@given(st.permutations(range(9)))
def test_the_order_makes_no_difference(order: list[int]) -> None:
    points = np.random.default_rng(3).normal(0, 400, (9, 2))
    assert densest_place(points[order], 500.0) == pytest.approx(densest_place(points, 500.0))
