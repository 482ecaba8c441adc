"""A simulated run as a feed directory: the same files a real city would export, and the truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from simulators.simulation import Simulation

__all__ = ["write_feed"]


def write_feed(sim: Simulation, out: Path, progress: Callable[[float], None] | None = None) -> None:
    """Write city.json, readings.jsonl, reports.jsonl and truth.json.

    Readings are in order of arrival: ascending in time but for the late, the repeated and those
    of a clock that is off. ``progress`` hears the share done, 0 to 1. What another feed has left
    there goes; the truth comes last, so that half a feed has none to be scored by.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in ("readings.jsonl.gz", "reports.jsonl.gz", "commands.jsonl", "commands.jsonl.gz"):
        (out / name).unlink(missing_ok=True)
    (out / "truth.json").unlink(missing_ok=True)
    encode = msgspec.json.Encoder().encode
    (out / "city.json").write_bytes(encode(sim.city) + b"\n")
    with (out / "readings.jsonl").open("wb") as readings, (out / "reports.jsonl").open("wb") as rs:
        for k in range(sim.blocks):
            block = sim.block(k)
            readings.write(block.data)
            rs.write(b"".join(encode(report) + b"\n" for report in block.reports))
            if progress is not None:
                progress((k + 1) / sim.blocks)
    (out / "truth.json").write_bytes(encode(sim.truth) + b"\n")
