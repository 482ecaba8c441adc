"""What a screen and the hub say to each other: the WebSocket subprotocol ``citywatch.v1``.

JSON text frames. A cursor is ``<epoch>:<entry>``: which log, and how far in it. It is only ever
given for what the client has been sent completely, so a client may resume at any it has seen.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from websockets.frames import Frame, Opcode

from operators.events import LONGEST_ID

__all__ = [
    "MAX_IN",
    "SUBPROTOCOL",
    "ClientMessage",
    "Close",
    "Cmd",
    "Filter",
    "History",
    "Position",
    "RefusedError",
    "Sub",
    "Unsub",
    "WatchSensor",
    "cursor",
    "decode",
    "encode",
    "frame",
    "join",
    "parse_cursor",
    "parse_position",
    "position_text",
]

SUBPROTOCOL = "citywatch.v1"
MAX_IN = 4096
REASON_BYTES = 120  # a close frame carries at most 123

Position: TypeAlias = tuple[int, int]
"""An entry of the log: milliseconds and sequence, which order as the log does."""

Id = Annotated[int, msgspec.Meta(ge=0, le=2**31)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Names: TypeAlias = Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)] | None


class Close(IntEnum):
    """Why the hub ends a connection."""

    BAD_MESSAGE = 4400
    TOO_MUCH = 4429
    RESTART = 1012


class RefusedError(Exception):
    """A client did what the protocol does not allow; the connection ends."""

    def __init__(self, code: Close, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why.encode()[:REASON_BYTES].decode(errors="ignore")


class _Message(msgspec.Struct, frozen=True, tag_field="t", forbid_unknown_fields=True):
    """An unknown field is refused: it may be a wish we would silently not fulfil."""


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which warnings a client wants; every part given must hold."""

    district: Names = None
    cell: Names = None
    hazard: Names = None
    level_max: Annotated[int, msgspec.Meta(ge=1, le=4)] | None = None


class Sub(_Message, frozen=True, tag="sub"):
    """Follow a channel; an id in use is taken over."""

    id: Id
    ch: Literal["alerts", "cells", "feeds", "overview"]
    f: Filter | None = None
    at: str | None = None


class Unsub(_Message, frozen=True, tag="unsub"):
    """Stop following."""

    id: Id


class WatchSensor(_Message, frozen=True, tag="sensor"):
    """Follow one sensor's series."""

    id: Id
    sensor: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]


class History(_Message, frozen=True, tag="history"):
    """Ask once for the versions of one warning."""

    id: Id
    alert: Name


class Cmd(_Message, frozen=True, tag="cmd"):
    """One person's action on one warning; sent again with the same id it happens once.

    The warning must be active, but for a verdict (confirm, false_alarm): its end may be what
    settles it. ``until`` is the end of a shelf.
    """

    id: Name
    op: Literal["ack", "confirm", "false_alarm", "shelve", "unshelve", "resolve", "note"]
    alert: Name
    version: Annotated[int, msgspec.Meta(ge=1)]
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""
    until: int | None = None


ClientMessage: TypeAlias = Sub | Unsub | WatchSensor | History | Cmd

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(
    Sub | Unsub | WatchSensor | History | Cmd
)
encode = msgspec.json.Encoder().encode


def decode(text: str | bytes) -> ClientMessage:
    """Return what a client said.

    Raises
    ------
    RefusedError
        When it is no message of this protocol.

    Examples
    --------
    >>> decode('{"t":"unsub","id":7}')
    Unsub(id=7)
    """
    if isinstance(text, bytes):
        raise RefusedError(Close.BAD_MESSAGE, "expected a text frame, got a binary one")
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise RefusedError(Close.BAD_MESSAGE, str(error)) from error


def frame(payload: bytes) -> bytes:
    """Return a message as a WebSocket frame, ready for any number of sockets."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def join(head: dict[str, Any], name: str, bodies: list[bytes]) -> bytes:
    """Return a message whose last field is a list of messages already encoded.

    Examples
    --------
    >>> join({"t": "ev", "id": 1}, "a", [b"{}", b"{}"])
    b'{"t":"ev","id":1,"a":[{},{}]}'
    """
    return encode(head)[:-1] + f',"{name}":['.encode() + b",".join(bodies) + b"]}"


def position_text(at: Position) -> str:
    """Return a position as the store writes it."""
    return f"{at[0]}-{at[1]}"


def parse_position(text: str) -> Position:
    """Return the position the store's text means."""
    ms, _, sequence = text.partition("-")
    return int(ms), int(sequence)


def cursor(epoch: str, at: Position) -> str:
    """Return the cursor a client may resume at.

    Examples
    --------
    >>> cursor("a1", (17, 3))
    'a1:17-3'
    """
    return f"{epoch}:{position_text(at)}"


def parse_cursor(text: str) -> tuple[str, Position]:
    """Return the epoch and position a client wants to resume at.

    Raises
    ------
    RefusedError
        When it is no cursor.
    """
    epoch, _, entry = text.partition(":")
    try:
        at = parse_position(entry)
    except ValueError as error:
        raise RefusedError(
            Close.BAD_MESSAGE, f"at: expected <epoch>:<entry>, got {text!r}"
        ) from error
    if min(at) < 0 or max(at) >= 2**64:
        raise RefusedError(Close.BAD_MESSAGE, f"at: entry out of range, got {text!r}")
    return epoch, at
