"""What is due comes once, in order, at its latest time; nothing that is not due is touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from operators.agenda import SPARE, Agenda

NAMES = st.sampled_from("abcdef")
TIMES = st.integers(0, 20)
STEPS = st.lists(
    st.one_of(st.tuples(st.just("put"), NAMES, st.none() | TIMES), st.tuples(st.just("pop"), TIMES))
)


@given(STEPS)
def test_it_is_a_table_searched_from_end_to_end(steps: list[tuple[object, ...]]) -> None:
    agenda, table = Agenda[str](), dict[str, int]()
    for step in steps:
        match step:
            case ("put", str(name), int(at)):
                agenda.put(name, at)
                table[name] = at
            case ("put", str(name), None):
                agenda.put(name, None)
                table.pop(name, None)
            case ("pop", int(now)):
                due = min(((at, name) for name, at in table.items() if at <= now), default=None)
                assert agenda.pop(now) == due
                if due is not None:
                    del table[due[1]]
        assert {name: agenda.at(name) for name in "abcdef"} == {
            name: table.get(name) for name in "abcdef"
        }


def test_what_is_put_off_again_and_again_takes_no_more_room() -> None:
    agenda = Agenda[str]()
    for at in range(10_000):
        agenda.put("ab"[at % 2], at)
    assert len(agenda._heap) <= 4 + SPARE
    assert agenda.pop(20_000) == (9_998, "a")
    assert agenda.pop(20_000) == (9_999, "b")
    assert agenda.pop(20_000) is None
