"""The reports flow: citizens' reports to evidence in the log."""

from __future__ import annotations

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from flows.city import one
from flows.production import Part, keep
from flows.vault import Keep
from operators.events import BadMessage
from operators.evidence import Found
from operators.intake import Poll
from operators.report_path import ReportPath
from operators.step import only, run_step
from operators.triage import Triaged

__all__ = ["report_step", "reports"]


def report_step(part: Part) -> Keep:
    """Return the path of the city's reports as a step, gone on with where its snapshot ends."""
    path = ReportPath(
        part.registry,
        part.counters,
        part.partitions,
        prompt=part.prompt,
        where=part.kafka.servers,
        meter=part.meter,
        vocabulary=part.vocabulary,
    )
    part.resume(part.partitions[0], path.restore)
    path.triage.get_ready()  # whoever runs beside it would else wait, with messages at hand
    return keep(part, path, lambda _: path.snapshot())


def reports(part: Part) -> Dataflow:
    """Return the flow of the city's reports."""
    step = report_step(part)
    path: ReportPath = step.path

    flow = Dataflow("reports")
    source = op.input("source", flow, part.source("reports", lambda: path.over))
    heard = op.key_on("one_source", source, one)
    found = run_step("report_path", only("read", heard, Poll, one), lambda: step)
    op.output("evidence", only("told", found, (Triaged, Found), one), part.evidence_sink())
    op.output("dead_letters", only("bad", found, BadMessage, one), part.dead_letter_sink())
    return flow
