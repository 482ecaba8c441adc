"""The wiring: everybody who finds evidence is waited for, and step ids stay what they were."""

import json
import subprocess
import sys

from flows.city import Run, city
from operators.events import City, Sensor
from operators.registry import SENSORS_PER_SHARD, Registry


def test_incidents_wait_for_every_finder_of_every_shard() -> None:
    sensors = tuple(Sensor(f"s{n}", "rain", 106.5, 29.5) for n in range(SENSORS_PER_SHARD + 1))
    run = Run.empty()
    run.registry = Registry(City("two shards", "UTC", sensors=sensors))
    assert run.origins() == [
        *("screen:0", "screen:1", "levels:0", "levels:1"),
        *("cells", "bursts", "outages"),
    ]


def test_a_flow_without_a_store_has_no_steps_for_it() -> None:
    run = Run.empty()
    run.store = run.control = None
    ids = {step.step_id for step in city(run).substeps}
    assert "city.store" not in ids
    assert "city.overview" not in ids
    assert {"city.intake", "city.screen", "city.incidents", "city.alerting"} <= ids


def test_step_ids_are_those_that_recovery_knows() -> None:
    drawn = subprocess.run(
        [sys.executable, "-m", "bytewax.visualize", "-o", "json", "flows.city:city()"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    ids = {step["step_id"] for step in json.loads(drawn)["substeps"]}
    # A renamed step loses its state: change this list only with a line in the changelog.
    stateful = "intake order screen levels triage bursts windows merge cells outages incidents"
    assert {f"city.{name}" for name in (*stateful.split(), "alerting", "cover", "overview")} <= ids
