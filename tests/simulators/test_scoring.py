from typing import Any

import h3
import msgspec
import pytest

from operators.events import Alert, Truth, TruthBenign, TruthEvent
from simulators.scoring import score

HOUR = 3_600_000
START = 10 * HOUR
LON, LAT = 106.55, 29.56
NEAR_KM = 0.009  # a degree of latitude is 110.9 km: one kilometre


def event(hazard: str = "fire", **change: Any) -> TruthEvent:
    values: dict[str, Any] = {
        "id": "e1",
        "hazard": hazard,
        "start": START,
        "end": START + 2 * HOUR,
        "lon": LON,
        "lat": LAT,
        "radius_m": 500,
        "level": 2,
        "peak": START + HOUR,
    }
    return TruthEvent(**values | change)


def alert(**change: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": "fi-1",
        "version": 1,
        "time": START,
        "status": "active",
        "level": 3,
        "hazard": "fire",
        "lon": LON,
        "lat": LAT,
        "first": START,
        "cells": [],
        "onset": START,
        "reason": "",
    }
    return values | change


def truth(*events: TruthEvent) -> Truth:
    return Truth(events or (event(),))


def test_a_warning_in_place_and_time_is_a_hit_with_its_lead_to_the_peak() -> None:
    result = score([alert(first=START + 600_000)], truth(), 24)
    assert (result.total.hits, result.total.misses, result.total.false) == (1, 0, 0)
    assert result.total.lead_min == 50
    assert (result.total.pod, result.total.far, result.total.csi) == (1, 0, 1)


def test_without_a_peak_the_lead_is_to_the_start() -> None:
    result = score([alert(first=START - 600_000)], truth(event(peak=None)), 24)
    assert result.total.lead_min == 10


@pytest.mark.parametrize(
    ("first", "hit"),
    [
        (START - 2 * HOUR, True),
        (START - 2 * HOUR - 1, False),
        (START + 2 * HOUR, True),
        (START + 2 * HOUR + 1, False),
    ],
)
def test_the_time_to_warn_is_from_two_hours_before_to_the_end(first: int, hit: bool) -> None:
    assert score([alert(first=first)], truth(), 24).total.hits == hit


@pytest.mark.parametrize(("km", "hit"), [(1.4, True), (1.6, False)])
def test_the_place_is_within_the_radius_and_a_kilometre(km: float, hit: bool) -> None:
    result = score([alert(lat=LAT + km * NEAR_KM)], truth(), 24)
    assert (result.total.hits, result.total.false) == (int(hit), int(not hit))


def test_any_cell_of_any_version_counts_as_its_place() -> None:
    cell = h3.latlng_to_cell(LAT, LON, 8)
    versions = [alert(lat=LAT + 1), alert(version=2, lat=LAT + 1, cells=[cell])]
    assert score(versions, truth(), 24).total.hits == 1


@pytest.mark.parametrize(
    ("said", "was", "hit"),
    [
        ("fire", "gas_leak", False),
        ("flood", "waterlogging", True),
        ("waterlogging", "flood", True),
        ("traffic", "crowding", True),
        ("crowding", "traffic", True),
        ("traffic", "flood", False),
    ],
)
def test_hazards_must_agree_or_be_near(said: str, was: str, hit: bool) -> None:
    assert score([alert(hazard=said)], truth(event(was)), 24).total.hits == hit


def test_a_warning_that_was_never_active_is_no_warning() -> None:
    result = score([alert(status="cleared")], truth(), 24)
    assert (result.total.hits, result.total.misses, result.total.false) == (0, 1, 0)


def test_versions_are_one_warning_and_two_warnings_are_one_hit() -> None:
    versions = [alert(), alert(version=2, level=1), alert(id="fi-2", first=START + HOUR)]
    result = score(versions, truth(), 24)
    assert (result.warnings, result.total.hits, result.total.false) == (2, 1, 0)
    assert result.found[0].warning == "fi-1"
    assert result.found[0].level == 1


def test_one_warning_may_hit_two_events() -> None:
    both = truth(event(), event(id="e2", lat=LAT + NEAR_KM))
    assert score([alert()], both, 24).total.hits == 2


def test_ratios_follow_from_counts() -> None:
    alerts = [alert(), alert(id="fi-2", lat=LAT + 1), alert(id="fi-3", first=0)]
    result = score(alerts, truth(event(), event("flood", id="e2")), 48)
    assert (result.total.hits, result.total.misses, result.total.false) == (1, 1, 2)
    assert result.total.pod == 1 / 2
    assert result.total.far == 2 / 3
    assert result.total.csi == 1 / 4
    assert result.false_per_day == 1
    assert result.false_ids == ("fi-3", "fi-2")


def test_blue_warnings_are_apart_and_never_false() -> None:
    alerts = [alert(level=4), alert(id="fi-2", level=4, lat=LAT + 1)]
    result = score(alerts, truth(), 24)
    assert (result.blue, result.blue_false, result.blue_only) == (2, 1, 1)
    assert (result.total.hits, result.total.false, result.warnings) == (1, 0, 0)


def test_a_warning_that_was_once_more_than_blue_is_not_blue() -> None:
    versions = [alert(lat=LAT + 1, level=level, version=level) for level in (4, 3)]
    assert score(versions, truth(), 24).total.false == 1


def test_a_warning_on_a_harmless_disturbance_is_false_and_said_so() -> None:
    match = TruthBenign("football match", START, START + HOUR, LON, LAT + 1, 1000)
    result = score([alert(lat=LAT + 1)], Truth((event(),), (match,)), 24)
    assert (result.total.false, result.on_benign) == (1, 1)


def test_nothing_to_divide_is_none() -> None:
    result = score([], Truth(()), 24)
    assert result.total.pod is None
    assert result.total.far is None
    assert result.total.csi is None
    assert result.total.lead_min is None


def test_hazards_and_levels_are_told_apart() -> None:
    events = truth(event(level=1), event("flood", id="e2", level=3))
    result = score([alert(), alert(id="gl-1", hazard="gas_leak")], events, 24)
    assert result.by_hazard["fire"].pod == 1
    assert result.by_hazard["flood"].pod == 0
    assert result.by_hazard["gas_leak"].false == 1
    assert result.by_level[1].hits == 1
    assert (result.by_level[3].misses, result.by_level[3].false) == (1, 1)


def test_alerts_may_be_values_dicts_or_lines() -> None:
    full = alert(
        district="gucheng",
        cells=(),
        urgency="Immediate",
        certainty="Likely",
        score=3.0,
        evidence=(),
    )
    value = Alert(**full)
    line = msgspec.json.encode(value)
    for one in (value, full, line, line.decode()):
        assert score([one], truth(), 24).total.hits == 1


def test_the_dictionary_states_what_it_rests_on() -> None:
    result = score([alert()], truth(), 36).to_dict()
    assert (result["events"], result["hours_watched"]) == (1, 36)
    assert result["by_level"]["orange"]["hits"] == 1
    assert msgspec.json.encode(result)


def test_events_of_one_id_are_scored_each() -> None:
    both = event(), event("flood", lon=LON + 1)
    result = score([alert()], truth(*both), 24)
    assert (result.total.hits, result.total.misses, result.total.false) == (1, 1, 0)


def test_a_city_may_lie_on_the_date_line() -> None:
    there = event(lon=-179.999, lat=-17.0, radius_m=0)
    result = score([alert(lon=179.999, lat=-17.0)], truth(there), 24)
    assert (result.total.hits, result.total.false) == (1, 0)
