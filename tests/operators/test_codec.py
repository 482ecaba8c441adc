"""What is no event gets a reason; what is one comes through whole."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.codec import (
    bad_message,
    decode_alert,
    decode_commands,
    decode_reports,
    decode_truth,
    encode,
    encode_alert_line,
)
from operators.events import TIME_END_MS, Alert, City, Command, Report
from tests.operators.town import T0, line, report
from tests.sinks.alerts import alert

NESTED = b'{"name":"","x":' + b"[" * 3000 + b"]" * 3000 + b"}"


def test_reports_keep_their_order_and_their_neighbours_are_not_hurt() -> None:
    first, second = report("r1", T0, "water"), report("r2", T0, "", "flooding")
    found = decode_reports([line(first), b"{", line(second)])
    assert found.events == [first, second]
    assert found.line == [0, 2]
    assert [r.line for r in found.rejected] == [1]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"time": 1.5}, "time: expected int, got float"),
        ({"time": -1}, f"time: expected 0 to {TIME_END_MS - 1}, got -1"),
        ({"time": TIME_END_MS}, f"time: expected 0 to {TIME_END_MS - 1}, got {TIME_END_MS}"),
        ({"lon": "east"}, "lon: expected float, got str"),
        ({"lon": 180.5}, "lon, lat: expected degrees, got 180.5, 29.56"),
        ({"lat": -91.0}, "lon, lat: expected degrees, got 106.55, -91.0"),
        ({"text": " \n", "category": None}, "text: expected words or a category, got neither"),
        ({"text": 5}, "text: expected str, got int"),
        ({"source": "rumour"}, "source: expected a name that is known, got 'rumour'"),
    ],
)
def test_every_field_of_a_report_is_checked(fields: dict[str, Any], said: str) -> None:
    whole = {"id": "r", "time": T0, "lon": 106.55, "lat": 29.56, "text": "water"} | fields
    found = decode_reports([json.dumps(whole).encode()])
    assert found.events == []
    assert [tuple(r) for r in found.rejected] == [(0, said)]


def test_a_category_alone_is_a_report() -> None:
    silent = report("r1", T0, "", "flooding")
    assert decode_reports([line(silent)]) == ([silent], [0], [])


@pytest.mark.parametrize("decode", [decode_reports, decode_commands])
@pytest.mark.parametrize("raw", [b"", b"\xff", b"[]", b"{}", b'{"id":"r\\ud800"}', NESTED])
def test_what_is_no_event_becomes_a_reason(decode: Any, raw: bytes) -> None:
    found = decode([raw])
    assert found.events == []
    assert [r.line for r in found.rejected] == [0]
    assert found.rejected[0].reason


def test_commands_are_checked() -> None:
    command = Command("c-1", T0, "op-7", "wl-1", 3, "shelve", T0 + 60_000, "crew is there")
    wrong = msgspec.to_builtins(command) | {"op": "delete"}
    late = msgspec.to_builtins(command) | {"time": -1}
    lacking = {"id": "c-2", "time": T0}
    found = decode_commands(
        [
            line(command),
            *(json.dumps(fields).encode() for fields in (wrong, late, lacking)),
            b'{"id":',
            b'{"id":"\xff"}',
        ]
    )
    assert found.events == [command]
    assert [tuple(r) for r in found.rejected[:3]] == [
        (1, "op: expected a name that is known, got 'delete'"),
        (2, f"time: expected 0 to {TIME_END_MS - 1}, got -1"),
        (3, "by: missing"),
    ]
    assert [r.line for r in found.rejected[3:]] == [4, 5]
    assert all(r.reason.startswith("not JSON: ") for r in found.rejected[3:])


@pytest.mark.parametrize("until", [-1, TIME_END_MS, 9_000_000_000_000_000_000, 2**70])
def test_a_shelf_ends_at_a_time_there_is(until: int) -> None:
    last = Command("c-1", T0, "op-7", "wl-1", 3, "shelve", TIME_END_MS - 1)
    never = msgspec.to_builtins(last) | {"until": until}
    found = decode_commands([line(last), json.dumps(never).encode()])
    assert found.events == [last]
    (rejected,) = found.rejected
    assert rejected == (1, f"until: expected 0 to {TIME_END_MS - 1}, got {until}")


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_no_bytes_stop_the_decoders(lines: list[bytes]) -> None:
    for decode_events in (decode_reports, decode_commands):
        told: Any = decode_events(lines)
        assert sorted(told.line + [r.line for r in told.rejected]) == list(range(len(lines)))


# --- whole files -----------------------------------------------------------------------------


@pytest.mark.parametrize("decode", [decode_truth, decode_alert])
@pytest.mark.parametrize("raw", [b"\xff", b"", b"{", NESTED])
def test_a_file_that_is_none_is_one_kind_of_error(decode: Any, raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(raw)


def test_an_alert_survives_its_message() -> None:
    version = alert("wl-1", latency_us={"engine": 90})
    assert decode_alert(encode(version)) == version


def test_an_alert_line_leaves_latency_out_and_nothing_else() -> None:
    slow, fast = alert("wl-1", latency_us={"engine": 9000}), alert("wl-1")
    assert encode_alert_line(slow) == encode_alert_line(fast)
    assert encode_alert_line(slow).count(b"\n") == 1
    fields = json.loads(encode_alert_line(slow))
    left_out = ("latency_us", "confirmation")  # the latter until it is known
    assert list(fields) == [f for f in Alert.__struct_fields__ if f not in left_out]
    assert decode_alert(encode_alert_line(slow)) == fast


def test_messages_have_the_published_fields_in_order() -> None:
    assert list(json.loads(encode(bad_message("s", 0, 7, "why", b"x")))) == [
        "source",
        "partition",
        "offset",
        "reason",
        "payload",
    ]
    assert Report.__struct_fields__ == ("id", "time", "lon", "lat", "category", "text", "source")
    assert list(json.loads(encode(City("T", "UTC"))))[:2] == ["name", "timezone"]


@pytest.mark.parametrize("size", [0, 10, 4096, 4097, 100_000])
def test_a_dead_letter_keeps_the_first_four_kib(size: int) -> None:
    payload = bytes(byte % 251 for byte in range(size))
    kept = bad_message("feed/readings", 0, 7, "why", payload)
    assert base64.b64decode(kept.payload) == payload[:4096]
    assert (kept.source, kept.partition, kept.offset, kept.reason) == ("feed/readings", 0, 7, "why")


def test_a_dead_letter_has_a_short_reason_whatever_was_found() -> None:
    """A broker takes only so much of a header, and a letter it refuses would stop the flow."""
    short, long = "ä" * 500, "ä" * 501
    assert bad_message("s", 0, 7, short, b"").reason == short
    assert bad_message("s", 0, 7, long, b"").reason == "ä" * 499 + "…"
    large = bad_message("s", 0, 7, "x" * 1_000_000, b"x" * 1_000_000)
    assert len(encode(large)) < 10_000
