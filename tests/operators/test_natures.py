"""What a sensor is by nature is no event: constant, rare, with gaps, a count that is mostly 0."""

from __future__ import annotations

import json

import numpy as np
import pytest
from bytewax.testing import TestingSink, TestingSource
from numpy.typing import NDArray

from flows.city import Run, city
from flows.running import run_flow
from operators.events import Alert
from operators.intake import Poll, Stretch
from operators.registry import Registry
from tests.operators.town import MINUTE, T0, sensor, town

pytestmark = pytest.mark.slow

DAYS = 10
A_DAY = 288
POLL = 5000
Numbers = NDArray[np.float64]


def natures(rng: np.random.Generator) -> dict[str, tuple[str, Numbers, Numbers]]:
    """Kind, times and values of every nature: ten days, a reading in five minutes."""
    n = DAYS * A_DAY
    every = T0 + 5.0 * MINUTE * np.arange(n)
    usual = 60 + 5 * np.sin(2 * np.pi * np.arange(n) / A_DAY) + rng.normal(0, 2, n)
    heard, midnight = rng.uniform(size=n) > 0.3, np.arange(0, n, A_DAY)
    whenever = T0 + np.sort(rng.uniform(0, n * 5 * MINUTE, n)).round()
    return {
        "constant": ("noise", every, np.full(n, 55.0)),
        "dry": ("street_water", every, np.zeros(n)),
        "once-a-day": ("temperature", every[midnight], rng.normal(20, 2, DAYS)),
        "gaps": ("noise", every[heard], usual[heard]),
        "count": ("crowd_count", every, rng.poisson(0.2, n).astype(float)),
        "binary": ("generic", every, (rng.uniform(size=n) < 0.1).astype(float)),
        "switch": ("generic", every, (np.arange(n) // 144 % 2).astype(float)),
        "irregular": ("noise", whenever, rng.normal(60, 2, n)),
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_is_warned_of_what_a_sensor_is(seed: int) -> None:
    made = natures(np.random.default_rng(seed))
    rows = sorted(
        (int(time), name, float(value))
        for name, (_, times, values) in made.items()
        for time, value in zip(times, values, strict=True)
    )
    lines = [json.dumps({"sensor": s, "time": t, "value": v}).encode() for t, s, v in rows]
    parts = [lines[at : at + POLL] for at in range(0, len(lines), POLL)]
    polls = [
        Poll("readings", part, (Stretch(0, number * POLL, len(part)),))
        for number, part in enumerate(parts)
    ]
    sensors = [
        sensor(name, kind, at_m=(3000 * number, 0))
        for number, (name, (kind, *_)) in enumerate(made.items())
    ]
    alerts: list[tuple[str, Alert]] = []
    source = TestingSource(polls, batch_size=1)
    run = Run(Registry(town(sensors)), source, ("readings",), alerts=TestingSink(alerts))
    run_flow(city(run))
    assert [(alert.hazard, alert.reason) for _, alert in alerts] == []
