"""Every kind means something; one nobody knows is a signal."""

from operators.events import HAZARDS
from operators.kinds import KINDS, kind_of


def test_every_known_kind_is_evidence_of_a_known_hazard() -> None:
    for name, kind in KINDS.items():
        assert kind.hazard in HAZARDS, name
        assert kind.low < kind.high, name
        assert kind.en, name
        assert kind.zh, name


def test_an_unknown_kind_is_a_generic_signal() -> None:
    kind = kind_of("beehive_weight")
    assert (kind.hazard, kind.direction) == ("other", "both")
    assert -kind.low == kind.high == 1e30
