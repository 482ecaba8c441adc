"""The city file: bytes to a city whose districts have a shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

from operators.codec import decode_whole
from operators.events import City, Sensor
from operators.kinds import NO_VALUE, kind_of

__all__ = ["decode_city"]

_NO_AREA = 1e-12
"""Square degrees, 0.01 m2: less than the thinnest district has, more than rounding makes."""


def decode_city(raw: bytes) -> City:
    """Return the city file.

    Raises
    ------
    ValueError
        When it is not one; the message says where and what was expected.
    """
    found = decode_whole(raw, City)
    _check_city(found)
    return found


def _check_city(city: City) -> None:
    _check_once("sensors", [sensor.id for sensor in city.sensors])
    _check_once("districts", [district.id for district in city.districts])
    for number, sensor in enumerate(city.sensors):
        _check_levels(f"sensors[{number}].levels", sensor)
    for number, district in enumerate(city.districts):
        ring = district.polygon
        if not ring:
            continue  # of unknown extent
        where = f"districts[{number}].polygon"
        if len(ring) < 3:
            raise ValueError(f"{where}: expected at least 3 points, got {len(ring)}")
        for at, (lon, lat) in enumerate(ring):
            # Beyond 180 go on those that reach over the date line.
            if not (abs(lon) <= 360 and abs(lat) <= 90):
                raise ValueError(f"{where}[{at}]: expected degrees, got {lon}, {lat}")
        if _on_one_line(ring):
            raise ValueError(f"{where}: expected an area, got {len(ring)} points on one line")


def _check_levels(where: str, sensor: Sensor) -> None:
    """Refuse levels that are no measurements, or lie the wrong way round: red must be worst."""
    if sensor.levels is None:
        return
    from_red = list(sensor.levels.by_level().values())
    for value in from_red:
        if not abs(value) < NO_VALUE:
            raise ValueError(f"{where}: expected values below {NO_VALUE:g}, got {value:g}")
    direction = sensor.direction or kind_of(sensor.kind).direction
    if direction != "both" and from_red != sorted(from_red, reverse=direction == "above"):
        order = "rise" if direction == "above" else "fall"
        told = ", ".join(f"{value:g}" for value in reversed(from_red))
        raise ValueError(f"{where}: expected to {order} from blue to red, got {told}")


def _check_once(what: str, ids: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for number, name in enumerate(ids):
        if first.setdefault(name, number) != number:
            where = f"{what}[{number}].id"
            raise ValueError(f"{where}: expected another, got {name!r} as {what}[{first[name]}]")


def _on_one_line(ring: Sequence[tuple[float, float]]) -> bool:
    # Not by the area itself: that of a ring that crosses itself may cancel out.
    (x0, y0), *rest = ring
    legs = [(x - x0, y - y0) for x, y in rest]
    far_x, far_y = max(legs, key=lambda leg: math.hypot(*leg))
    return max(abs(x * far_y - y * far_x) for x, y in legs) <= _NO_AREA
