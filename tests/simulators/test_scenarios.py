from collections.abc import Callable

import pytest

from operators.events import HAZARDS
from simulators.clock import HOUR_MS, default_start
from simulators.scenarios import SCENARIOS
from simulators.simulation import Simulation


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("hours", [2, 48])
def test_truth_lies_inside_the_run(scenario: str, hours: float) -> None:
    sim = Simulation(scenario, 3, default_start(3), hours, 400)
    last = sim.start_ms + int(hours * HOUR_MS)
    assert bool(sim.truth.events) == (scenario not in ("quiet", "benign"))
    for event in sim.truth.events:
        assert event.hazard in HAZARDS
        assert 1 <= event.level <= 4
        assert event.peak is not None
        assert sim.start_ms <= event.start <= event.peak <= event.end <= last
        assert event.start < last


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s not in ("quiet", "benign", "day")])
def test_the_event_begins_between_sixty_and_seventy_five_percent(scenario: str) -> None:
    for seed in (1, 2, 3):
        sim = Simulation(scenario, seed, default_start(seed), 48, 400)
        share = (sim.truth.events[0].start - sim.start_ms) / (48 * HOUR_MS)
        assert 0.59 < share < 0.76


def test_the_beginning_can_be_chosen() -> None:
    for scenario in ("flood", "cloudburst", "crash", "landslide"):
        sim = Simulation(scenario, 1, default_start(1), 24, 400, event_after_h=2.5)
        assert sim.truth.events[0].start == pytest.approx(sim.start_ms + 2.5 * HOUR_MS, abs=2)


def test_an_event_after_the_end_is_refused() -> None:
    with pytest.raises(ValueError, match="event_after_h must be from 0 to below 6, got 6"):
        Simulation("fire", 1, default_start(1), 6, 400, event_after_h=6)


def test_an_unknown_scenario_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"one of quiet, benign, flood.*got 'volcano'"):
        Simulation("volcano", 1, default_start(1), 6, 400)


def test_a_day_has_several_hazards_a_match_and_a_holiday(run: Callable[..., Simulation]) -> None:
    truth = run("day").truth
    assert len({e.hazard for e in truth.events}) >= 5
    assert len({e.id for e in truth.events}) == len(truth.events)
    assert [b.what for b in truth.benign] == ["public holiday", "football match"]


def test_what_is_benign_happens_within_the_last_two_days() -> None:
    sim = Simulation("benign", 3, default_start(3), 48, 400)
    assert [b.what for b in sim.truth.benign] == ["roadworks", "public holiday", "football match"]
    last = sim.start_ms + 48 * HOUR_MS
    assert all(sim.start_ms <= b.start < b.end for b in sim.truth.benign)
    assert all(b.start < last for b in sim.truth.benign)


@pytest.mark.slow
def test_seeds_differ_in_place_and_strength() -> None:
    sims = [Simulation("fire", seed, default_start(seed), 48, 400) for seed in range(1, 9)]
    events = [sim.truth.events[0] for sim in sims]
    assert len({(e.lon, e.lat) for e in events}) == 8
    assert len({e.level for e in events}) >= 2
