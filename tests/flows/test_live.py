"""The live flow: the run a plan describes, and the warnings a replay of the same feed gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from flows.feeds import spans_ms
from flows.listening import Listening
from flows.live import LivePlan, main, make_run
from flows.simulated_feed import SimulatedFeed
from flows.sources import FeedSource, Stop
from operators.intake import PROMPT_LATENESS_MS
from sinks.store import EmbeddedStore, Keys, connect
from tests.flows.processes import ROOT, eventually, here

PLAN = LivePlan("unix:///nowhere", "city", "", 3600.0, 1000, 0.2, 1_750_000_200_000, sensors=150)


def plan_for(feed: Path, store: EmbeddedStore, data: Path) -> LivePlan:
    """A recorded feed, all of it in the past: as fast as it goes."""
    return msgspec.structs.replace(
        PLAN, redis=store.url, data_dir=str(data), feed=str(feed), live_from_ms=1 << 45
    )


def test_a_plan_survives_being_handed_over() -> None:
    assert msgspec.json.decode(msgspec.json.encode(PLAN), type=LivePlan) == PLAN


def test_without_a_feed_it_is_a_simulated_city_that_learns_first(tmp_path: Path) -> None:
    run = make_run(msgspec.structs.replace(PLAN, data_dir=str(tmp_path), history_h=2.0), Stop())
    assert isinstance(run.source, Listening)
    source = run.source.source
    assert isinstance(source, FeedSource)
    feed = source.open_feed()
    assert isinstance(feed, SimulatedFeed)
    assert feed.simulated == PLAN.simulated
    assert feed._from == {"readings": -12, "reports": -12}
    assert run.prompt
    assert len(run.registry.sensors) == 150
    assert source.pace is not None
    assert (source.pace.live_from_ms, source.pace.speed) == (PLAN.live_from_ms, 3600.0)


@pytest.mark.system
def test_prompt_warns_of_what_ordered_warns_of(
    feed: Path, tmp_path: Path, store: EmbeddedStore
) -> None:
    """The two modes agree on which things are warned of and on their worst level."""
    plan = plan_for(feed, store, tmp_path)
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(plan))
    last_ms = spans_ms(feed, 1 << 60)["readings"][1] + PROMPT_LATENESS_MS
    stopping = threading.Thread(target=_end_when_over, args=(store, last_ms))
    stopping.start()
    assert main([str(tmp_path / "plan.json")]) == 0
    stopping.join()
    ordered = tmp_path / "ordered.jsonl"
    assert here("replay", feed, "--alerts", ordered) == 0

    assert _worst(tmp_path / "alerts.jsonl") == _worst(ordered)
    with connect(store.url) as client:
        log = [(e[b"id"].decode(), int(e[b"v"])) for _, e in client.xrange(Keys().log)]
        assert client.get(Keys().city) is not None
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_bytes().splitlines()]
    assert log == [(alert["id"], alert["version"]) for alert in lines]


@pytest.mark.system
def test_a_store_that_cannot_be_used_is_one_line(
    quiet_feed: Path, tmp_path: Path, store: EmbeddedStore
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_bytes(msgspec.json.encode(plan_for(quiet_feed, store, tmp_path)))
    with connect(store.url) as client:
        client.set(Keys().schema, "2")
    ended = subprocess.run(
        [sys.executable, "-m", "flows.live", plan],
        cwd=ROOT,
        env={**os.environ, "RUST_BACKTRACE": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    said = [line for line in ended.stderr.splitlines() if line.startswith("citywatch: ")]
    assert said == ["citywatch: cw:{city}:schema: expected 1, got b'2'"]
    assert "Traceback" not in ended.stderr
    assert "destructor" not in ended.stderr


def _end_when_over(store: EmbeddedStore, last_ms: int) -> None:
    """Ask the flow to end once its clock is past all readings."""
    with connect(store.url) as client:
        reached = lambda: int(client.hget(Keys().overview, "clock") or 0)  # noqa: E731
        eventually(lambda: reached() > last_ms, "the end of the feed")
    os.kill(os.getpid(), signal.SIGTERM)


def _worst(alerts: Path) -> dict[tuple[str, str], int]:
    """Return the worst level of each thing warned of, by hazard and district."""
    worst: dict[tuple[str, str], int] = {}
    for alert in map(json.loads, alerts.read_bytes().splitlines()):
        key = alert["hazard"], alert["district"]
        worst[key] = min(alert["level"], worst.get(key, 5))
    return worst
