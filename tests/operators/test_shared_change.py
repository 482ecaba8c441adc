"""What a whole kind shows at once is no event; how it was batched makes no difference."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import operators.shared_change
from operators.shared_change import LEAST, ORDINARY_SHARE, UNUSUAL, WINDOW_MS, SharedChange

HIGH = UNUSUAL + 3


def window(number: int, surprisals: list[float], kind: int = 0) -> tuple[np.ndarray, ...]:
    times = number * WINDOW_MS + np.arange(len(surprisals), dtype=np.int64)
    return times, np.full(len(surprisals), kind, np.intp), np.array(surprisals)


def discounted(shared: SharedChange, *arguments: np.ndarray) -> list[float]:
    return list(shared.discount(*arguments).tolist())


def test_a_share_of_the_window_before_is_discounted_as_its_logarithm() -> None:
    shared, size = SharedChange(), 5 * LEAST
    assert discounted(shared, *window(0, [HIGH] * size)) == [HIGH] * size
    (less,) = discounted(shared, *window(1, [HIGH]))
    assert less == HIGH - np.log10(1 / ORDINARY_SHARE)
    assert discounted(shared, *window(1, [0.0, 0.5])) == [0.0, 0.0]


def test_a_window_that_is_still_open_discounts_nothing() -> None:
    shared = SharedChange()
    for _ in range(3):
        assert discounted(shared, *window(0, [HIGH] * 5 * LEAST)) == [HIGH] * 5 * LEAST


def test_a_local_event_is_not_discounted() -> None:
    shared = SharedChange()
    few = int(ORDINARY_SHARE * 500)
    shared.discount(*window(0, [HIGH] * few + [0.0] * (500 - few)))
    assert discounted(shared, *window(1, [HIGH])) == [HIGH]


def test_a_kind_speaks_for_itself_only() -> None:
    shared = SharedChange()
    shared.discount(*window(0, [HIGH] * 100, kind=0))
    assert discounted(shared, *window(1, [HIGH], kind=1)) == [HIGH]
    assert discounted(shared, *window(1, [HIGH], kind=0)) < [HIGH]


def test_too_few_readings_say_nothing_yet() -> None:
    shared = SharedChange()
    shared.discount(*window(0, [HIGH] * (LEAST - 1)))
    assert discounted(shared, *window(1, [HIGH])) == [HIGH]
    assert discounted(shared, *window(2, [HIGH])) < [HIGH]


def test_a_shared_change_ends() -> None:
    shared = SharedChange()
    shared.discount(*window(0, [HIGH] * 100))
    shared.discount(*window(1, [0.0] * 100))
    assert discounted(shared, *window(2, [HIGH])) == [HIGH]


def test_warm_up_stays_unknown_and_counts_for_nothing() -> None:
    shared = SharedChange()
    assert np.isnan(shared.discount(*window(0, [np.nan] * 100))).all()
    assert discounted(shared, *window(1, [HIGH])) == [HIGH]


def test_no_readings_change_nothing() -> None:
    shared = SharedChange()
    empty = np.empty(0, np.int64), np.empty(0, np.intp), np.empty(0)
    assert discounted(shared, *empty) == []
    assert shared.window == -1


_rows = st.lists(
    st.tuples(
        st.integers(0, 4 * WINDOW_MS),
        st.integers(0, 1),
        st.sampled_from([0.0, 1.0, HIGH, np.nan]),
    ),
    max_size=80,
)


@given(_rows, st.lists(st.integers(0, 80), max_size=6))
def test_the_cut_changes_nothing(rows: list[tuple[int, int, float]], cuts: list[int]) -> None:
    times, kinds, surprisal = (np.array([row[i] for row in sorted(rows)]) for i in range(3))
    columns: tuple[Any, ...] = (times.astype(np.int64), kinds.astype(np.intp), surprisal * 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operators.shared_change, "LEAST", 3)
        whole = SharedChange().discount(*columns)
        shared, said = SharedChange(), list[float]()
        for part in np.split(np.arange(len(rows)), sorted(cut for cut in cuts if cut <= len(rows))):
            said += shared.discount(*(column[part] for column in columns)).tolist()
    np.testing.assert_array_equal(said, whole)
    assert np.all(np.isnan(whole) | (whole >= 0) & (whole <= columns[2]))
