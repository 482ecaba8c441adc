"""The outlines of the cells the screen draws."""

import h3
import orjson
import pytest

from operators.events import City, District, Sensor
from sinks.control_room.city_page import city_page


def test_cells_of_districts_and_sensors_and_their_neighbours() -> None:
    square = [(106.50, 29.50), (106.54, 29.50), (106.54, 29.54), (106.50, 29.54)]
    far = Sensor("far", "rain", 107.0, 30.0)
    city = City("x", "UTC", districts=(District("d", "D", polygon=square),), sensors=(far,))
    page = orjson.loads(city_page(city))
    assert page["districts"][0]["id"] == "d"
    cells = page["cells"]
    assert {h3.get_resolution(cell) for cell in cells} == {8}
    assert h3.latlng_to_cell(29.52, 106.52, 8) in cells
    assert set(h3.grid_disk(h3.latlng_to_cell(30.0, 107.0, 8), 1)) <= set(cells)
    lon, lat = cells[h3.latlng_to_cell(30.0, 107.0, 8)][0]
    assert abs(lon - 107.0) < 0.01
    assert abs(lat - 30.0) < 0.01


def test_a_district_of_unknown_extent_has_no_cells() -> None:
    city = City("x", "UTC", districts=(District("d", "D"),))
    assert orjson.loads(city_page(city))["cells"] == {}


@pytest.mark.parametrize(
    "polygon",
    [
        [(106.5, 29.5)],
        [(106.5, 29.5), (106.6, 29.5)],
        [(106.5, 29.5)] * 3,
        [(106.5, 29.5), (106.6, 29.5), (106.55, 29.5)],
        [(0.0, 0.0), (1e300, 0.0), (0.0, 5.0)],
    ],
)
def test_a_polygon_that_is_no_shape_costs_its_own_cells_alone(
    polygon: list[tuple[float, float]], caplog: pytest.LogCaptureFixture
) -> None:
    square = [(106.50, 29.50), (106.54, 29.50), (106.54, 29.54), (106.50, 29.54)]
    good = City("x", "UTC", districts=(District("d", "D", polygon=square),))
    both = City("x", "UTC", districts=(District("flat", "F", polygon=polygon), *good.districts))
    cells = orjson.loads(city_page(both))["cells"]
    assert cells == orjson.loads(city_page(good))["cells"]
    (said,) = caplog.messages
    assert said.startswith("city: no cells for district flat: ")
