import numpy as np

from models.arriving import Arriving
from models.level_forecast import HORIZONS_S

AHEAD = np.array([450.0, 900.0, 2250.0, 3600.0])
DRIFT, ERROR = np.full((1, 1, 4), 0.5), np.full((1, 1, 4), 2.0)


def test_nothing_on_its_way_leaves_a_trend_as_it_is():
    drift, error = Arriving.nothing(1).correct(AHEAD, DRIFT, ERROR)
    np.testing.assert_array_equal(drift, DRIFT)
    np.testing.assert_allclose(error, ERROR)


def test_what_is_on_its_way_comes_little_by_little_and_is_doubted():
    shift = np.array([[1.0, 2.0, 0.0, 0.0]])
    told = Arriving(shift, np.full((1, len(HORIZONS_S)), 0.5), shift)
    drift, error = told.correct(AHEAD, DRIFT, ERROR)
    np.testing.assert_allclose(drift[0, 0] - 0.5, [0.5, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(error[0, 0], np.hypot(1.0, 0.4 * np.array([0.5, 1.0, 1.5, 2.0])))


def test_some_rows_can_be_taken():
    told = Arriving.nothing(3)
    told.shift[2] = 4.0
    assert told.take(np.array([2])).shift.tolist() == [[4.0] * len(HORIZONS_S)]
