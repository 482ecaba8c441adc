"""Bytes to columns of readings.

Plain readings are taken all at once, by ``reading_lines``; only what that leaves is looked at
message by message, and only what is bad in Python, which says why. As strict as ``codec`` is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from operators import reading_lines
from operators.codec import UNREADABLE, Rejected
from operators.events import TIME_END_MS
from operators.name_index import UNKNOWN, NameIndex
from operators.reading_lines import MAX_GATEWAY

__all__ = ["DecodedReadings", "Message", "decode_readings"]

_SHOWN_CHARS = 40


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
        except UNREADABLE:
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
    """Say whether a message tells where on Earth its sensor is."""
    lon, lat = message.lon, message.lat
    return lon is not None and lat is not None and -180 <= lon <= 180 and -90 <= lat <= 90


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
