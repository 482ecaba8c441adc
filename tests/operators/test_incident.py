"""Which hazards agree, and what one source keeps saying."""

from typing import Any

import pytest

from operators.events import HAZARD_INITIALS, NO_LEVEL
from operators.incident import EFFECTS, NEAR, Strand, is_like, like
from tests.operators.town import HOUR, MINUTE, T0, evidence


def test_hazards_that_are_near_are_so_both_ways() -> None:
    for one, others in NEAR.items():
        assert all(one in NEAR[other] for other in others)
        assert all(is_like(one, other) and is_like(other, one) for other in others)
    named = {*NEAR, *EFFECTS, *(hazard for each in EFFECTS.values() for hazard in each)}
    assert named <= HAZARD_INITIALS.keys()


@pytest.mark.parametrize("hazard", sorted(HAZARD_INITIALS))
def test_those_that_are_like_a_hazard_are_it_and_its_near_ones(hazard: str) -> None:
    assert like(hazard) == {other for other in HAZARD_INITIALS if is_like(hazard, other)}


def test_a_sensor_has_to_say_it_twice() -> None:
    strand = Strand(T0, evidence(surprisal=6.0), evidence(surprisal=6.0))
    assert strand.strength == 3.0
    strand.add(evidence(time=T0, surprisal=4.0))
    assert strand.strength == 2.0, "the same moment again is not a second time"
    strand.add(evidence(time=T0 + 1, surprisal=6.0, value=31.0))
    assert strand.strength == 5.0
    assert strand.previous_value == 30.0
    assert strand.peak.value == 31.0


@pytest.mark.parametrize("source", ["level", "cell", "report", "outage"])
def test_other_sources_have_counted_already(source: Any) -> None:
    said = evidence(surprisal=6.0, source=source)
    assert Strand(T0, said, said).strength == 6.0


def test_what_is_reached_counts_beside_what_is_expected() -> None:
    """Of one reading a level says that one is reached, and then that a worse one will be."""
    over = evidence(source="level", level=4)
    ahead = evidence(source="level", level=2, onset=T0 + HOUR)
    strand = Strand(T0, over, over)
    strand.add(ahead)
    assert (strand.latest.level, strand.reached) == (2, 4)
    strand.add(evidence(time=T0 + MINUTE, source="level", level=2, onset=T0 + HOUR))
    assert strand.reached == NO_LEVEL, "of the reading before that is told"
