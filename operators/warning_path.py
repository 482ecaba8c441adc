"""The path of evidence, from what finders say to warnings.

It takes what readings and reports came to, one message after the other, each to its end: what it
says follows from the order of these messages and from nothing else. Where they come from a log, a
restart that reads the log again says the same again.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, TypeAlias

import msgspec

from operators.alerting.cover import CoverCells
from operators.alerting.step import IssueWarnings
from operators.cells import JudgeCells
from operators.counters import Counters
from operators.event_clock import FOREVER
from operators.events import Alert, CellState, FeedHealth, Sensor
from operators.evidence import Found
from operators.incidents import REPORTS, JoinIncidents
from operators.intake import CommandRows
from operators.merging import CityWindow, MergeWindows
from operators.meter import Meter
from operators.overview import DescribeCity, Facts
from operators.quiet_places import NoticeQuietPlaces
from operators.reading_path import readings_origin, shard_of
from operators.registry import Registry
from operators.surroundings import Surroundings
from operators.triage import Triaged
from operators.windows import ShardWindow

__all__ = ["Told", "WarningPath"]

Told: TypeAlias = Found | ShardWindow | Triaged | CommandRows | Sensor
"""What the paths of readings and reports, and people, have to say."""


class WarningPath:
    """What happens to a city's evidence.

    Parameters
    ----------
    shards
        Numbers of all partitions of the readings.
    reports, commands
        Whether there are such feeds: time waits for those that there are.
    prompt
        Apply evidence as it arrives (live) instead of in event-time order (replay, tests).
    speed
        Seconds of event time per second of the clock, for the screen.
    meter
        Told of every step; its clock measures how long a warning took.

    Notes
    -----
    State: that of its steps.
    """

    def __init__(
        self,
        registry: Registry,
        counters: Counters,
        shards: Sequence[int] = (0,),
        *,
        reports: bool = True,
        commands: bool = True,
        prompt: bool = False,
        speed: float = 1.0,
        meter: Meter | None = None,
    ) -> None:
        self.registry = registry
        self.meter = meter or Meter()
        origins = [*map(readings_origin, shards), "cells", "outages"]
        origins += [REPORTS] if reports else []
        self.merge = MergeWindows(shards)
        self.cells = JudgeCells(registry)
        self.outages = NoticeQuietPlaces(registry)
        self.incidents = JoinIncidents(Surroundings(registry), origins, counters, prompt)
        self.alerting = IssueWarnings(registry, counters, prompt)
        self.cover = CoverCells()
        self.overview = DescribeCity(registry, counters, speed)
        self._numbered, self._numbering = 0, sha256()
        self._numbers()
        self._reported = 0, 0
        self._has_reports, self._has_commands = reports, commands
        self._wait_for_nobody()

    def _wait_for_nobody(self) -> None:
        """Let time pass without the feeds that there are not."""
        if not self._has_reports:
            nothing = Triaged((), FOREVER)
            list(self.cells.on_batch([nothing]))
            list(self.overview.on_batch([nothing]))
        if not self._has_commands:
            list(self.alerting.on_batch([CommandRows([], FOREVER, True)]))

    def on_batch(self, items: Iterable[Told]) -> Iterator[Alert | CellState | Facts | FeedHealth]:
        """Return versions of warnings, and what the store is to know of cells, feeds and city."""
        for item in items:
            self.meter.start()
            match item:
                case Found():
                    yield from self._found(item)
                case ShardWindow():
                    yield from self._windows([item])
                case Triaged():
                    yield from self._reports(item)
                case CommandRows():
                    yield from self._warn([item])
                case Sensor():
                    self.registry.register(item)

    def _found(self, found: Found) -> Iterator[Any]:
        changes = list(self.incidents.on_batch([found]))
        self.overview.live = self.incidents.live
        self.meter.lap("incidents")
        yield from self._warn(changes, found)
        shard = shard_of(found.origin)
        if shard is not None:
            at = found.watermark
            yield from self._windows([ShardWindow(shard, at, at, last=found.last)])

    def _windows(self, summaries: list[ShardWindow]) -> Iterator[Any]:
        windows = list(self.merge.on_batch(summaries))
        if not windows:
            return
        judged = list(self.cells.on_batch(windows))
        quiet = list(self.outages.on_batch(windows))
        self.meter.lap("cells")
        yield from self.overview.on_batch(windows)
        yield from self._cells([*judged, *windows])
        yield from self._join([*judged, *quiet])

    def _reports(self, triaged: Triaged) -> Iterator[Any]:
        """Pass on the reports that were not told before."""
        begun, told = self._reported
        if begun != triaged.begun:
            begun, told = triaged.begun, 0
        again = min(max(0, told - triaged.number), len(triaged.reports))
        self._reported = begun, max(told, triaged.number + len(triaged.reports))
        fresh = triaged._replace(reports=triaged.reports[again:])
        judged = list(self.cells.on_batch([fresh]))
        yield from self.overview.on_batch([fresh])
        yield from self._cells(judged)
        yield from self._join(judged)

    def _cells(self, judged: Iterable[Any]) -> Iterator[CellState]:
        states = [item for item in judged if isinstance(item, CellState | CityWindow)]
        if states:
            yield from self.cover.on_batch(states)

    def _join(self, told: Iterable[Any]) -> Iterator[Any]:
        found = [item for item in told if isinstance(item, Found)]
        yield from self._warn(list(self.incidents.on_batch(found)))

    def _warn(self, changes: list[Any], cause: Found | None = None) -> Iterator[Any]:
        alerts = list(self.alerting.on_batch(changes))
        self.meter.lap("alerting")
        if alerts:
            alerts = [self._timed(alert, cause) for alert in alerts]
            yield from alerts
            yield from self.cover.on_batch(alerts)
            yield from self.overview.on_batch(alerts)

    def _timed(self, alert: Alert, cause: Found | None) -> Alert:
        """Note how long each hop took, on a version that a measured reading called for."""
        evidence = cause.evidence if cause else ()
        stamps = [e.stamps for e in evidence if e.stamps and e.time == alert.time]
        if not stamps:
            return alert
        sent, polled, screened = stamps[-1]
        now = self.meter.now_us()
        hops = {"source": polled - sent, "screened": screened - polled, "decided": now - screened}
        return msgspec.structs.replace(alert, latency_us=hops | {"at": now})

    @property
    def over(self) -> bool:
        """Whether nothing will be told any more."""
        return self.incidents.over

    def snapshot(self) -> bytes:
        """Return the state of all steps."""
        steps = [step.snapshot() for step in self._steps()]
        told = self._reported, self.overview.live
        return pickle.dumps((self._numbers(), self.registry.strangers, steps, *told))

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot.

        Where the city file has other sensors since, or one has moved, windows that were open are
        left out: they number sensors and cells by their place in it. What was learnt, incidents and
        warnings go on.
        """
        (count, numbering), met, steps, self._reported, self.overview.live = pickle.loads(state)
        self.registry.register_all(met)
        same = sha256(_numbering(self.registry, 0, count)).digest() == numbering
        for step, each in zip(self._steps(), steps, strict=True):
            if same or step in (self.incidents, self.alerting, self.cover):
                step.restore(each)
            elif step in (self.cells, self.overview):
                step.restore_learnt(each)
        self._wait_for_nobody()  # there may have been one before

    def _numbers(self) -> tuple[int, bytes]:
        """Return how many sensors are numbered, and what their numbers and cells' are, in a word.

        Of a million sensors it takes a quarter of a second: only those that are new are added.
        """
        end = len(self.registry)
        self._numbering.update(_numbering(self.registry, self._numbered, end))
        self._numbered = end
        return end, self._numbering.digest()

    def _steps(self) -> tuple[Any, ...]:
        return (
            self.merge,
            self.cells,
            self.outages,
            self.incidents,
            self.alerting,
            self.cover,
            self.overview,
        )


def _numbering(registry: Registry, first: int, end: int) -> bytes:
    """Return what the numbers of these sensors and their cells depend on."""
    rows = zip(registry.sensors[first:end], registry.cells[first:end], strict=True)
    return "".join(f"{sensor.id}\n{cell}\n" for sensor, cell in rows).encode()
