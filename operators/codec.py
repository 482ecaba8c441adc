"""Bytes to events and back.

Decoding is strict (type, finite value, range of time) and never raises on data: what cannot be
used becomes a reason, beside where it stood. A good batch costs one call into msgspec; only a
batch that holds a bad message is looked at line by line, by ``_examine``, which says why.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from operators.events import Alert, BadMessage, City, Command, Report, Truth

__all__ = [
    "MAX_GATEWAY",
    "TIME_END_MS",
    "DecodedEvents",
    "DecodedReadings",
    "Message",
    "Rejected",
    "bad_message",
    "decode_alert",
    "decode_city",
    "decode_commands",
    "decode_readings",
    "decode_reports",
    "decode_truth",
    "encode",
    "encode_alert_line",
]

TIME_END_MS = 4_102_444_800_000
"""2100-01-01: later than any reading, earlier than seconds taken for milliseconds twice."""
MAX_GATEWAY = 10_000
"""Readings one gateway message may carry."""
_PAYLOAD_BYTES = 4096
_SHOWN_CHARS = 40

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises on bytes that are not a message; nesting can be deeper than the stack."""

T = TypeVar("T")


class Message(msgspec.Struct):
    """A Reading message as it is on the wire: one reading, or a gateway's columns of them.

    ``kind``, ``lon`` and ``lat`` are optional; they let a sensor that the city file does not know
    introduce itself.
    """

    sensor: str | list[str]
    time: int | list[int]
    value: float | list[float]
    kind: str | None = None
    lon: float | None = None
    lat: float | None = None


class Rejected(NamedTuple):
    """Which line of a poll could not be used, and why."""

    line: int
    reason: str


class DecodedEvents(NamedTuple, Generic[T]):
    """The good events of a poll with the line each came from, and what was rejected."""

    events: list[T]
    line: list[int]
    rejected: list[Rejected]


class DecodedReadings(NamedTuple):
    """Rows of a poll in order of arrival, and what was rejected.

    ``line`` says which line a row came from; ``introduced`` holds each sensor's first message that
    carries a place, and its line.
    """

    names: list[str]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    line: NDArray[np.intp]
    introduced: dict[str, tuple[int, Message]]
    rejected: list[Rejected]


_decode_message = msgspec.json.Decoder(Message).decode


def decode_readings(lines: Sequence[bytes]) -> DecodedReadings:
    """Return the rows of many Reading messages, one message a line.

    Notes
    -----
    Cost: about 1 us a reading where all are good; a batch with a bad one is examined line by line.
    A message is judged by itself: its company in the poll makes no difference. A bad reading of a
    gateway's message costs that reading and nothing else.

    Examples
    --------
    >>> good = b'{"sensor":"a","time":1763881200000,"value":37.5}'
    >>> rows = decode_readings([good, b'{"sensor":"a","time":1763881200000,"value":"abc"}'])
    >>> rows.names, rows.value.tolist(), rows.rejected[0].reason
    (['a'], [37.5], "value: expected number, got 'abc'")
    """
    try:
        messages = list(map(_decode_message, lines))
    except _UNREADABLE:
        return _examine_all(lines)
    columns = _columns(messages)
    if columns is None:
        return _examine_all(lines)
    names, times, values, line = columns
    try:
        time = np.array(times, np.int64)
    except OverflowError:
        return _examine_all(lines)
    value = np.array(values, np.float64)
    good = (time >= 0) & (time < TIME_END_MS) & np.isfinite(value)
    if not good.all() or "" in names:
        return _examine_all(lines)
    introduced: dict[str, tuple[int, Message]] = {}
    for number, message in enumerate(messages):
        if message.lon is not None:
            _introduce(introduced, number, message)
    return DecodedReadings(names, time, value, line, introduced, [])


def _introduce(introduced: dict[str, tuple[int, Message]], line: int, message: Message) -> None:
    if isinstance(message.sensor, str) and message.lon is not None and message.lat is not None:
        introduced.setdefault(message.sensor, (line, message))


def _columns(
    messages: list[Message],
) -> tuple[list[str], list[int], list[float], NDArray[np.intp]] | None:
    """Return the columns of messages, gateways spread out; None where a shape is wrong."""
    names: list[Any] = [m.sensor for m in messages]
    times: list[Any] = [m.time for m in messages]
    values: list[Any] = [m.value for m in messages]
    line = np.arange(len(messages))
    if list not in map(type, names) and list not in map(type, times + values):
        return names, times, values, line
    sizes = _sizes(names)
    if _sizes(times) != sizes or _sizes(values) != sizes or max(sizes) > MAX_GATEWAY:
        return None
    rows = np.repeat(line, np.abs(sizes))
    return _flat(names), _flat(times), _flat(values), rows


def _sizes(columns: list[Any]) -> list[int]:
    """Return the length of each array, and -1 for what is none."""
    return [len(c) if isinstance(c, list) else -1 for c in columns]


def _flat(columns: list[Any]) -> list[Any]:
    return list(chain.from_iterable(c if isinstance(c, list) else (c,) for c in columns))


def _examine_all(lines: Sequence[bytes]) -> DecodedReadings:
    names: list[str] = []
    times: list[int] = []
    values: list[float] = []
    line: list[int] = []
    introduced: dict[str, tuple[int, Message]] = {}
    rejected: list[Rejected] = []
    for i, raw in enumerate(lines):
        try:
            fields = _fields(raw)
            rows, reasons = _rows(fields)
        except ValueError as error:
            rejected.append(Rejected(i, str(error)))
            continue
        rejected.extend(Rejected(i, reason) for reason in reasons)
        for name, at, value in rows:
            names.append(name)
            times.append(at)
            values.append(value)
            line.append(i)
        if rows and isinstance(fields["sensor"], str):
            _introduce(introduced, i, msgspec.convert(fields, Message))
    return DecodedReadings(
        names,
        np.array(times, np.int64),
        np.array(values, np.float64),
        np.array(line, np.intp),
        introduced,
        rejected,
    )


def _fields(raw: bytes) -> dict[str, Any]:
    """Return a message's fields; the decoder of the fast path decides, the rest finds the words."""
    try:
        return msgspec.structs.asdict(_decode_message(raw))
    except _UNREADABLE:
        return _looked_at(raw)


def _looked_at(raw: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at byte {error.pos}") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None
    if not isinstance(fields, dict):
        raise ValueError(f"message: expected object, got {_shown(fields)}")
    for field in ("sensor", "time", "value"):
        if field not in fields:
            raise ValueError(f"{field}: missing")
    for field, expected in (("kind", str), ("lon", float), ("lat", float)):
        given = fields.get(field)
        if given is not None and not _is_a(given, expected):
            word = "string" if expected is str else "number"
            raise ValueError(f"{field}: expected {word}, got {_shown(given)}")
    return fields


def _rows(fields: dict[str, Any]) -> tuple[list[tuple[str, int, float]], list[str]]:
    columns = fields["sensor"], fields["time"], fields["value"]
    if not any(isinstance(c, list) for c in columns):
        return [_row(*columns)], []
    if not all(isinstance(c, list) for c in columns):
        raise ValueError("gateway: expected sensor, time and value all to be arrays")
    sizes = [len(c) for c in columns]
    if len(set(sizes)) != 1:
        raise ValueError("gateway: expected equal lengths, got {}, {} and {}".format(*sizes))
    if sizes[0] > MAX_GATEWAY:
        raise ValueError(f"gateway: expected at most {MAX_GATEWAY} readings, got {sizes[0]}")
    rows, reasons = [], []
    for i, row in enumerate(zip(*columns, strict=True)):
        try:
            rows.append(_row(*row))
        except ValueError as error:
            reasons.append(f"[{i}].{error}")
    return rows, reasons


def _row(name: Any, time: Any, value: Any) -> tuple[str, int, float]:
    if not isinstance(name, str) or not name:
        raise ValueError(f"sensor: expected a non-empty string, got {_shown(name)}")
    if not isinstance(time, int) or isinstance(time, bool):
        raise ValueError(f"time: expected integer milliseconds, got {_shown(time)}")
    if not 0 <= time < TIME_END_MS:
        raise ValueError(f"time: expected 0 to {TIME_END_MS - 1}, got {time}")
    if not _is_a(value, float):
        raise ValueError(f"value: expected number, got {_shown(value)}")
    if not math.isfinite(value):
        raise ValueError(f"value: expected a finite number, got {value}")
    return name, time, float(value)


def _is_a(value: Any, expected: type) -> bool:
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, expected)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


def decode_reports(lines: Sequence[bytes]) -> DecodedEvents[Report]:
    """Return the good reports of a poll, and what was rejected."""
    return _each(lines, _REPORT, _check_report)


def decode_commands(lines: Sequence[bytes]) -> DecodedEvents[Command]:
    """Return the good commands of a poll, and what was rejected."""
    return _each(lines, _COMMAND, _check_time)


_REPORT = msgspec.json.Decoder(Report)
_COMMAND = msgspec.json.Decoder(Command)


def _each(
    lines: Sequence[bytes], decoder: msgspec.json.Decoder[T], check: Callable[[T], None]
) -> DecodedEvents[T]:
    found = DecodedEvents[T]([], [], [])
    for number, raw in enumerate(lines):
        try:
            event = decoder.decode(raw)
            check(event)
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            found.rejected.append(Rejected(number, _plain(error)))
        else:
            found.events.append(event)
            found.line.append(number)
    return found


def _check_time(event: Report | Command) -> None:
    if not 0 <= event.time < TIME_END_MS:
        raise ValueError(f"time: expected 0 to {TIME_END_MS - 1}, got {event.time}")


def _check_report(report: Report) -> None:
    _check_time(report)
    if not (-180 <= report.lon <= 180 and -90 <= report.lat <= 90):
        raise ValueError(f"lon, lat: expected degrees, got {report.lon}, {report.lat}")
    if report.category is None and not report.text.strip():
        raise ValueError("text: expected words or a category, got neither")


def _plain(error: Exception) -> str:
    """Turn a decoder's words, ``Expected `int`, got `str` - at `$.time```, into the house form."""
    if isinstance(error, RecursionError):
        return "not JSON: nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"not JSON: not UTF-8 at byte {error.start}"
    if isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError):
        return f"not JSON: {str(error).removeprefix('JSON is malformed: ')}"
    found = re.fullmatch(r"(.*?)(?: - at `\$\.?(.*)`)?", str(error), re.DOTALL)
    said, where = found.groups() if found else (str(error), None)
    said = said.replace("`", "")
    missing = re.fullmatch(r"Object missing required field (\S+)", said)
    if missing:
        said, where = "missing", ".".join(filter(None, (where, missing[1])))
    said = said[:1].lower() + said[1:]
    return f"{where}: {said}" if where else said


def decode_city(raw: bytes) -> City:
    """Return the city file.

    Raises
    ------
    ValueError
        When it is not one; the message says where and what was expected.
    """
    return _whole(raw, City)


def decode_truth(raw: bytes) -> Truth:
    """Return the truth file.

    Raises
    ------
    ValueError
        When it is not one; the message says where and what was expected.
    """
    return _whole(raw, Truth)


def decode_alert(raw: bytes) -> Alert:
    """Return one version of a warning.

    Raises
    ------
    ValueError
        When it is not one; the message says where and what was expected.
    """
    return _whole(raw, Alert)


def _whole(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except _UNREADABLE as error:
        raise ValueError(_plain(error)) from None


def encode(event: msgspec.Struct) -> bytes:
    """Return one event as compact JSON, fields in the order of the format."""
    return msgspec.json.encode(event)


def encode_alert_line(alert: Alert) -> bytes:
    """Return one line of an alert file; ``latency_us`` is left out, for it differs between runs."""
    fields = msgspec.to_builtins(alert)
    del fields["latency_us"]
    return orjson.dumps(fields) + b"\n"


def bad_message(
    source: str, partition: int, offset: int, reason: str, payload: bytes
) -> BadMessage:
    """Return what a dead-letter queue keeps of a message that could not be used."""
    kept = base64.b64encode(payload[:_PAYLOAD_BYTES]).decode()
    return BadMessage(source, partition, offset, reason, kept)
