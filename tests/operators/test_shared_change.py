"""What a whole kind shows at once is no event; how it was batched makes no difference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.shared_change import LEAST, ORDINARY_SHARE, UNUSUAL, WINDOW_MS, SharedChange

HIGH = UNUSUAL + 3
KINDS = ("noise", "rain", "pm25")


Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def window(number: int, surprisals: list[float], kind: int = 0, shard: int = 0) -> Columns:
    size = len(surprisals)
    times = number * WINDOW_MS + np.arange(size, dtype=np.int64)
    return (
        np.full(size, shard, np.intp),
        times,
        np.full(size, kind, np.intp),
        np.array(surprisals, np.float64),
    )


def discounted(shared: SharedChange, *columns: np.ndarray) -> list[float]:
    surprisal = columns[-1].copy()
    shared.discount(*columns[:-1], surprisal)  # type: ignore[arg-type]
    return list(surprisal.tolist())


def test_a_share_of_the_window_before_is_discounted_as_its_logarithm() -> None:
    shared, size = SharedChange(1), 5 * LEAST
    assert discounted(shared, *window(0, [HIGH] * size)) == [HIGH] * size
    (less,) = discounted(shared, *window(1, [HIGH]))
    assert less == HIGH - np.log10(1 / ORDINARY_SHARE)
    assert discounted(shared, *window(1, [0.0, 0.5])) == [0.0, 0.0]


def test_a_window_that_is_still_open_discounts_nothing() -> None:
    shared = SharedChange(1)
    for _ in range(3):
        assert discounted(shared, *window(0, [HIGH] * 5 * LEAST)) == [HIGH] * 5 * LEAST


def test_a_local_event_is_not_discounted() -> None:
    shared = SharedChange(1)
    few = int(ORDINARY_SHARE * 500)
    discounted(shared, *window(0, [HIGH] * few + [0.0] * (500 - few)))
    assert discounted(shared, *window(1, [HIGH])) == [HIGH]


def test_a_kind_speaks_for_itself_only() -> None:
    shared = SharedChange(1)
    discounted(shared, *window(0, [HIGH] * 100, kind=0))
    assert discounted(shared, *window(1, [HIGH], kind=1)) == [HIGH]
    assert discounted(shared, *window(1, [HIGH], kind=0)) < [HIGH]


def test_too_few_readings_say_nothing_yet() -> None:
    shared = SharedChange(1)
    discounted(shared, *window(0, [HIGH] * (LEAST - 1)))
    assert discounted(shared, *window(1, [HIGH])) == [HIGH]
    assert discounted(shared, *window(2, [HIGH])) < [HIGH]


def test_a_shared_change_ends() -> None:
    shared = SharedChange(1)
    discounted(shared, *window(0, [HIGH] * 100))
    discounted(shared, *window(1, [0.0] * 100))
    assert discounted(shared, *window(2, [HIGH])) == [HIGH]


def test_warm_up_stays_unknown_and_counts_for_nothing() -> None:
    shared = SharedChange(1)
    assert np.isnan(discounted(shared, *window(0, [np.nan] * 100))).all()
    assert discounted(shared, *window(1, [HIGH])) == [HIGH]


def test_no_readings_change_nothing() -> None:
    shared = SharedChange(1)
    before = repr(shared.take(0, KINDS))
    assert discounted(shared, *window(3, [])) == []
    assert repr(shared.take(0, KINDS)) == before


def test_a_shard_speaks_for_itself_only() -> None:
    shared = SharedChange(2)
    discounted(shared, *window(0, [HIGH] * 100, shard=0))
    assert discounted(shared, *window(1, [HIGH], shard=1)) == [HIGH]
    assert discounted(shared, *window(1, [HIGH], shard=0)) < [HIGH]


def test_a_shards_share_goes_with_it() -> None:
    """There the kinds are numbered otherwise, and one is no more."""
    here, there = SharedChange(2), SharedChange(3)
    discounted(here, *window(0, [HIGH] * 100, kind=2, shard=1))
    discounted(here, *window(0, [HIGH] * 100, kind=1, shard=1))
    there.put(2, here.take(1, KINDS), ("pm25", "noise", "more"))
    expected = discounted(here, *window(1, [HIGH], kind=2, shard=1))
    assert expected < [HIGH]
    assert discounted(there, *window(1, [HIGH], kind=0, shard=2)) == expected
    assert discounted(there, *window(1, [HIGH], kind=1, shard=2)) == [HIGH]
    assert discounted(there, *window(1, [HIGH], kind=0, shard=0)) == [HIGH]


_rows = st.lists(
    st.tuples(
        st.integers(0, 4 * WINDOW_MS),
        st.integers(0, 1),
        st.integers(0, 1),
        st.sampled_from([0.0, 1.0, HIGH, np.nan]),
    ),
    max_size=30,
)


@given(_rows, st.lists(st.integers(0, 300), max_size=6))
def test_neither_the_cut_nor_company_changes_anything(
    drawn: list[tuple[int, int, int, float]], cuts: list[int]
) -> None:
    rows = [row for row in sorted(drawn) for _ in range(LEAST // 2)]
    times, shards, kinds, surprisal = (
        np.array([row[i] for row in rows], kind)
        for i, kind in enumerate((np.int64, np.intp, np.intp, np.float64))
    )
    columns = shards, times, kinds, surprisal
    whole = np.array(discounted(SharedChange(2), *columns))
    shared, said = SharedChange(2), list[float]()
    for part in np.split(np.arange(len(rows)), sorted(cut for cut in cuts if cut <= len(rows))):
        said += discounted(shared, *(column[part] for column in columns))
    np.testing.assert_array_equal(said, whole)
    for shard in range(2):
        mine = np.flatnonzero(shards == shard)
        alone = discounted(SharedChange(2), *(column[mine] for column in columns))
        np.testing.assert_array_equal(alone, whole[mine])
    assert np.all(np.isnan(whole) | (whole >= 0) & (whole <= surprisal))
