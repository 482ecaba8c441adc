"""A reading is unusual where it threatens, when it matters, and after the sensor is known."""

import numpy as np
import pytest

from models.record_of_peaks import CHANNELS
from operators.counters import Counters
from operators.events import HAZARDS, Levels, Sensor
from operators.evidence import UNUSUAL, Found
from operators.registry import Registry
from operators.screening import DAY_MS, FIRST_DAY, MATERIAL, Screened, ScreenReadings, material
from tests.operators.town import DAY, MINUTE, T0, rows, sensor, shard_rows, town

EVERY = 5 * MINUTE


class Screen:
    """One shard's screening, fed a value per sensor and interval."""

    def __init__(self, *sensors: Sensor) -> None:
        self.registry = Registry(town(sensors))
        self.counters = Counters()
        self.step = ScreenReadings(self.registry, self.counters)
        self.time = T0

    def at_once(
        self, *triples: tuple[int, int, float], watermark: int = T0
    ) -> tuple[Found, Screened]:
        found, screened = self.step.on_batch([shard_rows(rows(*triples), watermark)])
        assert isinstance(found, Found)
        assert isinstance(screened, Screened)
        return found, screened

    def next(self, *values: float) -> tuple[Found, Screened]:
        self.time += EVERY
        triples = [(number, self.time, value) for number, value in enumerate(values)]
        return self.at_once(*triples, watermark=self.time)

    def quiet(self, count: int, *usual: float) -> "Screen":
        rng = np.random.default_rng(7)
        for _ in range(count):
            noise = float(rng.standard_normal())
            self.next(*(value * (1 + 0.02 * noise) for value in usual))
        return self


def test_in_warm_up_nothing_is_said() -> None:
    screen = Screen(sensor("a", "noise"))
    found, screened = screen.next(60.0)
    assert found == Found("screen:0", (), screen.time)
    assert np.isnan(screened.surprisal).all()
    assert screened.rows.value.tolist() == [60.0]
    assert (screened.shard, screened.watermark) == (0, screen.time)


def test_what_is_unusual_becomes_evidence_of_its_hazard_and_place() -> None:
    screen = Screen(sensor("a", "noise"), sensor("b", "noise", at_m=(4000, 0))).quiet(400, 60, 60)
    found, screened = screen.next(60.0, 110.0)
    (said,) = found.evidence
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
    assert [said.key for said in found.evidence] == ["b"]
    assert screened.surprisal[0] == 0.0


def test_both_sides_count_where_both_threaten() -> None:
    screen = Screen(sensor("a", "temperature"), sensor("b", "temperature")).quiet(400, 20, 20)
    found, _ = screen.next(-10.0, 50.0)
    assert [said.key for said in found.evidence] == ["a", "b"]
    assert {said.hazard for said in found.evidence} <= set(HAZARDS)


def test_an_impossible_value_is_the_sensors_fault_and_teaches_nothing() -> None:
    spoilt, plain = (Screen(sensor("a", "noise")).quiet(300, 60) for _ in range(2))
    found, screened = spoilt.at_once((0, spoilt.time + 1, -5.0), (0, spoilt.time + 2, 1e9))
    assert found.evidence == ()
    assert len(screened.rows.sensor) == 0
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
    assert [said.key for said in found.evidence] == ["b"]
    assert screened.surprisal[0] == 0.0
    found, _ = screen.next(2.0 + 1.2 * MATERIAL * 8, 2.0)
    assert "a" in [said.key for said in found.evidence]


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
    assert material(at, np.full(2, 300.0), np.full(2, first)).tolist() == [False, True]


def test_a_sensor_without_levels_must_show_a_day_first() -> None:
    levels = Levels(blue=4.0)
    graded, plain = sensor("a", "river_level", levels=levels), sensor("b", "river_level")
    screen = Screen(graded, plain).quiet(200, 2, 2)
    assert screen.time < T0 + DAY_MS
    _, early = screen.next(3.9, 3.9)
    assert early.surprisal[0] - early.surprisal[1] == pytest.approx(FIRST_DAY)
    screen.quiet(400, 2, 2)
    assert screen.time > T0 + DAY
    _, later = screen.next(9.9, 9.9)
    assert later.surprisal[0] == later.surprisal[1] > 0


def test_what_half_the_city_shows_is_discounted() -> None:
    usual = [60.0] * 30
    alone, together = (Screen(*(sensor(f"s-{n}", "noise") for n in range(30))) for _ in range(2))
    for screen in (alone, together):
        screen.quiet(300, *usual)
    for _ in range(8):  # the discount needs a whole window of it
        found_alone, _ = alone.next(*usual[1:], 110.0)
        found_together, _ = together.next(*[110.0] * 30)
    assert "s-29" in {said.key for said in found_alone.evidence}
    strongest = {said.key: said.surprisal for said in found_together.evidence}
    of_alone = {said.key: said.surprisal for said in found_alone.evidence}
    assert strongest.get("s-29", 0.0) < of_alone["s-29"]


def test_no_readings_still_tell_the_time() -> None:
    found, screened = Screen(sensor("a")).at_once(watermark=T0 + 5)
    assert (found.evidence, found.watermark, screened.watermark) == ((), T0 + 5, T0 + 5)
    assert len(screened.surprisal) == len(screened.expected) == len(screened.spread) == 0
