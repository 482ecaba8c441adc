import numpy as np
import pytest

from models.record_of_peaks import CHANNELS, SensorBank, WeeklyBank
from models.rules import RULES

DAY = 86_400.0
STEP = 300.0


def _feed(bank, series, start=0):
    """Feed (time, sensor) values, one reading of each sensor per time; return stacked columns."""
    n = series.shape[1]
    who = np.arange(n)
    said = [
        bank.score_and_learn(who, np.full(n, STEP * (start + t)), row)
        for t, row in enumerate(series)
    ]
    return {name: np.array([getattr(s, name) for s in said]) for name in said[0]._fields}


def _ar(phi, noise):
    out = np.zeros_like(noise)
    for t in range(1, len(noise)):
        out[t] = phi * out[t - 1] + noise[t]
    return out


def _families(rng, shape):
    day = np.sin(2 * np.pi * np.arange(shape[0]) * STEP / DAY)[:, None]
    return {
        "normal": rng.normal(size=shape),
        "autocorrelated": _ar(0.9, rng.normal(size=shape)),
        "heavy": rng.standard_t(5, size=shape),
        "counts": rng.poisson(5, size=shape).astype(float),
        "skewed": np.exp(0.5 * rng.normal(size=shape)),
        "seasonal": 20 + 5 * day + _ar(0.9, rng.normal(size=shape)),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "family", ["normal", "autocorrelated", "heavy", "counts", "skewed", "seasonal"]
)
def test_one_in_a_thousand_quiet_readings_is_that_surprising(family):
    quiet = _families(np.random.default_rng(11), (5000, 60))[family]
    said = _feed(SensorBank(60), quiet)
    for name in ("surprisal", "residual_surprisal"):
        share = (said[name][2500:] >= 3).mean()
        assert share <= 3e-3, (family, name, share)
    either = np.maximum(said["surprisal"], said["residual_surprisal"])[2500:]
    assert (either >= 3).mean() >= 3e-4, family


def test_a_new_height_raises_one_alarm_and_says_what_is_unusual():
    rng = np.random.default_rng(3)
    series = rng.normal(20, 1, (1500, 1))
    series[1200:1206] += 15
    said = _feed(SensorBank(1), series)
    alarms = np.flatnonzero(said["strength"][1000:, 0]) + 1000
    assert alarms.tolist() == [1200]
    assert said["surprisal"][1200, 0] > 3
    assert said["residual_surprisal"][1202, 0] > 3
    assert CHANNELS[said["channel"][1200, 0]] in ("point", "jump", "shift")
    assert said["sign"][1200, 0] == 1


def test_the_second_event_of_its_size_is_no_record_but_still_an_event():
    #  20 ──┐40┌────┐40┌────┐40┌──   the third peak does not beat the second largest
    rng = np.random.default_rng(3)
    series = rng.normal(20, 1, (2400, 1))
    for start in (1000, 1500, 2000):
        series[start : start + 6] += 20
    said = _feed(SensorBank(1), series)
    peak = [said["surprisal"][start : start + 6, 0].max() for start in (1000, 2000)]
    assert peak[0] > 3 > peak[1]
    assert said["residual_surprisal"][2000:2006, 0].max() > 3
    assert not said["strength"][1999:2020].any()


@pytest.mark.parametrize(
    ("at", "event", "least"), [(40, 220, 3.5), (100, 220, 3.5), (200, 320, 3.0), (1000, 2000, 3.5)]
)
@pytest.mark.parametrize("wild", [35.0, -9999.0, 65_535.0])
def test_one_wild_value_blinds_nobody_to_the_events_that_follow(wild, at, event, least):
    """Not even on a sensor's first day, where the level of late is all that is expected."""
    series = np.repeat(np.random.default_rng(6).normal(20, 1, (2500, 1)), 2, axis=1)
    series[at, 1] = wild
    series[event : event + 40] += 8
    said = _feed(SensorBank(2), series)["residual_surprisal"][event : event + 40].max(axis=0)
    assert said[0] > 4.5
    assert said[1] > least


@pytest.mark.parametrize("step", [20.0, 2000.0, 1e6])
def test_what_stays_is_believed_almost_as_soon_however_wild_it_was(step):
    # 20 ______
    #          |_ 20 + step
    series = np.random.default_rng(6).normal(20, 1, (4500, 1))
    series[1000:] += step
    settled = []
    for rules in (RULES, RULES._replace(wild=np.inf)):
        off = np.abs(series - _feed(SensorBank(1, rules), series)["expected"])[1000:, 0]
        mean = np.convolve(off, np.ones(48) / 48, "valid")
        settled.append(int(np.flatnonzero(mean < max(3.0, step / 100))[0]))
    assert settled[1] > 500
    assert settled[0] < 1.2 * settled[1]


def test_the_habit_of_the_day_is_learnt():
    t = np.arange(288 * 8)
    day = 50 + 40 * np.sin(2 * np.pi * t * STEP / DAY)
    said = _feed(SensorBank(1), day[:, None] + np.random.default_rng(0).normal(size=(len(t), 1)))
    error = np.abs(said["expected"][:, 0] - day)
    assert error[288 * 6 :].mean() < 4 < error[:288].mean()
    assert said["scale"][-1, 0] < 4


def test_a_level_that_stays_is_relearnt():
    rng = np.random.default_rng(5)
    series = rng.normal(20, 1, (4000, 1))
    series[1500:] += 10
    said = _feed(SensorBank(1), series)
    assert said["residual_surprisal"][1503:1520, 0].min() > 2
    assert np.median(said["residual_surprisal"][3500:, 0]) < 1
    assert np.median(said["surprisal"][3500:, 0]) < 1


def test_direction_is_told():
    series = np.random.default_rng(6).normal(20, 1, (600, 2))
    series[500] = [5.0, 35.0]
    assert _feed(SensorBank(2), series)["sign"][500].tolist() == [-1, 1]


def test_a_series_dead_after_a_life_falls_silent_for_good():
    rng = np.random.default_rng(7)
    series = np.concatenate([rng.normal(20, 3, (2000, 1)), np.full((12_000, 1), 23.456)])
    said = _feed(SensorBank(1), series)
    assert not said["strength"][4000:].any()
    assert said["surprisal"][4000:].max() < 1
    assert said["residual_surprisal"][4000:].max() < 0.1
    assert said["residual_surprisal"][-2000:].max() == 0.0


def test_sensors_do_not_touch_each_other():
    rng = np.random.default_rng(8)
    series = rng.normal(size=(700, 3))
    alone = _feed(SensorBank(1), series[:, 1:2])
    together = _feed(SensorBank(3), series)
    np.testing.assert_array_equal(alone["s"][:, 0], together["s"][:, 1])


def test_growing_keeps_what_was_learnt():
    rng = np.random.default_rng(9)
    series = rng.normal(size=(700, 2))
    small, large = SensorBank(2), SensorBank(2)
    _feed(small, series[:400])
    _feed(large, series[:400])
    for n in (3, 7, 5, 40):
        large.grow(n)
    assert large.n == 40
    left, right = _feed(small, series[400:], 400), _feed(large, series[400:], 400)
    np.testing.assert_array_equal(left["s"], right["s"])
    assert SensorBank.restore(large.snapshot()).n == 40


def test_state_is_small():
    per_sensor = (len(SensorBank(1000).snapshot()) - len(SensorBank().snapshot())) / 1000
    assert per_sensor == SensorBank().state_bytes <= 500


def test_half_hours_are_told_apart_at_any_time():
    # Before 1970 and to the second: the habit of 23:30 is not that of midnight.
    bank = SensorBank(1)
    for day in range(-3, 4):
        for second, value in ((-1, 10.0), (0, 20.0)):
            time = np.array([day * DAY + second])
            said = bank.score_and_learn(np.zeros(1, np.intp), time, np.array([value]))
    assert said.expected[0] == 20.0
    late = bank.score_and_learn(np.zeros(1, np.intp), np.array([5 * DAY - 1800]), np.zeros(1))
    assert late.expected[0] == 10.0


def test_values_that_are_none_are_counted_and_left_out():
    bank = SensorBank(2)
    said = bank.score_and_learn(np.array([0, 1, 0]), np.zeros(3), np.array([np.nan, 2.0, np.inf]))
    assert bank.ignored == 2
    assert np.isnan(said.expected).tolist() == [True, False, True]
    assert said.strength.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("time", "value"), [(0.0, 1e31), (0.0, -1e31), (1e16, 1.0)])
def test_what_is_beyond_all_measure_is_counted_and_left_out(time, value):
    bank = SensorBank(1)
    before = bytes(bank.take(np.zeros(1, np.intp)))
    bank.score_and_learn(np.zeros(1, np.intp), np.array([time]), np.array([value]))
    assert bank.ignored == 1
    assert bytes(bank.take(np.zeros(1, np.intp))) == before


def test_a_sensor_it_does_not_have_is_refused():
    with pytest.raises(IndexError, match="0 to 1, got 0 to 2"):
        SensorBank(2).score_and_learn(np.array([0, 2]), np.zeros(2), np.zeros(2))


def test_no_rows_give_empty_columns():
    said = SensorBank(2).score_and_learn(np.empty(0, np.intp), np.empty(0), np.empty(0))
    assert [len(column) for column in said] == [0] * 8


def test_a_cut_snapshot_is_refused():
    with pytest.raises(ValueError, match="bytes for 2 sensors"):
        SensorBank.restore(SensorBank(2).snapshot()[:-1])


def test_a_sunday_is_no_news_to_who_knows_the_week():
    """Five weeks of days that differ only on Sundays: the day's habit is surprised by each."""
    rng = np.random.default_rng(12)
    t = np.arange(5 * 7 * 288)
    series = rng.normal(50.0, 1.0, (len(t), 20))
    series[t // 288 % 7 == 6] -= 30.0
    last = t >= 4 * 7 * 288
    for bank, most in ((WeeklyBank(20), 0.01), (SensorBank(20), 1.0)):
        said = _feed(bank, series)
        sunday = (t // 288 % 7 == 6) & last
        unusual = (said["residual_surprisal"][sunday] >= 2).mean()
        assert unusual < most
        if isinstance(bank, WeeklyBank):
            assert abs(said["expected"][sunday].mean() - 20.0) < 2.0
        else:
            assert said["expected"][sunday].mean() > 30.0


def test_the_threshold_is_a_knob():
    rng = np.random.default_rng(13)
    series = rng.normal(20, 1, (6000, 10))
    alarms = [
        (_feed(SensorBank(10, RULES._replace(threshold=tau)), series)["strength"] > 0).sum()
        for tau in (0.1, 0.26, 1.0)
    ]
    assert alarms[0] > alarms[1] > alarms[2]
