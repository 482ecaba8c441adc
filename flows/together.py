"""The whole city from Kafka in one process: the three production flows, joined without a detour.

What the paths of readings and reports find is applied at once, and written to the evidence log
beside: the very bytes. The log is this process's own; it is read only at the start, from where
the snapshot of the warnings ends. So a city may be moved between one process and several: all of
them have the same log and the same snapshots.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from flows.city import TOLD, one
from flows.listening import Listening
from flows.log_first import LogFirst
from flows.production import Part, log_key
from flows.readings import reading_step
from flows.reports import report_step
from flows.vault import Keep
from flows.warnings import warning_step
from operators.events import Alert, BadMessage
from operators.evidence_log import encode_log
from operators.intake import Poll, Stretch
from operators.log_path import LogPath
from operators.reading_path import ReadingPath
from operators.registry import Registry
from operators.series import Watch
from operators.step import only, run_step, where
from sinks.kafka import KafkaSink, Letter

__all__ = ["Together", "together"]

REPORTS_S = 0.005
"""How often reports are looked for: the flow waits for readings, who come far more often."""
HELD_S = 1.0
"""A log that takes longer to take a message is waited for: what is applied and not in it would,
after a crash, have been said and not be known."""
UNSTORABLE = (BadMessage, Letter)


class Together:
    """The three paths as one step.

    Parameters
    ----------
    readings, reports, warnings
        The paths, each with its snapshots.
    registry
        Of the readings: the names of what they number.

    Notes
    -----
    What is found goes through the log's own form, as between processes: what is applied now and
    what is read back after a crash are the same bytes, in the same order. Nobody else writes to the
    log, so the place of a message is known before it is there; one that turns out to be elsewhere
    ends the process, which then reads what the log says.
    """

    def __init__(self, readings: Keep, reports: Keep, warnings: Keep, registry: Registry) -> None:
        self._readings = readings
        self._reports = reports
        self._warnings = warnings
        self._registry = registry

    @property
    def written(self) -> int:
        """Where the next message of the log will be; 0 before it was looked at."""
        return self._warnings.offsets.get(0, 0)

    def on_batch(self, items: Iterable[Any]) -> Iterator[Any]:
        """Return what the warnings' path says, and letters to the log; pass on what is neither."""
        for item in items:
            match item:
                case Poll(feed="evidence"):
                    yield from self._warnings.on_batch([item])
                case Poll(feed="reports"):
                    yield from self._apply(self._reports.on_batch([item]))
                case Poll() | Watch():
                    yield from self._apply(self._readings.on_batch([item]))
                case _:
                    yield from self._apply([item])

    def _apply(self, said: Iterable[Any]) -> Iterator[Any]:
        for item in list(said):  # first all of a path, then the next: each has its own stop-watch
            if not isinstance(item, TOLD):
                yield item
                continue
            raw, at = encode_log(item, self._registry), self.written
            yield Letter(log_key(item), raw, offset=at)
            place = Stretch(0, at, 1)
            yield from self._warnings.on_batch([Poll("evidence", [raw], (place,))])

    def snapshot(self) -> bytes:
        """Return nothing: the vaults keep it."""
        return b""

    def restore(self, state: bytes) -> None:
        """Do nothing: the vaults have restored the paths."""


def together(readings: Part, reports: Part, warnings: Part) -> Dataflow:
    """Return the flow of the whole city."""
    reports.outbox = warnings.outbox = readings.outbox  # a snapshot waits for what anybody said
    heard_by, warned_by = reading_step(readings), warning_step(warnings)
    step = Together(heard_by, report_step(reports), warned_by, readings.registry)
    path: ReadingPath = heard_by.path
    log_path: LogPath = warned_by.path

    def over() -> bool:
        return log_path.over

    intake = path.intake
    listening = readings.source("readings", over, lambda: intake.clocks.event.now, intake.decode)
    beside = replace(reports.log_source("reports", over), wait_s=0.0, pause_s=REPORTS_S)
    log = replace(warnings.log_source("evidence", over), to_end=True)

    def held() -> bool:
        return warnings.outbox.waiting_s > HELD_S

    source = LogFirst(log, Listening(listening, beside), lambda: step.written, held)

    flow = Dataflow("together")
    heard = op.key_on("one_source", op.input("source", flow, source), one)
    said = run_step("city", heard, lambda: step)
    if warnings.store is not None:  # first: somebody may be looking at a screen
        stored = where("storable", said, lambda item: not isinstance(item, UNSTORABLE))
        op.output("store", stored, warnings.store)
    op.output("alerts", only("versions", said, Alert, one), warnings.alert_sink())
    letters = KafkaSink[Letter](warnings.outbox, warnings.topics.evidence, lambda each: [each])
    op.output("evidence", only("letters", said, Letter, one), letters)
    op.output("dead_letters", only("bad", said, BadMessage, one), readings.dead_letter_sink())
    return flow
