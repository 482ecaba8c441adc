"""What is told between processes, as messages of the evidence log.

One log for the city, in the order in which it is applied: evidence and summaries of the readings,
reports, what people asked for, sensors that introduced themselves. Sensors go by name and cells by
H3 index, for every process numbers them for itself.
"""

from __future__ import annotations

import zlib
from typing import Annotated, TypeAlias

import msgspec
import numpy as np

from operators.events import HAZARDS, Command, Evidence, Sensor, Text
from operators.evidence import Found
from operators.intake import CommandRows
from operators.maintenance import FaultItem
from operators.name_index import UNKNOWN
from operators.open_window import KindSums, Top
from operators.registry import Registry
from operators.triage import Triaged, TriagedReport
from operators.windows import CellSums, ShardWindow

__all__ = ["LogItem", "decode_log", "encode_log"]

LogItem: TypeAlias = Found | ShardWindow | Triaged | CommandRows | Sensor


class _Found(msgspec.Struct, tag_field="t", tag="found"):
    origin: Annotated[str, msgspec.Meta(pattern=r"^(readings:\d{1,6}|bursts|cells|outages)$")]
    evidence: tuple[Evidence, ...]
    watermark: int
    number: int | None
    live: bool
    begun: int
    last: bool


class _Landmark(msgspec.Struct):
    value: float
    unit: str
    name: Text | None
    trend: str | None


class _Window(msgspec.Struct, tag_field="t", tag="window"):
    shard: int
    end: int
    cells: bytes
    """Rows of ``_CELL``: there may be thousands a window, and six lists of as many numbers took
    three and a half times as long to write and read."""
    kinds: dict[str, KindSums]
    top: list[tuple[str, float, float, float]]
    quiet: bytes
    """Ids, packed: where a feed falls silent they are all of its sensors at once, and a message of
    the log has an end."""
    newly_quiet: bytes
    heard: int
    rejected: dict[str, int]
    faults: list[tuple[str, str, int, float | None, float | None]]
    faulty: dict[str, int]
    landmark: _Landmark | None


class _Reports(msgspec.Struct, tag_field="t", tag="reports"):
    reports: tuple[TriagedReport, ...]
    watermark: int
    number: int
    live: bool
    begun: int
    last: bool


class _Commands(msgspec.Struct, tag_field="t", tag="commands"):
    commands: list[Command]
    watermark: int
    last: bool


class _Met(msgspec.Struct, tag_field="t", tag="sensor"):
    sensor: Sensor


_CELL = np.dtype([("cell", "<i8"), ("sums", "<i4", len(CellSums._fields) - 1)])
"""A row of ``CellSums``, its cell by H3 index."""
_MOST = np.iinfo(_CELL["sums"].base).max

_encode = msgspec.json.Encoder().encode
_Message: TypeAlias = _Found | _Window | _Reports | _Commands | _Met
_DECODER: msgspec.json.Decoder[_Message] = msgspec.json.Decoder(_Message)


def encode_log(item: LogItem, registry: Registry) -> bytes:
    """Return one message of the log."""
    match item:
        case Found():
            return _encode(_Found(*item))
        case ShardWindow():
            return _encode(_window(item, registry))
        case Triaged():
            return _encode(_Reports(*item))
        case CommandRows():
            return _encode(_Commands(*item))
        case _:
            return _encode(_Met(item))


def decode_log(raw: bytes, registry: Registry) -> LogItem:
    """Return what a message of the log says.

    Raises
    ------
    ValueError
        When it is not one of ours.
    """
    try:
        message = _DECODER.decode(raw)
    except RecursionError:  # what is not looked at may be nested deeper than the stack
        raise ValueError("nested too deep") from None
    match message:
        case _Found() as m:
            return Found(m.origin, m.evidence, m.watermark, m.number, m.live, m.begun, m.last)
        case _Window() as m:
            return _summary(m, registry)
        case _Reports() as m:
            return Triaged(m.reports, m.watermark, m.number, m.live, m.begun, m.last)
        case _Commands() as m:
            return CommandRows(m.commands, m.watermark, m.last)
        case m:
            return m.sensor


def _window(window: ShardWindow, registry: Registry) -> _Window:
    assert window.cells is not None, "progress alone is told by Found"
    sensors, cells = registry.sensors, np.empty(len(window.cells.cell), _CELL)
    cells["cell"] = registry.cell_numbers[window.cells.cell]
    cells["sums"] = np.minimum(np.array(window.cells[1:]).T, _MOST)
    return _Window(
        window.shard,
        window.end,
        cells.tobytes(),
        window.kinds,
        [(sensors[t.sensor].id, t.value, t.expected, t.surprisal) for t in window.top],
        _packed([sensors[sensor].id for sensor in window.quiet.tolist()]),
        _packed([sensors[sensor].id for sensor in window.newly_quiet.tolist()]),
        window.heard,
        window.rejected,
        [(sensors[item.sensor].id, *item[1:]) for item in window.faults],
        window.faulty,
        None if window.landmark is None else _Landmark(**window.landmark),
    )


def _packed(names: list[str]) -> bytes:
    return zlib.compress(_encode(names), 1) if names else b""


def _unpacked(said: bytes) -> list[str]:
    try:
        return msgspec.json.decode(zlib.decompress(said), type=list[str]) if said else []
    except zlib.error as error:
        raise ValueError(f"quiet: {error}") from None


def _summary(said: _Window, registry: Registry) -> ShardWindow:
    quiet, newly_quiet = _unpacked(said.quiet), _unpacked(said.newly_quiet)
    names = [top[0] for top in said.top] + [item[0] for item in said.faults]
    at = _known([*names, *quiet, *newly_quiet], registry)
    return ShardWindow(
        said.shard,
        said.end,
        said.end,
        _cells(said.cells, registry),
        said.kinds,
        tuple(Top(at[name], *rest) for name, *rest in said.top if name in at),
        np.array([at[name] for name in quiet if name in at], np.intp),
        np.array([at[name] for name in newly_quiet if name in at], np.intp),
        said.heard,
        said.rejected,
        faults=tuple(
            FaultItem(at[name], kind, since, value, expected)
            for name, kind, since, value, expected in said.faults
            if name in at
        ),
        faulty=said.faulty,
        landmark=None if said.landmark is None else msgspec.structs.asdict(said.landmark),
    )


def _cells(said: bytes, registry: Registry) -> CellSums:
    if len(said) % _CELL.itemsize:
        raise ValueError(f"cells: expected rows of {_CELL.itemsize} bytes, got {len(said)}")
    rows = np.frombuffer(said, _CELL)
    cell, sums = registry.cells_numbered(rows["cell"]), rows["sums"].T.astype(np.int64)
    hazard = sums[0]
    if len(hazard) and not 0 <= hazard.min() <= hazard.max() < len(HAZARDS):
        raise ValueError(f"cells: expected hazards from 0 to {len(HAZARDS) - 1}")
    known = cell != UNKNOWN
    if known.all():
        return CellSums(cell, *sums)
    return CellSums(*(column[known] for column in (cell, *sums)))


def _known(names: list[str], registry: Registry) -> dict[str, int]:
    """Return where the sensors are that we know; looked up all together."""
    found = zip(names, registry.index.get_many(names).tolist(), strict=True)
    return {name: position for name, position in found if position != UNKNOWN}
