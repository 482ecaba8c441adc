"""Bytes to events and back.

Decoding is strict (type, finite value, range of time) and never raises on data: what cannot be
used becomes a reason, beside where it stood. Plain readings are taken all at once, by
``reading_lines``; only what that leaves is looked at message by message, and only what is bad in
Python, which says why.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, cast

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from operators import reading_lines
from operators.events import Alert, BadMessage, Command, Report, Truth
from operators.name_index import UNKNOWN, NameIndex
from operators.reading_lines import MAX_GATEWAY, TIME_END_MS

__all__ = [
    "MAX_GATEWAY",
    "TIME_END_MS",
    "DecodedEvents",
    "DecodedReadings",
    "Message",
    "Rejected",
    "bad_message",
    "decode_alert",
    "decode_commands",
    "decode_readings",
    "decode_reports",
    "decode_truth",
    "decode_whole",
    "encode",
    "encode_alert_line",
]

_PAYLOAD_BYTES = 4096
_REASON_CHARS = 500
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
    """Rows of a poll in order of arrival, and what was rejected."""

    sensor: NDArray[np.intp]
    """Position of the sensor's name, ``name_index.UNKNOWN`` where it has none."""
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    line: NDArray[np.intp]
    """The line each row came from."""
    unknown: dict[int, str]
    """The names that have no position, by row in ascending order."""
    introduced: dict[str, tuple[int, Message]]
    """Each sensor's first message that carries a place, and its line."""
    rejected: list[Rejected]


_decode_message = msgspec.json.Decoder(Message).decode


def decode_readings(lines: Sequence[bytes], names: NameIndex) -> DecodedReadings:
    """Return the rows of many Reading messages, one message a line.

    Notes
    -----
    Cost: 0.1 us a reading, 0.05 us in a gateway's message, where ``reading_lines`` takes it; 0.6 us
    where it is looked at here, 3 us where it is bad. A message is judged by itself: its
    company in the poll makes no difference. A bad reading of a gateway's message costs that
    reading and nothing else.

    Examples
    --------
    >>> good = b'{"sensor":"a","time":1763881200000,"value":37.5}'
    >>> bad = b'{"sensor":"a","time":1763881200000,"value":"abc"}'
    >>> rows = decode_readings([good, bad], NameIndex(["a"]))
    >>> rows.sensor.tolist(), rows.value.tolist(), rows.rejected[0].reason
    ([0], [37.5], "value: expected number, got 'abc'")
    """
    plain = reading_lines.parse(lines, names)
    if not len(plain.left):
        return DecodedReadings(*plain[:4], {}, {}, [])
    rest = _examined(lines, plain.left, names)
    if not len(plain.line):
        return rest
    line = np.concatenate([plain.line, rest.line])
    order = np.argsort(line, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return DecodedReadings(
        np.concatenate([plain.sensor, rest.sensor])[order],
        np.concatenate([plain.time, rest.time])[order],
        np.concatenate([plain.value, rest.value])[order],
        line[order],
        {int(place[len(plain.line) + row]): name for row, name in rest.unknown.items()},
        rest.introduced,
        rest.rejected,
    )


def _examined(
    lines: Sequence[bytes], numbers: NDArray[np.intp], names: NameIndex
) -> DecodedReadings:
    """Return the rows of the lines with the given numbers, and what is wrong with the others."""
    sensors: list[str] = []
    times: list[int] = []
    values: list[float] = []
    line: list[int] = []
    introduced: dict[str, tuple[int, Message]] = {}
    rejected: list[Rejected] = []
    for number in numbers.tolist():
        message: Message | None = None
        try:
            message = _decode_message(lines[number])
        except _UNREADABLE:
            pass
        else:
            name, time, value = message.sensor, message.time, message.value
            # Most of what is left is one good reading: it goes the shortest way.
            if (
                isinstance(name, str)
                and isinstance(time, int)
                and isinstance(value, float)
                and name
                and 0 <= time < TIME_END_MS
                and math.isfinite(value)
            ):
                sensors.append(name)
                times.append(time)
                values.append(value)
                line.append(number)
                if _has_place(message):
                    introduced.setdefault(name, (number, message))
                continue
        try:
            found = _columns(lines[number], message)
        except ValueError as error:
            rejected.append(Rejected(number, str(error)))
            continue
        rejected.extend(Rejected(number, reason) for reason in found.reasons)
        sensors += found.sensor
        times += found.time
        values += found.value
        line += [number] * len(found.sensor)
        if found.place is not None:
            introduced.setdefault(found.sensor[0], (number, found.place))
    sensor = names.get_many(sensors)
    return DecodedReadings(
        sensor,
        np.array(times, np.int64),
        np.array(values, np.float64),
        np.array(line, np.intp),
        {row: sensors[row] for row in np.flatnonzero(sensor == UNKNOWN).tolist()},
        introduced,
        rejected,
    )


class _Found(NamedTuple):
    """The good rows of a message, and what is wrong with the others."""

    sensor: Sequence[str]
    time: Sequence[int]
    value: Sequence[float]
    reasons: Sequence[str] = ()
    place: Message | None = None
    """The message where it is one reading and says where its sensor is."""


def _columns(raw: bytes, message: Message | None) -> _Found:
    """Return the rows of bytes that are this message, or none: then only the words are sought."""
    if message is not None and _is_good_gateway(message):
        return _Found(*cast(Any, (message.sensor, message.time, message.value)))
    fields = _looked_at(raw) if message is None else msgspec.structs.asdict(message)
    rows, reasons = _rows(fields)
    if not rows:
        return _Found((), (), (), reasons)
    sensors, times, values = zip(*rows, strict=True)
    told = msgspec.convert(fields, Message) if isinstance(fields["sensor"], str) else None
    return _Found(sensors, times, values, reasons, told if told and _has_place(told) else None)


def _has_place(message: Message) -> bool:
    return message.lon is not None and message.lat is not None


def _is_good_gateway(message: Message) -> bool:
    sensor, time, value = message.sensor, message.time, message.value
    return (
        isinstance(sensor, list)
        and isinstance(time, list)
        and isinstance(value, list)
        and 0 < len(sensor) == len(time) == len(value) <= MAX_GATEWAY
        and all(sensor)
        and min(time) >= 0
        and max(time) < TIME_END_MS
        and all(map(math.isfinite, value))
    )


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
    return _each(lines, _COMMAND, _check_command)


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


def _check_command(command: Command) -> None:
    _check_time(command)
    if command.until is not None and not 0 <= command.until < TIME_END_MS:
        raise ValueError(f"until: expected 0 to {TIME_END_MS - 1}, got {command.until}")


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


def decode_truth(raw: bytes) -> Truth:
    """Return the truth file.

    Raises
    ------
    ValueError
        When it is not one; the message says where and what was expected.
    """
    return decode_whole(raw, Truth)


def decode_alert(raw: bytes) -> Alert:
    """Return one version of a warning.

    Raises
    ------
    ValueError
        When it is not one; the message says where and what was expected.
    """
    return decode_whole(raw, Alert)


def decode_whole(raw: bytes, kind: type[T]) -> T:
    """Return what the bytes are as a whole.

    Raises
    ------
    ValueError
        When they are none; the message says where and what was expected.
    """
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
    """Return what a dead-letter queue keeps of a message that could not be used.

    It is small whatever the message was: a queue that cannot take it would stop the flow.
    """
    if len(reason) > _REASON_CHARS:
        reason = reason[: _REASON_CHARS - 1] + "…"
    kept = base64.b64encode(payload[:_PAYLOAD_BYTES]).decode()
    return BadMessage(source, partition, offset, reason, kept)
