"""A clock is off when readings come early or late again and again, not when one was held up."""

import numpy as np
import pytest

from models.clock_skew import OFF, RIGHT, WARM_UP, ClockBank


def turned(lags, bank=None):
    """Where the clock of one sensor goes wrong, and where it is right again."""
    lags = np.asarray(lags, float)
    told = (bank or ClockBank(1)).judge_and_learn(np.zeros(len(lags), np.intp), lags)
    return {int(row): int(told[row]) for row in np.flatnonzero(told)}


def usual(n, level=3.0, seed=1):
    return np.random.default_rng(seed).normal(level, 2.0, n)


@pytest.mark.parametrize("by", [-240.0, 240.0])
def test_a_clock_that_is_off_is_told_once_and_its_end_once(by):
    #  ── right ──│ 4 min off │── right ──
    lags = usual(200)
    lags[100:150] += by
    assert turned(lags) == {100 + OFF - 1: 1, 150 + RIGHT - 1: -1}


def test_one_that_was_held_up_is_no_clock():
    lags = usual(400)
    lags[100::7] += 200
    assert turned(lags) == {}


def test_a_slow_line_is_usual_for_its_sensor():
    assert turned(usual(400, level=400.0)) == {}


def test_lags_that_vary_by_nature_are_not_off():
    assert turned(np.random.default_rng(3).uniform(-300, 300, 600)) == {}


def test_early_and_late_in_turn_is_not_one_clock():
    lags = usual(200)
    lags[100:160:2] += 300
    lags[101:160:2] -= 300
    assert turned(lags) == {}


def test_a_clock_that_stays_off_is_relearnt():
    lags = usual(6000)
    lags[100:] += 200
    told = turned(lags)
    assert list(told.values()) == [1, -1]
    assert 300 < list(told)[1] < 2000


def test_nothing_is_said_in_warm_up():
    lags = usual(WARM_UP)
    lags[10:] += 500
    assert turned(lags) == {}


def test_what_is_no_number_teaches_nothing_and_is_counted():
    plain, spoilt = ClockBank(1), ClockBank(1)
    turned(usual(60), plain)
    turned(np.insert(usual(60), 30, [np.nan, np.inf]), spoilt)
    assert spoilt.ignored == 2
    assert bytes(spoilt.take(np.array([0]))) == bytes(plain.take(np.array([0])))
    assert plain.state_bytes == 16
