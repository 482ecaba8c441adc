"""A city file says what is wrong with it, and where."""

import json
from typing import Any

import pytest

from operators.city_file import decode_city


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (
            b'{"name":"T","timezone":"UTC","sensors":[{"id":"a","kind":"x","lon":"1","lat":2}]}',
            "sensors[0].lon: ",
        ),
        (
            b'{"name":"T","timezone":"UTC","districts":[{"id":"d","name":"D","polygon":[[1,"x"]]}]}',
            "districts[0].polygon[0][1]: ",
        ),
        (
            b'{"name":"T","timezone":"UTC","sensors":[{"id":"%s","kind":"x","lon":1,"lat":2}]}'
            % (b"a" * 513),
            "sensors[0].id: expected str of length <= 512",
        ),
        (b'{"name":5,"timezone":"UTC"}', "name: expected str, got int"),
        (b"[]", "expected object, got array"),
    ],
)
def test_a_bad_city_file_says_where(raw: bytes, where: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is what is tested)
        decode_city(raw)
    assert str(caught.value).startswith(where)


@pytest.mark.parametrize("raw", [b"\xff", b"", b"{", b'{"x":' + b"[" * 3000 + b"]" * 3000 + b"}"])
def test_a_file_that_is_none_is_one_kind_of_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_city(raw)


def with_district(ring: Any) -> bytes:
    return json.dumps(
        {
            "name": "T",
            "timezone": "UTC",
            "districts": [{"id": "a", "name": "A"}, {"id": "d", "name": "D", "polygon": ring}],
        }
    ).encode()


@pytest.mark.parametrize(
    ("ring", "told"),
    [
        ([[106.5, 29.5]], ": expected at least 3 points, got 1"),
        ([[106.5, 29.5], [106.6, 29.5]], ": expected at least 3 points, got 2"),
        ([[106.5, 29.5]] * 3, ": expected an area, got 3 points on one line"),
        ([[106, 29], [106.1, 29], [106, 29]], ": expected an area, got 3 points on one line"),
        ([[106, 29], [106.1, 29.1], [106.3, 29.3]], ": expected an area, got 3 points on one line"),
        ([[0, 0], [1e300, 0], [0, 5]], "[1]: expected degrees, got 1e+300, 0.0"),
        ([[0, 0], [1, 0], [0, 95]], "[2]: expected degrees, got 0.0, 95.0"),
    ],
)
def test_a_district_that_is_none_is_refused(ring: Any, told: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is what is tested)
        decode_city(with_district(ring))
    assert str(caught.value) == f"districts[1].polygon{told}"


@pytest.mark.parametrize(
    "ring",
    [
        None,
        [],
        [[106.5, 29.5], [106.50001, 29.5], [106.5, 29.50001]],  # a metre
        [[106, 29], [106.1, 29.0000001], [106.2, 29]],  # 20 km by a centimetre
        [[106, 29], [106.1, 29.1], [106.1, 29], [106, 29.1]],  # crosses itself: area 0 by the sum
        [[179.5, -17], [180.5, -17], [180.5, -16], [179.5, -17]],  # over the date line, closed
        [[106, 29], [106, 29], [106.1, 29], [106.1, 29.1]],  # a point twice
    ],
)
def test_a_district_of_whatever_shape_is_taken(ring: Any) -> None:
    found = decode_city(with_district(ring)).districts[1].polygon
    assert found == (ring if ring is None else [tuple(map(float, point)) for point in ring])


def with_sensor(**fields: Any) -> bytes:
    sensor = {"id": "a", "kind": "river_level", "lon": 1, "lat": 2, **fields}
    return json.dumps({"name": "T", "timezone": "UTC", "sensors": [sensor]}).encode()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"levels": {"blue": 5, "yellow": 4, "red": 9}}, "to rise from blue to red, got 5, 4, 9"),
        ({"levels": {"blue": 1, "red": 2}, "direction": "below"}, "to fall from blue to red"),
        ({"levels": {"blue": 1, "red": 2}, "kind": "water_pressure"}, "to fall from blue to red"),
        ({"levels": {"red": 1e308}}, "values below 1e+30, got 1e+308"),
    ],
)
def test_levels_that_cannot_be_meant_are_refused(fields: Any, told: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is what is tested)
        decode_city(with_sensor(**fields))
    assert str(caught.value).startswith("sensors[0].levels: expected ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"levels": {"blue": 5, "yellow": 5, "red": 9}},
        {"levels": {"orange": 2, "red": 1}, "direction": "below"},
        {"levels": {"blue": 3, "red": 1}, "direction": "both"},
        {"levels": None},
    ],
)
def test_levels_that_may_be_meant_are_taken(fields: Any) -> None:
    assert len(decode_city(with_sensor(**fields)).sensors) == 1
