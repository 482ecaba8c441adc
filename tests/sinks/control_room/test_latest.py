"""Latest values and series, as the channels use them."""

from sinks.control_room.latest import POINTS, Latest, Series


def test_who_has_seen_a_change_gets_what_came_after_it() -> None:
    latest = Latest()
    latest.put({"a": b"1", "b": b"2"})
    seen = latest.change
    assert not latest.put({"a": b"1"})
    assert latest.put({"a": b"3"})
    assert latest.since(seen) == b'{"a":3}'
    assert latest.since(None) == b'{"a":3,"b":2}'
    assert latest.since(latest.change) == b"{}"


def test_a_key_that_is_gone_is_null_for_those_who_knew_it() -> None:
    latest = Latest()
    latest.put({"a": b"1", "b": b"2"})
    seen = latest.change
    assert latest.only({"b": b"2"})
    assert latest.since(seen) == b'{"a":null}'
    assert latest.since(None) == b'{"b":2}'
    assert latest.get("a") is None
    assert not latest.forget({"a", "never there"})
    latest.put({"a": b"5"})
    assert latest.since(seen) == b'{"a":5}'


def test_keys_are_escaped() -> None:
    latest = Latest()
    latest.put({'a"b': b"1"})
    assert latest.since(None) == b'{"a\\"b":1}'


def test_a_series_keeps_the_newest_and_ignores_what_is_late() -> None:
    series = Series()
    assert series.put([[n, 0.0, None, None] for n in range(1, 10_000)])
    assert not series.put([[5, 9.9, None, None]])
    assert series.last == 9999
    assert POINTS <= len(series.since(0)) <= 2 * POINTS
    assert [point[0] for point in series.since(9997)] == [9998, 9999]
