"""What people's verdicts change: a simulated city with and without somebody who gives them.

``python -m benchmarks.yardsticks.verdicts`` runs scenarios of one city one after the other through
the whole engine and notes what reached the warnings. These are then issued twice: without a person,
and with one who knows the truth and tells it of every warning, blue ones too: ``confirm`` for a
hit ``--confirm`` minutes after its first version, ``false_alarm`` for a false one after
``--false`` minutes. A verdict changes only what comes after it, and never a warning that an
official level calls for: false ones of these are told apart. ``--wrong`` is the share of verdicts
that say the opposite of the truth, and ``--silent`` that of warnings nobody judges.

What a person does reaches the warnings alone, so what was noted is the same with and without one;
``--keep DIR`` leaves the feeds there, each with its ``commands.jsonl``, for ``citywatch replay``.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
from bytewax.testing import TestingSink
from rich.console import Console
from rich.table import Table

from flows.city import Run, city
from flows.feeds import DirectoryFeed, feed_paths
from flows.replay import read_city
from flows.running import run_flow
from flows.sources import FeedSource
from operators.alerting.step import IssueWarnings
from operators.counters import Counters
from operators.event_clock import FOREVER
from operators.events import Alert, Command, Truth
from operators.incident import IncidentView
from operators.incidents import Progress
from operators.intake import CommandRows
from operators.registry import Registry
from operators.warning_path import WarningPath
from simulators.clock import HOUR_MS, MINUTE_MS, default_start
from simulators.feed import write_feed
from simulators.scoring import Score, score
from simulators.simulation import Simulation

__all__ = ["Person", "Week", "issue", "main", "record"]

Change: TypeAlias = IncidentView | Progress
BLUE = 4
PAUSE_H = 24.0
"""Between one feed and the next."""


class Week(NamedTuple):
    """One feed: what reached the warnings, and what really happened."""

    scenario: str
    start_ms: int
    hours: float
    truth: Truth
    changes: list[Change]

    @property
    def until_ms(self) -> int:
        """When all that was unusual in it is over too, and before the next one begins."""
        return self.start_ms + int((self.hours + PAUSE_H) * HOUR_MS)


@dataclass
class Person:
    """Somebody who finds out what a warning was worth, and says so.

    Parameters
    ----------
    confirm_ms, false_ms
        How long after a warning's first version a hit is confirmed, and a false one found out.
    wrong, silent
        Shares of verdicts that are mistaken, and that are not given.
    """

    truth: Truth
    confirm_ms: int = 20 * MINUTE_MS
    false_ms: int = 45 * MINUTE_MS
    wrong: float = 0.0
    silent: float = 0.0
    seed: int = 1
    given: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._seen: dict[str, list[Alert]] = {}
        self._judged: set[str] = set()
        self._now = 0
        self._draw = np.random.default_rng(self.seed)

    def read(self, alerts: Iterable[Alert]) -> None:
        """Look at versions that came out."""
        for alert in alerts:
            self._seen.setdefault(alert.id, []).append(alert)

    def say(self, now: int) -> list[Command]:
        """Return the verdicts that are due before a time."""
        due = []
        waiting = [name for name in self._seen if name not in self._judged]
        for name in waiting:
            versions = self._seen[name]
            if versions[0].first + min(self.confirm_ms, self.false_ms) >= now:
                continue
            hit = score(versions, self.truth, 1.0).total.hits > 0
            at = versions[0].first + (self.confirm_ms if hit else self.false_ms)
            # Nobody speaks of a time that is over: a feed's time may go on by hours at once.
            at = max(at, self._now)
            if at < now:
                self._judged.add(name)
                if self._draw.random() >= self.silent:
                    mistaken = self._draw.random() < self.wrong
                    due.append(self._verdict(name, at, hit != mistaken))
        due.sort(key=lambda command: (command.time, command.id))
        self.given += due
        self._now = max(self._now, now)
        return due

    def _verdict(self, name: str, at: int, true: bool) -> Command:
        seen = [a.version for a in self._seen[name] if a.time <= at]
        op: Any = "confirm" if true else "false_alarm"
        return Command(f"v-{name}", at, "op-1", name, max(seen, default=1), op)


def record(sim: Simulation, feed: Path) -> Week:
    """Run a simulated feed through the whole engine; return what reached its warnings."""
    write_feed(sim, feed)
    changes: list[Change] = []

    class Noting(Run):
        def warning_path(self) -> WarningPath:
            path = super().warning_path()
            issued = path.alerting.on_batch

            def on_batch(items: Iterable[Any]) -> Iterator[Alert]:
                told = list(items)
                changes.extend(item for item in told if not isinstance(item, CommandRows))
                return issued(told)

            path.alerting.on_batch = on_batch  # type: ignore[method-assign]  # a listener
            return path

    source = FeedSource(lambda: DirectoryFeed(feed))
    names = tuple(name for name in feed_paths(feed) if name != "commands")
    run_flow(city(Noting(Registry(read_city(feed)), source, names, alerts=TestingSink([]))))
    return Week(sim.scenario, sim.start_ms, sim.hours, sim.truth, changes)


def issue(weeks: Sequence[Week], registry: Registry, person: Person | None) -> list[Alert]:
    """Return the versions of all weeks, one after the other, with or without a person."""
    step, alerts = IssueWarnings(registry, Counters()), list[Alert]()
    for week in weeks:
        for change in week.changes:
            items: list[Change | CommandRows] = [change]
            if isinstance(change, Progress):
                now = min(change.watermark, week.until_ms)
                said = [] if person is None else person.say(now)
                items = [CommandRows(said, now), Progress(now)]
            told = list(step.on_batch(items))
            alerts += told
            if person is not None:
                person.read(told)
    alerts += step.on_batch([Progress(FOREVER, True), CommandRows([], FOREVER, True)])
    return alerts


def _truth(weeks: Sequence[Week]) -> Truth:
    """Return what happened in all weeks; each event under a name of its own."""
    events = [
        msgspec.structs.replace(event, id=f"{number}-{event.id}")
        for number, week in enumerate(weeks)
        for event in week.truth.events
    ]
    return Truth(tuple(events), tuple(b for week in weeks for b in week.truth.benign))


def _figures(alerts: Sequence[Alert], truth: Truth, hours: float) -> dict[str, Any]:
    found: Score = score(alerts, truth, hours)
    return {
        "events": len(found.found),
        "hits": found.total.hits,
        "hits_at_blue_only": found.blue_only,
        "false": found.total.false,
        "false_blue": found.blue_false,
        "false_blue_by_level": sum(
            score([first], truth, hours).blue_false for first in _crossing(alerts)
        ),
        "warnings": found.warnings + found.blue,
        "reds": len({alert.id for alert in alerts if alert.level == 1}),
        "lead_min": found.total.lead_min,
    }


def _crossing(alerts: Sequence[Alert]) -> list[Alert]:
    """Return the first versions of blue warnings that an official level called for."""
    worst: dict[str, int] = {}
    for alert in alerts:
        worst[alert.id] = min(alert.level, worst.get(alert.id, alert.level))
    firsts = [alert for alert in alerts if alert.version == 1 and worst[alert.id] == BLUE]
    return [a for a in firsts if any(e["source"] == "level" for e in a.evidence)]


def _of_week(alerts: Sequence[Alert], week: Week) -> list[Alert]:
    return [a for a in alerts if week.start_ms <= a.first < week.until_ms]


def measure(
    seed: int, scenarios: Sequence[str], hours: float, given: argparse.Namespace
) -> dict[str, Any]:
    """Return the figures of one city without and with a person, week by week and in all."""
    weeks = list(_weeks(seed, scenarios, hours, given))
    registry = Registry(Simulation("quiet", seed, weeks[0].start_ms, 1.0, given.sensors).city)
    truth = _truth(weeks)
    person = Person(
        truth,
        int(given.confirm * MINUTE_MS),
        int(given.false * MINUTE_MS),
        given.wrong,
        given.silent,
        seed,
    )
    without, with_one = issue(weeks, registry, None), issue(weeks, registry, person)
    if given.keep is not None:
        for week, feed in zip(weeks, _folders(given.keep, seed, scenarios), strict=True):
            mine = [c for c in person.given if week.start_ms <= c.time < week.until_ms]
            lines = b"".join(msgspec.json.encode(command) + b"\n" for command in mine)
            (feed / "commands.jsonl").write_bytes(lines)
    return {
        "seed": seed,
        "scenarios": list(scenarios),
        "hours": hours,
        "confirmed": sum(command.op == "confirm" for command in person.given),
        "false_alarms": sum(command.op == "false_alarm" for command in person.given),
        "without": _figures(without, truth, hours * len(weeks)),
        "with": _figures(with_one, truth, hours * len(weeks)),
        "weeks": [
            {
                "scenario": week.scenario,
                "without": _figures(_of_week(without, week), week.truth, hours),
                "with": _figures(_of_week(with_one, week), week.truth, hours),
            }
            for week in weeks
        ],
    }


def _folders(keep: Path, seed: int, scenarios: Sequence[str]) -> list[Path]:
    return [keep / f"{seed}-{number}-{name}" for number, name in enumerate(scenarios)]


def _weeks(
    seed: int, scenarios: Sequence[str], hours: float, given: argparse.Namespace
) -> Iterator[Week]:
    start = default_start(seed)
    for number, scenario in enumerate(scenarios):
        sim = Simulation(scenario, seed, start, hours, given.sensors)
        noted = given.notes and given.notes / f"{seed}-{number}-{scenario}-{hours:g}.pickle"
        if noted and noted.exists():
            yield pickle.loads(noted.read_bytes())
        elif given.keep is not None:
            yield record(sim, _folders(given.keep, seed, scenarios)[number])
        else:
            with tempfile.TemporaryDirectory(prefix="citywatch-") as scratch:
                week = record(sim, Path(scratch))
            if noted:
                noted.write_bytes(pickle.dumps(week))
            yield week
        start += int((hours + PAUSE_H) * HOUR_MS)


def main(arguments: list[str] | None = None) -> int:
    """Print what verdicts changed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.yardsticks.verdicts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scenarios", default="quiet,day", metavar="A,B,...", help="in this order")
    parser.add_argument("--seeds", default="101", metavar="N,M,...", help="a city each")
    parser.add_argument("--hours", type=float, default=168.0, help="of each scenario")
    parser.add_argument("--sensors", type=int, default=5000)
    parser.add_argument("--confirm", type=float, default=20.0, metavar="MINUTES")
    parser.add_argument("--false", type=float, default=45.0, metavar="MINUTES")
    parser.add_argument("--wrong", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--silent", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave feeds and commands here")
    parser.add_argument("--notes", type=Path, metavar="DIR", help="keep what was noted for again")
    parser.add_argument("--json", type=Path, help="write every figure here")
    given = parser.parse_args(arguments)
    names = given.scenarios.split(",")
    results = [measure(int(seed), names, given.hours, given) for seed in given.seeds.split(",")]
    if given.json is not None:
        given.json.write_text(json.dumps(results, indent=1))
    Console(width=110).print(_table(results))
    return 0


def _table(results: Sequence[dict[str, Any]]) -> Table:
    columns = (
        "events",
        "hits",
        "at blue only",
        "false",
        "false blue",
        "by level",
        "reds",
        "lead, min",
    )
    table = Table("seed", "week", "verdicts", *columns)
    for column in table.columns[3:]:
        column.justify = "right"
    for result in results:
        number = result["confirmed"] + result["false_alarms"]
        for part in [*result["weeks"], result | {"scenario": "all"}]:
            for arm in ("without", "with"):
                f = part[arm]
                of = str(number) if (arm, part["scenario"]) == ("with", "all") else arm
                lead = "-" if f["lead_min"] is None else f"{f['lead_min']:.0f}"
                counts = (f[name] for name in ("events", "hits", "hits_at_blue_only", "false"))
                more = (f[name] for name in ("false_blue", "false_blue_by_level", "reds"))
                row = (str(result["seed"]), part["scenario"], of)
                table.add_row(*row, *map(str, counts), *map(str, more), lead)
        table.add_section()
    return table


if __name__ == "__main__":
    sys.exit(main())
