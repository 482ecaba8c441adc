"""The vocabulary triage starts from: every hazard, in both languages, no phrase twice."""

import re

from models.report_words import SEED_PHRASES, extended
from operators.events import HAZARDS

HAN = re.compile("[\u4e00-\u9fff]")


def test_every_hazard_has_phrases_in_both_languages() -> None:
    assert set(SEED_PHRASES) == set(HAZARDS)
    for phrases in SEED_PHRASES.values():
        chinese = sum(bool(HAN.search(phrase)) for phrase in phrases)
        assert chinese >= 10
        assert len(phrases) - chinese >= 10


def test_no_phrase_is_said_of_two_hazards() -> None:
    said = [phrase for phrases in SEED_PHRASES.values() for phrase in phrases]
    assert sorted(phrase for phrase in set(said) if said.count(phrase) > 1) == []
    assert all(phrase.strip() == phrase and phrase for phrase in said)


def test_a_city_adds_its_own() -> None:
    both = extended({"noise": ["blorbs"]})
    assert both["noise"] == [*SEED_PHRASES["noise"], "blorbs"]
    assert both["fire"] == SEED_PHRASES["fire"]
    assert "blorbs" not in SEED_PHRASES["noise"]
