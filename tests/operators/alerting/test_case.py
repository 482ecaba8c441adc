"""What the learners see of a warning: at first, exactly what the hand-made fusion says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.confirmation import Confirmation
from operators.alerting.case import EVEN, LOG_ODDS, PRIOR, VOICES, Case, case_of, names
from operators.alerting.grading import grade
from operators.incident import Strand
from operators.surroundings import ALONE, Around
from tests.operators.alerting.strands import at_level, crossing, strand, view

SPOKEN = ("sensors", "cells", "reports", "outages")


def case(*strands: Strand, around: Around = ALONE) -> Case:
    seen = view(*strands, around=around, district="east")
    return case_of(seen, grade(seen))


@given(st.lists(st.floats(3.0, 9.0), min_size=1, max_size=5), st.floats(3.0, 9.0))
def test_what_spoke_adds_up_to_the_score(said: list[float], cells: float) -> None:
    strands = [strand(str(n), strength) for n, strength in enumerate(said)]
    strands.append(strand("c", cells, source="cell", value=2.0))
    strands.append(strand("r", said[0], source="report", count=3))
    seen = view(*strands)
    found = grade(seen)
    features = case_of(seen, found).features
    spoken = sum(features[name] for name in SPOKEN)
    assert spoken == pytest.approx(LOG_ODDS * found.score, abs=0.05)


def test_every_part_is_known_to_the_prior_but_kind_and_place() -> None:
    features = case(*at_level(2)).features
    assert set(features) == {*PRIOR, *names("waterlogging", "east")}
    assert [features[name] for name in names("waterlogging", "east")] == [1.0, 1.0]


def test_at_the_even_score_a_lone_source_is_as_likely_as_not() -> None:
    alone = case(strand("a", EVEN))
    model = Confirmation(PRIOR, -LOG_ODDS * EVEN)
    assert model.predict_one(alone.features) == pytest.approx(0.5)
    assert model.predict_one(case(strand("a", 4.5)).features) < 0.4
    assert model.predict_one(case(*at_level(1)).features) > 0.7


def test_levels_agreement_and_faults_speak_too() -> None:
    many = tuple(strand(str(n), 5.0) for n in range(8))
    features = case(*many, around=Around(9, 0.01)).features
    assert features["several"] == pytest.approx(3 / 4)
    assert 0 < features["agreement"] <= 1
    assert case(crossing("a", 1), crossing("b", 1)).features["official"] == 4.0
    assert case(strand("a"), strand("b", fault="stuck")).features["believed"] == -0.5


def test_who_spoke_shares_what_was_said() -> None:
    reports = strand("r", 5.0, source="report", count=3)
    voices = case(strand("a", 6.0), crossing("a", 2), strand("b", 4.0), reports).voices
    assert voices == pytest.approx({"a": 0.4, "b": 4 / 15, "report waterlogging": 1 / 3})
    effects = case(strand("a", 6.0), strand("t", 6.0, hazard="traffic")).voices
    assert effects == {"a": 1.0}, "who reads a side effect is not judged by it"


def test_nobody_is_judged_who_did_not_speak_and_the_weakest_are_left_out() -> None:
    assert case(strand("a", 2.0)).voices == {}
    many = case(*(strand(f"{n:02d}", 9.0 - n / 10) for n in range(VOICES + 4))).voices
    assert sorted(many) == [f"{n:02d}" for n in range(VOICES)]
    assert sum(many.values()) == pytest.approx(1.0)
