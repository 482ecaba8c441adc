import msgspec
import pytest

from operators.events import City
from operators.kinds import KINDS
from simulators.city import build_city


@pytest.fixture(scope="module")
def city() -> City:
    return build_city(1, 2000)


def test_it_survives_its_file_format(city: City) -> None:
    assert msgspec.json.decode(msgspec.json.encode(city), type=City).units == city.units


def test_ids_are_unique_and_kinds_known(city: City) -> None:
    assert len({s.id for s in city.sensors}) == 2000
    kinds = {s.kind for s in city.sensors}
    assert len(kinds) >= 10
    assert kinds <= set(KINDS)
    assert all(s.unit == KINDS[s.kind].unit for s in city.sensors)


@pytest.mark.slow
def test_the_default_city_sends_about_seventeen_readings_a_second() -> None:
    rate = sum(1 / s.interval_s for s in build_city(1).sensors)
    assert 15 < rate < 21


def test_official_levels_rise_from_blue_to_red(city: City) -> None:
    with_levels = [s for s in city.sensors if s.levels]
    assert {s.kind for s in with_levels} == {
        *("river_level", "rain", "street_water", "pm25", "gas_ch4", "smoke", "slope_tilt")
    }
    for sensor in with_levels:
        assert sensor.levels is not None
        by_level = sensor.levels.by_level()
        assert by_level[4] < by_level[3] < by_level[2] < by_level[1]


def test_everything_lies_in_a_known_district(city: City) -> None:
    ids = {d.id for d in city.districts}
    assert len(ids) == 11
    assert {s.district for s in city.sensors} <= ids
    assert {u.district for u in city.units} <= ids


def test_rivers_fall_downstream(city: City) -> None:
    gauges = [s for s in city.sensors if s.kind == "river_level" and s.name]
    main = [s for s in gauges if s.name and s.name.en.startswith("Lan River")]
    blues = [s.levels.blue for s in main if s.levels and s.levels.blue is not None]
    assert blues == sorted(blues, reverse=True)


def test_the_map_has_rivers_roads_and_rails_named_in_both_languages(city: City) -> None:
    kinds = [line.kind for line in city.lines]
    assert kinds.count("river") == 5
    assert kinds.count("road") > 100
    assert kinds.count("rail") == 2
    assert all(not isinstance(line.name, str) and line.name.zh for line in city.lines)


def test_there_are_units_for_every_trade(city: City) -> None:
    skills = {skill for unit in city.units for skill in unit.skills}
    assert 55 <= len(city.units) <= 70
    assert {"pump", "boat", "fire", "medical", "gas", "power", "water", "traffic"} <= skills


def test_another_seed_keeps_the_map_and_moves_the_sensors(city: City) -> None:
    other = build_city(2, 2000)
    assert other.districts == city.districts
    assert other.sensors != city.sensors
