"""What sources say together: more say more, each further one less, and a doubted one less too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.alerting.fusion import FADE, STRONGEST, Parts, fuse, parts_of, voice
from operators.surroundings import ALONE, Around
from tests.operators.alerting.strands import crossing, strand

HAZARD = "waterlogging"


def test_strands_of_one_sort_count_less_and_less() -> None:
    assert fuse([]) == 0
    assert fuse([4.0]) == 4.0
    assert fuse([2.0, 4.0, 3.0]) == pytest.approx(4.0 + FADE * 3.0 + FADE**2 * 2.0)
    assert fuse([100.0]) == STRONGEST


def test_each_sort_has_its_part_and_the_parts_are_the_score() -> None:
    strands = [
        strand("a", 5.0),
        strand("c", 6.0, source="cell", value=3.0),
        strand("r", 4.0, source="report", count=3),
        strand("o", 3.5, source="outage", value=4.0),
    ]
    parts = parts_of(HAZARD, strands, ALONE, {})
    assert parts == Parts(5.0, 6.0, 4.0, 3.5)
    assert parts.score == 6.0 + 4.0 + 3.5


def test_who_is_held_to_be_faulty_agrees_with_nobody() -> None:
    around, first = Around(60, 0.05), strand("a", 4.0)
    sound, lies = (
        [strand(f"s{n}", 4.0, fault=fault) for n in range(5)] for fault in (None, "unit")
    )
    together = parts_of(HAZARD, [first, *sound], around, {}).sensors
    assert together == pytest.approx(min(STRONGEST, 4.0 + around.agreement(6)))
    assert around.agreement(6) > 0.5
    assert parts_of(HAZARD, [first, *lies], around, {}).sensors == 4.0
    assert parts_of(HAZARD, [first, *sound, *lies], around, {}).sensors == together
    assert parts_of(HAZARD, lies, around, {}).sensors == 4.0


def test_a_sensor_speaks_for_itself_and_reports_for_their_hazard() -> None:
    assert voice(strand("a").latest) == voice(crossing("a", 2).latest) == "a"
    first = strand("waterlogging 1", source="report").latest
    second = strand("waterlogging 2", source="report").latest
    assert voice(first) == voice(second) != voice(strand("x", source="cell").latest)


@given(
    st.lists(st.floats(3.0, 9.0), min_size=1, max_size=6),
    st.lists(st.floats(0.5, 1.0), min_size=6, max_size=6),
)
def test_who_is_worth_less_never_makes_it_worse(said: list[float], worth: list[float]) -> None:
    strands = [strand(str(n), strength) for n, strength in enumerate(said)]
    less = {str(n): share for n, share in enumerate(worth)}
    whole = parts_of(HAZARD, strands, ALONE, {}).score
    part = parts_of(HAZARD, strands, ALONE, less).score
    assert 0.5 * whole - 1e-9 <= part <= whole
    assert parts_of(HAZARD, strands, ALONE, dict.fromkeys(less, 1.0)).score == whole
