import math

import numpy as np
import pytest

from models.peaks import SENSOR, WEEKLY, _alarm, _compare, advance, newborn
from models.rules import RULES

DECAY = 0.5 ** (1 / RULES.half_life)
SETTLED = 1_000_000  # an age at which a short memory costs next to nothing


def _compared(ratios, age=SETTLED):
    """S and channel of features that are so many times the second largest peak, which is 2."""
    s = newborn(1)[0]
    s["age"], s["current"], s["other"] = age, 2.0, 5.0
    return _compare(s, tuple(2.0 * ratio for ratio in ratios), DECAY, RULES)


def test_the_three_largest_make_the_score():
    rng = np.random.default_rng(1)
    for nth in range(500):
        ratios = np.exp(rng.normal(0, 2, 7))
        if nth % 3 == 0:  # ties are where a wrong order would show
            ratios = np.round(ratios)
        score, channel = _compared(ratios.tolist())
        u = np.sort(np.maximum(np.log(np.maximum(ratios, 1e-300)), -1.0))
        expected = u[6] + 0.25 * (u[5] + u[4]) - 150 / (SETTLED + 1)
        assert score == pytest.approx(expected, abs=1e-12)
        assert channel == (ratios.argmax() if u[6] > -1.0 else 0)


def test_the_first_thing_of_its_kind_counts_one_and_nothing_minus_one():
    s = newborn(1)[0]
    s["age"] = SETTLED
    score, channel = _compare(s, (0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0), DECAY, RULES)
    assert score == pytest.approx(1.0 + 0.25 * (-1.0 - 1.0), abs=1e-3)
    assert channel == 3


def test_one_event_is_one_peak_and_the_next_one_another():
    #  9 ──┐     5 ──┐            the second within 100 readings of the first: one peak
    s = newborn(1)[0]
    sizes = [9.0] + [0.0] * 49 + [12.0] + [0.0] * (RULES.peak - 50) + [5.0]
    for size in sizes:
        _compare(s, (size,) + (0.0,) * 6, DECAY, RULES)
    assert s["current"][0] == pytest.approx(5.0 * DECAY)
    assert s["other"][0] == pytest.approx(12.0 * DECAY ** (len(sizes) - 50))
    assert s["free"][0] == RULES.peak


def _alarms(scores, age=1000):
    s = newborn(1)[0]
    s["age"] = age
    said = []
    for score in scores:
        said.append(_alarm(s, score, RULES) > 0)
        s["age"] += 1
    return said


def test_an_episode_raises_one_alarm():
    #  tau ────────╱╲╱╲────   it never falls below tau - .2: one episode
    high, low = RULES.threshold + 0.1, RULES.threshold - RULES.re_arm + 0.1
    assert sum(_alarms([high, low] * 40)) == 1


def test_the_next_alarm_waits_for_the_hold():
    # At an age of 1,000 the hold is 50 readings.
    high, calm = RULES.threshold + 0.1, RULES.threshold - RULES.re_arm - 0.1
    said = _alarms([high, calm] * 40)
    assert np.flatnonzero(said).tolist() == [0, 50]


def test_at_the_threshold_there_is_no_alarm():
    assert not any(_alarms([RULES.threshold] * 5))


def test_a_step_says_something_from_the_first_reading_on():
    s = newborn(1)[0]
    step = advance(s, None, 7.0, 3 * 1800.0, DECAY, RULES)
    assert (step.expected, step.scale, step.strength) == (7.0, 0.0, 0.0)
    assert all(math.isnan(score) for score in (step.score, step.record, step.event))
    assert (s["age"], s["day"][3], s["seen"].tolist()[:3]) == (1, 0.0, [0, 16, 0])


def test_a_view_that_is_left_out_says_nothing():
    views = tuple(float(i != 2) for i in range(7))
    s = newborn(1)[0]
    s["age"], s["current"], s["other"] = SETTLED, 2.0, 5.0
    blind = RULES._replace(views=views)
    for _ in range(3):  # neither now nor as a peak remembered
        score, channel = _compare(s, (1.0, 1.0, 50.0, 1.0, 1.0, 1.0, 1.0), DECAY, blind)
        assert channel != 2
        assert score < 0.0


@pytest.mark.parametrize(("kind", "size"), [(SENSOR, 384), (WEEKLY, 1160)])
def test_the_row_is_compact_and_its_numbers_lie_on_multiples_of_their_size(kind, size):
    assert kind.itemsize == size
    for field, offset in kind.fields.values():
        assert offset % field.base.itemsize == 0
