"""The whole flow on a small town's days: the same warnings however its feed is handled."""

import base64
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, cluster_main, run_main

import operators.intake
from flows.city import Run, city
from operators.codec import decode_alert, encode_alert_line
from operators.counters import Counters
from operators.events import Alert, BadMessage, CellState, FeedHealth
from operators.intake import Poll
from operators.registry import Registry
from sinks.alert_file import AlertFileSink
from tests.operators import feed
from tests.operators.feed import Feed
from tests.operators.town import HOUR, MINUTE, T0, poll, polls, reading

pytestmark = pytest.mark.slow


@dataclass
class Ran:
    """What came out of one run."""

    alerts: list[Alert] = field(default_factory=list)
    bad: list[BadMessage] = field(default_factory=list)
    store: list[Any] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)

    @property
    def lines(self) -> bytes:
        return b"".join(map(encode_alert_line, self.alerts))


def ran(told: Sequence[Poll], made: Feed, run: Any = run_main, **more: Any) -> Ran:
    out = Ran()
    sinks: list[list[Any]] = [[], [], []]
    flow = city(
        Run(
            Registry(made.city),
            TestingSource(told, batch_size=1),
            name="town",
            alerts=TestingSink(sinks[0]),
            dead_letters=TestingSink(sinks[1]),
            store=TestingSink(sinks[2]),
            counters=out.counters,
            **more,
        )
    )
    run(flow)
    for values, items in zip((out.alerts, out.bad, out.store), sinks, strict=True):
        values += [value for _, value in items]
    return out


MADE = feed.make(sensors=32, days=1.5)
FEEDS = {"readings": list(MADE.readings), "reports": list(MADE.reports)}


@cache
def undisturbed() -> Ran:
    return ran(polls(FEEDS, 1000), MADE)  # type: ignore[arg-type]


def summary(alerts: list[Alert]) -> dict[str, tuple[int, int]]:
    """Of each warning, when it was first issued and how bad it became."""
    return {a.id: (a.first, min(b.level for b in alerts if b.id == a.id)) for a in alerts}


# --- what it finds ---------------------------------------------------------------------------


def test_the_event_is_warned_of_and_cleared() -> None:
    alerts = undisturbed().alerts
    hits = [a for a in alerts if a.hazard in feed.HAPPENED and a.first >= MADE.event]
    first = hits[0]
    assert MADE.event <= first.time <= MADE.event + 30 * MINUTE
    mine = [a for a in hits if a.id == first.id]
    assert [a.version for a in mine] == list(range(1, len(mine) + 1))
    assert min(a.level for a in mine) <= 2
    worst = min(mine, key=lambda a: a.level)
    assert len({e["key"] for e in worst.evidence}) >= 2
    assert mine[-1].status == "cleared"
    assert mine[-1].time < MADE.event + 4 * HOUR
    assert any(e["source"] == "report" for a in hits for e in a.evidence)


def test_the_silence_is_warned_of_as_lost_power() -> None:
    power = [a for a in undisturbed().alerts if a.hazard == "power"]
    assert power
    assert MADE.silence < power[0].time <= MADE.silence + HOUR
    assert {e["source"] for a in power for e in a.evidence} == {"outage"}


def test_quiet_days_are_quiet() -> None:
    before = {a.id for a in undisturbed().alerts if a.first < MADE.event and a.level < 4}
    assert before == set()


def test_every_step_accounts_for_what_it_was_given() -> None:
    accounts = undisturbed().counters.accounts()
    assert all(account.balanced for account in accounts), accounts
    by_step = {account.step: account for account in accounts}
    assert by_step["intake"].received == len(MADE.readings) + len(MADE.reports)
    assert by_step["screen"].sent == len(MADE.readings)
    assert by_step["triage"].sent == len(MADE.reports)


def test_the_room_is_told_all_it_shows() -> None:
    store = undisturbed().store
    assert [v for v in store if isinstance(v, Alert)] == undisturbed().alerts
    facts: dict[str, Any] = {}
    for value in store:
        if isinstance(value, dict):
            facts |= value
    assert facts.keys() >= {
        "clock",
        "speed",
        "sensors",
        "closest",
        "curves",
        "cleared",
        "conditions",
    }
    assert facts["sensors"] == {"total": 32, "reporting": 24}
    assert {v.feed for v in store if isinstance(v, FeedHealth)} >= {"streets", "traffic", "reports"}
    covered = [v for v in store if isinstance(v, CellState)]
    levels = {v.cell: v.level for v in covered}
    # A level that lasts less than a poll of this replay is told in versions, not of cells.
    assert min(v.level for v in covered) <= 3
    still = {cell for a in undisturbed().alerts if a.status == "active" for cell in a.cells}
    assert {cell for cell, level in levels.items() if level < 5} <= still


# --- how it was handled makes no difference --------------------------------------------------


def _readings_before(time: int) -> int:
    return len(range(T0, time, feed.EVERY)) * len(MADE.city.sensors)


def in_polls(*sizes: int) -> list[Poll]:
    return polls(FEEDS, *sizes)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [37, 10_000])
def test_the_poll_size_makes_no_difference(size: int) -> None:
    assert ran(in_polls(size), MADE).lines == undisturbed().lines


def test_message_by_message_makes_no_difference() -> None:
    """One poll a message around the event; before it, large ones."""
    sizes = [_readings_before(MADE.event - HOUR // 2), *[1] * 600, 1000]
    assert ran(in_polls(*sizes), MADE).lines == undisturbed().lines


def test_two_workers_make_no_difference() -> None:
    def two(flow: Any) -> None:
        cluster_main(flow, [], 0, worker_count_per_proc=2)

    assert ran(in_polls(500), MADE, two).lines == undisturbed().lines


def test_shards_are_scored_apart_but_warned_of_together() -> None:
    shards = range(3)
    one, other = (
        ran(polls(FEEDS, size, shards=len(shards)), MADE, shards=shards)  # type: ignore[arg-type]
        for size in (1000, 333)
    )
    assert one.lines == other.lines
    assert {a.hazard for a in one.alerts if a.level < 3} & feed.HAPPENED
    assert all(account.balanced for account in one.counters.accounts())


def spoilt() -> tuple[list[bytes], dict[int, str]]:
    """One reading in a hundred followed by a bad message; where they are, and why."""
    rng, lines, why = random.Random(4), list[bytes](), dict[int, str]()
    kinds = {
        b"{": "not JSON",
        b'{"sensor":"st-00","time":%d}' % T0: "value: missing",
        reading("st-00", T0, "abc"): "value: expected number, got 'abc'",
        reading("st-00", -T0, 1): "time: expected 0 to",
        reading("nobody", T0, 1): "sensor: 'nobody' is not in the city file",
        b"\xff\xfe": "not JSON",
    }
    for good in MADE.readings:
        lines.append(good)
        if rng.random() < 0.01:
            raw = rng.choice(list(kinds))
            why[len(lines)] = kinds[raw]
            lines.append(raw)
    return lines, why


def test_bad_messages_cost_themselves_and_are_kept_with_their_reason() -> None:
    lines, why = spoilt()
    out = ran(polls({"readings": lines, "reports": FEEDS["reports"]}, 700), MADE)
    assert out.lines == undisturbed().lines
    assert sorted(bad.offset for bad in out.bad) == sorted(why)
    for bad in out.bad:
        assert bad.source == "town/readings"
        assert bad.reason.startswith(why[bad.offset])
        assert base64.b64decode(bad.payload) == lines[bad.offset]
    account = out.counters.account("intake")
    assert account.balanced
    assert account.rejected == len(why)


def test_shuffled_within_a_minute_and_doubled_makes_no_difference() -> None:
    rng = random.Random(6)
    places = [int(line.split(b'"time": ')[1].split(b",")[0]) for line in MADE.readings]
    arrivals = [(at + rng.randint(0, MINUTE), n) for n, at in enumerate(places)]
    arrivals += [(at + rng.randint(0, MINUTE), n) for at, n in arrivals if rng.random() < 0.1]
    shuffled = [MADE.readings[n] for _, n in sorted(arrivals)]
    out = ran(polls({"readings": shuffled, "reports": FEEDS["reports"]}, 700), MADE)
    assert out.lines == undisturbed().lines
    account = out.counters.account("order")
    assert account.reasons == {"duplicate": len(shuffled) - len(MADE.readings)}


# --- promptly --------------------------------------------------------------------------------


def as_it_happens(live_from: int = 0) -> list[Poll]:
    """Polls as a clock paces them; before a time, the flow is still catching up."""
    readings = MADE.readings
    paced, per_step = [], len(MADE.city.sensors)
    reports = [(int(r.split(b'"time":')[1].split(b",")[0]), r) for r in MADE.reports]
    for start in range(0, len(readings), per_step):
        lines = list(readings[start : start + per_step])
        at = int(lines[0].split(b'"time": ')[1].split(b",")[0])
        due = [r for t, r in reports if at <= t < at + feed.EVERY]
        live = at >= live_from
        paced.append(poll("readings", *lines, offset=start, clock_ms=at + MINUTE, live=live))
        paced.append(poll("reports", *due, clock_ms=at + feed.EVERY - 1, live=live))
    return [*paced, poll("readings", ended=True), poll("reports", ended=True)]


@pytest.mark.parametrize("live_from", [0, MADE.event - 7 * HOUR, MADE.event + HOUR])
def test_promptly_the_same_things_are_warned_of(live_from: int) -> None:
    """Live, evidence is applied as it arrives: same places and hazards, same worst levels."""
    ordered = undisturbed().alerts
    prompt = ran(as_it_happens(live_from), MADE, prompt=True)
    if live_from:
        modes = [v["mode"] for v in prompt.store if isinstance(v, dict) and "mode" in v]
        assert modes == sorted(modes), "catching up, then live"
        assert set(modes) == {"catching_up", "live"}
    assert all(account.balanced for account in prompt.counters.accounts())

    def told(alerts: list[Alert]) -> Counter[tuple[str, str]]:
        return Counter((a.hazard, a.district) for a in alerts if a.version == 1 and a.level < 5)

    assert told(prompt.alerts).keys() == told(ordered).keys()
    for hazard in {a.hazard for a in ordered}:
        worst = [
            min(a.level for a in each if a.hazard == hazard) for each in (prompt.alerts, ordered)
        ]
        assert abs(worst[0] - worst[1]) <= 1, hazard


# --- after a crash ---------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [TestingSource.ABORT, TestingSource.EOF])
def test_a_resumed_run_writes_the_same_file(
    fault: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off three times in the middle of a warning's life, then left to its end."""
    monkeypatch.setattr(operators.intake, "BLOCKS", {"readings": 64, "reports": 2, "commands": 1})
    told: list[Any] = in_polls(_readings_before(MADE.event), 400)
    for number in (16, 10, 6):
        told.insert(number, fault())
    db, path = tmp_path / "db", tmp_path / "alerts.jsonl"
    db.mkdir()
    init_db_dir(db, 1)
    sizes = [0]
    for _ in range(4):
        run = Run(Registry(MADE.city), TestingSource(told, 1), alerts=AlertFileSink(path))
        run_main(city(run), epoch_interval=timedelta(0), recovery_config=RecoveryConfig(str(db)))
        sizes.append(len(path.read_bytes()) if path.exists() else 0)
    assert path.read_bytes() == undisturbed().lines
    assert len(set(sizes)) > 2, f"the faults were in the middle of a warning's life: {sizes}"
    assert [decode_alert(line) for line in path.read_bytes().splitlines()] == undisturbed().alerts
