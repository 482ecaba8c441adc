import numpy as np
import pytest

from models.count_burst import MOST_SURPRISAL, CountBurst
from models.count_calendar import RECENT, WARM_UP_S, YEAR

DAY = 86_400.0
HOUR = 3600.0


def _city(rng, days, places=20, per_day=3.0, hour_shape=None):
    """(time, place) of reports of a city whose places are unequal, and whose nights are quiet."""
    shape = np.ones(24) if hour_shape is None else hour_shape
    rates = per_day * rng.gamma(2.0, 0.5, places)
    reports = [
        ((day * 24 + hour + u) * HOUR, f"p{place}")
        for place, rate in enumerate(rates)
        for day in range(days)
        for hour in range(24)
        for u in rng.random(rng.poisson(rate / 24 * shape[hour]))
    ]
    return sorted(reports), rates


def _taught(reports, places=20):
    model = CountBurst(["flood", "fire"], places=places)
    said = [model.score_and_learn("flood", place, t) for t, place in reports]
    return model, said


@pytest.fixture(scope="module")
def month():
    night = np.where(np.arange(24) < 6, 0.1, 1.3)
    reports, rates = _city(np.random.default_rng(1), 35, hour_shape=night)
    return *_taught(reports), rates


def test_rates_are_learnt_per_place_and_hour(month):
    model, _, rates = month
    noon = [model.rate("flood", f"p{p}", 35 * DAY - 12 * HOUR)[0] * DAY for p in range(20)]
    assert np.corrcoef(noon, rates)[0, 1] > 0.9
    assert np.mean(noon) == pytest.approx(np.mean(rates) * 1.3, rel=0.2)
    asleep = [model.rate("flood", f"p{p}", 35 * DAY - 21 * HOUR)[0] * DAY for p in range(20)]
    assert np.mean(asleep) < 0.35 * np.mean(noon)


def test_quiet_weeks_seldom_surprise(month):
    scores = np.array([burst.surprisal for burst in month[1][700:]])
    assert (scores >= 2).mean() <= 0.02
    assert (scores >= 3).mean() <= 0.003


def test_many_reports_at_once_are_a_burst(month):
    model = CountBurst.restore(month[0].snapshot())
    scores = [model.score_and_learn("flood", "p3", 35 * DAY + 60.0 * i) for i in range(6)]
    assert scores[0].surprisal < 2
    assert scores[2].surprisal > 3
    assert [s.surprisal for s in scores] == sorted(s.surprisal for s in scores)
    assert scores[-1].reports >= 6
    assert scores[-1].surprisal <= MOST_SURPRISAL


def test_a_slow_burst_is_seen_in_a_longer_window(month):
    model = CountBurst.restore(month[0].snapshot())
    said = [model.score_and_learn("flood", "p3", 35 * DAY + 900.0 * i) for i in range(8)]
    assert said[-1].window_s == 7200.0
    assert said[-1].surprisal > 3


def test_hazards_are_counted_apart(month):
    model = CountBurst.restore(month[0].snapshot())
    for i in range(6):
        model.score_and_learn("flood", "p3", 35 * DAY + 60.0 * i)
    assert model.score_and_learn("fire", "p3", 35 * DAY + 400.0).reports == 1


def test_a_burst_ends_when_time_passes(month):
    model = CountBurst.restore(month[0].snapshot())
    for i in range(6):
        model.score_and_learn("flood", "p3", 35 * DAY + 60.0 * i)
    assert model.score_one("flood", "p3", 35 * DAY + 900.0).surprisal > 3
    assert model.score_one("flood", "p3", 35 * DAY + 9000.0).surprisal < 1


def test_silence_is_evidence_too():
    busy, _ = _taught([(600.0 * i, "p0") for i in range(300)])
    quiet = CountBurst.restore(busy.snapshot())
    now = 300 * 600.0
    quiet.tick(now + 21 * DAY)
    assert quiet.rate("flood", "p0", now + 21 * DAY)[0] < 0.3 * busy.rate("flood", "p0", now)[0]


def test_an_unknown_place_is_given_the_citys_share(month):
    model, _, rates = month
    rate, doubt = model.rate("flood", "nowhere", 35 * DAY - 12 * HOUR)
    known = model.rate("flood", "p3", 35 * DAY - 12 * HOUR)
    assert 0 < rate * DAY < np.mean(rates)
    assert doubt > known[1]


def test_nothing_is_said_before_the_city_was_watched_a_while():
    model = CountBurst(["flood"])
    assert model.score_and_learn("flood", "p", 1000.0) is None
    assert model.score_and_learn("flood", "p", 999.0 + WARM_UP_S) is None
    assert model.score_and_learn("flood", "p", 1000.0 + WARM_UP_S) is not None


def test_when_full_the_place_silent_longest_is_forgotten():
    model = CountBurst(["flood"], capacity=3)
    for i, place in enumerate(["a", "b", "c", "a", "d"]):
        model.score_and_learn("flood", place, 40_000.0 * i)
    now = 160_000.0
    assert model.score_one("flood", "b", now - 119_990).reports == 0
    assert model.score_one("flood", "a", now - 39_990).reports == 1
    assert model.score_one("flood", "d", now).reports == 1


def test_more_reports_than_are_kept_count_as_so_many():
    model = CountBurst(["flood"])
    model.tick(0.0)
    for i in range(RECENT + 30):
        burst = model.score_and_learn("flood", "p", 50_000.0 + i)
    assert burst.reports == RECENT
    assert burst.surprisal == MOST_SURPRISAL


def test_late_reports_are_counted_where_they_belong():
    model = CountBurst(["flood"])
    model.tick(0.0)
    model.score_and_learn("flood", "p", 50_000.0)
    model.score_and_learn("flood", "p", 49_990.0)
    assert model.late == 1
    assert model.score_one("flood", "p", 50_000.0).reports == 2


@pytest.mark.parametrize(("hazard", "time_s"), [("comet", 0.0), ("flood", float("nan"))])
def test_what_it_cannot_count_is_refused(hazard, time_s):
    with pytest.raises(ValueError, match="expected one of"):
        CountBurst(["flood"]).score_and_learn(hazard, "p", time_s)


@pytest.mark.slow
def test_weeks_of_a_year_are_learnt_like_hours_of_a_week():
    rng = np.random.default_rng(3)
    model, week_s = CountBurst(["flood"], places=1, calendar=YEAR), YEAR.bin_s
    for week in range(6 * 52):
        for at in np.sort(rng.random(rng.poisson(12 if week % 52 < 10 else 2))):
            model.score_and_learn("flood", "p", (week + at) * week_s)
    start = 6 * 52 * week_s
    winter, summer = (model.rate("flood", "p", start + w * week_s)[0] for w in (5, 30))
    assert winter > 3 * summer
    twin = CountBurst.restore(model.snapshot())
    assert twin.rate("flood", "p", start) == model.rate("flood", "p", start)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "least", "most"), [(None, 0.0, 0.1), (2.0, 0.35, 0.8)])
def test_dispersion_is_learnt(size, least, most):
    rng = np.random.default_rng(4)
    model = CountBurst(["flood"], places=1)
    for hour in range(12 * 168):
        mean = 4.0 if size is None else 4.0 * rng.gamma(size, 1 / size)
        for at in np.sort(rng.random(rng.poisson(mean))):
            model.score_and_learn("flood", "p", (hour + at) * HOUR)
    assert least <= model._dispersion[0] <= most


@pytest.mark.slow
@pytest.mark.parametrize("first_s", [0.0, -30 * 365 * DAY, -9e9])
def test_one_old_report_does_not_switch_it_off(first_s):
    """Weights grow with time since the first report: of another decade, they would be infinite."""
    reports, _ = _city(np.random.default_rng(3), 35)
    start = 56 * 365 * DAY
    model, plain = (CountBurst(["flood"], places=20) for _ in range(2))
    model.count_one("flood", "p0", first_s)
    model.learn_one("flood", "p0", first_s, None)
    for each in (model, plain):
        for t, place in reports:
            each.score_and_learn("flood", place, start + t)
        for n in range(8):
            burst = each.score_and_learn("flood", "p3", start + 35 * DAY + 30.0 * n)
        assert burst.surprisal > 4
    at = start + 36 * DAY
    assert model.rate("flood", "p3", at) == pytest.approx(plain.rate("flood", "p3", at), rel=1e-6)


@pytest.mark.slow
def test_years_leave_every_weight_finite():
    model = CountBurst(["flood"], places=2)
    for at in np.sort(np.random.default_rng(5).uniform(0, 12 * 365 * DAY, 1460)):
        burst = model.score_and_learn("flood", "p0", at)
    assert np.isfinite(burst.surprisal)
    assert all(np.isfinite(each).all() for each in (model._hours, model._watched, model._total))
    assert model._total.max() < 2.0**24
    week = [model.rate("flood", "p0", at + hour * HOUR)[0] * DAY for hour in range(168)]
    assert np.mean(week) == pytest.approx(1 / 3, rel=0.4)


def test_what_came_before_a_long_gap_is_not_of_the_hour_after_it():
    model = CountBurst(["flood"], places=2)
    for n in range(24 * 30):
        model.score_and_learn("flood", "p0", n * HOUR)
    for n in range(200):
        model.score_and_learn("flood", "p0", 30 * DAY + n)
    before = model._dispersion.copy()
    model.tick(90 * DAY + HOUR)
    assert model._dispersion <= before
