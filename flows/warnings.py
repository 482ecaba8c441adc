"""The warnings flow: the evidence log to warnings, for the store and for Kafka.

What people ask for goes into the log too, before it counts: so that a restart, which reads the log
again, finds everything in the same order.
"""

from __future__ import annotations

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from flows.city import one
from flows.production import Part, keep
from flows.vault import Keep
from operators.events import Alert, BadMessage
from operators.intake import CommandRows, Poll
from operators.log_path import LogPath
from operators.step import only, run_step, where
from operators.warning_path import WarningPath

__all__ = ["warning_step", "warnings"]


def warning_step(part: Part) -> Keep:
    """Return the path of the evidence log as a step, gone on with where its snapshot ends."""
    path = LogPath(
        WarningPath(
            part.registry,
            part.counters,
            part.all_readings,
            prompt=part.prompt,
            commands=False,
            speed=part.speed,
            meter=part.meter,
        ),
        part.registry,
        part.kafka.servers,
    )
    part.resume(part.partitions[0], path.restore)
    return keep(part, path, lambda _: path.snapshot())


def warnings(part: Part) -> Dataflow:
    """Return the flow of the city's warnings."""
    step = warning_step(part)
    path: LogPath = step.path

    flow = Dataflow("warnings")
    source = op.input("source", flow, part.source("evidence", lambda: path.over))
    heard = op.key_on("one_source", source, one)
    said = run_step("warning_path", only("read", heard, Poll, one), lambda: step)
    if part.store is not None:  # first: somebody may be looking at a screen
        health = only("health", heard, dict, one)
        stored = where("storable", said, lambda item: not isinstance(item, BadMessage))
        op.output("store", op.merge("stored", stored, health), part.store)
    op.output("log", only("orders", heard, CommandRows, one), part.evidence_sink())
    op.output("alerts", only("versions", said, Alert, one), part.alert_sink())
    unused = only("bad", op.merge("unused", said, heard), BadMessage, one)
    op.output("dead_letters", unused, part.dead_letter_sink())
    return flow
