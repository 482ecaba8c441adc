from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from simulators.clock import default_start
from simulators.scenarios import SCENARIOS
from simulators.simulation import BLOCK_MS, Simulation

pytestmark = pytest.mark.slow

Run = Callable[..., Simulation]


class Reading(msgspec.Struct, forbid_unknown_fields=True):
    sensor: str
    time: int
    value: float


def fresh(scenario: str, seed: int = 1, sensors: int = 600) -> Simulation:
    return Simulation(scenario, seed, default_start(seed), 48, sensors)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_block_is_the_same_whatever_was_made_before(scenario: str) -> None:
    asked, direct = fresh(scenario), fresh(scenario)
    event = asked.truth.events[0].start if asked.truth.events else asked.start_ms
    k = (event - asked.start_ms) // BLOCK_MS + 2
    for other in (k + 9, 0, k - 1, -4, k + 1):
        asked.block(other)
    first, second = asked.block(k), direct.block(k)
    assert first.data == second.data
    assert np.array_equal(first.arrival_ms, second.arrival_ms)
    assert first.reports == second.reports


def test_blocks_follow_each_other_without_overlap_or_loss(run: Run) -> None:
    sim = run("quiet")
    blocks = [sim.block(k) for k in range(40, 46)]
    for block in blocks:
        assert block.arrival_ms.min() >= block.start_ms
        assert block.arrival_ms.max() < block.start_ms + BLOCK_MS
        assert (np.diff(block.arrival_ms) >= 0).all()
    lines = [line for block in blocks for line in block.lines()]
    share_repeated = 1 - len(set(lines)) / len(lines)
    assert 0.0005 < share_repeated < 0.004


def test_lines_are_reading_messages_of_known_sensors(run: Run) -> None:
    sim = run("day")
    known = {s.id for s in sim.city.sensors}
    decode = msgspec.json.Decoder(Reading, strict=True).decode
    for line in sim.block(200).lines():
        reading = decode(line)
        assert reading.sensor in known
        assert np.isfinite(reading.value)


def test_ends_cut_the_data_into_its_lines(run: Run) -> None:
    block = run("quiet").block(3)
    lines = block.lines()
    assert len(lines) == len(block.ends) == len(block.arrival_ms)
    assert block.between(0, len(lines)) == block.data
    assert block.between(5, 7) == lines[5] + b"\n" + lines[6] + b"\n"
    assert block.between(4, 4) == b""


def test_the_rate_is_what_the_sensors_promise(run: Run) -> None:
    sim = run("quiet")
    promised = sum(1 / s.interval_s for s in sim.city.sensors) * BLOCK_MS / 1000
    got = np.mean([len(sim.block(k).ends) for k in range(20, 32)])
    assert 0.97 * promised < got < 1.0 * promised


def test_some_messages_are_late_and_no_more_than_minutes(run: Run) -> None:
    sim = run("quiet")
    late = []
    skewed = {sim.city.sensors[f.sensor].id for f in sim.faults if f.what == "clock_off"}
    for k in range(30):
        block = sim.block(k)
        for line, arrival in zip(block.lines(), block.arrival_ms.tolist(), strict=True):
            reading = msgspec.json.decode(line)
            if reading["sensor"] not in skewed:
                late.append(arrival - reading["time"])
    delays = np.array(late)
    assert delays.min() >= 0
    assert delays.max() <= 270_000
    assert 0.0005 < (delays > 60_000).mean() < 0.002


def test_the_city_was_there_before_and_goes_on_after_the_run(run: Run) -> None:
    sim = run("fire")
    for k in (-1000, -1, sim.blocks, sim.blocks + 5000):
        assert len(sim.block(k).ends) > 1000


def test_before_its_event_a_scenario_is_the_quiet_city(run: Run) -> None:
    assert run("fire").block(10).data == run("quiet").block(10).data


def test_a_start_between_blocks_is_rounded_down() -> None:
    start = default_start(1) + 7 * 60_000 + 12
    sim = Simulation("quiet", 1, start, 1, 400)
    assert sim.start_ms == default_start(1)


def test_seeds_differ(run: Run) -> None:
    assert run("quiet", 1).block(5).data != run("quiet", 2).block(5).data


def test_values_are_short(run: Run) -> None:
    longest = max(len(line) for line in run("quiet").block(5).lines())
    assert longest < 65
