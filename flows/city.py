"""The whole city in one dataflow: wiring, and nothing else.

Read it from top to bottom to follow a reading from the source to the sinks; every step is one
file of ``operators``. Up to ``incidents`` steps work on batches, after it on rare things.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink
from bytewax.testing import TestingSink, TestingSource

from operators.alerting.cover import CoverCells
from operators.alerting.step import IssueWarnings
from operators.bursts import NoticeBursts
from operators.cells import JudgeCells
from operators.counters import Counters
from operators.events import BadMessage, CellState, City
from operators.evidence import Found
from operators.incidents import JoinIncidents
from operators.intake import CommandRows, FeedName, Intake, ReportRows
from operators.levels import WatchLevels
from operators.merging import MergeWindows
from operators.ordering import OrderReadings, ShardRows
from operators.overview import DescribeCity
from operators.quiet_places import NoticeQuietPlaces
from operators.registry import Registry
from operators.screening import Screened, ScreenReadings
from operators.series import KeepSeries, Watch
from operators.step import only, run_step
from operators.triage import TriageReports
from operators.windows import ShardWindow, SummariseShard

__all__ = ["Run", "city"]

CITY = "city"
"""The one key of steps that see the whole city."""


@dataclass
class Run:
    """What one run of the flow is made with.

    Parameters
    ----------
    source
        Polls of the feed.
    feeds
        Which feeds the source has.
    control
        Commands and watches while running, where there is somebody to give them.
    where
        What the source is called in dead letters.
    speed, live_from_ms
        How fast event time runs on the clock, and from when on; before, the flow is catching up.
    prompt
        Apply evidence on arrival (live) instead of in event-time order (replay, tests).
    """

    registry: Registry
    source: Source[Any]
    feeds: tuple[FeedName, ...] = ("readings", "reports")
    where: str = "feed"
    speed: float = 1.0
    live_from_ms: int = 0
    control: Source[Any] | None = None
    prompt: bool = False
    alerts: Sink[Any] | None = None
    dead_letters: Sink[Any] | None = None
    store: Sink[Any] | None = None
    counters: Counters = field(default_factory=Counters)

    def origins(self) -> list[str]:
        """Return everybody who finds evidence."""
        shards = range(self.registry.shards)
        each = [f"{name}:{shard}" for name in ("screen", "levels") for shard in shards]
        return [*each, "cells", "bursts", "outages"]

    @classmethod
    def empty(cls) -> Run:
        """Return a run of a city without sensors: what the picture of the flow is drawn from."""
        return cls(
            Registry(City("nowhere", "UTC")),
            TestingSource([]),
            control=TestingSource([]),
            alerts=TestingSink([]),
            dead_letters=TestingSink([]),
            store=TestingSink([]),
        )


def city(run: Run | None = None) -> Dataflow:
    """Return the flow of a whole city."""
    run = run or Run.empty()
    registry, counters, prompt = run.registry, run.counters, run.prompt
    shards = [str(shard) for shard in range(registry.shards)]
    flow = Dataflow("city")

    polls = op.key_on("one_source", op.input("source", flow, run.source), lambda _: CITY)
    taken = run_step("intake", polls, lambda: Intake(registry, counters, run.feeds, run.where))
    readings = only("readings", taken, ShardRows, key=by_shard)
    reports = only("reports", taken, ReportRows, key=one)
    commands = only("commands", taken, CommandRows, key=one)
    bad = only("bad", taken, BadMessage, key=one)

    ordered = run_step("order", readings, lambda: OrderReadings(counters, prompt))
    screened = run_step("screen", ordered, lambda: ScreenReadings(registry, counters))
    levels = run_step("levels", ordered, lambda: WatchLevels(registry))
    triaged = run_step("triage", reports, lambda: TriageReports(registry, counters, prompt))
    bursts = run_step("bursts", triaged, lambda: NoticeBursts(registry))

    scored = only("scored", screened, Screened, key=by_shard)
    sums = run_step("windows", scored, lambda: SummariseShard(registry))
    windows = run_step(
        "merge", only("sums", sums, ShardWindow, key=one), lambda: MergeWindows(registry.shards)
    )
    cells = run_step("cells", op.merge("told", windows, triaged), lambda: JudgeCells(registry))
    outages = run_step("outages", windows, lambda: NoticeQuietPlaces(registry))

    found = only(
        "evidence", op.merge("found", screened, levels, bursts, cells, outages), Found, one
    )
    incidents = run_step("incidents", found, lambda: JoinIncidents(run.origins(), counters, prompt))
    orders = commands
    if run.control is not None:
        control = op.key_on("one_control", op.input("control", flow, run.control), lambda _: CITY)
        orders = op.merge("orders", commands, only("asked", control, CommandRows, key=one))
        watches = op.flat_map_batch("watches", control, lambda items: to_shards(items, shards))
        scored = op.merge("looked_at", scored, watches)
    alerts = run_step(
        "alerting",
        op.merge("changes", incidents, orders),
        lambda: IssueWarnings(registry, counters, prompt),
    )

    if run.alerts is not None:
        op.output("alerts", alerts, run.alerts)
    if run.dead_letters is not None:
        op.output("dead_letters", bad, run.dead_letters)
    if run.store is not None:
        states = only("cell_states", cells, CellState, key=one)
        cover = run_step("cover", op.merge("covered", alerts, states), CoverCells)
        overview = run_step(
            "overview",
            op.merge("described", windows, triaged, alerts),
            lambda: DescribeCity(registry, counters, run.speed, run.live_from_ms),
        )
        series = run_step("series", scored, lambda: KeepSeries(registry))
        op.output("store", op.merge("stored", alerts, cover, overview, series), run.store)
    return flow


def one(_: Any) -> str:
    """Key everything alike."""
    return CITY


def by_shard(item: ShardRows | Screened | ShardWindow) -> str:
    """Key by shard."""
    return str(item.shard)


def to_shards(items: list[tuple[str, Any]], shards: list[str]) -> list[tuple[str, Watch]]:
    """Hand what somebody wants to see to every shard."""
    return [(shard, item) for _, item in items if isinstance(item, Watch) for shard in shards]
