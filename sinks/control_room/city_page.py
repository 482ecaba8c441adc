"""The city as the screen draws it: the city file, and the outline of every cell that may matter.

A browser has no H3; the hub works the hexagons out once for each city it meets.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import h3
import orjson

from operators.codec import encode
from operators.events import City, District

__all__ = ["RESOLUTION", "cell_outlines", "city_page"]

RESOLUTION = 8
DIGITS = 5  # of a degree: about a metre

log = logging.getLogger(__name__)


def city_page(city: City) -> bytes:
    """Return the city file with a field ``cells`` more: corners ``[lon, lat]`` per cell."""
    return encode(city)[:-1] + b',"cells":' + orjson.dumps(cell_outlines(city)) + b"}"


def cell_outlines(city: City) -> dict[str, list[tuple[float, float]]]:
    """Return the corners of the cells of the districts and the sensors, and of their neighbours.

    Examples
    --------
    >>> from operators.events import Sensor
    >>> outlines = cell_outlines(City("x", "UTC", sensors=(Sensor("a", "rain", 106.55, 29.56),)))
    >>> len(outlines), {len(corners) for corners in outlines.values()}
    (7, {6})
    """
    cells = {h3.latlng_to_cell(sensor.lat, sensor.lon, RESOLUTION) for sensor in city.sensors}
    for district in city.districts:
        cells.update(_within(district))
    around = {near for cell in cells for near in h3.grid_disk(cell, 1)}
    return {cell: _corners(cell) for cell in sorted(around)}


def _within(district: District) -> Iterable[str]:
    """Return the cells of a district; none where its polygon is no shape."""
    ring = [(lat, lon) for lon, lat in district.polygon or ()]
    try:
        return h3.h3shape_to_cells(h3.LatLngPoly(ring), RESOLUTION) if ring else ()
    except Exception as error:  # what a geometry library makes of it, a screen can do without
        log.warning("city: no cells for district %s: %r", district.id, error)
        return ()


def _corners(cell: str) -> list[tuple[float, float]]:
    return [(round(lon, DIGITS), round(lat, DIGITS)) for lat, lon in h3.cell_to_boundary(cell)]
