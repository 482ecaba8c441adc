"""What is taken has the rows a strict decoder would give; what is not plain is left."""

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operators.events import TIME_END_MS
from operators.lines import Lines
from operators.name_index import NameIndex
from operators.reading_lines import MAX_GATEWAY, Parsed, parse
from tests.operators.town import T0

NAMES = ["a", "rl-0012", "río-7", "传感器", "x" * 24, "x" * 25, "y" * 200, "b\\", 'q"t', "\t", ""]
KNOWN = NameIndex(NAMES)
PLAIN = NAMES[:7]


def rows_of(found: Parsed) -> list[tuple[int, str, int, float]]:
    names = [NAMES[sensor] for sensor in found.sensor]
    columns = found.line.tolist(), names, found.time.tolist(), found.value.tolist()
    return list(zip(*columns, strict=True))


def taken(raw: bytes) -> bool:
    return not len(parse([raw], KNOWN).left)


def message(sensor: Any = "a", time: Any = T0, value: Any = 1.5, **more: Any) -> bytes:
    fields = {"sensor": sensor, "time": time, "value": value, **more}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def with_value(text: str) -> bytes:
    return b'{"sensor":"a","time":1,"value":%s}' % text.encode()


def with_time(text: str) -> bytes:
    return b'{"sensor":"a","time":%s,"value":1}' % text.encode()


# --- what is taken ---------------------------------------------------------------------------


def test_rows_keep_their_order() -> None:
    gateway = message(["río-7", "a"], [1, 2], [3, -4.5])
    found = parse([message(), gateway, message("传感器", 0, 2e-3)], KNOWN)
    assert rows_of(found) == [
        (0, "a", T0, 1.5),
        (1, "río-7", 1, 3.0),
        (1, "a", 2, -4.5),
        (2, "传感器", 0, 0.002),
    ]
    assert len(found.left) == 0


def test_nothing_is_a_poll_too() -> None:
    found = parse([], KNOWN)
    assert rows_of(found) == []
    assert len(found.left) == 0


_values = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
_rows = st.lists(
    st.tuples(st.sampled_from(PLAIN), st.integers(0, TIME_END_MS - 1), _values), max_size=12
)


@given(st.lists(_rows, max_size=6), st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :\r")]))
def test_plain_messages_are_all_taken(messages: list[Any], separators: tuple[str, str]) -> None:
    lines, expected = [], []
    for rows in messages:
        columns: Any = [list(c) for c in zip(*rows, strict=True)]
        fields = columns if len(rows) > 1 else [c[0] for c in columns]
        if rows:
            whole = dict(zip(("sensor", "time", "value"), fields, strict=True))
            text = json.dumps(whole, ensure_ascii=False, separators=separators)
            expected += [(len(lines), *row) for row in rows]
            lines.append(text.encode())
    found = parse(lines, KNOWN)
    assert len(found.left) == 0
    assert rows_of(found) == expected


@pytest.mark.parametrize("space", [b" ", b"\t", b"\r", b" \r\t  "])
def test_space_may_stand_between_all_tokens(space: bytes) -> None:
    for tokens in (
        [
            b"{",
            b'"sensor"',
            b":",
            b'"a"',
            b",",
            b'"time"',
            b":",
            b"1",
            b",",
            b'"value"',
            b":",
            b"2",
        ],
        [
            *(b"{", b'"sensor"', b":", b"[", b'"a"', b",", b'"a"', b"]", b",", b'"time"', b":"),
            *(b"[", b"1", b",", b"1", b"]", b",", b'"value"', b":", b"[", b"2", b",", b"2", b"]"),
        ],
    ):
        for at in range(len(tokens) + 2):
            line = b"".join([*tokens[:at], space, *tokens[at:], b"}"])
            assert {row[1:] for row in rows_of(parse([line], KNOWN))} == {("a", 1, 2.0)}
        assert taken(space.join([b"", *tokens, b"}", b""]))
    assert not taken(b'{"sensor":"' + space + b'a","time":1,"value":2}')
    assert not taken(with_value("1" + space.decode() + "2"))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n", b" \n"])
def test_a_line_may_bring_its_line_break(end: bytes) -> None:
    found = parse([message() + end, message("rl-0012"), message() + end], KNOWN)
    assert [row[:2] for row in rows_of(found)] == [(0, "a"), (1, "rl-0012"), (2, "a")]
    assert len(found.left) == 0


@pytest.mark.parametrize("size", [1, 63, 255, 256, 257, 1023, 1024, 1025, 5000])
@pytest.mark.parametrize("broken", [b"{", b"", b"\n", b"{\n}", message() + b"\n" + message()])
@pytest.mark.parametrize("kind", [list, Lines.of])
def test_polls_of_any_size(size: int, broken: bytes, kind: Callable[..., Any]) -> None:
    lines = [message("rl-0012", number, number / 8) for number in range(size)]
    lines[size // 2] = broken
    found = parse(kind(lines), KNOWN)
    assert found.left.tolist() == [size // 2]
    expected = [number for number in range(size) if number != size // 2]
    assert found.line.tolist() == found.time.tolist() == expected
    assert (found.value * 8).tolist() == expected


@pytest.mark.parametrize("kind", [list, Lines.of])
def test_gateways_of_any_size(kind: Callable[..., Any]) -> None:
    sizes = [1, 2, 300, 5000, 1, MAX_GATEWAY, MAX_GATEWAY + 1, 3]
    lines = [message(["a"] * size, list(range(size)), [0.5] * size) for size in sizes]
    found = parse(kind(lines), KNOWN)
    assert found.left.tolist() == [6]
    kept = [size for size in sizes if size <= MAX_GATEWAY]
    assert found.time.tolist() == [at for size in kept for at in range(size)]
    assert len(found.sensor) == len(found.value) == len(found.line) == sum(kept)


def test_many_names_and_nothing_else_are_no_gateway() -> None:
    """Rows are made room for before their line is known to be bad."""
    names = b'{"sensor":["' + b'","'.join([b"a"] * 9000) + b'"]}'
    found = parse([names, message(), names], KNOWN)
    assert found.left.tolist() == [0, 2]
    assert rows_of(found) == [(1, "a", T0, 1.5)]


# --- numbers ---------------------------------------------------------------------------------

_texts = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(-(10**15), 10**15, places=4).map(lambda value: f"{value:f}"),
    st.integers(-(2**70), 2**70).map(str),
    st.from_regex(r"-?(0|[1-9]\d{0,17})(\.\d{1,20})?([eE][+-]?\d{1,3})?", fullmatch=True),
    st.from_regex(r"[-+]?[0-9]{0,3}\.?[0-9]{0,3}([eE][-+]?[0-9]{0,2})?", fullmatch=True),
)


@given(_texts)
@example("9007199254740993")
@example("9007199254740991e22")
@example("0.1e-21")
@example("-0")
@example("-0.0")
@example("-0e0")
def test_a_value_that_is_taken_has_the_bits_it_should(text: str) -> None:
    found = parse([with_value(text)], KNOWN)
    if len(found.value):
        value: Any = json.loads(text)  # raises where it is no number at all
        assert struct.pack("d", found.value[0]) == struct.pack("d", float(value))


@pytest.mark.parametrize(
    "text",
    [
        *("0", "7", "-7", "0.5", "-0.5", "-0.0", "0.0", "37.5", "1e5", "1E5", "1e+5", "1e-05"),
        *("12345678", "123456789", "9007199254740991", "123456789012.345", "0.000012345678"),
        *("-0.0e3", "1e22", "1e-22", "900719925474099.1e23", "12345678.12345678", "0e9"),
    ],
)
def test_a_plain_value_is_taken(text: str) -> None:
    assert taken(with_value(text))


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "+1", ".5", "1.", "01", "-01", "00", "00.5", "1e", "1e+", "1e-", "1.e5", "--1"),
        *("1_0", "0x1", "1.5.5", "1e5.5", "NaN", "Infinity", "-Infinity", "null", "true", '"1"'),
        *("1e400", "1e23", "1e-23", "9007199254740992", "12345678901234567890", "1e00000005"),
        *("-0", "0." + "0" * 22 + "1", "1" * 400, "[1]", "{}", "1 1", "1\0", "1\x0b", "1\xa0"),
    ],
)
def test_another_value_is_left(text: str) -> None:
    assert not taken(with_value(text))
    assert not taken(
        with_value(f"[1,{text}]").replace(b'"a"', b'["a","a"]').replace(b":1", b":[1,1]")
    )


@pytest.mark.parametrize("text", ["0", "9", "12345678", "123456789", str(TIME_END_MS - 1)])
def test_a_plain_time_is_taken(text: str) -> None:
    assert parse([with_time(text)], KNOWN).time.tolist() == [int(text)]


@pytest.mark.parametrize(
    "text",
    [
        *("", "-1", "-0", "+1", "01", "00", "1.0", "1e3", "null", "true", '"1"', "1 1", "0x1"),
        *(str(TIME_END_MS), "9" * 13, "1" * 14, str(2**63), str(2**64), "1" * 400, "0" * 16),
    ],
)
def test_another_time_is_left(text: str) -> None:
    assert not taken(with_time(text))


# --- what is left ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAIN)
def test_a_known_name_is_taken(name: str) -> None:
    assert rows_of(parse([message(name)], KNOWN)) == [(0, name, T0, 1.5)]
    assert taken(message([name], [1], [1]))


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"b", b"A", b"a ", b"\\u0061", b"b\\", b"b\\\\", b'q\\"t', b'q"t', b"\t", b"\\t"),
        *(b"a\0", b"a\n", b"\xff", b"r\xedo-7", b"x" * 23, b"x" * 26, b"z" * 3_000_000),
    ],
)
def test_an_unknown_or_escaped_name_is_left(raw: bytes) -> None:
    assert not taken(b'{"sensor":"' + raw + b'","time":1,"value":2}')
    assert not taken(b'{"sensor":["a","' + raw + b'"],"time":[1,1],"value":[2,2]}')


GATEWAY = b'{"sensor":["a","a"],"time":[1,2],"value":[3,4]}'


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"\n", b" ", b"{", b"{}", b"[]", b"null", b"1", b'"a"', b"\0", b"\xef\xbb\xbf"),
        b"\xef\xbb\xbf" + message(),
        message()[:-1],
        message() + b"x",
        message() + b"}",
        message() + b"\0",
        message() + b"\x0b",
        message() + message(),
        message() + b"\n" + message(),
        message().replace(b",", b",\n"),
        b"[" + message() + b"]",
        message(kind="noise"),
        message(lon=1, lat=2),
        b'{"sensor":"a","time":1,"value":2,"value":3}',
        b'{"sensor":"a","sensor":"a","time":1,"value":2}',
        b'{"time":1,"sensor":"a","value":2}',
        b'{"sensor":"a","value":2,"time":1}',
        b'{"sensor":"a","time":1}',
        b'{"sensor":"a","time":1,"value":2,}',
        b'{"sensor":"a" "time":1,"value":2}',
        b'{"sensor":"a","time" 1,"value":2}',
        b'{sensor:"a","time":1,"value":2}',
        b"{'sensor':'a','time':1,'value':2}",
        b'{"sensor":5,"time":1,"value":2}',
        b'{"Sensor":"a","time":1,"value":2}',
        b'{"sensor":["a","a"],"time":[1,2],"value":[3]}',
        b'{"sensor":["a","a"],"time":[1,2],"value":[3,4,5]}',
        b'{"sensor":["a","a"],"time":[1],"value":[3,4]}',
        b'{"sensor":["a"],"time":[1,2],"value":[3,4]}',
        b'{"sensor":[],"time":[],"value":[]}',
        b'{"sensor":["a"],"time":1,"value":2}',
        b'{"sensor":"a","time":[1],"value":[2]}',
        b'{"sensor":["a",],"time":[1],"value":[2]}',
        b'{"sensor":["a"],"time":[1,],"value":[2]}',
        b'{"sensor":["a"],"time":[1],"value":[2,]}',
        b'{"sensor":[["a"]],"time":[[1]],"value":[[2]]}',
        b'{"sensor":["a","time":[1],"value":[2]}',
        b'{"sensor":"a","time":1,"value":2,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_not_plain_is_left_and_hurts_no_neighbour(raw: bytes) -> None:
    lines = [raw, GATEWAY, raw, message(), raw]
    for found in (parse(lines, KNOWN), parse(Lines.of(lines), KNOWN)):
        assert found.left.tolist() == [0, 2, 4]
        assert found.line.tolist() == [1, 1, 3]
        assert found.value.tolist() == [3.0, 4.0, 1.5]


@pytest.mark.parametrize("raw", [message("rl-0012", T0, -37.25), GATEWAY])
def test_every_half_of_a_message_is_left(raw: bytes) -> None:
    halves = [half for at in range(1, len(raw)) for half in (raw[:at], raw[at:])]
    assert parse(halves, KNOWN).left.tolist() == list(range(len(halves)))
    assert parse(halves[::-1], KNOWN).left.tolist() == list(range(len(halves)))


def test_a_message_over_two_lines_is_none_even_where_breaks_add_up() -> None:
    first, second = b'{"sensor":"a', b'b","time":1,"value":2}'
    names = NameIndex(["a", "a\nb"])
    found = parse([first, second, message() + b"\n" + message()], names)
    assert found.left.tolist() == [0, 1, 2]


def test_a_gateway_with_one_stranger_is_left_whole() -> None:
    found = parse([message(["a", "who", "a"], [1, 2, 3], [1, 2, 3]), message()], KNOWN)
    assert found.left.tolist() == [0]
    assert rows_of(found) == [(1, "a", T0, 1.5)]
