from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from simulators.faults import FAULTS, Fault, Faults
from simulators.layout import lay_out
from simulators.noise import Noise
from simulators.simulation import BLOCK_MS, Simulation

pytestmark = pytest.mark.slow

Run = Callable[..., Simulation]


def told(sim: Simulation, fault: Fault) -> tuple[np.ndarray, np.ndarray]:
    """Return what a sensor said while its fault was on: times and values."""
    name = sim.city.sensors[fault.sensor].id
    first = max((fault.start_ms - sim.start_ms) // BLOCK_MS + 1, 0)
    last = min((fault.end_ms - sim.start_ms) // BLOCK_MS, first + 36)
    head = f'{{"sensor":"{name}",'.encode()
    lines = [
        msgspec.json.decode(line)
        for k in range(first, last)
        for line in sim.block(k).lines()
        if line.startswith(head)
    ]
    return np.array([x["time"] for x in lines]), np.array([x["value"] for x in lines])


def one(run: Run, what: str, kinds: tuple[str, ...] = ()) -> tuple[Simulation, Fault]:
    """Return a run and a fault of a sort in it that lasts a while."""
    for seed in range(1, 6):
        sim = run("quiet", seed)
        for fault in sim.faults:
            kind = sim.city.sensors[fault.sensor].kind
            inside = fault.start_ms > sim.start_ms + 6 * BLOCK_MS
            long = fault.end_ms - fault.start_ms > 18 * BLOCK_MS
            if fault.what == what and inside and long and (not kinds or kind in kinds):
                return sim, fault
    raise AssertionError(f"no fault {what} in five runs")


def test_one_or_two_sensors_in_a_hundred_have_a_fault_within_two_days(run: Run) -> None:
    shares = [len({f.sensor for f in run("quiet", seed).faults}) / 2000 for seed in (1, 2, 3)]
    assert 0.008 < np.mean(shares) < 0.022


def test_all_sorts_of_faults_occur() -> None:
    faults = Faults(Noise(1), lay_out(1, 2000))
    assert {f.what for f in faults.between(0, 40 * 86_400_000)} == set(FAULTS)


def test_a_stuck_sensor_repeats_itself(run: Run) -> None:
    sim, fault = one(run, "stuck")
    _, values = told(sim, fault)
    assert len(values) > 3
    assert len(set(values.tolist())) == 1


def test_a_dead_sensor_says_nothing(run: Run) -> None:
    sim, fault = one(run, "dead")
    assert len(told(sim, fault)[0]) <= 1  # a late message from before it died


def test_a_clock_that_is_off_shifts_the_time_not_the_arrival(run: Run) -> None:
    sim, fault = one(run, "clock_off")
    sensor = sim.city.sensors[fault.sensor]
    sites = sim.layout.sites[sensor.kind]
    times, _ = told(sim, fault)
    right = int(sites.phase_ms[fault.sensor - sites.first])
    off = (times - right - int(fault.amount)) % sites.interval_ms
    assert not off.any()
    assert 2 * 60_000 <= abs(fault.amount) <= 10 * 60_000


@pytest.mark.parametrize("what", ["drift", "spikes", "wrong_unit"])
def test_a_lying_sensor_differs_from_the_truth(run: Run, what: str) -> None:
    sim, fault = one(
        run,
        what,
        (
            "pm25",
            "no2",
            "traffic_speed",
            "water_pressure",
            "power_load",
            "noise",
            "temperature",
            "gas_ch4",
            "smoke",
            "traffic_flow",
        ),
    )
    sites = sim.layout.sites[sim.city.sensors[fault.sensor].kind]
    times, values = told(sim, fault)
    first, last = ((int(t) - sim.start_ms) // BLOCK_MS for t in (times.min(), times.max()))
    row = fault.sensor - sites.first
    true = {}
    for k in range(first, last + 1):
        at, value = sim.values(sites.kind, k)
        true |= dict(zip(at[row].tolist(), value[row].tolist(), strict=True))
    error = np.array([v - true[int(t)] for t, v in zip(times, values, strict=True)])
    wrong = np.abs(error) > 0.02 * np.abs(values)
    assert (0 < wrong.mean() < 0.4) if what == "spikes" else (wrong.mean() > 0.6)


def test_faults_do_not_depend_on_what_was_asked_before() -> None:
    layout = lay_out(1, 2000)
    asked, fresh = Faults(Noise(1), layout), Faults(Noise(1), layout)
    asked.between(0, 30 * 86_400_000)
    window = (1_750_000_000_000, 1_750_100_000_000)
    assert asked.between(*window) == fresh.between(*window)
