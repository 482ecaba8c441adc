"""Every reading gets the same answer alone and in company, and a reason when it is refused."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import operators.reading_codec
from operators.events import TIME_END_MS
from operators.lines import Lines
from operators.name_index import UNKNOWN, NameIndex
from operators.reading_codec import DecodedReadings, decode_readings
from operators.reading_lines import MAX_GATEWAY
from tests.operators.town import T0, reading

GOOD = reading("a", T0, 37.5)
NESTED = b'{"sensor":"a","time":1,"value":1,"x":' + b"[" * 3000 + b"]" * 3000 + b"}"


NAMES = ["a", "río-7", "b\\"]
KNOWN = NameIndex(NAMES)
"""So some sensors are known and others are not: nothing but their rows' numbers may show it."""
NOBODY = NameIndex()


def decode(lines: Sequence[bytes], names: NameIndex = KNOWN) -> DecodedReadings:
    return decode_readings(lines, names)


def names_of(found: DecodedReadings) -> list[str]:
    strangers = [row for row, sensor in enumerate(found.sensor) if sensor == UNKNOWN]
    assert list(found.unknown) == strangers
    return [found.unknown.get(row, NAMES[n]) for row, n in enumerate(found.sensor)]


def rows_of(found: DecodedReadings) -> list[tuple[int, str, int, float]]:
    columns = found.line.tolist(), names_of(found), found.time.tolist(), found.value.tolist()
    return list(zip(*columns, strict=True))


def reason(raw: bytes) -> str:
    found = decode([raw])
    assert not len(found.sensor)
    assert [rejected.line for rejected in found.rejected] == [0]
    return found.rejected[0].reason


def message(**fields: Any) -> bytes:
    whole = {"sensor": "a", "time": T0, "value": 1.0} | fields
    return json.dumps({k: v for k, v in whole.items() if v is not ...}).encode()


# --- readings --------------------------------------------------------------------------------


def test_a_good_poll_keeps_its_order() -> None:
    found = decode([reading("b", T0 + 1, 2), GOOD, reading("b", T0, -1e-3)])
    assert rows_of(found) == [(0, "b", T0 + 1, 2.0), (1, "a", T0, 37.5), (2, "b", T0, -1e-3)]
    assert found.sensor.tolist() == [UNKNOWN, 0, UNKNOWN]
    assert found.unknown == {0: "b", 2: "b"}
    assert found.rejected == []


def test_nothing_is_a_poll_too() -> None:
    found = decode([])
    assert rows_of(found) == []
    assert found.rejected == []


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (message(sensor=...), "sensor: missing"),
        (message(time=...), "time: missing"),
        (message(value=...), "value: missing"),
        (message(sensor=""), "sensor: expected a non-empty string, got ''"),
        (message(sensor=5), "sensor: expected a non-empty string, got 5"),
        (message(sensor=None), "sensor: expected a non-empty string, got None"),
        (message(time="now"), "time: expected integer milliseconds, got 'now'"),
        (message(time=1.5), "time: expected integer milliseconds, got 1.5"),
        (message(time=True), "time: expected integer milliseconds, got True"),
        (message(time=-1), f"time: expected 0 to {TIME_END_MS - 1}, got -1"),
        (message(time=TIME_END_MS), f"time: expected 0 to {TIME_END_MS - 1}, got {TIME_END_MS}"),
        (message(time=2**63), f"time: expected 0 to {TIME_END_MS - 1}, got {2**63}"),
        (message(value="abc"), "value: expected number, got 'abc'"),
        (message(value=None), "value: expected number, got None"),
        (message(value=False), "value: expected number, got False"),
        (message(value={"v": 1}), "value: expected number, got {'v': 1}"),
        (message(kind=3), "kind: expected string, got 3"),
        (message(lon="east"), "lon: expected number, got 'east'"),
        (message(lat=[1]), "lat: expected number, got [1]"),
        (b"[1,2]", "message: expected object, got [1, 2]"),
        (b"null", "message: expected object, got None"),
    ],
)
def test_every_field_is_checked_and_named(raw: bytes, said: str) -> None:
    assert reason(raw) == said


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe", b'{"sensor":"a","time":1,"value":NaN}', message()[:-1]]
)
def test_what_is_not_json_says_where(raw: bytes) -> None:
    assert reason(raw).startswith("not JSON: ")
    assert " at byte " in reason(raw)


def test_a_long_value_is_shown_in_part() -> None:
    said = reason(message(value="x" * 5000))
    assert len(said) < 80
    assert said.endswith("…")


def test_a_value_beyond_numbers_is_refused() -> None:
    assert names_of(decode([b'{"sensor":"a","time":1,"value":1e400}'])) == []


@pytest.mark.parametrize("bad", [b"{", message(sensor="who"), message(value="x"), b""])
def test_a_bad_message_is_looked_at_alone(bad: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[bytes] = []
    strict = operators.reading_codec._decode_message

    def noting(raw: bytes) -> Any:
        looked_at.append(raw)
        return strict(raw)

    monkeypatch.setattr(operators.reading_codec, "_decode_message", noting)
    lines = [reading("a", T0 + number, number) for number in range(1000)]
    found = decode([*lines[:300], bad, *lines[300:]])
    assert looked_at == [bad]
    assert found.line[found.value == 300].tolist() == [301]


def test_a_message_nested_past_the_stack_is_refused() -> None:
    found = decode([GOOD, NESTED])
    assert names_of(found) == ["a"]
    assert [rejected.line for rejected in found.rejected] == [1]


@pytest.mark.parametrize(
    "halves",
    [
        [GOOD + b',{"sensor":"b"', b'"time":1,"value":2}'],
        [GOOD + b"," + GOOD, GOOD[:10], GOOD[10:]],
        [GOOD + GOOD, b""],
        [GOOD + b"],[" + GOOD],
    ],
)
def test_a_line_is_one_message(halves: list[bytes]) -> None:
    assert names_of(decode(halves)) == []
    assert {rejected.line for rejected in decode(halves).rejected} == set(range(len(halves)))


# --- a gateway's messages --------------------------------------------------------------------


def test_a_gateway_is_many_readings_from_one_line() -> None:
    gateway = message(sensor=["b", "c"], time=[T0, T0 + 5], value=[1, 2.5])
    found = decode([GOOD, gateway, GOOD])
    assert rows_of(found) == [
        (0, "a", T0, 37.5),
        (1, "b", T0, 1.0),
        (1, "c", T0 + 5, 2.5),
        (2, "a", T0, 37.5),
    ]


def test_one_bad_reading_of_a_gateway_costs_itself() -> None:
    gateway = message(sensor=["b", "", "d"], time=[T0, T0, -5], value=[1, 2, 3])
    found = decode([GOOD, gateway])
    assert rows_of(found) == [(0, "a", T0, 37.5), (1, "b", T0, 1.0)]
    assert [(r.line, r.reason) for r in found.rejected] == [
        (1, "[1].sensor: expected a non-empty string, got ''"),
        (1, f"[2].time: expected 0 to {TIME_END_MS - 1}, got -5"),
    ]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"sensor": ["a", "b"], "time": [1, 2], "value": [1.0]},
            "gateway: expected equal lengths, got 2, 2 and 1",
        ),
        (
            {"sensor": ["a"], "time": 1, "value": 1},
            "gateway: expected sensor, time and value all to be arrays",
        ),
        (
            {"sensor": "a", "time": [1], "value": [1]},
            "gateway: expected sensor, time and value all to be arrays",
        ),
        (
            {"sensor": ["a"], "time": [1], "value": 1},
            "gateway: expected sensor, time and value all to be arrays",
        ),
    ],
)
def test_a_gateway_has_three_equal_columns(columns: dict[str, Any], said: str) -> None:
    assert reason(message(**columns)) == said


@pytest.mark.parametrize("company", [[], [GOOD], [GOOD, b"{"]])
def test_a_gateway_is_bounded(company: list[bytes]) -> None:
    def gateway(size: int) -> bytes:
        return message(sensor=["a"] * size, time=[T0] * size, value=[1] * size)

    found = decode([gateway(MAX_GATEWAY), *company])
    assert len(found.sensor) == MAX_GATEWAY + company.count(GOOD)
    found = decode([gateway(MAX_GATEWAY + 1), *company])
    assert len(found.sensor) == company.count(GOOD)
    assert found.rejected[0].reason == (
        f"gateway: expected at most {MAX_GATEWAY} readings, got {MAX_GATEWAY + 1}"
    )


@pytest.mark.parametrize("name", [b"\\ud800gone", b"\\udc00gone", b"\xed\xa0\x80gone"])
def test_half_a_surrogate_pair_names_nobody(name: bytes) -> None:
    """So no message finds what the registry keeps under such names."""
    told = b'{"sensor":"%s","time":%d,"value":1}' % (name, T0)
    gateway = b'{"sensor":["%s"],"time":[%d],"value":[1]}' % (name, T0)
    known = NameIndex(["\ud800gone", "\udc00gone"])
    found = decode_readings([told, gateway], known)
    assert (len(found.sensor), len(found.rejected)) == (0, 2)


def test_an_empty_gateway_is_no_reading() -> None:
    found = decode([message(sensor=[], time=[], value=[])])
    assert names_of(found) == []
    assert found.rejected == []


# --- the law ---------------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "", "río-7", "传感器"])
_times = st.one_of(
    st.integers(0, TIME_END_MS - 1), st.sampled_from([-1, TIME_END_MS, 2**63, 2**64])
)
_numbers = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-9, 9))
_odd: st.SearchStrategy[Any] = st.sampled_from([None, True, "x", [], {}, 1.5, [1], ["a"]])
_field = st.one_of(_names, _times, _numbers, _odd)
_plain = st.fixed_dictionaries({"sensor": _names, "time": _times, "value": _numbers})
_gateway = st.integers(0, 4).flatmap(
    lambda size: st.fixed_dictionaries(
        {
            "sensor": st.lists(st.one_of(_names, _odd), min_size=size, max_size=size),
            "time": st.lists(st.one_of(_times, _odd), min_size=size, max_size=size),
            "value": st.lists(st.one_of(_numbers, _odd), min_size=size, max_size=size),
        }
    )
)
_wild = st.fixed_dictionaries(
    {"sensor": _field, "time": _field, "value": _field},
    optional={"kind": _field, "lon": _field, "lat": _field, "extra": _field},
)


def _written(fields: dict[str, Any], ascii_only: bool, between: tuple[str, str]) -> bytes:
    return json.dumps(fields, ensure_ascii=ascii_only, separators=between).encode()


_separators = st.sampled_from([(",", ":"), (", ", ": "), (",\r", "\t:"), (",\n", ":")])
_json = st.builds(_written, st.one_of(_plain, _gateway, _wild), st.booleans(), _separators)
_fuzzed = st.builds(
    lambda raw, at, byte: raw[: at % len(raw)] + bytes([byte]) + raw[at % len(raw) + 1 :],
    _json,
    st.integers(0, 500),
    st.one_of(st.integers(0, 255), st.sampled_from(b'"\\{}[]:,0123456789eE.+- \n\r\t\0')),
)
_half = st.builds(lambda raw, at: raw[: at % len(raw)], _json, st.integers(0, 500))
_texts = st.one_of(
    st.sampled_from(
        [
            *("1e400", "01", "+1", "1.", ".5", "-0", "-0.0", "1E5", "12345678901234567890", "1e22"),
            *("1e23", "1e-23", "9007199254740993", "0.1e-21", "-", "1e", "NaN", "-Infinity", "00"),
        ]
    ),
    st.from_regex(r"-?(0|[1-9]\d{0,18})(\.\d{1,18})?([eE][+-]?\d{1,2})?", fullmatch=True),
)
_numbered = st.builds(
    lambda shape, time, value: shape.replace("T", time).replace("V", value).encode(),
    st.sampled_from(
        [
            '{"sensor":"a","time":T,"value":V}',
            '{"sensor": "río-7", "time": T, "value": V}\r',
            '{"sensor":["a","a"],"time":[1,T],"value":[V,V]}',
        ]
    ),
    st.one_of(_times.map(str), _texts),
    _texts,
)
_awkward = st.sampled_from(
    [
        b"",
        b'{"sensor":"a","time":1,"value":1,"x":"\xff"}',
        b'{"sensor":"a","time":1,"value":1,"x":1e999}',
        b'{"sensor":"a","time":1,"value":"b","value":1}',
        b'{"sensor":"a\\ud800","time":1,"value":1}',
        b' {"sensor":"a","time":1,"value":1} ',
        NESTED,
        GOOD + b"," + GOOD,
        GOOD + b"\n" + GOOD,
        GOOD + b"\r\n",
        GOOD + b"\0",
        b"\xef\xbb\xbf" + GOOD,
        b'{"sensor":"b\\","time":1,"value":1}',
        b'{"sensor":"b\\\\","time":1,"value":1}',
        b'{"sensor":"a","sensor":"b","time":1,"value":1}',
        b'{"sensor":"a","time":1,"value":1,"kind":"noise","lon":1,"lat":2}',
    ]
)
_lines = st.lists(
    st.one_of(
        *(_plain.map(lambda m: json.dumps(m).encode()), _json, _numbered),
        *(_fuzzed, _half, _awkward),
    ),
    max_size=8,
)


@pytest.mark.slow
@settings(max_examples=400)
@given(_lines)
def test_known_sensors_are_read_as_strictly_as_strangers(lines: list[bytes]) -> None:
    """Where nobody is known, no message is plain: all are decided by the strict decoder."""
    found, expected = decode(lines), decode(lines, NOBODY)
    assert rows_of(found) == rows_of(expected)
    assert found.value.tobytes() == expected.value.tobytes()
    assert found.rejected == expected.rejected
    assert found.introduced == expected.introduced


@given(_lines, _lines)
def test_messages_in_one_buffer_are_read_as_those_of_a_list(
    before: list[bytes], lines: list[bytes]
) -> None:
    expected, whole = decode(lines), Lines.of([*before, *lines, *before])
    for buffer in (Lines.of(lines), whole[len(before) : len(before) + len(lines)]):
        found = decode(buffer)
        assert rows_of(found) == rows_of(expected)
        assert found.value.tobytes() == expected.value.tobytes()
        assert found.rejected == expected.rejected
        assert found.introduced == expected.introduced


@given(_lines)
def test_a_message_gets_the_same_answer_alone_and_in_company(lines: list[bytes]) -> None:
    together = decode(lines)
    rows: list[Any] = []
    rejected: list[Any] = []
    introduced: dict[str, Any] = {}
    for number, raw in enumerate(lines):
        alone = decode([raw])
        rows += [(number, *row[1:]) for row in rows_of(alone)]
        rejected += [(number, r.reason) for r in alone.rejected]
        for name, (_, introduction) in alone.introduced.items():
            introduced.setdefault(name, (number, introduction))
    assert rows_of(together) == rows
    assert [tuple(r) for r in together.rejected] == rejected
    assert together.introduced == introduced


@given(st.lists(_plain.map(lambda m: json.dumps(m).encode()), max_size=6), st.data())
def test_a_bad_message_changes_nothing_for_the_others(lines: list[bytes], data: Any) -> None:
    at = data.draw(st.integers(0, len(lines)))
    spoilt = [*lines[:at], b"{]", *lines[at:]]
    said = [row[1:] for row in rows_of(decode(spoilt))]
    assert said == [row[1:] for row in rows_of(decode(lines))]


def test_a_sensor_that_says_where_it_is_introduces_itself() -> None:
    here = message(kind="noise", lon=106, lat=29.5)
    for company in ([], [b"{"]):
        moved = message(kind="noise", lon=107, lat=29.5)
        found = decode([GOOD, here, moved, message(sensor="b", lon=1), *company])
        assert found.introduced.keys() == {"a"}
        assert found.introduced["a"][0] == 1
        assert found.introduced["a"][1].lon == 106


def test_only_a_good_reading_introduces() -> None:
    assert decode([message(kind="noise", lon=1, lat=2, value="x")]).introduced == {}


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_no_bytes_stop_it(lines: list[bytes]) -> None:
    found = decode(lines)
    assert {*found.line.tolist(), *(r.line for r in found.rejected)} == set(range(len(lines)))
