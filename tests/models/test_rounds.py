import numpy as np
import pytest

from models.rounds import in_rounds


def _check(keys, rows):
    order, parts = in_rounds(keys, rows)
    assert sorted(order.tolist()) == rows.tolist()
    for part in parts:
        assert len(set(keys[order[part]].tolist())) == len(order[part])
    for key in set(keys[rows].tolist()):
        of_key = order[keys[order] == key]
        assert of_key.tolist() == sorted(of_key.tolist())
    assert sum(part.stop - part.start for part in parts) == len(rows)


@pytest.mark.parametrize("most", [1, 5, 50, 5000, 100_000])
def test_every_round_names_a_key_once_and_keeps_its_order(most):
    rng = np.random.default_rng(most)
    keys = rng.integers(most, size=700)
    _check(keys, np.arange(700))
    _check(keys, np.flatnonzero(rng.random(700) < 0.5))


def test_different_keys_are_one_round_in_row_order():
    order, parts = in_rounds(np.array([9, 3, 5]), np.arange(3))
    assert order.tolist() == [0, 1, 2]
    assert parts == [slice(0, 3)]


def test_no_rows_are_no_rounds():
    assert in_rounds(np.empty(0, np.intp), np.empty(0, np.intp))[1] == []
