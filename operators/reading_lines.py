"""Reading messages as nearly every sensor sends them, straight from bytes to columns.

What is plain is taken here, by compiled code that makes no object per message; whatever is not
plain is left, not judged. So this module only has to be right about what it takes: messages that
the strict decoder in ``reading_codec`` would accept too, with the same rows to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, inlined
from operators.events import TIME_END_MS
from operators.lines import Lines
from operators.name_index import PADDING, UNKNOWN, NameIndex, Whole, word

__all__ = ["MAX_GATEWAY", "Parsed", "parse"]

MAX_GATEWAY = 10_000
"""Readings one gateway message may carry."""

_FIRST_LINES, _LINES, _BYTES = 256, 1024, 1 << 17
"""Lines parsed together at first and at most, and about how many bytes: they should stay close to
the processor."""
_LONGEST = 1 << 20
"""A longer name is left."""
_LEAST_BYTES = 8
"""What a reading takes in a gateway's message: ``"a",`` and ``0,`` and ``0,``."""
_FULL, _NOT_LINES = -1, -2
"""What stops a parser: no room for rows; line breaks within lines."""


class Parsed(NamedTuple):
    """Rows in order of arrival, and the lines that were left."""

    sensor: NDArray[np.intp]
    """Position of the sensor's name; all are known."""
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    line: NDArray[np.intp]
    """The line each row came from."""
    left: NDArray[np.intp]
    """Lines not taken, of which no row is here."""


# --- bytes -----------------------------------------------------------------------------------
#
# A position of 0 means "does not fit": nothing that fits ends at 0. Nothing here steps over a line
# break, and the padding behind the last one fits nothing, so no position needs a check.

_COLON, _COMMA, _OPEN, _CLOSE, _OPEN_ARRAY, _CLOSE_ARRAY = (np.uint8(c) for c in b":,{}[]")
_QUOTE, _NOUGHT, _PLUS, _MINUS, _POINT, _E, _BIG_E = (np.uint8(c) for c in b'"0+-.eE')
_SPACE, _TAB, _RETURN, _BREAK = (np.uint8(c) for c in b" \t\r\n")


def _literal(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, "little"))


_SENSOR, _TIME, _VALUE = (_literal(b'"%s"' % key) for key in (b"sensor", b"time", b"value"))
_OPEN_SENSOR, _COMMA_TIME, _COMMA_VALUE = map(_literal, (b'{"sensor', b',"time":', b',"value"'))
_SIX_BYTES, _SEVEN_BYTES = np.uint64((1 << 48) - 1), np.uint64((1 << 56) - 1)
_ONES, _TOPS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_ONE, _SEVEN, _EIGHT, _BYTES_56 = (np.uint64(n) for n in (1, 7, 8, 56))
_QUOTES, _SPACES = np.uint64(0x22 * int(_ONES)), np.uint64(0x20 * int(_ONES))
_ZEROS, _OVER_NINE = np.uint64(0x30 * int(_ONES)), np.uint64(0x76 * int(_ONES))
_PAIRS, _FOURS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_BY_10, _BY_100, _BY_10000 = (np.uint64((k << s) + 1) for k, s in ((10, 8), (100, 16), (10000, 32)))
_16, _32 = np.uint64(16), np.uint64(32)
_NOTHING = np.int64(0)
"""Typed: a literal would have what it is given to compiled once more."""
_TENS = np.array([10**n for n in range(9)], np.int64)
_ROOM = np.array([(1 << 53) // 10**n for n in range(9)], np.int64)
"""What may get so many digits more."""
_POWERS = np.array([float(10**n) for n in range(23)])
"""The powers of ten that are exact."""
_EXACT = 1 << 53
"""Whole numbers below are exact too, so one multiplication or division rounds correctly."""


@inlined
def _is(buffer: NDArray[np.uint8], at: Whole, byte: np.uint8) -> bool:
    return bool(buffer[np.uint64(at)] == byte)


@inlined
def _after_space(buffer: NDArray[np.uint8], at: Whole) -> Whole:
    while buffer[np.uint64(at)] <= _SPACE:
        if not (_is(buffer, at, _SPACE) or _is(buffer, at, _TAB) or _is(buffer, at, _RETURN)):
            break
        at += 1
    return at


@inlined
def _after(buffer: NDArray[np.uint8], at: Whole, byte: np.uint8) -> Whole:
    """Return the next token after this one, spaces before and behind it left out."""
    at = _after_space(buffer, at)
    return _after_space(buffer, at + 1) if _is(buffer, at, byte) else 0


@inlined
def _number_of_bytes(mask: np.uint64) -> Whole:
    """Return how many of the lowest bytes a mask covers."""
    return np.int64((mask & _ONES) * _ONES >> _BYTES_56)


@inlined
def _quote_or_control(bytes_: np.uint64) -> np.uint64:
    """Return marks of such bytes; the lowest is right, a borrow may have made those above it."""
    quotes = bytes_ ^ _QUOTES
    return (((quotes - _ONES) & ~quotes) | ((bytes_ - _SPACES) & ~bytes_)) & _TOPS


@inlined
def _string_end(buffer: NDArray[np.uint8], start: Whole) -> Whole:
    """Return where the closing quote is."""
    at = start
    found = _quote_or_control(word(buffer, at))
    while found == 0:
        at += 8
        if at - start > _LONGEST:
            return 0
        found = _quote_or_control(word(buffer, at))
    at += _number_of_bytes(((found - _ONE) & ~found) >> _SEVEN)
    return at if _is(buffer, at, _QUOTE) else 0


@inlined
def _digits(buffer: NDArray[np.uint8], at: Whole) -> tuple[Whole, Whole]:
    """Return the number that up to eight digits make, and how many they are."""
    digits = word(buffer, at) ^ _ZEROS
    other = ((digits + _OVER_NINE) | digits) & _TOPS
    count: Whole = 8
    if other != 0:
        own = ((other - _ONE) & ~other) >> _SEVEN
        count = _number_of_bytes(own)
        # In front of them go noughts; in two steps, for a shift by 64 is none.
        digits = (digits & own) << (np.uint64(7 - count) * _EIGHT) << _EIGHT
    digits = (digits * _BY_10 >> _EIGHT) & _PAIRS
    digits = (digits * _BY_100 >> _16) & _FOURS
    return np.int64(digits * _BY_10000 >> _32), count


@inlined
def _more_digits(buffer: NDArray[np.uint8], at: Whole, number: Whole) -> tuple[Whole, Whole]:
    """Return where digits end and the number they make behind a number's digits."""
    while True:
        part, count = _digits(buffer, at)
        if number > _ROOM[count]:
            return 0, number
        number = number * _TENS[count] + part
        at += count
        if count < 8:
            return at, number


@inlined
def _time(buffer: NDArray[np.uint8], start: Whole) -> tuple[Whole, Whole]:
    at, time = _more_digits(buffer, start, _NOTHING)
    size = at - start
    if size < 1 or time >= TIME_END_MS or (size > 1 and _is(buffer, start, _NOUGHT)):
        return 0, time
    return at, time


@inlined
def _value(buffer: NDArray[np.uint8], at: Whole) -> tuple[Whole, float]:
    negative = _is(buffer, at, _MINUS)
    start = at + 1 if negative else at
    at, number = _more_digits(buffer, start, _NOTHING)
    if at <= start or (at - start > 1 and _is(buffer, start, _NOUGHT)):
        return 0, 0.0
    tens: Whole = 0
    if _is(buffer, at, _POINT):
        start = at + 1
        at, number = _more_digits(buffer, start, number)
        if at <= start:
            return 0, 0.0
        tens = start - at
    elif negative and number == 0:
        return 0, 0.0  # a whole number has no negative nought
    if _is(buffer, at, _E) or _is(buffer, at, _BIG_E):
        at += 1
        down = _is(buffer, at, _MINUS)
        if down or _is(buffer, at, _PLUS):
            at += 1
        power, count = _digits(buffer, at)
        if count in (0, 8):
            return 0, 0.0
        at += count
        tens += -power if down else power
    if not -22 <= tens <= 22 or number >= _EXACT:
        return 0, 0.0
    value = number / _POWERS[-tens] if tens < 0 else number * _POWERS[tens]
    return at, -value if negative else value


# --- messages --------------------------------------------------------------------------------


@inlined
def _after_sensor(buffer: NDArray[np.uint8], at: Whole) -> Whole:
    """Return where the sensor is in a message."""
    if word(buffer, at) == _OPEN_SENSOR and _is(buffer, at + 8, _QUOTE):
        return _after(buffer, at + 9, _COLON)
    at = _after(buffer, at, _OPEN)
    if at == 0 or word(buffer, at) != _SENSOR:
        return 0
    return _after(buffer, at + 8, _COLON)


@inlined
def _after_time(buffer: NDArray[np.uint8], at: Whole) -> Whole:
    """Return where the time is, behind the sensor."""
    if word(buffer, at) == _COMMA_TIME:
        return _after_space(buffer, at + 8)
    at = _after(buffer, at, _COMMA)
    if at == 0 or word(buffer, at) & _SIX_BYTES != _TIME:
        return 0
    return _after(buffer, at + 6, _COLON)


@inlined
def _after_value(buffer: NDArray[np.uint8], at: Whole) -> Whole:
    """Return where the value is, behind the time."""
    if word(buffer, at) == _COMMA_VALUE:
        return _after(buffer, at + 8, _COLON)
    at = _after(buffer, at, _COMMA)
    if at == 0 or word(buffer, at) & _SEVEN_BYTES != _VALUE:
        return 0
    return _after(buffer, at + 7, _COLON)


@inlined
def _one(
    buffer: NDArray[np.uint8],
    at: Whole,
    row: Whole,
    sensor: NDArray[np.intp],
    time: NDArray[np.int64],
    value: NDArray[np.float64],
) -> Whole:
    """Write the row of one reading; return where its value ends."""
    stop = _string_end(buffer, at + 1)
    if stop == 0:
        return 0
    sensor[row] = (stop - at - 1) << 40 | (at + 1)
    at = _after_time(buffer, stop + 1)
    if at == 0:
        return 0
    at, time[row] = _time(buffer, at)
    if at == 0:
        return 0
    at = _after_value(buffer, at)
    if at == 0:
        return 0
    at, value[row] = _value(buffer, at)
    return at


@inlined
def _after_item(buffer: NDArray[np.uint8], at: Whole) -> tuple[Whole, bool]:
    """Return where the next item is, or the end of the array is behind; and whether it is one."""
    at = _after_space(buffer, at)
    if _is(buffer, at, _COMMA):
        return _after_space(buffer, at + 1), True
    return (at + 1 if _is(buffer, at, _CLOSE_ARRAY) else 0), False


@inlined
def _many(
    buffer: NDArray[np.uint8],
    at: Whole,
    row: Whole,
    sensor: NDArray[np.intp],
    time: NDArray[np.int64],
    value: NDArray[np.float64],
) -> tuple[Whole, Whole]:
    """Write the rows of a gateway's message; return where its values end, and the rows."""
    at = _after_space(buffer, at + 1)
    end, more = row, True
    while more:
        stop = _string_end(buffer, at + 1) if _is(buffer, at, _QUOTE) else 0
        if stop == 0 or end - row == MAX_GATEWAY:
            return 0, row
        if end == len(sensor):
            return 0, _FULL
        sensor[end] = (stop - at - 1) << 40 | (at + 1)
        end += 1
        at, more = _after_item(buffer, stop + 1)
    at = _after_time(buffer, at) if at != 0 else 0
    if at == 0 or not _is(buffer, at, _OPEN_ARRAY):
        return 0, row
    at = _after_space(buffer, at + 1)
    r, more = row, True
    while more:
        at, number = _time(buffer, at)
        if at == 0 or r == end:
            return 0, row
        time[r] = number
        r += 1
        at, more = _after_item(buffer, at)
    at = _after_value(buffer, at) if at != 0 and r == end else 0
    if at == 0 or not _is(buffer, at, _OPEN_ARRAY):
        return 0, row
    at = _after_space(buffer, at + 1)
    r, more = row, True
    while more:
        at, real = _value(buffer, at)
        if at == 0 or r == end:
            return 0, row
        value[r] = real
        r += 1
        at, more = _after_item(buffer, at)
    return (at, end) if r == end else (0, row)


@compiled
def _parse(
    buffer: NDArray[np.uint8],
    first: int,
    row: Whole,
    sensor: NDArray[np.intp],
    time: NDArray[np.int64],
    value: NDArray[np.float64],
    line: NDArray[np.intp],
    taken: NDArray[np.bool_],
) -> Whole:
    """Write rows of the lines in the buffer, the first of which has the given number.

    A sensor is written as the place of its name. Returns the number of rows, or what is wrong.
    """
    end = len(buffer) - len(PADDING)
    start: Whole = _NOTHING
    for number in range(first, first + len(taken)):
        if start == end:
            return _NOT_LINES
        at = _after_sensor(buffer, start)
        rows: Whole = row
        if at != 0:
            if _is(buffer, at, _QUOTE):
                if row == len(sensor):
                    return _FULL
                at = _one(buffer, at, row, sensor, time, value)
                rows += 1
            elif _is(buffer, at, _OPEN_ARRAY):
                at, rows = _many(buffer, at, row, sensor, time, value)
                if rows == _FULL:
                    return _FULL
            else:
                at = 0
        if at != 0:
            at = _after(buffer, at, _CLOSE)
        if at != 0 and _is(buffer, at, _BREAK):
            for r in range(row, rows):
                line[r] = number
            row = rows
        else:
            taken[number - first] = False
            at = start
            while not _is(buffer, at, _BREAK):
                at += 1
        start = at + 1
    return row if start == end else _NOT_LINES


def parse(lines: Sequence[bytes], names: NameIndex) -> Parsed:
    """Return the rows of plain messages, one message a line; say which lines were left.

    Plain is a message with the keys sensor, time and value and no others, in this order, with or
    without spaces; a name that is known and not escaped; a whole time in range; a value whose
    conversion is exact in one step (up to 15 digits, a power of ten up to 22). A gateway's message
    is plain when all its readings are.

    Notes
    -----
    Nothing is kept between calls. Cost: 0.1 us a reading, 0.05 us in a gateway's message.
    A line is taken or left by itself: its company makes no difference. ``Lines`` are read where
    they lie.

    Examples
    --------
    >>> lines = [b'{"sensor":"a","time":1763881200000,"value":37.5}', b'{"sensor":"b"}']
    >>> rows = parse(lines, NameIndex(["a"]))
    >>> rows.sensor.tolist(), rows.value.tolist(), rows.left.tolist()
    ([0], [37.5], [1])
    """
    total = len(lines)
    columns = _Columns.of(total)
    taken = np.ones(total, np.bool_)
    first, step = 0, _FIRST_LINES
    row: Whole = 0
    while first < total:
        some = lines[first : first + step]
        mine = taken[first : first + step]
        buffer = _joined(some)
        while (found := _parse(buffer, first, row, *columns, mine)) < 0:
            if found == _FULL:
                columns = columns.longer(row, row + len(buffer) // _LEAST_BYTES)
            else:
                buffer = _joined(list(map(_unbroken, some)))
            mine[:] = True
        sensor, line = columns.sensor[row:found], columns.line[row:found]
        if names.find(buffer, sensor):
            taken[line[sensor == UNKNOWN]] = False
        first, row = first + len(some), found
        step = max(1, min(_LINES, _BYTES * len(some) // len(buffer)))
    columns = columns.only(slice(row))
    left = np.flatnonzero(~taken)
    if len(left):
        columns = columns.only(taken[columns.line])
    return Parsed(*columns, left)


class _Columns(NamedTuple):
    """Rows to be, not all filled yet."""

    sensor: NDArray[np.intp]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    line: NDArray[np.intp]

    @classmethod
    def of(cls, rows: int) -> _Columns:
        return cls(
            np.empty(rows, np.intp),
            np.empty(rows, np.int64),
            np.empty(rows, np.float64),
            np.empty(rows, np.intp),
        )

    def only(self, rows: slice | NDArray[np.bool_]) -> _Columns:
        return _Columns(self.sensor[rows], self.time[rows], self.value[rows], self.line[rows])

    def longer(self, filled: Whole, rows: Whole) -> _Columns:
        longer = _Columns.of(max(int(rows), 2 * len(self.line)))
        for old, new in zip(self, longer, strict=True):
            new[:filled] = old[:filled]
        return longer


def _joined(lines: Sequence[bytes]) -> NDArray[np.uint8]:
    if isinstance(lines, Lines):
        return lines.buffer
    return np.frombuffer(bytearray(b"\n").join([*lines, PADDING]), np.uint8)


def _unbroken(line: bytes) -> bytes:
    """Return a line without breaks at its end, and nothing for one with others."""
    line = line.rstrip(b"\n")
    return b"" if b"\n" in line else line
