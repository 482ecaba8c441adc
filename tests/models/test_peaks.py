import numpy as np

from models.peaks import RE_ARM, THRESHOLD, WIDTH, _alarm, _combine, advance, newborn


def test_the_tournament_finds_the_three_largest():
    rng = np.random.default_rng(1)
    ratio = np.exp(rng.normal(0, 2, (7, 5000)))
    # Ties and floors are where a wrong bracket would show.
    ratio[:, ::3] = np.round(ratio[:, ::3])
    u = np.sort(np.maximum(np.log(np.maximum(ratio, 1e-300)), -1.0), axis=0)
    pool = np.empty((8, 5000))
    pool[:7] = ratio
    np.testing.assert_allclose(_combine(pool), u[6] + 0.25 * (u[5] + u[4]), atol=1e-12)


def _alarms(scores, age=1000.0):
    s = newborn(1).T.copy()
    s[0] = age
    said = []
    for score in scores:
        said.append(bool(_alarm(s, np.array([score]))[0] > 0))
        s[0] += 1
    return said


def test_an_episode_raises_one_alarm():
    #  tau ────────╱╲╱╲────   it never falls below tau - .2: one episode
    high, low = THRESHOLD + 0.1, THRESHOLD - RE_ARM + 0.1
    assert sum(_alarms([high, low] * 40)) == 1


def test_the_next_alarm_waits_for_the_hold():
    # At an age of 1,000 the hold is 50 readings.
    high, calm = THRESHOLD + 0.1, THRESHOLD - RE_ARM - 0.1
    said = _alarms([high, calm] * 40)
    assert np.flatnonzero(said).tolist() == [0, 50]


def test_at_the_threshold_there_is_no_alarm():
    assert not any(_alarms([THRESHOLD] * 5))


def test_a_step_says_something_of_every_sensor():
    s = np.ascontiguousarray(newborn(7).T)
    habits, seen = np.zeros(7, np.float32), np.zeros(7, np.uint8)
    with np.errstate(divide="ignore", invalid="ignore"):
        step, habits, seen = advance(s, np.arange(7.0), habits, seen)
    assert habits.tolist() == [0.0] * 7  # as offsets from each sensor's first value
    assert seen.tolist() == [1] * 7
    assert np.isnan(step.score).all()
    assert np.isnan(step.surprisals).all()
    assert step.expected.tolist() == list(range(7))
    assert s.shape == (WIDTH, 7)
