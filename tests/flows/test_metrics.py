"""What a process measures: text that Prometheus can read, for nobody but this machine."""

from __future__ import annotations

import socket
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from flows.kafka_source import Broker
from flows.metrics import FlowMetrics, serve_metrics
from operators.counters import Counters
from operators.meter import BOUNDS_US, Meter


def part() -> Any:
    """What the figures of a process are taken from, after a little work."""
    times = iter([100, 107, 110, 20_000_000, 20_000_003])
    meter, counters = Meter(lambda: next(times)), Counters()
    meter.start()
    for step in ("decode", "screen", "decode", "screen"):
        meter.lap(step)
    counters.add("intake", "received", 10)
    counters.add("intake", "sent", 7)
    counters.add("intake", "rejected", 2, "value")
    counters.add("intake", "late", 1)
    outbox = SimpleNamespace(sent=42)
    return SimpleNamespace(
        flow="readings",
        meter=meter,
        counters=counters,
        lags={1: 5, 0: 0},
        broker=Broker(),
        outbox=outbox,
    )


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def told(*parts: Any) -> dict[str, Metric]:
    registry = CollectorRegistry()
    registry.register(FlowMetrics(parts))
    return families(generate_latest(registry).decode())


def sample(family: Metric, suffix: str = "", **labels: str) -> float:
    (found,) = [
        each.value
        for each in family.samples
        if each.name == family.name + suffix and each.labels == labels
    ]
    return found


def test_steps_are_a_histogram_in_seconds() -> None:
    steps = told(part())["citywatch_step_seconds"]
    assert steps.type == "histogram"
    decode = {"flow": "readings", "step": "decode"}
    assert sample(steps, "_count", **decode) == 2
    assert sample(steps, "_sum", **decode) == pytest.approx(19.999897)
    bounds = [
        s for s in steps.samples if s.name.endswith("_bucket") and s.labels["step"] == "decode"
    ]
    edges = [float(s.labels["le"]) for s in bounds]
    assert edges == [*(bound / 1e6 for bound in BOUNDS_US), float("inf")]
    counts = [s.value for s in bounds]
    assert counts == sorted(counts), "each counts those below it too"
    assert counts[edges.index(1e-5)] == 1, "7 us"
    assert counts[-2:] == [1, 2], "20 s is longer than the longest bucket"


def test_outcomes_lags_broker_and_messages_sent() -> None:
    made = part()
    found = told(made)
    events = found["citywatch_events"]
    outcomes = {"received": 10, "sent": 7, "late": 1, "rejected": 2}
    for outcome, count in outcomes.items():
        assert sample(events, "_total", step="intake", outcome=outcome) == count
    lags = found["citywatch_lag_messages"]
    assert [sample(lags, flow="readings", partition=number) for number in "01"] == [0, 5]
    assert sample(found["citywatch_sent_messages"], "_total") == 42
    assert sample(found["citywatch_broker_up"]) == 1
    made.broker.away_since_ms = 5
    assert sample(told(made)["citywatch_broker_up"]) == 0


def test_parts_of_one_process_are_told_apart_and_counted_once() -> None:
    readings, warnings = part(), part()
    warnings.flow, warnings.lags = "warnings", {0: 3}
    found = told(readings, warnings)
    steps, lags = found["citywatch_step_seconds"], found["citywatch_lag_messages"]
    for flow in ("readings", "warnings"):
        assert sample(steps, "_count", flow=flow, step="decode") == 2
    assert sample(lags, flow="readings", partition="1") == 5
    assert sample(lags, flow="warnings", partition="0") == 3
    assert sample(found["citywatch_events"], "_total", step="intake", outcome="sent") == 7
    assert sample(found["citywatch_sent_messages"], "_total") == 42
    warnings.broker.away_since_ms = 5
    assert sample(told(readings, warnings)["citywatch_broker_up"]) == 0, "whoever has noticed"


def test_before_anything_was_done_there_is_nothing_to_count() -> None:
    made = part()
    made.meter, made.counters, made.lags = Meter(), Counters(), {}
    found = told(made)
    assert found["citywatch_step_seconds"].samples == []
    assert sample(found["citywatch_broker_up"]) == 1


@pytest.mark.system
def test_they_are_served_on_a_free_port_of_this_machine_alone() -> None:
    made = part()
    port = serve_metrics([made], "127.0.0.1", 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        found = families(answer.read().decode())
    assert {"citywatch_step_seconds", "process_cpu_seconds"} <= set(found)
    made.outbox.sent = 43
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        again = families(answer.read().decode())
    assert sample(again["citywatch_sent_messages"], "_total") == 43
    with socket.socket() as other:
        other.bind(("127.0.0.2", port))  # taken, if it listened on every address


@pytest.mark.system
def test_a_port_that_is_taken_is_an_error_at_once() -> None:
    port = serve_metrics([part()], "127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        serve_metrics([part()], "127.0.0.1", port)
