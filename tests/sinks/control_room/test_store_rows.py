"""What the store's bytes mean, also when they are not what they should be."""

import json
import logging

import pytest

from sinks.control_room.store_rows import as_entry, as_health, as_point, as_text

ALERT = {
    "id": "fl-1",
    "version": 3,
    "status": "active",
    "level": 2,
    "district": "gucheng",
    "hazard": "flood",
    "cells": ["8840"],
}


def test_an_entry_knows_what_filters_need() -> None:
    body = json.dumps(ALERT).encode()
    entry = as_entry(b"7-1", {b"b": body, b"was": b"4"})
    assert (entry.id, entry.version, entry.level, entry.was) == ("fl-1", 3, 2, 4)
    assert entry.body == body


def test_an_entry_knows_how_long_its_way_took() -> None:
    hops = {"source": 1, "screened": 2, "decided": 3, "stored": 4, "sent": 0, "at": 5000}
    entry = as_entry(b"7-1", {b"b": json.dumps(ALERT | {"latency_us": hops}).encode()})
    assert entry.stored_us == 5004
    assert as_entry(b"7-1", {b"b": json.dumps(ALERT).encode()}).stored_us == 7000


@pytest.mark.parametrize("latency", [{"engine": 90}, "fast", [], {"at": -1.5}])
def test_a_warning_is_not_held_up_by_what_was_measured(latency: object) -> None:
    body = json.dumps(ALERT | {"latency_us": latency}).encode()
    entry = as_entry(b"7-1", {b"b": body})
    assert (entry.id, entry.body, entry.hops) == ("fl-1", body, None)


def test_a_first_version_was_what_it_is() -> None:
    assert as_entry(b"7-1", {b"b": json.dumps(ALERT).encode()}).was == 2


@pytest.mark.parametrize("body", [b"", b"{", b'{"id":1}'])
def test_what_cannot_be_read_keeps_its_place(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        entry = as_entry(b"7-1", {b"b": body})
    assert entry.at == as_entry(b"7-1", {b"b": json.dumps(ALERT).encode()}).at
    assert (entry.id, entry.body) == ("", b"")
    assert "7-1" in caplog.text


def test_figures_that_are_not_known_are_null() -> None:
    health = json.loads(as_health({b"time": b"5", b"rate": b"1.5", b"lag_ms": b"nan"}))
    assert (health["time"], health["rate"], health["lag_ms"]) == (5, 1.5, None)
    assert health["silent"] is None
    assert as_point({b"t": b"9", b"v": b"2", b"lo": b"nan", b"hi": b"inf"}) == [9, 2, None, None]


def test_no_name_is_an_empty_one() -> None:
    assert (as_text(None), as_text("岚江".encode())) == ("", "岚江")
