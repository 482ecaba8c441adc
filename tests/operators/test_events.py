"""The vocabulary is consistent with itself and with the published formats."""

import msgspec
import numpy as np
import pytest

from operators import events
from operators.events import (
    HAZARD_INITIALS,
    HAZARDS,
    LEVEL_NAMES,
    NO_LEVEL,
    Alert,
    Levels,
    Readings,
)
from tests.operators.town import rows


def test_hazards_are_told_apart_by_their_initials() -> None:
    assert len(set(HAZARD_INITIALS.values())) == len(HAZARDS)
    assert all(len(initials) == 2 for initials in HAZARD_INITIALS.values())


def test_levels_sort_by_urgency() -> None:
    assert list(LEVEL_NAMES) == [1, 2, 3, 4]
    assert max(LEVEL_NAMES) < NO_LEVEL


def test_only_levels_that_exist_are_told() -> None:
    assert Levels(blue=1.0, red=4.0).by_level() == {1: 4.0, 4: 1.0}
    assert Levels().by_level() == {}


def test_readings_are_taken_by_mask_position_and_slice() -> None:
    whole = rows((0, 10, 1.0), (1, 20, 2.0), (2, 30, 3.0), shard=(1, 0, 1))
    for chosen in (np.array([False, True, True]), np.array([1, 2]), slice(1, None)):
        part = whole.take(chosen)
        assert [column.tolist() for column in part] == [[1, 2], [20, 30], [2.0, 3.0], [0, 1]]
    assert [len(column) for column in Readings.empty()] == [0, 0, 0, 0]


@pytest.mark.parametrize("name", ["Alert", "BadMessage", "Command", "Evidence", "Report", "Sensor"])
def test_events_cannot_be_changed(name: str) -> None:
    assert getattr(events, name).__struct_config__.frozen


def test_an_alert_has_the_published_fields_in_order() -> None:
    assert Alert.__struct_fields__ == (
        *("id", "version", "time", "status", "level", "hazard", "district", "cells"),
        *("lon", "lat", "onset", "first", "urgency", "certainty", "score", "reason"),
        *("evidence", "latency_us", "place", "headline", "trend", "marks", "forecast"),
        *("units", "next", "confirmation"),
    )


def test_all_that_is_named_exists() -> None:
    for name in events.__all__:
        assert hasattr(events, name)
    assert issubclass(Alert, msgspec.Struct)
