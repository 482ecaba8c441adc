"""Bytes to events and back.

Decoding is strict (type, finite value, range of time) and never raises on data: what cannot be
used becomes a reason, beside where it stood. Readings, of which there are so many more, have
``reading_codec``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec
import orjson

from operators.events import TIME_END_MS, Alert, BadMessage, Command, Report, Truth

__all__ = [
    "UNREADABLE",
    "DecodedEvents",
    "Rejected",
    "bad_message",
    "decode_alert",
    "decode_commands",
    "decode_reports",
    "decode_truth",
    "decode_whole",
    "encode",
    "encode_alert_line",
    "reason_of",
]

_PAYLOAD_BYTES = 4096
_REASON_CHARS = 500

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises on bytes that are not a message; nesting can be deeper than the stack."""

T = TypeVar("T")


class Rejected(NamedTuple):
    """Which line of a poll could not be used, and why."""

    line: int
    reason: str


class DecodedEvents(NamedTuple, Generic[T]):
    """The good events of a poll with the line each came from, and what was rejected."""

    events: list[T]
    line: list[int]
    rejected: list[Rejected]


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
            found.rejected.append(Rejected(number, reason_of(error)))
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


def reason_of(error: Exception) -> str:
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
    said = re.sub(r"^Invalid enum value (.*)$", r"expected a name that is known, got \1", said)
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
    except UNREADABLE as error:
        raise ValueError(reason_of(error)) from None


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
