from collections.abc import Callable

import numpy as np

from simulators.geometry import to_km
from simulators.simulation import BLOCK_MS, Simulation


def test_a_match_fills_the_stadium_and_is_no_event(run: Callable[..., Simulation]) -> None:
    day, quiet = run("day"), run("quiet")
    match = next(b for b in day.truth.benign if b.what == "football match")
    x, y = to_km(match.lon, match.lat)
    near = day.layout.sites["crowd_count"].away_km(float(x), float(y)) < 0.5
    assert near.any()
    k = ((match.start + match.end) // 2 - day.start_ms) // BLOCK_MS
    full, usual = (s.values("crowd_count", k)[1][near].mean() for s in (day, quiet))
    assert full > 5 * usual


def test_a_holiday_has_no_morning_rush(run: Callable[..., Simulation]) -> None:
    day, quiet = run("day"), run("quiet")
    holiday = next(b for b in day.truth.benign if b.what == "public holiday")
    rush = (holiday.start - day.start_ms) // BLOCK_MS + 8 * 6
    flows = [float(np.mean(s.values("traffic_flow", rush)[1])) for s in (day, quiet)]
    assert flows[0] < 0.7 * flows[1]
