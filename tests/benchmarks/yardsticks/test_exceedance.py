import numpy as np
import pytest

from benchmarks.yardsticks.exceedance import Tally, brier, learnt_decisions, reliability, tally


def test_hits_misses_and_false_alarms_are_counted():
    said, came = np.array([1, 1, 1, 0, 0], bool), np.array([1, 1, 0, 1, 0], bool)
    found = tally(said, came)
    assert found == Tally(2, 1, 1)
    assert (found.pod, found.far, found.csi) == (2 / 3, 1 / 3, 0.5)
    assert brier(said.astype(float), came) == pytest.approx(0.4)


def test_nothing_said_and_nothing_came_is_no_error():
    assert tally(np.zeros(3, bool), np.zeros(3, bool)).csi == 0.0


def test_a_threshold_is_learnt_from_what_has_come_by_then():
    rng = np.random.default_rng(1)
    chance = rng.beta(0.5, 2.0, (3000, 4))
    came = rng.random(chance.shape) < chance
    judged = np.ones(chance.shape, bool)
    said = learnt_decisions(chance, came, judged, 6)
    learnt = tally(said[500:], came[500:]).csi
    assert learnt > tally(chance[500:] >= 0.5, came[500:]).csi
    # No fixed threshold would have been much better, known afterwards.
    best = max(tally(chance[500:] >= x, came[500:]).csi for x in np.arange(0.05, 0.9, 0.05))
    assert learnt > best - 0.01


def test_no_decision_looks_ahead():
    rng = np.random.default_rng(2)
    chance = rng.random((200, 2))
    came = rng.random(chance.shape) < chance
    other = came.copy()
    other[100:] = ~other[100:]
    judged = np.ones(chance.shape, bool)
    one, two = (learnt_decisions(chance, x, judged, 6) for x in (came, other))
    np.testing.assert_array_equal(one[:106], two[:106])
    assert (one[106:] != two[106:]).any()


def test_reliability_says_what_came_of_each_class():
    chance = np.array([0.0, 0.1, 0.5, 0.5, 1.0])
    came = np.array([0, 0, 1, 0, 1], bool)
    found = reliability(chance, came)
    assert found == [(0.0, 0.0, 1), (0.1, 0.0, 1), (0.5, 0.5, 2), (1.0, 1.0, 1)]
