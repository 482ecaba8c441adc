"""The readings flow: a process's partitions of readings to evidence in the log."""

from __future__ import annotations

from functools import partial

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from flows.city import one
from flows.production import Part, keep
from flows.vault import Keep
from flows.warm_up import warm_up
from operators.events import BadMessage, Sensor, SeriesPoints
from operators.evidence import Found
from operators.intake import Poll
from operators.reading_path import ReadingPath
from operators.series import Watch
from operators.step import only, run_step
from operators.windows import ShardWindow

__all__ = ["reading_step", "readings"]


def reading_step(part: Part) -> Keep:
    """Return the path of a process's readings as a step, gone on with where snapshots end."""
    warm_up()
    path = ReadingPath(
        part.registry,
        part.counters,
        part.partitions,
        prompt=part.prompt,
        weekly=part.weekly,
        where=part.kafka.servers,
        meter=part.meter,
    )
    for shard, number in enumerate(part.partitions):
        part.resume(number, partial(path.put, shard))
    return keep(part, path, path.take)


def readings(part: Part) -> Dataflow:
    """Return the flow of one process's readings."""
    step = reading_step(part)
    path: ReadingPath = step.path

    flow = Dataflow("readings")
    intake = path.intake
    source = part.source(
        "readings", lambda: path.over, lambda: intake.clocks.event.now, intake.decode
    )
    heard = op.key_on("one_source", op.input("source", flow, source), one)
    seen = only("seen", heard, (Poll, Watch), one)
    found = run_step("reading_path", seen, lambda: step)
    told = only("told", found, (Found, ShardWindow, Sensor), one)
    op.output("evidence", told, part.evidence_sink())
    op.output("dead_letters", only("bad", found, BadMessage, one), part.dead_letter_sink())
    if part.store is not None:
        op.output("store", only("series", found, SeriesPoints, one), part.store)
    return flow
