"""The flow process of ``citywatch up``: a city as it happens, into the store.

Started by the supervisor, and again whenever it dies: it goes on from its last snapshot.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from flows.city import Run, city
from flows.control import ControlSource
from flows.feeds import DirectoryFeed, Feed, FeedError
from flows.listening import Listening
from flows.replay import read_city
from flows.running import RecoveryError, run_flow, stop_on_signals
from flows.simulated_feed import Simulated, SimulatedFeed
from flows.sources import FeedSource, Pace, Stop
from operators.events import City
from operators.registry import Registry
from operators.step import StateError
from simulators.simulation import BLOCK_MS
from sinks.alert_file import AlertFileSink
from sinks.dead_letters import DeadLetterSink
from sinks.redis import RedisSink
from sinks.store import StoreError

__all__ = ["HOUR_MS", "LivePlan", "city_of", "feed_of", "main", "make_run"]

HOUR_MS = 3_600_000


class LivePlan(msgspec.Struct, frozen=True):
    """What a live flow watches, and where it keeps things; the supervisor hands it over as JSON."""

    redis: str
    region: str
    data_dir: str
    speed: float
    poll_size: int
    epoch_s: float
    live_from_ms: int
    feed: str | None = None
    scenario: str = "flood"
    seed: int = 1
    sensors: int = 5000
    hours: float = 24.0
    event_after_h: float | None = None
    history_h: float = 48.0
    weekly: bool = False
    vocabulary: dict[str, list[str]] = {}

    @property
    def simulated(self) -> Simulated:
        """What is simulated, when no feed is given."""
        return Simulated(
            self.scenario,
            self.seed,
            self.live_from_ms,
            self.hours,
            self.sensors,
            self.event_after_h,
        )


def city_of(plan: LivePlan) -> City:
    """Return the city that is watched."""
    return plan.simulated.build().city if plan.feed is None else read_city(Path(plan.feed))


def feed_of(plan: LivePlan) -> Feed:
    """Return what happens in it."""
    if plan.feed is not None:
        return DirectoryFeed(Path(plan.feed), plan.poll_size, timed=True)
    return SimulatedFeed(plan.simulated, -int(plan.history_h * HOUR_MS) // BLOCK_MS)


def make_run(plan: LivePlan, stop: Stop) -> Run:
    """Return the run a plan describes."""
    known, feed, data = city_of(plan), feed_of(plan), Path(plan.data_dir)
    return Run(
        Registry(known),
        Listening(
            FeedSource(lambda: feed, stop, Pace(plan.live_from_ms, plan.speed)),
            ControlSource(plan.redis, plan.region, stop),
        ),
        feed.names,
        plan.feed or plan.scenario,
        speed=plan.speed,
        prompt=True,
        weekly=plan.weekly,
        alerts=AlertFileSink(data / "alerts.jsonl"),
        dead_letters=DeadLetterSink(data / "dead_letters.jsonl"),
        store=RedisSink(plan.redis, plan.region, city=known, ending=stop),
        vocabulary=plan.vocabulary,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run until asked to stop, or until the feed ends."""
    parser = argparse.ArgumentParser(prog="python -m flows.live", description=__doc__)
    parser.add_argument("plan", type=Path, help="the plan, a JSON file")
    plan = msgspec.json.decode(parser.parse_args(arguments).plan.read_bytes(), type=LivePlan)
    stop = Stop()
    stop_on_signals(stop)
    run = make_run(plan, stop)
    run_flow(city(run), Path(plan.data_dir, "recovery"), plan.epoch_s)
    stop.check()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (FeedError, RecoveryError, StateError, StoreError, OSError) as error:
        sys.exit(f"citywatch: {error}")
