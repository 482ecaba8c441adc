import numpy as np
import pytest

from models.level_forecast import QUANTILES, WARM_UP, LevelForecast

STEP_S = 300.0
ZERO = np.array([0])


def _fed(values, step_s=STEP_S):
    bank = LevelForecast(1)
    times = (np.arange(len(values)) * step_s * 1000).astype(np.int64)
    bank.observe(np.zeros(len(values), np.intp), times, np.asarray(values, float))
    return bank


def _ask(bank, levels, horizon_s=7200.0):
    probability, seconds = bank.crossing(ZERO, np.array([levels], float), horizon_s)
    return probability[0], seconds[0]


def _flood(noise=0.01, hours=78):
    """2 m for three days, then up to 5 m around hour 75."""
    h = np.arange(int(hours * 12)) / 12
    rng = np.random.default_rng(4)
    return 2 + 3 / (1 + np.exp(-(h - 75) / 0.7)) + rng.normal(0, noise, len(h))


def test_a_flood_is_foreseen_before_its_level_is_reached():
    #  2 m ───────╱ 3.0 at 74:31 ╱ 3.5 at 75:00 ── 5 m
    values = _flood()
    probability, seconds = _ask(_fed(values[: 74 * 12 + 2]), [3.0, 3.5, 6.0, np.nan])
    assert probability[0] > 0.7 > probability[1] > probability[2]
    assert 600 < seconds[0] < 3600
    assert np.isnan(probability[3])


def test_a_level_that_is_reached_is_certain_and_now():
    probability, seconds = _ask(_fed(_flood()), [4.0, np.nan, np.nan, 99.0])
    assert probability[0] == 1.0
    assert seconds[0] == 0.0
    assert probability[3] < 0.02


def test_a_quiet_river_threatens_nothing():
    probability, _ = _ask(_fed(_flood()[: 60 * 12]), [2.5, 3.0, 3.5, 4.0])
    assert probability.max() < 0.01


def test_the_further_the_horizon_the_likelier_and_the_higher_the_less():
    bank = _fed(_flood()[: 74 * 12])
    chances = [_ask(bank, [2.9, 3.1, 3.4, 3.9], h)[0] for h in (900.0, 3600.0, 10_800.0)]
    assert (np.diff(chances, axis=0) >= 0).all()
    assert (np.diff(chances, axis=1) <= 0).all()


def test_quantiles_open_with_the_horizon_and_are_about_right():
    rng = np.random.default_rng(5)
    values = np.cumsum(rng.normal(0, 0.01, 6000))
    inside, horizons = [], np.array([900.0, 3600.0])
    bank = LevelForecast(1)
    for t, value in enumerate(values[:-12]):
        bank.observe(ZERO, np.array([t * 300_000]), np.array([value]))
        if t > 1000 and t % 7 == 0:
            q = bank.quantiles(ZERO, horizons)[0]
            assert (np.diff(q, axis=0) >= 0).all()
            assert (np.diff(q[4] - q[0]) > 0).all()
            ends = values[[t + 3, t + 12]]
            inside.append((q[0] <= ends) & (ends <= q[4]))
    assert q.shape == (len(QUANTILES), 2)
    assert np.abs(np.mean(inside, axis=0) - 0.9).max() < 0.07


def test_crossing_chances_come_true_as_often_as_they_say():
    rng = np.random.default_rng(6)
    said, came = [], []
    for _ in range(12):
        values = np.cumsum(rng.normal(0, 0.01, 900))
        bank = _fed(values[:700])
        for t in range(700, 880, 6):
            bank.observe(np.zeros(6, int), np.arange(t, t + 6) * 300_000, values[t : t + 6])
            room = abs(rng.normal(0, 0.05))
            chance, _ = _ask(bank, [values[t + 5] + room] * 4, 3600.0)
            said.append(chance[0])
            came.append(values[t + 6 : t + 18].max(initial=-9) >= values[t + 5] + room)
    assert abs(np.mean(said) - np.mean(came)) < 0.1


def test_irregular_intervals_do_not_make_cliffs():
    bank = _fed(np.full(40, 2.0) + np.tile([0.0, 0.01], 20))
    last_ms = int(39 * STEP_S * 1000)
    bank.observe(
        np.zeros(2, int), np.array([last_ms + 300_000, last_ms + 301_000]), np.array([2.0, 2.02])
    )
    assert _ask(bank, [2.5] * 4)[0].max() < 0.05


def test_nothing_is_said_in_warm_up():
    bank = _fed(np.arange(WARM_UP - 1.0))
    assert np.isnan(_ask(bank, [1.0, 2.0, 3.0, 4.0])).all()
    assert np.isnan(bank.quantiles(ZERO, np.array([900.0]))).all()


def test_readings_out_of_order_are_counted_and_left_out():
    bank, twin = _fed(np.arange(20.0)), _fed(np.arange(20.0))
    bank.observe(np.zeros(2, int), np.array([1000, 2000]), np.array([500.0, np.nan]))
    assert bank.ignored == 2
    assert bank.snapshot()[24:] == twin.snapshot()[24:]


def test_growing_keeps_what_was_learnt():
    bank = _fed(_flood())
    before = _ask(bank, [4.0, 5.0, 5.5, 6.0])
    bank.grow(50)
    np.testing.assert_array_equal(before, _ask(bank, [4.0, 5.0, 5.5, 6.0]))
    assert LevelForecast.restore(bank.snapshot()).n == 50


def test_a_river_that_never_moves_is_no_threat_and_no_error():
    probability, seconds = _ask(_fed(np.full(500, 3.0)), [3.5, 4.0, np.nan, 2.0])
    assert probability[:2].max() == pytest.approx(0.0, abs=1e-9)
    assert probability[3] == 1.0
    assert seconds[3] == 0.0


@pytest.mark.parametrize("days", [1, 21])
def test_after_a_silence_of_weeks_it_foresees_as_before(days):
    """A silence is no usual gap between readings: trends would be divided by it for half a day."""
    values = np.r_[_flood(hours=48), _flood()[72 * 12 : 74 * 12 + 8]]
    times = STEP_S * np.arange(len(values))
    times[48 * 12 :] += days * 86_400.0
    bank = LevelForecast(1)
    bank.observe(np.zeros(len(values), np.intp), (times * 1000).astype(np.int64), values)
    whole = _ask(_fed(values), [3.0, np.nan, np.nan, np.nan])[0][0]
    assert _ask(bank, [3.0, np.nan, np.nan, np.nan])[0][0] > 0.8 * whole > 0.4


def test_readings_that_begin_a_moment_apart_come_to_their_usual_gap():
    bank = LevelForecast(1)
    times = np.r_[0.0, 0.001, STEP_S * np.arange(1, 40)]
    bank.observe(np.zeros(41, np.intp), (times * 1000).astype(np.int64), np.full(41, 2.0))
    assert bank._rows["gap"][0] == pytest.approx(STEP_S, rel=0.5)


def test_a_value_too_large_to_be_one_is_left_out():
    bank = _fed([*np.full(300, 2.0), 1e39, *np.full(20, 2.0)])
    assert bank.ignored == 1
    assert np.isfinite(_ask(bank, [3.0, np.nan, np.nan, np.nan])[0][0])


def test_the_first_hours_are_no_less_calibrated_than_later_ones():
    """Before its first forecast has come due a sensor has not erred: it is as sure as others."""
    #  400 random walks: how often each is 1.5 standard deviations higher within 3 h
    gauges, steps, every_ms = 400, 96, 900_000
    walks = 5.0 + np.cumsum(np.random.default_rng(0).normal(0, 0.02, (steps, gauges)), axis=0)
    bank, everybody = LevelForecast(gauges), np.arange(gauges)
    for step in range(steps - 12):
        times = np.full(gauges, step * every_ms)
        bank.observe(everybody, times, walks[step])
    levels = np.full((gauges, 4), np.nan)
    levels[:, 3] = walks[-13] + 0.02 * np.sqrt(12) * 1.5
    said = bank.crossing(everybody, levels, 3 * 3600.0)[0][:, 3].mean()
    came = (walks[-12:].max(axis=0) >= levels[:, 3]).mean()
    assert came < said < 2 * came
