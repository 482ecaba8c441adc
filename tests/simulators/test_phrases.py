"""What citizens say: enough of it, in both languages, with a place in it."""

import pytest

from simulators.phrases import CATEGORY, EVERYDAY, PHRASES


def test_shares_of_an_ordinary_day_are_shares() -> None:
    assert sum(EVERYDAY.values()) == pytest.approx(1.0, abs=0.1)
    assert set(EVERYDAY) - {"prank"} <= set(PHRASES)  # pranks are told of something else


@pytest.mark.parametrize("topic", sorted(PHRASES))
def test_every_topic_is_said_in_both_languages(topic: str) -> None:
    assert len(PHRASES[topic]) >= 2
    for chinese, english in PHRASES[topic]:
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
        assert english.isascii()
        assert (("{zh}" in chinese), ("{en}" in english)) in {(True, True), (False, False)}


def test_topics_are_filed_under_their_own_name_unless_said() -> None:
    assert set(CATEGORY) <= set(PHRASES)
