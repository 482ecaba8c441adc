"""A reading is unusual where it threatens, when it matters, and after the sensor is known."""

import numpy as np
import pytest

from models.record_of_peaks import CHANNELS
from models.rules import RULES
from operators.counters import Counters
from operators.events import HAZARDS, Evidence, Levels, Sensor
from operators.evidence import UNUSUAL
from operators.registry import Registry
from operators.screening import (
    DAY_MINUTES,
    FIRST_DAY,
    MATERIAL,
    MINUTE_MS,
    Screened,
    ScreenReadings,
    material,
)
from tests.operators.town import DAY, MINUTE, T0, cut, row_batch, rows, sensor, town

EVERY = 5 * MINUTE


class Screen:
    """Screening, fed a value per sensor and interval."""

    def __init__(self, *sensors: Sensor) -> None:
        self.registry = Registry(town(sensors))
        self.counters = Counters()
        self.step = ScreenReadings(self.registry, self.counters, 2)
        self.time = T0

    def at_once(
        self, *triples: tuple[int, int, float], shard: int | list[int] = 0
    ) -> tuple[list[Evidence], Screened]:
        screened = self.step.score(row_batch(rows(*triples, shard=shard), T0))
        said = list(self.step.evidence(screened))
        for row, evidence in said:
            assert evidence.key == self.registry.sensors[screened.rows.sensor[row]].id
            assert evidence.time == screened.rows.time[row]
        return [evidence for _, evidence in said], screened

    def next(self, *values: float) -> tuple[list[Evidence], Screened]:
        self.time += EVERY
        triples = [(number, self.time, value) for number, value in enumerate(values)]
        return self.at_once(*triples)

    def quiet(self, count: int, *usual: float) -> "Screen":
        rng = np.random.default_rng(7)
        for _ in range(count):
            noise = float(rng.standard_normal())
            self.next(*(value * (1 + 0.02 * noise) for value in usual))
        return self


def test_in_warm_up_nothing_is_said() -> None:
    screen = Screen(sensor("a", "noise"))
    found, screened = screen.next(60.0)
    assert found == []
    assert np.isnan(screened.surprisal).all()
    assert screened.rows.value.tolist() == [60.0]


def test_what_is_unusual_becomes_evidence_of_its_hazard_and_place() -> None:
    screen = Screen(sensor("a", "noise"), sensor("b", "noise", at_m=(4000, 0))).quiet(400, 60, 60)
    found, screened = screen.next(60.0, 110.0)
    (said,) = found
    assert (said.source, said.key, said.kind, said.hazard) == ("sensor", "b", "noise", "noise")
    assert (said.time, said.value, said.cell) == (screen.time, 110.0, screen.registry.cells[1])
    assert said.surprisal >= UNUSUAL
    assert said.surprisal == pytest.approx(screened.surprisal[1], abs=0.01)
    assert said.expected == pytest.approx(60, rel=0.1)
    assert said.channel in CHANNELS
    assert screened.surprisal[0] < UNUSUAL


@pytest.mark.parametrize(
    ("kind", "usual", "harmless", "threat"),
    [
        ("noise", 60.0, 10.0, 110.0),
        ("water_pressure", 300.0, 500.0, 20.0),
        ("traffic_speed", 45.0, 90.0, 1.0),
    ],
)
def test_only_the_side_that_threatens_counts(
    kind: str, usual: float, harmless: float, threat: float
) -> None:
    screen = Screen(sensor("a", kind), sensor("b", kind)).quiet(400, usual, usual)
    found, screened = screen.next(harmless, threat)
    assert [said.key for said in found] == ["b"]
    assert screened.surprisal[0] == 0.0


def test_both_sides_count_where_both_threaten() -> None:
    screen = Screen(sensor("a", "temperature"), sensor("b", "temperature")).quiet(400, 20, 20)
    found, _ = screen.next(-10.0, 50.0)
    assert [said.key for said in found] == ["a", "b"]
    assert {said.hazard for said in found} <= set(HAZARDS)


def test_an_impossible_value_is_the_sensors_fault_and_teaches_nothing() -> None:
    spoilt, plain = (Screen(sensor("a", "noise")).quiet(300, 60) for _ in range(2))
    found, screened = spoilt.at_once((0, spoilt.time + 1, -5.0), (0, spoilt.time + 2, 1e9))
    assert found == []
    assert len(screened.rows.sensor) == 0
    assert screened.impossible.value.tolist() == [-5.0, 1e9]
    account = spoilt.counters.account("screen")
    assert account.balanced
    assert account.reasons == {"impossible value": 2}
    assert spoilt.next(61.0)[1].surprisal == plain.next(61.0)[1].surprisal


def test_the_edges_of_the_possible_are_possible() -> None:
    screen = Screen(sensor("a", "noise"))
    _, screened = screen.at_once((0, T0, 0.0), (0, T0 + 1, 160.0))
    assert screened.rows.value.tolist() == [0.0, 160.0]


def test_a_deviation_far_below_the_levels_does_not_matter() -> None:
    levels = Levels(blue=10.0, red=12.0)
    screen = Screen(sensor("a", "river_level", levels=levels), sensor("b", "river_level"))
    screen.quiet(400, 2, 2)
    found, screened = screen.next(2.0 + 0.9 * MATERIAL * 8, 2.0 + 0.9 * MATERIAL * 8)
    assert [said.key for said in found] == ["b"]
    assert screened.surprisal[0] == 0.0
    again = Screen(sensor("a", "river_level", levels=levels)).quiet(400, 2)
    found, _ = again.next(2.0 + 1.2 * MATERIAL * 8)
    assert "a" in [said.key for said in found]


@pytest.mark.parametrize("kind", ["river_level", "water_pressure"])
def test_what_matters_is_measured_to_the_level_reached_first(kind: str) -> None:
    below = kind == "water_pressure"
    edges = (200.0, 150.0, 100.0, 50.0) if below else (400.0, 450.0, 500.0, 550.0)
    first, *_, last = edges
    levels = Levels(**dict(zip(("blue", "yellow", "orange", "red"), edges, strict=True)))
    columns = Registry(town([sensor("a", kind, levels=levels)])).columns
    assert columns.first_level.tolist() == [first]
    way = abs(first - 300.0)
    assert way < abs(last - 300.0)
    side = -1 if below else 1
    at = np.array([300.0 + side * way * MATERIAL * share for share in (0.99, 1.01)])
    assert [material(value, 300.0, first) for value in at] == [False, True]
    assert material(300.1, 300.0, np.nan), "where there are no levels everything matters"


def test_a_sensor_without_levels_must_show_a_day_first() -> None:
    levels = Levels(blue=4.0)
    graded, plain = sensor("a", "river_level", levels=levels), sensor("b", "river_level")
    screen = Screen(graded, plain).quiet(200, 2, 2)
    assert screen.time < T0 + DAY_MINUTES * MINUTE_MS
    _, early = screen.next(3.9, 3.9)
    assert (early.rarity - early.surprisal).tolist() == pytest.approx([0.0, FIRST_DAY])
    screen.quiet(400, 2, 2)
    assert screen.time > T0 + DAY
    _, later = screen.next(9.9, 9.9)
    assert later.surprisal.tolist() == later.rarity.tolist()
    assert later.surprisal.min() > 0


def test_what_half_the_city_shows_is_discounted() -> None:
    usual = [60.0] * 30
    alone, together = (Screen(*(sensor(f"s-{n}", "noise") for n in range(30))) for _ in range(2))
    for screen in (alone, together):
        screen.quiet(300, *usual)
    for _ in range(8):  # the discount needs a whole window of it
        found_alone, _ = alone.next(*usual[1:], 110.0)
        found_together, _ = together.next(*[110.0] * 30)
    assert "s-29" in {said.key for said in found_alone}
    strongest = {said.key: said.surprisal for said in found_together}
    of_alone = {said.key: said.surprisal for said in found_alone}
    assert strongest.get("s-29", 0.0) < of_alone["s-29"]


def test_what_another_shard_shows_is_not_discounted() -> None:
    usual = [60.0] * 30
    screens = [Screen(*(sensor(f"s-{n}", "noise") for n in range(30))) for _ in range(2)]
    said = list[float]()
    for screen, shard in zip(screens, (0, [1] * 29 + [0]), strict=True):
        screen.quiet(300, *usual)
        for _ in range(8):
            screen.time += EVERY
            rows = ((n, screen.time, 110.0) for n in range(30))
            _, screened = screen.at_once(*rows, shard=shard)
        said.append(screened.surprisal[-1])
    same, other = said
    assert same < other


def test_what_its_kind_shows_every_day_is_less_rare() -> None:
    """Two cities whose sensors are as quiet; in one, every tenth reading of the kind is wild."""
    rarities = list[float]()
    for wild in (False, True):
        screen = Screen(*(sensor(f"s-{n}", "noise") for n in range(10))).quiet(600, *[60.0] * 10)
        for turn in range(100):
            values = [60.0] * 10
            if wild:
                values[turn % 9] = 110.0
            screen.next(*values)
        _, screened = screen.next(*[60.0] * 9, 110.0)
        rarities.append(float(screened.rarity[-1]))
    assert rarities[1] < rarities[0] - 1


NEW = 100
"""Readings in which nothing is a record yet."""
KNOWN, LATER, LAST = 30, 6, 36


def neighbourhood() -> Screen:
    return Screen(*(sensor(f"s-{n}", "noise") for n in range(LAST + 1)))


def known(wild: int = 0) -> Screen:
    """A kind of which thirty sensors are known, and of which others have been new meanwhile."""
    screen = neighbourhood().quiet(450, *[60.0] * KNOWN)
    rng = np.random.default_rng(9)
    for turn in range(NEW):
        values = 60 * (1 + 0.02 * rng.standard_normal(KNOWN + LATER))
        values[KNOWN : KNOWN + wild] += 60.0 * (turn == NEW - 1)
        screen.next(*values)
    return screen


def new_one(screen: Screen, *last: float) -> list[Screened]:
    """Let the last sensor report for the first time, and then what is given."""
    rng, said = np.random.default_rng(10), []
    for value in (*(60 * (1 + 0.02 * rng.standard_normal(NEW))), *last):
        screen.time += EVERY
        said.append(screen.at_once((LAST, screen.time, float(value)))[1])
    return said


def test_a_new_sensor_is_judged_before_it_has_records_where_its_kind_is_known() -> None:
    said = new_one(known(), 120.0)
    surprisal = np.array([screened.surprisal[0] for screened in said])
    assert np.isnan(surprisal[: RULES.few]).all()
    assert surprisal[RULES.few : NEW].max() < UNUSUAL <= surprisal[NEW]
    assert said[NEW].rarity.tolist() == said[NEW].surprisal.tolist()


def test_a_new_sensor_of_a_new_city_is_not() -> None:
    screen = neighbourhood().quiet(200, *[60.0] * KNOWN)
    assert screen.time < T0 + DAY
    said = new_one(screen, 120.0)
    assert all(np.isnan(screened.surprisal).all() for screened in said)


def test_a_new_sensor_is_held_against_others_that_were_new() -> None:
    usual, restless = (new_one(known(wild), 120.0)[NEW].rarity[0] for wild in (0, 5))
    assert restless < usual - 0.5


def test_what_new_sensors_were_like_outlives_the_process() -> None:
    before, after = known(5), neighbourhood()
    everybody = np.arange(LAST + 1)
    after.step.put(0, everybody, before.step.take(0, everybody))
    after.time = before.time
    expected, got = (new_one(screen, 120.0)[NEW] for screen in (before, after))
    assert got.surprisal.tolist() == expected.surprisal.tolist()


def test_what_a_sensor_shows_in_its_first_day_is_no_example_for_the_known() -> None:
    """Five others are wild now and then: never, while they are young, or after a day."""
    rarities = list[float]()
    for wild in (range(0), range(NEW, 280), range(300, 480)):
        screen = Screen(*(sensor(f"s-{n}", "noise") for n in range(15))).quiet(300, *[60.0] * 10)
        for turn in range(480):
            spike = 60.0 * (turn in wild and turn % 9 == 0)
            screen.next(*[60.0] * 10, *[60.0 + spike] * 5)
        _, screened = screen.next(110.0)
        rarities.append(float(screened.rarity[0]))
    never, young, later = rarities
    assert young == never > later + 0.5


def test_a_reading_inside_its_own_range_is_no_evidence() -> None:
    """After a spike a shift is remembered for a while; the readings are as expected again."""
    screen = Screen(sensor("a", "noise")).quiet(600, 60)
    screen.next(110.0)
    for _ in range(3):
        found, screened = screen.next(60.0)
        assert found == []
        assert screened.rarity[0] > 1, "the shift is unusual"
        assert screened.surprisal[0] == 0.0


def test_who_learns_the_week_keeps_more_and_says_so_in_its_snapshot() -> None:
    registry = Registry(town([sensor("a", "noise")]))
    day, week = (ScreenReadings(registry, Counters(), 1, weekly=weekly) for weekly in (False, True))
    assert day.bank.state_bytes < 600 < week.bank.state_bytes < 1500
    with pytest.raises(ValueError, match="expected b'cwpeaks6'"):
        day.put(0, np.zeros(1, np.intp), week.take(0, np.zeros(1, np.intp)))


def test_no_readings_have_no_scores() -> None:
    found, screened = Screen(sensor("a")).at_once()
    assert found == []
    assert len(screened.surprisal) == len(screened.expected) == len(screened.spread) == 0


def told(count: int = 300) -> list[tuple[int, int, float]]:
    rng = np.random.default_rng(8)
    values = 60 + 3 * rng.standard_normal((count, 4))
    values[-5:, :2] = 120.0
    values[7, 2] = -1.0  # impossible
    times = T0 + EVERY * np.arange(count)
    return [(n, int(times[i]), float(values[i, n])) for i in range(count) for n in range(4)]


def scored(screen: Screen, part: list[tuple[int, int, float]]) -> list[tuple[float, ...]]:
    _, screened = screen.at_once(*part, shard=[sensor % 2 for sensor, *_ in part])
    columns = screened.rows.time, screened.surprisal, screened.expected, screened.spread
    return list(zip(*(column.tolist() for column in columns), strict=True))


SENSORS = [sensor(f"s-{n}", "noise", levels=Levels(blue=90.0) if n else None) for n in range(4)]


@pytest.mark.parametrize("size", [1, 37])
def test_the_cut_changes_nothing(size: int) -> None:
    whole, parts = Screen(*SENSORS), Screen(*SENSORS)
    expected = scored(whole, told())
    got = [row for part in cut(told(), [size]) for row in scored(parts, list(part))]
    assert repr(got) == repr(expected)
    assert parts.counters.accounts() == whole.counters.accounts()


def test_a_shard_goes_on_elsewhere_where_it_was() -> None:
    """Its sensors have other numbers there, and company."""
    here, there = Screen(*SENSORS), Screen(*SENSORS[::-1], sensor("more", "noise"))
    first, rest = told()[:1160], told()[1160:]
    scored(here, first)
    scored(there, [(3 - n, time, value) for n, time, value in first if n % 2 == 0])  # the others
    there.step.put(0, np.array([2, 0]), here.step.take(1, np.array([1, 3])))
    mine = [row for row in rest if row[0] % 2]
    expected = scored(here, mine)
    _, screened = there.at_once(*((3 - n, time, value) for n, time, value in mine), shard=0)
    columns = screened.rows.time, screened.surprisal, screened.expected, screened.spread
    got = list(zip(*(column.tolist() for column in columns), strict=True))
    assert repr(got) == repr(expected)
    assert max(row[1] for row in got) > UNUSUAL
