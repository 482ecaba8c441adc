import numpy as np
import pytest

from models.newton import dot, forget, step


def _learnt(examples, yes_or_no):
    size = examples.shape[1] - 1
    cov, weights, gain = 5.0 * np.eye(size), np.zeros(size), np.zeros(size)
    for row in examples:
        f, y = np.ascontiguousarray(row[:-1]), row[-1]
        said = dot(weights, f)
        information = 1.0
        if yes_or_no:
            said = 1.0 / (1.0 + np.exp(-said))
            information = said * (1.0 - said)
        step(cov, f, information, gain)
        weights += gain * (y - said)
    return cov, weights


def test_numbers_are_learnt_as_by_ridge_regression_on_all_of_them():
    rng = np.random.default_rng(1)
    f = rng.normal(size=(60, 3))
    y = f @ [1.0, -2.0, 0.5] + rng.normal(0, 0.3, 60)
    cov, weights = _learnt(np.c_[f, y], yes_or_no=False)
    expected = np.linalg.inv(f.T @ f + np.eye(3) / 5.0)
    np.testing.assert_allclose(cov, expected, atol=1e-9)
    np.testing.assert_allclose(weights, expected @ f.T @ y, atol=1e-9)


def test_chances_are_learnt_from_what_came():
    rng = np.random.default_rng(2)
    f = np.c_[np.ones(6000), rng.normal(size=6000)]
    chance = 1.0 / (1.0 + np.exp(-(f @ [-1.0, 2.0])))
    _, weights = _learnt(np.c_[f, rng.random(6000) < chance], yes_or_no=True)
    np.testing.assert_allclose(weights, [-1.0, 2.0], atol=0.2)


def test_what_was_learnt_fades_to_no_less_than_was_known_at_first():
    cov = np.array([[0.1, 0.02, 0.0], [0.02, 0.1, 0.0], [0.0, 0.0, 2.0]])
    forget(cov, 0.5, 2.0)
    np.testing.assert_allclose(np.diag(cov), [0.2, 0.2, 2.0])
    assert cov[0, 1] == pytest.approx(0.04)
    for _ in range(20):
        forget(cov, 0.5, 2.0)
    np.testing.assert_allclose(np.diag(cov), 2.0)
    assert np.linalg.eigvalsh(cov).min() > 0


def test_a_weight_nothing_speaks_of_does_not_hold_up_the_others():
    cov = np.diag([0.1, 3.0])
    forget(cov, 0.5, 3.0)
    np.testing.assert_allclose(np.diag(cov), [0.2, 3.0])


def test_weights_beyond_the_features_are_left_out():
    assert dot(np.array([2.0, 3.0, 99.0]), np.array([1.0, 1.0])) == 5.0


def test_years_of_learning_and_forgetting_leave_the_covariance_sound():
    rng = np.random.default_rng(3)
    cov, gain = np.eye(4), np.zeros(4)
    for _ in range(20_000):
        one = rng.normal()
        # Two features that are always the same: nothing tells their weights apart.
        step(cov, np.array([1.0, one, one, 0.0]), 1.0, gain)
        forget(cov, 0.995, 1.0)
    assert (cov == cov.T).all()
    assert np.linalg.eigvalsh(cov).min() > 0
    assert np.diag(cov).max() < 1.01
