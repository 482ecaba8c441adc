"""Figures by step, outcome and reason."""

import pytest

from operators.counters import MEANING, Counters


def test_an_account_adds_up_why_something_was_rejected() -> None:
    counters = Counters()
    counters.add("order", "received", 5)
    counters.add("order", "sent", 2)
    counters.add("order", "rejected", 1, "duplicate")
    counters.add("order", "rejected", 1, "broken")
    counters.add("order", "late", 1, "readings")
    account = counters.account("order")
    assert account == ("order", 5, 2, 1, 2, {"broken": 1, "duplicate": 1})
    assert account.balanced
    counters.add("order", "received")
    assert not counters.account("order").balanced


def test_steps_do_not_mix() -> None:
    counters = Counters()
    counters.add("triage", "received", 2)
    counters.add("intake", "received", 3)
    counters.add("screen", "received", 0)
    assert [(a.step, a.received) for a in counters.accounts()] == [("intake", 3), ("triage", 2)]
    assert counters.account("order") == ("order", 0, 0, 0, 0, {})
    assert counters.account("order").balanced


def test_a_step_without_a_meaning_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="'sorting' is not one of intake"):
        Counters().add("sorting", "received")
    assert all(MEANING.values())
