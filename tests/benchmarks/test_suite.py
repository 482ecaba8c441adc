"""A figure that falls is noticed, one that rises is not complained of."""

import json

import pytest

from benchmarks.suite import FIGURES, Judged, summary, tables, worse

MINUTE_MS = 60_000


def run(seed: int = 1, **more: object) -> Judged:
    fields: dict[str, object] = {
        "scenario": "flood",
        "seed": seed,
        "hours": 48.0,
        "found": [("flood", 1, 30 * MINUTE_MS)],
        "false": [],
        "false_red": 0,
        "on_benign": 0,
        "blue": 3,
    }
    return Judged(**{**fields, **more})  # type: ignore[arg-type]


def test_figures_are_those_of_weather_services() -> None:
    missed = run(2, found=[("flood", None, None), ("fire", 4, -MINUTE_MS)])
    quiet = run(
        scenario="quiet", hours=168.0, found=[], false=[("noise", "no-1"), ("fire", "fi-1")]
    )
    of = summary([run(), missed, quiet])
    assert (of["all"]["events"], of["all"]["hits"], of["all"]["false"]) == (3, 2, 2)
    assert of["all"]["pod"] == pytest.approx(2 / 3, abs=1e-4)
    assert of["all"]["far"] == pytest.approx(2 / 4)
    assert of["scenarios"]["quiet"]["false_per_week"] == 2.0
    assert of["hazards"]["flood"]["lead_min"] == 30.0
    assert of["hazards"]["fire"] == {
        "events": 1,
        "hits": 1,
        "false": 1,
        "pod": 1.0,
        "far": 0.5,
        "lead_min": -1.0,
        "blue_only": 1,
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"found": [("flood", None, None)]}, "hits was 1, is 0"),
        ({"found": [("flood", 1, 29 * MINUTE_MS)]}, "lead_min was 30.0, is 29.0"),
        ({"false": [("flood", "fl-1")]}, "false was 0, is 1"),
        ({"false_red": 1}, "false_red was 0, is 1"),
        ({"on_benign": 1}, "on_benign was 0, is 1"),
        ({"scenario": "crash"}, "flood: expected figures, got none"),
    ],
)
def test_what_is_worse_is_said(change: dict[str, object], said: str) -> None:
    frozen = json.loads(json.dumps(summary([run()])))
    assert any(said in sentence for sentence in worse(frozen, summary([run(**change)])))
    assert worse(frozen, summary([run()])) == []


def test_what_is_better_is_no_complaint() -> None:
    frozen = summary([run(false=[("flood", "fl-1")], found=[("flood", None, None)])])
    assert worse(frozen, summary([run()])) == []


def test_tables_name_every_scenario_and_hazard() -> None:
    runs = [run(seed) for seed in range(5)] + [run(scenario="quiet", found=[])]
    scenarios, hazards = tables(runs)
    assert list(scenarios.columns[0].cells) == ["flood", "quiet"]
    assert list(hazards.columns[0].cells) == ["flood", "all"]
    assert b'"scenario":"flood"' in FIGURES.encode(runs)
