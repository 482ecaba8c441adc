"""The whole city in one dataflow: wiring, and nothing else.

Read it from top to bottom to follow a reading from the source to the sinks: ``ReadingPath`` takes
bytes to evidence, ``WarningPath`` evidence to warnings. ``flows.readings``, ``flows.reports`` and
``flows.warnings`` are the same paths as flows of their own, joined by Kafka.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink
from bytewax.testing import TestingSink, TestingSource

from operators.command_path import CommandPath
from operators.counters import Counters
from operators.events import Alert, BadMessage, City, Sensor, SeriesPoints
from operators.evidence import Found
from operators.intake import CommandRows, FeedName, Poll
from operators.meter import Meter
from operators.reading_path import ReadingPath
from operators.registry import Registry
from operators.report_path import ReportPath
from operators.series import Watch
from operators.step import only, run_step, where
from operators.triage import Triaged
from operators.warning_path import WarningPath
from operators.windows import ShardWindow

__all__ = ["TOLD", "Run", "city", "one"]

CITY = "city"
"""The one key of steps that see the whole city."""
TOLD = (Found, ShardWindow, Triaged, CommandRows, Sensor)


@dataclass
class Run:
    """What one run of the flow is made with.

    Parameters
    ----------
    source
        Polls of the feeds, and commands and watches where it listens to people.
    feeds
        Which feeds the source has.
    name
        What the source is called in dead letters.
    shards
        Numbers of the partitions of the readings.
    speed
        How fast event time runs on the clock.
    prompt
        Apply evidence on arrival (live) instead of in event-time order (replay, tests).
    weekly
        Learn what is usual at each hour of the week too, not of the day alone.
    meter
        Measures how long steps and warnings take.
    vocabulary
        What the city says of a hazard beside what triage starts from.
    """

    registry: Registry
    source: Source[Any]
    feeds: Sequence[FeedName] = ("readings", "reports")
    name: str = "feed"
    shards: Sequence[int] = (0,)
    speed: float = 1.0
    prompt: bool = False
    weekly: bool = False
    alerts: Sink[Any] | None = None
    dead_letters: Sink[Any] | None = None
    store: Sink[Any] | None = None
    counters: Counters = field(default_factory=Counters)
    meter: Meter = field(default_factory=Meter)
    vocabulary: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> Run:
        """Return a run of a city without sensors: what the picture of the flow is drawn from."""
        return cls(
            Registry(City("nowhere", "UTC")),
            TestingSource([]),
            alerts=TestingSink([]),
            dead_letters=TestingSink([]),
            store=TestingSink([]),
        )

    def reading_path(self) -> ReadingPath:
        """Return the path of a reading."""
        return ReadingPath(
            self.registry,
            self.counters,
            self.shards,
            prompt=self.prompt,
            weekly=self.weekly,
            where=self.name,
            meter=self.meter,
        )

    def report_path(self) -> ReportPath:
        """Return the path of a report."""
        return ReportPath(
            self.registry,
            self.counters,
            prompt=self.prompt,
            where=self.name,
            meter=self.meter,
            vocabulary=self.vocabulary,
        )

    def warning_path(self) -> WarningPath:
        """Return the path of evidence."""
        return WarningPath(
            self.registry,
            self.counters,
            self.shards,
            reports="reports" in self.feeds,
            commands="commands" in self.feeds,
            prompt=self.prompt,
            speed=self.speed,
            meter=self.meter,
        )


def city(run: Run | None = None) -> Dataflow:
    """Return the flow of a whole city."""
    run = run or Run.empty()
    flow = Dataflow("city")

    heard = op.key_on("one_source", op.input("source", flow, run.source), one)
    seen = where("readings", heard, lambda item: of_feed(item, "readings") or is_watch(item))
    readings = run_step("reading_path", seen, run.reading_path)
    reported = where("reports", heard, lambda item: of_feed(item, "reports"))
    reports = run_step("report_path", reported, run.report_path)
    asked = where("commands", heard, lambda item: of_feed(item, "commands"))
    commands = run_step("command_path", asked, lambda: CommandPath(run.counters, where=run.name))
    found = op.merge("found", readings, reports, commands)
    said = op.merge("said", found, heard)
    told = only("told", said, TOLD, one)
    warnings = run_step("warning_path", told, run.warning_path)

    if run.alerts is not None:
        op.output("alerts", only("versions", warnings, Alert, one), run.alerts)
    if run.dead_letters is not None:
        op.output("dead_letters", only("bad", said, BadMessage, one), run.dead_letters)
    if run.store is not None:
        stored = op.merge("stored", warnings, only("series", readings, SeriesPoints, one))
        op.output("store", stored, run.store)
    return flow


def of_feed(item: Any, feed: FeedName) -> bool:
    """Say whether an item is a poll of a feed."""
    return isinstance(item, Poll) and item.feed == feed


def is_watch(item: Any) -> bool:
    """Say whether an item is what somebody wants to look at."""
    return isinstance(item, Watch)


def one(_: Any) -> str:
    """Key everything alike."""
    return CITY
