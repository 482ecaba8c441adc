import numpy as np
import pytest

from models.peaks import SENSOR, WEEKLY, newborn
from models.rules import RULES
from models.season import FIRM, KNOWN, expect, expect_by_week

HALF_HOUR, DAY = 1800.0, 86_400.0
WEEK = 7 * DAY


def _row(kind=SENSOR, error=1.0):
    s = newborn(1, kind)[0]
    s["base"] = s["x20"] = 20.0
    s["error"] = error
    return s


def _say(s, x, time_s, look=expect):
    expected, *_ = look(s, x, time_s, RULES)
    s["age"] += 1
    return expected


def test_a_half_hour_is_its_own_forecast_once_it_was_seen_twice():
    s = _row()
    said = [_say(s, 50.0, day * DAY) for day in range(KNOWN + 1)]
    assert said == [20.0, 20.0, 50.0]
    assert _say(s, 50.0, HALF_HOUR) == 20.0  # the next half hour knows nothing yet


@pytest.mark.parametrize(
    ("kind", "look", "hour_s", "cycle_s"),
    [(SENSOR, expect, HALF_HOUR, DAY), (WEEKLY, expect_by_week, 2 * HALF_HOUR, WEEK)],
)
def test_what_an_hour_shows_does_not_make_it_known_while_it_lasts(kind, look, hour_s, cycle_s):
    s = _row(kind)
    if kind is WEEKLY:
        s["day_error"], s["week_error"] = 2.0, 1.0  # the week is asked
    within = np.arange(0.0, hour_s, hour_s / 10)
    assert {_say(s, 50.0, at, look) for at in within} == {20.0}
    assert {_say(s, 50.0, hour_s + at, look) for at in within} == {20.0}  # nor the next one
    assert _say(s, 50.0, cycle_s, look) == 50.0


def test_a_firm_habit_follows_no_further_than_some_errors():
    s = _row(error=2.0)
    s["age"] = RULES.warm_up + 1
    for day in range(FIRM):
        _say(s, 50.0, day * DAY)
    _say(s, 1050.0, FIRM * DAY)
    step = max(1 / (FIRM + 1), RULES.day) * RULES.clip * s["error"]
    assert _say(s, 50.0, (FIRM + 1) * DAY) == pytest.approx(50.0 + step, rel=1e-6)


@pytest.mark.parametrize("known", [0, KNOWN])
def test_a_wild_value_teaches_no_more_than_one_that_is_far_off(known):
    s, wild = _row(), _row()
    for row in (s, wild):
        row["age"] = RULES.few + 1
        for day in range(known):
            _say(row, 21.0, day * DAY)
    far = (21.0 if known else 20.0) + RULES.wild
    _, _, learnt = expect(s, far, known * DAY, RULES)
    _, _, same = expect(wild, 9_999.0, known * DAY, RULES)
    assert learnt == same == pytest.approx(far)
    assert s["day"].tolist() == wild["day"].tolist()


def test_at_first_and_where_nothing_ever_differed_all_is_believed():
    s = _row()
    assert expect(s, 9_999.0, 0.0, RULES)[2] == 9_999.0
    s["age"], s["error"] = 1000, 0.0
    assert expect(s, 9_999.0, DAY, RULES)[2] == 9_999.0


@pytest.mark.parametrize("readings", [6, 30, 180, 1800])
def test_a_habit_is_of_the_whole_half_hour_however_often_it_is_read(readings):
    """Rising by ten within each half hour: what is expected is the middle, not the end."""
    s = _row(error=2.0)
    for day in range(6):
        for n in range(2 * readings):
            at = n / readings
            _say(s, 50.0 + 10.0 * (at % 1.0), day * DAY + at * HALF_HOUR)
    assert _say(s, 50.0, 6 * DAY + HALF_HOUR) == pytest.approx(55.0, abs=1.0)


@pytest.mark.parametrize("every_s", [300, 60])
def test_one_half_hour_in_which_it_reports_more_often_is_one_visit(every_s):
    s = _row()
    for day in range(10):
        for n in range(12):
            _say(s, 20.0, day * DAY + 300.0 * n)
    for n in range(1800 // every_s):
        _say(s, 30.0, 10 * DAY + HALF_HOUR + every_s * n)
    moved = _say(s, 20.0, 11 * DAY + HALF_HOUR) - 20.0
    assert 3.0 < moved < 9.0


def test_without_habits_the_level_is_expected():
    s, rules = _row(), RULES._replace(day=0.0)
    for day in range(5):
        assert expect(s, 50.0, day * DAY, rules)[0] == 20.0


def test_rounding_is_not_news():
    s = _row()
    s["base"] = 0.0
    for day in range(3):
        _say(s, 1e6 + 0.123, day * DAY)
    assert expect(s, 1e6 + 0.123, 3 * DAY, RULES)[1] == 0.0
    assert expect(s, 1e6 + 1.5, 4 * DAY, RULES)[1] > 1.0


def test_a_week_that_differs_by_day_is_learnt_from_its_third_on():
    """Sundays are quiet: the day expects a Monday there, the week a Sunday."""
    rng = np.random.default_rng(1)
    errors = {SENSOR: [], WEEKLY: []}
    for kind, look in ((SENSOR, expect), (WEEKLY, expect_by_week)):
        s = _row(kind, error=5.0)
        for hour in range(24 * 7 * 6):
            truth = 100.0 if hour // 24 % 7 else 20.0
            x = truth + rng.normal()
            errors[kind].append(abs(_say(s, x, hour * 3600.0, look) - truth))
    last = {kind: np.mean(said[24 * 7 * 4 :]) for kind, said in errors.items()}
    assert last[WEEKLY] < 3 < 10 < last[SENSOR]


def test_where_the_week_says_no_more_the_day_does():
    s = _row(WEEKLY, error=20.0)
    rng = np.random.default_rng(2)
    for hour in range(24 * 7 * 5):
        _say(s, 50.0 + 10 * (hour % 24) + rng.normal(), hour * 3600.0, expect_by_week)
    assert s["day_error"] <= s["week_error"] * 1.1


@pytest.mark.parametrize("time_s", [-1.0, -WEEK - 1.0, 0.0, 1e12 + 0.5])
def test_any_time_has_its_hour(time_s):
    s = _row(WEEKLY)
    expect_by_week(s, 21.0, time_s, RULES)
    assert (s["seen"].sum(), s["week_seen"].sum()) in {(a, b) for a in (1, 16) for b in (1, 16)}
