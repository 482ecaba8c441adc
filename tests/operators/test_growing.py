"""Columns grow by half, keep what is in them, and never shrink."""

import numpy as np
import pytest

from operators.growing import grown


@pytest.mark.parametrize("new", [-1, 0, 7])
def test_new_entries_are_as_said_and_old_ones_stay(new: int) -> None:
    column = np.arange(4, dtype=np.int16)
    longer = grown(column, 5, new)
    assert longer.dtype == column.dtype
    assert longer.tolist() == [0, 1, 2, 3, new, new]
    assert grown(longer, 3, new) is longer


def test_sensors_met_one_at_a_time_do_not_each_copy_it_all() -> None:
    column, copies = np.empty(0, np.float32), 0
    for size in range(2000):
        before, column = column, grown(column, size, np.nan)
        copies += column is not before
    assert len(column) >= 1999
    assert copies < 25
    assert np.isnan(column).all()
