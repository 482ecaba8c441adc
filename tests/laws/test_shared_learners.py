"""What learns from several sensors, or from people, obeys the laws of every learner."""

import pickle

import numpy as np
import pytest

from models.calibration import Calibration
from models.confirmation import Confirmation
from models.gradual import DAY_MS
from models.reliability import Reliability
from models.upstream_forecast import OTHERS, UpstreamForecast
from tests.laws import detector_laws as laws

GROUPS, GAUGES = 2, 3
HOUR_MS = 3_600_000
NEAR = np.full((GAUGES, OTHERS), -1, np.int32)
NEAR[:, :2] = [[1, 2], [0, 2], [0, 1]]


def _columns(rows, *dtypes):
    columns = zip(*rows, strict=True) if rows else ((),) * len(dtypes)
    return [np.array(column, dtype) for column, dtype in zip(columns, dtypes, strict=True)]


# --- calibration: raw surprisals of groups ---------------------------------------------------


def _surprisals(n):
    rng = np.random.default_rng(5)
    groups, raw = rng.integers(GROUPS, size=n).tolist(), rng.exponential(0.6, n)
    return list(zip(groups, range(n), raw, strict=True))


def _feed_calibration(model, rows):
    groups, times, raw = _columns(rows, np.intp, np.int64, float)
    said = model.score_and_learn(groups, times * HOUR_MS, raw, np.ones(len(rows), np.bool_))
    return [(value,) for value in said.tolist()]


def _restored_calibration(data):
    model = Calibration(GROUPS)
    half = len(data) // GROUPS
    for group in range(GROUPS):
        model.put(group, data[group * half : (group + 1) * half])
    return model


# --- a river: three gauges, one after the other ----------------------------------------------


def _stages(n):
    """Every five minutes one of three gauges; what passes one passes the next four hours later."""
    rng = np.random.default_rng(6)
    rain = np.convolve(rng.exponential(0.05, n + 400), np.exp(-np.arange(200) / 60))[200:]
    rows = []
    for k in range(n):
        gauge = k % GAUGES
        rows.append((gauge, 300.0 * k, 2.0 + float(rain[k + 150 - 48 * gauge])))
    return rows


def _feed_river(model, rows):
    gauges, times, values = _columns(rows, np.intp, float, float)
    homes = np.zeros(len(rows), np.intp)
    told = model.observe(gauges, homes, NEAR, (times * 1000).astype(np.int64), values)
    return [tuple(map(tuple, each)) for each in zip(*(c.tolist() for c in told), strict=True)]


def _restored_river(data):
    model = UpstreamForecast()
    model.put(np.arange(GAUGES), data)
    return model


# --- people's verdicts -----------------------------------------------------------------------


def _verdicts(n):
    rng = np.random.default_rng(7)
    spoke = rng.exponential(2.0, size=(n, 2))
    return [
        ({"sensors": a, "reports": b, f"of place {k % 9}": 1.0}, bool(a + b > 4))
        for k, (a, b) in enumerate(spoke.tolist())
    ]


def _feed_verdicts(model, rows):
    said = []
    for features, confirmed in rows:
        said.append((model.predict_one(features),))
        model.learn_one(features, confirmed)
    return said


def _voices(n):
    rng = np.random.default_rng(8)
    who = rng.integers(30, size=n).tolist()
    return [(f"s-{s}", float(k % 3 == 0), k * DAY_MS // 40) for k, s in enumerate(who)]


def _feed_voices(model, rows):
    said = []
    for source, good, time_ms in rows:
        said.append((model.worth_one(source, time_ms),))
        model.learn_one(source, good, 1.0 - good, time_ms)
    return said


NAN_ROWS = [(0, 1e6, float("nan")), (1, 1e6, float("inf")), (2, 1e6, float("-inf"))]

LEARNERS = (
    laws.Learner(
        name="Calibration",
        new=lambda: Calibration(GROUPS),
        feed=_feed_calibration,
        look=None,
        restore=_restored_calibration,
        save=lambda model: b"".join(map(model.take, range(GROUPS))),
        rows=_surprisals,
        flat=lambda n: [(0, k, 0.0) for k in range(n)],
        bad=[(0, 450, float("nan")), (1, 450, float("nan"))],
    ),
    laws.Learner(
        name="UpstreamForecast",
        new=lambda: UpstreamForecast(GAUGES),
        feed=_feed_river,
        look=lambda model, row: model.arrival(row[0], 0),
        restore=_restored_river,
        save=lambda model: model.take(np.arange(GAUGES)),
        rows=_stages,
        bad=[*NAN_ROWS, (0, -5.0, 20.0)],
        score_at=None,
    ),
    laws.Learner(
        name="Confirmation",
        new=lambda: Confirmation({"sensors": 1.0, "reports": 1.0}, -2.0),
        feed=_feed_verdicts,
        look=lambda model, row: model.predict_one(row[0]),
        restore=lambda data: laws.unpickled(data, Confirmation),
        save=pickle.dumps,
        rows=_verdicts,
        growth=1.02,
        score_at=None,
        exact=False,
    ),
    laws.Learner(
        name="Reliability",
        new=lambda: Reliability(20),
        feed=_feed_voices,
        look=lambda model, row: model.worth_one(row[0], row[2]),
        restore=lambda data: laws.unpickled(data, Reliability),
        save=pickle.dumps,
        rows=_voices,
        growth=1.02,
        score_at=None,
        exact=False,
    ),
)

DO_NOT_APPLY = {
    ("Calibration", laws.scoring_changes_nothing): "scores and learns in one act",
    ("UpstreamForecast", laws.a_flat_series_never_surprises): "has no score",
    ("Confirmation", laws.bad_rows_teach_nothing): "a verdict is one whatever spoke for it",
    ("Calibration", laws.nothing_is_said_in_warm_up): "begins with the guess",
    ("UpstreamForecast", laws.nothing_is_said_in_warm_up): "has no score; the trend is right then",
    ("Confirmation", laws.nothing_is_said_in_warm_up): "begins with the weights made by hand",
    ("Reliability", laws.nothing_is_said_in_warm_up): "everybody is believed at first",
    ("Confirmation", laws.a_flat_series_never_surprises): "has no series",
    ("Reliability", laws.bad_rows_teach_nothing): "a verdict is one whoever spoke",
    ("Reliability", laws.a_flat_series_never_surprises): "has no series",
}


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
@pytest.mark.parametrize("law", laws.ALL, ids=lambda law: law.__name__)
def test_law(learner, law):
    if (learner.name, law) not in DO_NOT_APPLY:
        law(learner)


def test_the_river_the_laws_are_tried_on_is_one():
    """Else they would hold of a model that never says anything."""
    model, rows = UpstreamForecast(GAUGES), _stages(12_000)
    told = _feed_river(model, rows)
    assert any(shift != 0.0 for shifts, _, _ in told for shift in shifts)
