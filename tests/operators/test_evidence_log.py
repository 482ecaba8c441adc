"""What is told through the log is what was said, whoever numbers sensors how."""

import base64
import zlib
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.events import HAZARDS, Command, Evidence, Forecast, Text
from operators.evidence import Found
from operators.evidence_log import LogItem, decode_log, encode_log
from operators.intake import CommandRows
from operators.maintenance import FaultItem
from operators.open_window import KindSums, Top
from operators.registry import Registry
from operators.triage import Triaged, TriagedReport
from operators.windows import CellSums, ShardWindow
from tests.operators.town import LAT, LON, T0, evidence, sensor, town

SENSORS = [sensor(f"s-{n}", "noise", at_m=(2000 * n, 0)) for n in range(4)]
HERE = Registry(town(SENSORS))
THERE = Registry(town([sensor("other", "rain", at_m=(-9000, 0)), *SENSORS[::-1]]))
NOISE, FLOOD = HAZARDS.index("noise"), HAZARDS.index("flood")

FORECAST = evidence(
    "a",
    T0 + 1,
    1 / 3,
    source="level",
    level=3,
    onset=T0 + 60_000,
    probability=0.72,
    count=4,
    channel="forecast",
    graded=True,
    stamps=(1_700_000_000_000_001, 2, 3),
    fault="drift",
    told=5,
    spread_m=120.0,
    lasts_ms=5_400_000,
    value=-0.1 + 0.3,
    forecast=Forecast("a", 3, 0.72, (T0 + 1, T0 + 2), *((1 / 3, n + 0.1) for n in range(5))),
)
REPORT = TriagedReport("r-1", T0, "fire", "8840197183fffff", LON, LAT, "east", True)


def window(known: Registry, **more: Any) -> ShardWindow:
    """The same summary as a process says it that knows these sensors."""
    at = [known.index.get(f"s-{n}") for n in range(4)]
    position = known.columns.cell_position
    rows = sorted((position[known.cells[n]], *rest) for n, *rest in FIGURES for n in [at[n]])  # type: ignore[misc]
    fields: dict[str, Any] = {
        "cells": CellSums(*(np.array(column, np.int64) for column in zip(*rows, strict=True))),
        "kinds": {"noise": KindSums(3, T0 + 9, 0.1 + 0.2, 3.3, 1e-9, 2)},
        "top": (Top(at[2], 90.0, 1 / 3, 9.5), Top(at[0], 61.0, 60.0, 2.0)),  # type: ignore[arg-type]
        "quiet": np.array([at[1], at[3]], np.intp),
        "newly_quiet": np.array([at[3]], np.intp),
        "heard": 4,
        "rejected": {"noise": 7},
        "faults": (
            FaultItem(at[1], "dead", T0 - 9_000_000),  # type: ignore[arg-type]
            FaultItem(at[0], "stuck", T0 + 1, 1 / 3, 0.1 + 0.2),  # type: ignore[arg-type]
        ),
        "faulty": {"dead": 1, "stuck": 1},
        "landmark": {"value": 4.5, "unit": "m", "name": Text("Bridge", "桥"), "trend": None},
    }
    return ShardWindow(7, T0 + 300_000, T0 + 300_000, **(fields | more))


FIGURES = [(0, NOISE, 4, 2, 5250, 3000), (2, NOISE, 1, 1, 9500, 9500), (2, FLOOD, 1, 0, 0, 0)]


def plain(item: Any) -> Any:
    """A summary whose arrays can be compared; rows of cells in any order."""
    if not isinstance(item, ShardWindow) or item.cells is None:
        return item
    kinds = [column.dtype.kind for column in (*item.cells, item.quiet, item.newly_quiet)]
    assert kinds == ["i"] * 8
    rows = sorted(zip(*(column.tolist() for column in item.cells), strict=True))
    quiet = item.quiet.tolist(), item.newly_quiet.tolist()
    none = item.quiet[:0]
    return rows, quiet, item._replace(cells=None, quiet=none, newly_quiet=none)[:-9], item[-6:]


ITEMS: dict[str, LogItem] = {
    "evidence": Found(
        "readings:7", (FORECAST, evidence("b", T0)), T0 + 5, 12, live=False, begun=77
    ),
    "evidence without numbers": Found("cells", (evidence(),), T0 + 5),
    "progress": Found("readings:7", (), T0 + 5, 0),
    "the end": Found("bursts", (), T0 + 5, 3, last=True),
    "reports": Triaged(
        (REPORT, REPORT._replace(id="r-2", repeated=False)), T0, 41, live=False, begun=5
    ),
    "no reports": Triaged((), -(1 << 62), 0, last=True),
    "commands": CommandRows(
        [
            Command("c-1", T0, "op-7", "wl-1", 2, "shelve", T0 + 60_000, "later, 稍后"),
            Command("c-2", T0, "op-7", "wl-1", 2, "ack"),
        ],
        1 << 62,
    ),
    "no commands": CommandRows([], T0, True),
    "a stranger": sensor("new", "pm25", name=Text("New", "新")),
}


@pytest.mark.parametrize("reader", [HERE, THERE], ids=["here", "there"])
@pytest.mark.parametrize("item", ITEMS.values(), ids=list(ITEMS))
def test_what_names_nobody_by_number_is_read_as_it_was_said(
    item: LogItem, reader: Registry
) -> None:
    raw = encode_log(item, HERE)
    read = decode_log(raw, reader)
    assert read == item
    assert type(read) is type(item)
    assert repr(read) == repr(item)
    assert encode_log(read, reader) == raw


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"landmark": None},
        {"landmark": {"value": 4.5, "unit": "m", "name": None, "trend": None}},
        {"top": (), "quiet": np.empty(0, np.intp), "newly_quiet": np.empty(0, np.intp)},
        {"kinds": {}, "rejected": {}, "heard": 0, "faults": (), "faulty": {}},
        {"cells": CellSums(*(np.empty(0, np.int64) for _ in CellSums._fields))},
    ],
    ids=lambda more: ", ".join(more) or "all",
)
def test_a_summary_goes_by_names(more: dict[str, Any]) -> None:
    raw = encode_log(window(HERE, **more), HERE)
    for reader in (HERE, THERE):
        read = decode_log(raw, reader)
        assert isinstance(read, ShardWindow)
        assert plain(read) == plain(window(reader, **more))
    again = decode_log(encode_log(decode_log(raw, THERE), THERE), HERE)
    assert plain(again) == plain(window(HERE, **more))


def test_whom_the_reader_does_not_know_is_left_out() -> None:
    few = Registry(town([SENSORS[3], SENSORS[2]]))
    read = decode_log(encode_log(window(HERE), HERE), few)
    assert isinstance(read, ShardWindow)
    assert read.cells is not None
    assert [column.tolist() for column in read.cells[:3]] == [[1, 1], [FLOOD, NOISE], [1, 1]] or [
        column.tolist() for column in read.cells[:3]
    ] == [[1, 1], [NOISE, FLOOD], [1, 1]]
    assert read.top == (Top(1, 90.0, 1 / 3, 9.5),)
    assert (read.quiet.tolist(), read.newly_quiet.tolist()) == ([0], [0])
    assert read.heard == 4


def test_every_field_of_evidence_is_told() -> None:
    assert all(
        getattr(FORECAST, name) != default
        for name, default in zip(
            Evidence.__struct_fields__[-len(Evidence.__struct_defaults__) :],
            Evidence.__struct_defaults__,
            strict=True,
        )
    ), "the example has them all"


WRONG = {
    "nothing": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "no kind": b"{}",
    "an unknown kind": b'{"t":"gossip"}',
    "a field missing": b'{"t":"found","origin":"cells"}',
    "a wrong type": b'{"t":"sensor","sensor":7}',
    "nobody's evidence": b'{"t":"found","origin":"gossip","evidence":[],"watermark":1,'
    b'"number":0,"live":true,"begun":0,"last":false}',
    "no UTF-8": b'{"t":"sensor","sensor":"\xff"}',
    "nested too deep": b'{"t":"sensor","more":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("raw", WRONG.values(), ids=list(WRONG))
def test_what_is_none_of_ours_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decode_log(raw, HERE)


@pytest.mark.parametrize("hazard", [None, -1, len(HAZARDS)], ids=["half a row", "below", "beyond"])
def test_rows_of_cells_that_cannot_be_are_refused(hazard: int | None) -> None:
    said = msgspec.json.decode(encode_log(window(HERE), HERE))
    rows = bytearray(base64.b64decode(said["cells"]))
    if hazard is None:
        del rows[-5:]
    else:
        rows[8:12] = hazard.to_bytes(4, "little", signed=True)
    said["cells"] = bytes(rows)
    with pytest.raises(ValueError, match="cells: expected"):
        decode_log(msgspec.json.encode(said), HERE)


def test_a_sum_past_its_room_is_the_most_it_holds() -> None:
    told = window(HERE).cells
    assert told is not None
    cells = told._replace(milli=np.array([1 << 40, 5, 6]))
    read = decode_log(encode_log(window(HERE, cells=cells), HERE), HERE)
    assert isinstance(read, ShardWindow)
    assert read.cells is not None
    assert read.cells.milli.tolist() == [(1 << 31) - 1, 5, 6]


def test_every_part_of_a_message_can_be_cut_off() -> None:
    for item in (*ITEMS.values(), window(HERE)):
        raw = encode_log(item, HERE)
        for size in range(0, len(raw), max(1, len(raw) // 40)):
            with pytest.raises(msgspec.DecodeError):
                decode_log(raw[:size], HERE)


@pytest.mark.parametrize("field", ["quiet", "newly_quiet"])
def test_names_that_are_not_packed_are_refused(field: str) -> None:
    said = msgspec.json.decode(encode_log(window(HERE), HERE))
    for wrong in (b"x", zlib.compress(b"[1]")):
        told = msgspec.json.encode(said | {field: base64.b64encode(wrong).decode()})
        with pytest.raises(ValueError, match=r"\w"):
            decode_log(told, HERE)


@pytest.mark.slow
def test_where_a_whole_feed_falls_silent_it_is_one_message_all_the_same() -> None:
    rng = np.random.default_rng(1)
    sensors = [sensor(rng.bytes(18).hex(), "noise") for _ in range(100_000)]
    known = Registry(town(sensors))
    everybody = np.arange(len(sensors))
    silent = window(HERE)._replace(quiet=everybody, newly_quiet=everybody, top=(), faults=())
    raw = encode_log(silent._replace(cells=CellSums(*[np.empty(0, np.int64)] * 6)), known)
    assert len(raw) < 8_000_000
    told = decode_log(raw, known)
    assert isinstance(told, ShardWindow)
    assert told.quiet.tolist() == told.newly_quiet.tolist() == everybody.tolist()
