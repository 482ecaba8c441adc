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


def test_roadworks_slow_their_road_and_are_loud(run: Callable[..., Simulation]) -> None:
    works, quiet = run("benign"), run("quiet")
    truth = next(b for b in works.truth.benign if b.what == "roadworks")
    x, y = (float(v) for v in to_km(truth.lon, truth.lat))
    k = (truth.start + 4 * 3_600_000 - works.start_ms) // BLOCK_MS
    before = (truth.start - 3_600_000 - works.start_ms) // BLOCK_MS
    speeds = works.layout.sites["traffic_speed"].away_km(x, y).argmin()
    during, usual = (s.values("traffic_speed", k)[1][speeds].mean() for s in (works, quiet))
    assert during < 0.65 * usual
    same = [s.values("traffic_speed", before)[1][speeds].mean() for s in (works, quiet)]
    assert same[0] == same[1]
    near = works.layout.sites["noise"].away_km(x, y).argmin()
    louder = [s.values("noise", k)[1][near].mean() for s in (works, quiet)]
    assert louder[0] >= louder[1]
