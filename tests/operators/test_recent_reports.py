"""The latest reports of each hazard, and where they are."""

import pickle

import numpy as np

from operators.recent_reports import KEPT, RecentReports, around, beside
from operators.registry import cell_of
from tests.operators.town import LAT, LON, METRE, MINUTE, T0

HOUR_S = 3600.0


def add(latest: RecentReports, time: int, east_m: float = 0.0, hazard: str = "fire") -> str:
    lon = LON + east_m * METRE
    place = around(cell_of(lon, LAT))
    latest.add(hazard, time, lon, LAT, place)
    return place


def test_elsewhere_leaves_out_what_is_beside() -> None:
    latest = RecentReports()
    here = add(latest, T0)
    far = add(latest, T0 - 5 * MINUTE, 20_000)
    add(latest, T0 - 50 * MINUTE, 20_000)
    add(latest, T0, 20_000, hazard="noise")
    found = latest.elsewhere("fire", T0, (600.0, HOUR_S), beside(here))
    assert (found.counts.tolist(), found.places.tolist()) == ([1, 2], [1, 1])
    assert latest.loudest("fire", T0, HOUR_S, ()) == far
    assert latest.loudest("fire", T0, HOUR_S, {far}) == here
    assert latest.loudest("fire", T0, HOUR_S, {far, here}) == ""


def test_the_place_is_where_most_are_and_within_the_window() -> None:
    latest = RecentReports()
    for n, east_m in enumerate((0, 100, 200, 900)):
        add(latest, T0 + n * MINUTE, east_m)
    add(latest, T0 - 120 * MINUTE, -300)
    where = latest.where("fire", T0 + 3 * MINUTE, HOUR_S, cell_of(LON, LAT))
    assert abs(where.lon - (LON + 100 * METRE)) < 2 * METRE
    assert where.spread_m > 0


def test_it_is_bounded_and_goes_on_from_a_snapshot() -> None:
    latest, twin = RecentReports(), RecentReports()
    for n in range(KEPT + 50):
        add(latest, T0 + n)
    twin.put(pickle.loads(pickle.dumps(latest.take())))
    add(latest, T0 + KEPT + 50)
    add(twin, T0 + KEPT + 50)
    one, other = (each.until("fire", T0 + 2 * KEPT, HOUR_S) for each in (latest, twin))
    assert len(one) == KEPT
    assert np.array_equal(one, other)
