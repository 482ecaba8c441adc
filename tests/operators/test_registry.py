"""An index never changes its meaning, and everybody has a place."""

import datetime as dt
from zoneinfo import ZoneInfo

import h3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.events import HAZARDS, City, District, Levels, Sensor
from operators.reading_codec import Message
from operators.registry import MOST_KINDS, UNKNOWN, LocalTime, Registry, cell_of
from tests.operators.town import EAST, HOUR, LAT, LON, WEST, sensor, town


def introduce(known: Registry, name: str, lon: float, lat: float, kind: str = "noise") -> int:
    return known.introduce(Message(name, 0, 0.0, kind, lon, lat))


# --- places ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lon", "expected"), [(LON + 0.1, "east"), (LON - 0.1, "west"), (LON + 0.4, "east")]
)
def test_the_polygon_decides_the_district(lon: float, expected: str) -> None:
    known = Registry(town([Sensor("a", "noise", LON, LAT, district="else")]))
    assert known.district_of(lon, LAT) == expected


def test_a_sensors_own_district_is_believed_before_the_polygon() -> None:
    known = Registry(town([Sensor("a", "noise", LON + 0.1, LAT, district="harbour")]))
    assert known.districts == ["harbour"]


def test_outside_all_polygons_the_nearest_sensor_decides() -> None:
    near = Sensor("near", "noise", 108.0, 29.5, district="near")
    far = Sensor("far", "noise", 109.0, 29.5, district="far")
    unsaid = Sensor("unsaid", "noise", 108.21, 29.5)
    known = Registry(town([far, near, unsaid]))
    assert known.district_of(108.2, 29.5) == "near"
    assert known.districts[2] == "near"


def test_where_nobody_knows_it_is_the_city() -> None:
    assert Registry(City("T", "UTC")).district_of(1, 1) == "city"
    assert Registry(City("T", "UTC", districts=(District("d", "D"),))).district_of(1, 1) == "city"
    assert Registry(town([sensor("a")])).district_of(0, 0) == "city"


def test_overlapping_districts_go_by_the_order_of_the_file() -> None:
    inner = District("inner", "Inner", polygon=EAST.polygon)
    assert Registry(City("T", "UTC", districts=(EAST, inner))).district_of(LON + 0.1, LAT) == "east"
    assert (
        Registry(City("T", "UTC", districts=(inner, EAST))).district_of(LON + 0.1, LAT) == "inner"
    )


def test_a_polygon_of_two_corners_is_no_extent() -> None:
    line = District("line", "Line", polygon=[(106.0, 29.0), (107.0, 30.0)])
    assert Registry(City("T", "UTC", districts=(line, WEST))).district_of(LON - 0.1, LAT) == "west"


# --- indices ---------------------------------------------------------------------------------


def test_a_known_sensor_keeps_its_index_whatever_is_said_later() -> None:
    known = Registry(town([sensor("a"), sensor("b", "pm25")]))
    assert known.register(sensor("b", "rain")) == 1
    assert introduce(known, "a", 0.0, 0.0) == 0
    assert known.sensors[1].kind == "pm25"
    assert known.index.get_many(["b", "nobody", "a"]).tolist() == [1, UNKNOWN, 0]


def test_a_stranger_with_a_place_is_registered() -> None:
    known = Registry(town([sensor("a")]))
    assert introduce(known, "new", LON + 0.1, LAT, "pm25") == 1
    assert known.sensors[1].unit == "ug/m3"
    assert known.districts[1] == "east"
    assert known.cells[1] == cell_of(LON + 0.1, LAT)
    assert known.columns.hazard[1] == HAZARDS.index("air_pollution")


@pytest.mark.parametrize(
    ("lon", "lat"), [(181.0, 0.0), (0.0, 91.0), (float("inf"), 0.0), (None, 1.0)]
)
def test_a_stranger_without_a_place_on_earth_is_not(lon: float | None, lat: float) -> None:
    known = Registry(town())
    assert known.introduce(Message("new", 0, 0.0, "noise", lon, lat)) == UNKNOWN
    assert len(known) == 0


def test_past_so_many_kinds_a_stranger_is_of_none() -> None:
    known = Registry(town([sensor("a", "noise")]))
    for n in range(MOST_KINDS + 5):
        introduce(known, f"s-{n}", LON, LAT, f"k-{n}")
    introduce(known, "late", LON, LAT, "k-7")
    kinds = [each.kind for each in known.sensors]
    assert kinds[-3:] == ["generic", "generic", "k-7"]
    assert len(known.columns.kind_names) == MOST_KINDS + 1


def test_a_full_registry_takes_nobody_in() -> None:
    known = Registry(town([sensor("a")]), limit=2)
    assert introduce(known, "b", LON, LAT) == 1
    assert introduce(known, "c", LON, LAT) == UNKNOWN
    assert introduce(known, "b", LON, LAT) == 1
    assert len(known) == 2


@given(st.lists(st.integers(0, 60), min_size=1, max_size=40), st.integers(0, 40))
def test_an_index_never_changes(numbers: list[int], told: int) -> None:
    names = [f"s-{n}" for n in numbers]
    known = Registry(town([sensor(name) for name in names[:told]]))
    before = known.columns
    index = {name: known.index.get(name) for name in names[:told]}
    for n, name in enumerate(names):
        introduce(known, name, LON + n / 50, LAT, ("noise", "pm25", "x")[n % 3])
    after = known.columns
    assert {name: known.index.get(name) for name in index} == index
    assert [known.index.get(s.id) for s in known.sensors] == list(range(len(known)))
    for column in ("cell", "hazard", "kind", "sign", "interval_ms", "low", "high", "graded"):
        earlier = getattr(before, column)
        assert getattr(after, column)[: len(earlier)].tolist() == earlier.tolist()
    assert after.cell_names[: len(before.cell_names)] == before.cell_names
    assert after.kind_names[: len(before.kind_names)] == before.kind_names
    assert len(known) == len(set(names)) == len(after.cell)


@given(st.lists(st.integers(0, 60), max_size=40), st.integers(0, 40), st.booleans())
def test_a_cell_is_found_by_its_number_wherever_it_was_numbered(
    numbers: list[int], told: int, asked: bool
) -> None:
    known = Registry(town([sensor(f"s-{n}", at_m=(5000 * n, 0)) for n in numbers[:told]]))
    if asked:
        assert len(known.cell_numbers) == len(known.columns.cell_names)
    for n in numbers:
        introduce(known, f"s-{n}", LON + n / 20, LAT)
    cells = known.columns.cell_names
    everywhere = [h3.str_to_int(cell_of(LON + n / 20, LAT)) for n in range(61)]
    found = known.cells_numbered(np.array(everywhere, np.int64)).tolist()
    named = [h3.int_to_str(number) for number in everywhere]
    assert found == [cells.index(name) if name in cells else UNKNOWN for name in named]
    assert [h3.int_to_str(number) for number in known.cell_numbers.tolist()] == list(cells)


def test_strangers_are_those_the_city_file_does_not_name() -> None:
    known = Registry(town([sensor("a"), sensor("b"), sensor("a")]))
    assert [introduce(known, name, LON, LAT) for name in ("new", "b", "more")] == [2, 1, 3]
    assert [stranger.id for stranger in known.strangers] == ["new", "more"]
    again = Registry(known.city)
    again.register_all(known.strangers)
    assert [s.id for s in again.sensors] == [s.id for s in known.sensors]


def test_a_twin_is_as_if_made_anew_and_meets_its_own_strangers() -> None:
    known = Registry(town([sensor("a"), sensor("b", "pm25"), sensor("b")]))
    twin = known.twin()
    for each, new in ((known, "x"), (twin, "y")):
        assert introduce(each, new, LON + 0.1, LAT, "rain") == 2
        assert each.index.get_many(["a", "b", "x", "y"]).tolist() == (
            [0, 1, 2, UNKNOWN] if new == "x" else [0, 1, UNKNOWN, 2]
        )
        anew = Registry(known.city)
        introduce(anew, new, LON + 0.1, LAT, "rain")
        assert each.strangers == anew.strangers
        assert (each.cells, each.districts) == (anew.cells, anew.districts)
        assert repr(each.columns) == repr(anew.columns)
    twin.places_of(["gone"])
    introduce(known, "gone", LON, LAT)
    assert [stranger.id for stranger in known.strangers] == ["x", "gone"]


def test_one_that_is_no_more_has_a_place_but_is_no_stranger() -> None:
    known = Registry(town([sensor("a")]))
    introduce(known, "new", LON, LAT)
    for _ in range(2):
        places, present = known.places_of(["a", "gone", "new", "gone"])
        assert places.tolist() == [0, 2, 1, 2]
        assert present.tolist() == [True, False, True, False]
    assert [stranger.id for stranger in known.strangers] == ["new"]


def test_one_that_is_no_more_and_goes_on_sending_is_a_stranger_like_others() -> None:
    known = Registry(town([sensor("a")]))
    known.places_of(["gone"])
    assert known.index.get("gone") is None, "nobody finds it by its name"
    assert introduce(known, "gone", LON, LAT, "noise") == 2
    assert [(each.id, each.kind) for each in known.strangers] == [("gone", "noise")]
    places, present = known.places_of(["gone"])
    assert (places.tolist(), present.tolist()) == ([2], [True])


def test_what_is_left_of_sensors_has_a_place_even_in_a_full_registry() -> None:
    known = Registry(town([sensor("a")]), limit=1)
    places, present = known.places_of(["gone", "a", "lost"])
    assert (places.tolist(), present.tolist()) == ([1, 0, 2], [False, True, False])


def test_columns_grow_with_the_sensors_as_if_all_had_been_known() -> None:
    sensors = [
        sensor("a", at_m=(5000, 0)),
        sensor("b", "pm25", levels=Levels(red=9.0)),
        sensor("c", "river_level", levels=Levels(blue=2.0)),
        sensor("d", "x"),
        sensor("e", "river_level"),
    ]
    for told in range(len(sensors)):
        known = Registry(town(sensors[:told]))
        _ = known.columns
        known.register_all(sensors[told : told + 2])
        _ = known.columns
        known.register_all(sensors)
        whole = Registry(town(sensors)).columns
        for name, got, expected in zip(whole._fields, known.columns, whole, strict=True):
            np.testing.assert_equal(got, expected, name)


def test_columns_say_what_the_city_file_says() -> None:
    known = Registry(
        town(
            [
                sensor("r", "river_level", levels=Levels(blue=1.0, red=4.0), interval_s=60.5),
                sensor("p", "water_pressure", at_m=(5000, 0)),
                sensor("t", "temperature", direction="above"),
                sensor("u", "unheard_of"),
            ]
        )
    )
    columns = known.columns
    assert columns.sign.tolist() == [1, -1, 1, 0]
    assert columns.interval_ms.tolist() == [60_500, 300_000, 300_000, 300_000]
    np.testing.assert_equal(columns.levels[0], [4.0, np.nan, np.nan, 1.0])
    assert np.isnan(columns.levels[1:]).all()
    assert columns.kind_names == ("river_level", "water_pressure", "temperature", "unheard_of")
    assert columns.sensors_of_feed == {"river_rain": 1, "power_water": 1, "air_gas": 1, "other": 1}
    assert columns.sensors_of_cell == {known.cells[0]: 3, known.cells[1]: 1}
    assert columns.landmark == 0
    assert Registry(town()).columns.landmark == UNKNOWN


# --- the city's clock ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", "2025-10-26T01"),
        ("America/New_York", "2026-03-08T07"),
        ("Asia/Chongqing", "2025-11-23T00"),
    ],
)
def test_local_time_follows_the_clock_across_its_change(zone: str, change: str) -> None:
    middle = int(np.datetime64(change, "ms").astype(np.int64))
    times = np.arange(middle - 3 * HOUR, middle + 3 * HOUR, HOUR // 4)
    expected = [
        dt.datetime.fromtimestamp(t / 1000, ZoneInfo(zone)).replace(tzinfo=dt.UTC).timestamp()
        for t in times.tolist()
    ]
    local = LocalTime(zone)
    assert local.seconds(times).tolist() == expected
    assert local.seconds(times[::-1]).tolist() == expected[::-1]


def test_no_times_have_no_local_time() -> None:
    assert LocalTime("UTC").seconds(np.empty(0, np.int64)).tolist() == []


def test_the_nearest_sensor_is_so_in_metres() -> None:
    # At 60 degrees north a degree of longitude is half as long as one of latitude.
    east = Sensor("e", "noise", 10.015, 60.0, district="east")
    north = Sensor("n", "noise", 10.0, 60.009, district="north")
    assert Registry(City("T", "UTC", sensors=(east, north))).district_of(10.0, 60.0) == "east"


def test_a_directory_of_time_zones_is_none() -> None:
    with pytest.raises(ValueError, match="timezone: expected a name like"):
        LocalTime("America")
