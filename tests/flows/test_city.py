"""The wiring: what is wired where, and step ids stay what they were."""

import json
import subprocess
import sys

import pytest
from bytewax.testing import TestingSink, TestingSource, run_main

from flows.city import Run, city
from operators.codec import bad_message


def test_a_flow_without_a_store_has_no_steps_for_it() -> None:
    run = Run.empty()
    run.store = None
    ids = {step.step_id for step in city(run).substeps}
    assert "city.store" not in ids
    assert "city.series" not in ids
    assert {"city.reading_path", "city.report_path", "city.warning_path", "city.alerts"} <= ids


@pytest.mark.parametrize(
    "feeds", [("readings",), ("readings", "reports"), ("readings", "commands")]
)
def test_time_waits_for_the_feeds_that_there_are(feeds: tuple[str, ...]) -> None:
    run = Run.empty()
    run.feeds, run.shards = feeds, (0, 1)  # type: ignore[assignment]
    path = run.warning_path()
    waited_for = set(path.incidents._watermarks)
    assert {"readings:0", "readings:1", "cells", "outages"} <= waited_for
    assert ("bursts" in waited_for) == ("reports" in feeds)


def test_step_ids_are_those_that_recovery_knows() -> None:
    drawn = subprocess.run(
        [sys.executable, "-m", "bytewax.visualize", "-o", "json", "flows.city:city()"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    ids = {step["step_id"] for step in json.loads(drawn)["substeps"]}
    # A renamed step loses its state: change this list only with a line in the changelog.
    stateful = ("source", "reading_path", "report_path", "command_path", "warning_path")
    assert {f"city.{name}" for name in stateful} <= ids


def test_there_is_one_source() -> None:
    """Two would take turns, an epoch each: see ``flows.listening``."""
    sources = [step for step in city().substeps if type(step).__name__ == "input"]
    assert [step.step_id for step in sources] == ["city.source"]


def test_what_people_say_that_cannot_be_used_is_a_dead_letter_too() -> None:
    bad, letters = bad_message("store/commands", 0, 7, "op: missing", b"{}"), list[object]()
    run = Run.empty()
    run.source, run.dead_letters = TestingSource([bad]), TestingSink(letters)
    run_main(city(run))
    assert letters == [("city", bad)]
