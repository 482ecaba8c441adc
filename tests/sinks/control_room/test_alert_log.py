"""The remembered end of the log."""

from sinks.control_room.alert_log import AlertLog, Entry, Wanted
from sinks.control_room.hops import Hops
from sinks.control_room.protocol import Filter


def entry(at: int, name: str = "a", version: int = 1, **fields) -> Entry:
    values = {
        "status": "active",
        "level": 3,
        "was": 3,
        "district": "d",
        "hazard": "flood",
        "cells": frozenset({"8a"}),
        "body": b"x" * 10,
    } | fields
    return Entry((at, 0), name, version, **values)


def test_after_gives_the_rest_up_to_a_size_but_always_one() -> None:
    log = AlertLog()
    log.append([entry(n) for n in range(1, 11)])
    assert [e.at[0] for e in log.after((3, 0), log.end, 35)] == [4, 5, 6, 7]
    assert [e.at[0] for e in log.after((3, 0), log.end, 0)] == [4]
    assert log.after((10, 0), log.end, 100) == []
    assert [e.at[0] for e in log.after((3, 0), (5, 0), 100)] == [4, 5]


def test_what_was_before_the_reload_is_not_remembered() -> None:
    log = AlertLog()
    log.reload("e", (5, 0), [entry(5)])
    log.append([entry(6)])
    assert log.after((4, 9), log.end, 100) is None
    assert log.knows((5, 0))
    assert log.knows((6, 0))
    assert not log.knows((4, 0))
    assert not log.knows((5, 1))
    assert not log.knows((7, 0))


def test_active_follows_the_highest_version() -> None:
    log = AlertLog()
    log.append([entry(1, "a", 2), entry(2, "a", 1, level=1), entry(3, "b")])
    assert {name: e.version for name, e in log.active.items()} == {"a": 2, "b": 1}
    log.append([entry(4, "b", 2, status="cleared")])
    assert set(log.active) == {"a"}


def test_an_unreadable_entry_keeps_its_place_and_reaches_nobody() -> None:
    log = AlertLog()
    log.append([entry(1), entry(2, "", 0, status="unreadable", body=b"")])
    assert log.end == (2, 0)
    assert set(log.active) == {"a"}
    assert not Wanted(None).passes(entry(2, body=b""))


def test_a_version_with_hops_says_when_it_is_sent_and_one_without_stays_as_it_is() -> None:
    bare, timed = entry(1), entry(2, body=b'{"sent":0,"at":1900}', hops=Hops(1, 1, 1, 100, 1900))
    assert (bare.stored_us, timed.stored_us) == (1000, 2000)
    for each in (bare, timed):
        each.send(2500)
    assert (bare.body, timed.body) == (b"x" * 10, b'{"sent":500,"at":1900}')
    ahead = entry(2, body=b'{"sent":0,"at":1900}', hops=Hops(1, 1, 1, 100, 1900))
    ahead.send(1950)  # the store's clock is ahead of ours
    assert ahead.body == b'{"sent":0,"at":1900}'


def test_every_part_of_a_filter_must_hold() -> None:
    wanted = Wanted(Filter(district=("d",), hazard=("flood",), cell=("8a", "8b"), level_max=3))
    assert wanted.passes(entry(1))
    assert not wanted.passes(entry(1, district="x"))
    assert not wanted.passes(entry(1, hazard="fire"))
    assert not wanted.passes(entry(1, cells=frozenset({"8c"})))
    assert not wanted.passes(entry(1, level=4, was=4))
    assert wanted.passes(entry(1, level=4, was=3))
    assert not wanted.shows(entry(1, level=4, was=3))
