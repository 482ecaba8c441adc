"""What knows faulty sensors obeys the laws of every learner."""

import numpy as np
import pytest

from models.clock_skew import ClockBank
from models.sensor_faults import FaultBank
from tests.laws import detector_laws as laws

SENSORS = 3
NEAR = np.array([[1, 2], [0, 2], [0, 1]], np.int32)


def _columns(rows):
    sensors, values = zip(*rows, strict=True) if rows else ((), ())
    return np.array(sensors, np.intp), np.array(values, float)


def _readings(n):
    """Lively sensors; one of them sticks, spikes, drifts and changes its unit."""
    rng = np.random.default_rng(5)
    who = rng.integers(SENSORS, size=n)
    values = (20 + rng.normal(size=n)).round(2)
    first = who == 0
    for begin, end, lie in ((5, 6, 20.5), (6, 7, 90.0), (7, 8, 200.0)):
        where = np.flatnonzero(first)
        where = where[(where >= n * begin // 10) & (where < n * end // 10)]
        values[where[:: 1 if lie != 90.0 else 7]] = lie
    return list(zip(who.tolist(), values.tolist(), strict=True))


def _feed_faults(bank, rows):
    sensors, values = _columns(rows)
    ones = np.ones(len(rows))
    return [(int(k),) for k in bank.judge_and_learn(sensors, values, 20 * ones, ones, NEAR)]


def _lags(n):
    rng = np.random.default_rng(6)
    lags = rng.normal(3, 2, n)
    lags[n // 2 : n // 2 + 60] += 300
    return list(zip(rng.integers(SENSORS, size=n).tolist(), lags.tolist(), strict=True))


def _feed_clocks(bank, rows):
    return [(int(turned),) for turned in bank.judge_and_learn(*_columns(rows))]


NAN_ROWS = [(0, float("nan")), (1, float("inf")), (2, float("-inf"))]

LEARNERS = (
    laws.Learner(
        name="FaultBank",
        new=lambda: FaultBank(SENSORS),
        feed=_feed_faults,
        look=None,
        restore=FaultBank.restore,
        save=FaultBank.snapshot,
        rows=_readings,
        flat=lambda n: [(0, 7.3)] * n,
        bad=[*NAN_ROWS, (0, 1e200)],
    ),
    laws.Learner(
        name="ClockBank",
        new=lambda: ClockBank(SENSORS),
        feed=_feed_clocks,
        look=None,
        restore=ClockBank.restore,
        save=ClockBank.snapshot,
        rows=_lags,
        flat=lambda n: [(0, 7.3)] * n,
        bad=NAN_ROWS,
    ),
)

# Both judge and learn in one act, and say what is wrong in place of a score.
LAWS = [
    law
    for law in laws.ALL
    if law not in (laws.scoring_changes_nothing, laws.nothing_is_said_in_warm_up)
]


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(learner, law):
    law(learner)


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
def test_the_stream_the_laws_are_tried_on_has_faults(learner):
    assert {word[0] for word in learner.feed(learner.new(), learner.rows(3000))} > {0}
