"""A sentence is said once a minute, whatever its numbers."""

from __future__ import annotations

import logging

import pytest

from sinks.repeated import AGAIN_S, REMEMBERED, Repeated


def test_it_is_said_again_after_a_while() -> None:
    now = [0.0]
    said = Repeated(lambda: now[0])
    assert not said.before("broker 1: refused")
    now[0] = AGAIN_S - 1.0
    assert said.before("broker 2: refused")
    assert not said.before("broker 1: closed"), "another sentence"
    now[0] = AGAIN_S
    assert not said.before("broker 1: refused")


def test_what_is_remembered_is_bounded() -> None:
    said = Repeated(lambda: 0.0)
    for number in range(3 * REMEMBERED):
        assert not said.before("x" * number)
    assert len(said._said) <= REMEMBERED


def test_a_log_is_kept_from_saying_it_again(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("tests.repeated")
    log.addFilter(Repeated(lambda: 0.0))
    for number in range(3):
        log.warning("broker %d: refused", number)
    assert caplog.messages == ["broker 0: refused"]
