"""Fields that are misspelt are told with their place; what is merely unknown is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flows.field_names import misspelt
from operators.events import City, Sensor

SENSOR = {"id": "a", "kind": "rain", "lon": 106.5, "lat": 29.5}


def told(**more: Any) -> list[str]:
    raw = msgspec.json.encode(SENSOR | more)
    assert msgspec.json.decode(raw, type=Sensor)
    return list(misspelt(raw, Sensor))


@pytest.mark.parametrize(
    ("given", "meant"), [("levles", "levels"), ("interval", "interval_s"), ("owners", "owner")]
)
def test_a_name_that_looks_like_one_that_is_missing(given: str, meant: str) -> None:
    assert told(**{given: 1}) == [f"{given}: is not read, expected {meant!r}?"]


def test_what_is_given_is_not_meant_by_another() -> None:
    assert told(levels={"red": 5}, levles={"red": 6}) == []


@pytest.mark.parametrize("name", ["note", "manufacturer", "installed", "x", ""])
def test_a_file_may_say_more_than_is_read(name: str) -> None:
    assert told(**{name: 1}) == []


def test_what_lies_deeper_is_told_with_its_place() -> None:
    sensors = [SENSOR, SENSOR | {"levels": {"bleu": 1, "red": 2}, "units": "mm/h"}]
    districts = [{"id": "d", "name": "D", "polygn": None}]
    raw = {"name": "T", "timezone": "UTC", "sensors": sensors, "districts": districts}
    assert list(misspelt(msgspec.json.encode(raw), City)) == [
        "sensors[1].levels.bleu: is not read, expected 'blue'?",
        "sensors[1].units: is not read, expected 'unit'?",
        "districts[0].polygn: is not read, expected 'polygon'?",
    ]
