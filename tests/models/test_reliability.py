"""A source is believed less after false warnings, never below a floor, and recovers."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.gradual import DAY_MS
from models.reliability import A_DAY, LEAST, Reliability

VERDICTS = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.booleans(), st.floats(0.01, 1.0), st.integers(0, 3 * DAY_MS)
    ),
    max_size=30,
)


@given(VERDICTS)
def test_its_worth_is_bounded_and_moves_slowly(
    verdicts: list[tuple[str, bool, float, int]],
) -> None:
    known, now = Reliability(), 0
    for source, true, share, wait in verdicts:
        before = known.worth_one("a", now)
        now += wait
        assert abs(known.worth_one("a", now) - before) <= A_DAY * wait / DAY_MS + 1e-9
        known.learn_one(source, share * true, share * (not true), now)
        assert LEAST <= known.worth_one("a", now) <= 1.0


def test_one_bad_verdict_silences_nobody_and_many_do_not_either() -> None:
    known = Reliability()
    known.learn_one("a", 0.0, 1.0, 0)
    assert known.worth_one("a", 20 * DAY_MS) > 0.9
    for day in range(60):
        known.learn_one("a", 0.0, 1.0, day * DAY_MS)
    assert known.worth_one("a", 60 * DAY_MS) == LEAST


def test_nobody_is_believed_more_than_at_first() -> None:
    known = Reliability()
    for day in range(30):
        known.learn_one("a", 1.0, 0.0, day * DAY_MS)
    assert known.worth_one("a", 30 * DAY_MS) == known.worth_one("stranger", 0) == 1.0


def test_it_recovers_by_good_verdicts_and_by_time() -> None:
    bad, praised = Reliability(), Reliability()
    for known in (bad, praised):
        for day in range(10):
            known.learn_one("a", 0.0, 1.0, day * DAY_MS)
    for day in range(10, 30):
        praised.learn_one("a", 1.0, 0.0, day * DAY_MS)
    assert praised.worth_one("a", 30 * DAY_MS) > bad.worth_one("a", 30 * DAY_MS) + 0.1
    assert bad.worth_one("a", 400 * DAY_MS) == pytest.approx(1.0, abs=0.01)


def test_what_is_taken_back_leaves_nothing() -> None:
    known, never = Reliability(), Reliability()
    known.learn_one("a", 0.0, 1.0, 0)
    known.unlearn_one("a", 0.0, 1.0, 0, 4 * DAY_MS)
    assert known.worth_one("a", 4 * DAY_MS) == pytest.approx(0.91, abs=0.01)
    for each in (known, never):
        each.learn_one("a", 1.0, 0.5, 5 * DAY_MS)
    assert known.worth_one("a", 30 * DAY_MS) == pytest.approx(never.worth_one("a", 30 * DAY_MS))


def test_memory_is_bounded_and_the_longest_unjudged_is_forgotten() -> None:
    known = Reliability(most=3)
    for n in range(3):
        known.learn_one(f"s-{n}", 0.0, 1.0, 0)
    known.learn_one("s-0", 0.0, 1.0, 1)
    known.learn_one("s-3", 0.0, 1.0, 2)
    assert [known.worth_one(f"s-{n}", 9 * DAY_MS) < 1 for n in range(4)] == [
        True,
        False,
        True,
        True,
    ]


def test_asking_changes_nothing_and_a_pickled_one_goes_on() -> None:
    known = Reliability()
    known.learn_one("a", 0.0, 1.0, 0)
    before = pickle.dumps(known)
    known.worth_one("a", DAY_MS), known.worth_one("b", DAY_MS)
    assert pickle.dumps(known) == before
    again = pickle.loads(before)
    for each in (known, again):
        each.learn_one("a", 0.0, 1.0, 3 * DAY_MS)
    assert again.worth_one("a", 9 * DAY_MS) == known.worth_one("a", 9 * DAY_MS)
