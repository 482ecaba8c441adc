"""Whoever asks for the end is waited for a little; what has failed is told once."""

from sinks.ending import HURRY_S, Ending


def test_nobody_hurries_until_somebody_asks() -> None:
    now = [0.0]
    ending = Ending(clock=lambda: now[0])
    now[0] = 1e6
    assert not ending.over


def test_it_is_over_so_long_after_somebody_was_seen_to_ask() -> None:
    now = [1e6]
    ending = Ending(clock=lambda: now[0])
    ending.asked = True
    assert not ending.over
    now[0] += HURRY_S
    assert not ending.over
    now[0] += 0.01
    assert ending.over


def test_a_user_does_not_wait_for_more_than_two_seconds() -> None:
    assert 1 <= HURRY_S < 2


def test_nothing_is_broken_at_first() -> None:
    assert not Ending().broken
