"""How good the warnings are: simulated scenarios with known truth, replayed and scored.

    make score                            the suite, held against what is frozen in the repository
    python -m benchmarks.scenarios        the same
    python -m benchmarks.scenarios --scenarios flood,quiet --seeds 1,2    a part of it

Each scenario is simulated with each seed, replayed through the whole engine in event-time order,
and its warnings are scored as ``citywatch score`` does: 48 hours, of which the first are also the
first the engine ever sees; ``quiet`` lasts a week. The suite is seeds 1 to 10 of everything. Its
figures lie in ``scenarios.json``; a run that is worse says where and fails, one that differs says
so, and ``--freeze`` writes what is to hold from now on.

Thresholds and rules are set on seeds from 101 on, never on those of the suite, with one exception:
that a sensor which warned alone is not believed alone for a day was added after looking at seed 4
of ``quiet``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from bytewax.testing import TestingSink
from rich.console import Console

from benchmarks.suite import FIGURES, Judged, summary, tables, worse
from flows.city import Run, city
from flows.feeds import DirectoryFeed, feed_paths
from flows.progress import Bar
from flows.replay import read_city
from flows.running import run_flow
from flows.sources import FeedSource
from operators.codec import decode_truth
from operators.events import Alert
from operators.registry import Registry
from simulators.clock import default_start
from simulators.feed import write_feed
from simulators.scenarios import SCENARIOS
from simulators.scoring import score
from simulators.simulation import Simulation

__all__ = ["FROZEN", "main", "run_scenario"]

HOURS = 48.0
QUIET_HOURS = 168.0
SEEDS = range(1, 11)
FROZEN = Path(__file__).with_name("scenarios.json")
RED = 1

Job: TypeAlias = tuple[str, int, float]


def run_scenario(job: Job) -> Judged:
    """Simulate, replay and score one scenario with one seed; return its figures."""
    scenario, seed, hours = job
    with tempfile.TemporaryDirectory(prefix="citywatch-") as scratch:
        feed = Path(scratch)
        write_feed(Simulation(scenario, seed, default_start(seed), hours), feed)
        alerts: list[tuple[str, Alert]] = []
        names = tuple(feed_paths(feed))
        source = FeedSource(lambda: DirectoryFeed(feed))
        run_flow(city(Run(Registry(read_city(feed)), source, names, alerts=TestingSink(alerts))))
        truth = decode_truth((feed / "truth.json").read_bytes())
    versions = [alert for _, alert in alerts]
    found = score(versions, truth, hours)
    false = set(found.false_ids)
    reds = {alert.id for alert in versions if alert.level == RED and alert.id in false}
    return Judged(
        scenario,
        seed,
        hours,
        [(f.event.hazard, f.level, f.lead_ms) for f in found.found],
        sorted((alert.hazard, alert.id) for alert in first(versions) if alert.id in false),
        len(reds),
        found.on_benign,
        found.blue,
    )


def first(versions: Sequence[Alert]) -> list[Alert]:
    """Return one version of each warning."""
    return list({alert.id: alert for alert in reversed(versions)}.values())


def main(arguments: list[str] | None = None) -> int:
    """Run the suite or a part of it, print what was found, and hold it against what is frozen."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenarios", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), metavar="A,B,...")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), metavar="N,M,...")
    parser.add_argument("--hours", type=float, help=f"{HOURS:g}, of quiet {QUIET_HOURS:g}")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side (2)")
    parser.add_argument("--json", type=Path, help="write every figure here")
    parser.add_argument("--freeze", action="store_true", help="these figures hold from now on")
    given = parser.parse_args(arguments)
    names, seeds = given.scenarios.split(","), [int(seed) for seed in given.seeds.split(",")]
    if unknown := set(names) - set(SCENARIOS):
        parser.error(f"--scenarios: one of {', '.join(SCENARIOS)}, got {', '.join(unknown)}")
    jobs = [(name, seed, _hours(name, given.hours)) for name in names for seed in seeds]
    judged = sorted(_all(jobs, given.jobs), key=lambda j: jobs.index((j.scenario, j.seed, j.hours)))
    if given.json is not None:
        given.json.write_text(FIGURES.encode(judged).decode())
    for table in tables(judged):
        Console(width=120).print(table)
    whole = names == list(SCENARIOS) and seeds == list(SEEDS) and given.hours is None
    if given.freeze:
        if not whole:
            parser.error("--freeze: expected the whole suite, got a part of it")
        FROZEN.write_text(json.dumps(summary(judged), indent=1) + "\n")
        return 0
    return _held(summary(judged)) if whole else 0


def _hours(scenario: str, asked: float | None) -> float:
    if asked is not None:
        return asked
    return QUIET_HOURS if scenario == "quiet" else HOURS


def _all(jobs: list[Job], processes: int) -> Iterator[Judged]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, maxtasksperchild=1) as pool, Bar("scenarios") as bar:
        for done, judged in enumerate(pool.imap_unordered(run_scenario, jobs), 1):
            bar.show(done / len(jobs), f"{judged.scenario} {judged.seed}")
            yield judged


def _held(now: dict[str, Any]) -> int:
    """Say how the suite compares with what is frozen; return 1 where it is worse."""
    frozen = json.loads(FROZEN.read_text())
    fallen = worse(frozen, now)
    for sentence in fallen:
        print(f"worse: {sentence}", file=sys.stderr)
    if not fallen:
        same = "the same" if frozen == now else "different, nowhere worse: --freeze keeps them"
        print(f"held against {FROZEN.name}: {same}")
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
