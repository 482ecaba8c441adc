from datetime import UTC, datetime

import numpy as np

from simulators.clock import DAY_MS, HOUR_MS, Calendar, default_start, local_hour


def at(*moment: int) -> np.ndarray:
    return np.array([int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)])


def test_runs_start_on_a_local_monday_at_midnight() -> None:
    for seed in range(20):
        start = datetime.fromtimestamp(default_start(seed) / 1000 + 8 * 3600, tz=UTC)
        assert (start.weekday(), start.hour, start.minute) == (0, 0, 0)


def test_local_time_is_eight_hours_ahead() -> None:
    assert local_hour(at(2025, 6, 2, 16, 30))[0] == 0.5


def test_weekends_and_holidays_are_free() -> None:
    friday, saturday = at(2025, 6, 6, 4), at(2025, 6, 7, 4)
    assert not Calendar().is_free(friday)[0]
    assert Calendar().is_free(saturday)[0]
    holiday = Calendar(frozenset({Calendar.day(int(friday[0]))}))
    assert holiday.is_free(friday)[0]


def test_a_profile_goes_through_its_hours_and_round_midnight() -> None:
    monday = np.array([default_start(0)])
    curve = [float(h) for h in range(24)]
    hours = [Calendar().profile(monday + int(h * HOUR_MS), curve)[0] for h in (0, 6, 6.5, 23.5)]
    assert hours == [0, 6, 6.5, 11.5]
    assert Calendar().profile(monday + DAY_MS, curve)[0] == 0
