"""What official levels span is a sensor's own measure, where values begin anywhere."""

import numpy as np

from operators.factors import Scale, as_factors


def test_levels_measured_from_anywhere_are_taken_by_their_span() -> None:
    levels = np.array([[160.0, np.nan, 155.0, 150.0], [20.0, np.nan, 25.0, 30.0]])
    values, made = as_factors(np.array([150.0, 35.0]), levels, np.array([True, False]))
    np.testing.assert_allclose(np.log(values), [0.0, -0.5])
    np.testing.assert_allclose(np.log(made[:, [0, 2, 3]]), [[1.0, 0.5, 0.0]] * 2)
    assert np.isnan(made[:, 1]).all()
    far, _ = as_factors(np.array([1e9, np.nan]), levels, np.array([True, True]))
    assert far[0] < 100
    assert np.isnan(far[1])


def test_some_are_taken_as_they_are() -> None:
    levels = np.array([[160.0, np.nan, np.nan, 150.0], [np.nan, np.nan, 150.0, 75.0]])
    plain = np.array([False, True])
    scale = Scale.of(np.where(plain[:, None], np.nan, levels), ~plain).but_plain(plain, levels)
    values = scale.values(np.array([80.0, 155.0, np.nan]), np.array([1, 0, 1]))
    np.testing.assert_allclose(values, [80.0, np.exp(0.5), np.nan])
    np.testing.assert_allclose(scale.levels[1], levels[1])


def test_a_scale_grows_by_further_sensors() -> None:
    levels = np.array([[160.0, 155.0, np.nan, 150.0], [20.0, np.nan, 25.0, 30.0]])
    rising, values = np.array([True, False]), np.array([153.0, 21.0])
    both = Scale.of(levels, rising)
    one, other = (Scale.of(levels[n : n + 1], rising[n : n + 1]) for n in range(2))
    grown, of = one.extended(other), np.arange(2)
    np.testing.assert_array_equal(grown.values(values, of), both.values(values, of))
    np.testing.assert_array_equal(grown.levels, both.levels)
