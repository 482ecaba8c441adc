"""A packed state is an ordinary pickle in pieces, of which the large ones are not copies."""

import pickle
from typing import Any

import numpy as np
import pytest

from operators.packed import Packed

LARGE = np.arange(100_000)


@pytest.mark.parametrize(
    "state",
    [None, (1, "two", b"3" * 200_000), {"rows": LARGE, "odd": LARGE[::3], "none": LARGE[:0]}],
    ids=["nothing", "bytes", "columns"],
)
def test_it_is_a_pickle(state: Any) -> None:
    packed = Packed(state)
    again = pickle.loads(bytes(packed))
    assert repr(again) == repr(state)
    assert len(packed) == len(bytes(packed)) == sum(len(piece) for piece in packed.pieces)


def test_large_columns_stay_where_they_are() -> None:
    rows = LARGE.copy()
    packed = Packed(("a", rows, "b"))
    assert any(np.shares_memory(np.frombuffer(piece, np.uint8), rows) for piece in packed.pieces)
    assert len(packed) - rows.nbytes < 1000


def test_a_column_lives_as_long_as_its_pieces() -> None:
    packed = Packed(LARGE.copy())
    (whole,) = (piece for piece in packed.pieces if len(piece) == LARGE.nbytes)
    assert np.array_equal(np.frombuffer(whole, LARGE.dtype), LARGE)
