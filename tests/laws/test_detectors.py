"""Every learner obeys every law, or says why a law does not apply to it."""

import pickle

import numpy as np
import pytest

from models.count_burst import CountBurst
from models.half_space import CellModel
from models.level_forecast import LevelForecast
from models.one_event import EventOfLate
from models.one_series import RecordOfPeaks
from models.pooled_forecast import PooledForecast
from models.record_of_peaks import SensorBank, WeeklyBank
from models.report_text import ReportText
from models.rules import RULES
from tests.laws import detector_laws as laws

pytestmark = pytest.mark.slow

SENSORS = 3
SEEDS = {"fire": ["smoke and flames", "着火"], "flood": ["water is rising", "积水"]}


def _columns(rows):
    sensors, times, values = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(sensors, np.intp), np.array(times, float), np.array(values, float)


def _readings(n, sensors=SENSORS):
    rng = np.random.default_rng(5)
    walk = rng.normal(size=n).cumsum() * 0.1
    # One sensor may speak several times in a row, another be silent meanwhile.
    who = rng.integers(sensors, size=n)
    values = 20 + 5 * np.sin(np.arange(n) / 46) + walk + rng.normal(size=n)
    values[n * 2 // 3] += 30
    return [(int(s), 100.0 * t, float(v)) for t, (s, v) in enumerate(zip(who, values, strict=True))]


def _feed_bank(bank, rows):
    return list(
        zip(*(column.tolist() for column in bank.score_and_learn(*_columns(rows))), strict=True)
    )


def _feed_forecast(bank, rows):
    sensors, times, values = _columns(rows)
    bank.observe(sensors, (times * 1000).astype(np.int64), values)
    return [()] * len(rows)


def _ask_forecast(bank, row):
    levels = np.array([[20.0, 25.0, 30.0, np.nan]])
    return bank.crossing(np.array([row[0]]), levels, 3600.0)[0].tolist()


LEVELS = np.array([[30.0, 25.0, 20.0, np.nan]])


def _hourly(n):
    return [(sensor, 36.0 * time, value) for sensor, time, value in _readings(n)]


def _feed_pooled(model, rows):
    sensors, times, values = _columns(rows)
    none, times_ms = np.zeros(len(rows), np.intp), (times * 1000).astype(np.int64)
    model.observe(sensors, none, times_ms, values, np.tile(LEVELS, (len(rows), 1)))
    return [()] * len(rows)


def _ask_pooled(model, row):
    return model.exceeding(np.array([row[0]]), np.array([0]), LEVELS)[0].tolist()


def _feed_series(model, rows):
    said = []
    for row in rows:
        score = model.score_one(_reading(row))
        model.learn_one(_reading(row))
        said.append((score, model.strength))
    return said


def _reading(row):
    return {"value": row[2], "time": row[1]}


def _points(n):
    rng = np.random.default_rng(6)
    return [dict(zip("abc", row, strict=True)) for row in rng.beta(2, 9, size=(n, 3)).tolist()]


def _feed_cells(model, rows):
    said = []
    for row in rows:
        said.append((model.score_one(row),))
        model.learn_one(row)
    return said


def _reports(n):
    rng = np.random.default_rng(7)
    times = rng.uniform(0, 20 * 86_400, n)
    times.sort()
    hazards = ("fire", "flood")
    return [
        (hazards[h], f"cell {p}", t)
        for h, p, t in zip(
            rng.integers(2, size=n).tolist(),
            rng.integers(30, size=n).tolist(),
            times.tolist(),
            strict=True,
        )
    ]


def _feed_counts(model, rows):
    return [
        (burst and burst.surprisal, burst) for burst in (model.score_and_learn(*r) for r in rows)
    ]


def _texts(n):
    rng = np.random.default_rng(8)
    words = ["smoke", "water", "road", "着火了", "积水很深", "house", "rising", "help"]
    return [
        (" ".join(rng.choice(words, 4)), ("fire", "flood")[h])
        for h in rng.integers(2, size=n).tolist()
    ]


def _feed_texts(model, rows):
    said = []
    for text, hazard in rows:
        said.append(tuple(model.predict_proba_one(text).values()))
        model.learn_one(text, hazard)
    return said


NAN_ROWS = [(0, 1e5, float("nan")), (1, 1e5, float("inf")), (2, 1e5, float("-inf"))]

BANKS = (SensorBank, WeeklyBank)
LEARNERS = (
    *(
        laws.Learner(
            name=bank.__name__,
            new=lambda bank=bank: bank(SENSORS),
            feed=_feed_bank,
            look=None,
            restore=bank.restore,
            save=bank.snapshot,
            rows=_readings,
            flat=lambda n: [(0, 300.0 * t, 7.3) for t in range(n)],
            bad=[*NAN_ROWS, (0, float("nan"), 20.0), (1, 1e5, 1e200)],
            warm_up=RULES.warm_up,
        )
        for bank in BANKS
    ),
    *(
        laws.Learner(
            name=name,
            new=lambda face=face, weekly=weekly: face(weekly=weekly),
            feed=_feed_series,
            look=lambda model, row: model.score_one(_reading(row)),
            restore=lambda data, face=face: laws.unpickled(data, face),
            save=pickle.dumps,
            rows=lambda n: _readings(n, 1),
            flat=lambda n: [(0, 300.0 * t, 7.3) for t in range(n)],
            bad=[*NAN_ROWS, (0, 1e5, None)],
            warm_up=warm_up,
            growth=1.02,  # the length of a pickle depends on its numbers
            exact=False,
        )
        for name, face, weekly, warm_up in (
            ("RecordOfPeaks", RecordOfPeaks, False, RULES.warm_up),
            ("RecordOfPeaks by week", RecordOfPeaks, True, RULES.warm_up),
            ("EventOfLate", EventOfLate, False, RULES.few),
        )
    ),
    laws.Learner(
        name="LevelForecast",
        new=lambda: LevelForecast(SENSORS),
        feed=_feed_forecast,
        look=_ask_forecast,
        restore=LevelForecast.restore,
        save=LevelForecast.snapshot,
        rows=_readings,
        bad=[*NAN_ROWS, (0, -5.0, 20.0)],
        score_at=None,
    ),
    laws.Learner(
        name="PooledForecast",
        new=lambda: PooledForecast(SENSORS, 1),
        feed=_feed_pooled,
        look=_ask_pooled,
        restore=PooledForecast.restore,
        save=PooledForecast.snapshot,
        rows=_hourly,
        bad=[*NAN_ROWS, (0, -5.0, 20.0)],
        score_at=None,
    ),
    laws.Learner(
        name="CellModel",
        new=lambda: CellModel(seed=3, window=250),
        feed=_feed_cells,
        look=CellModel.score_one,
        restore=CellModel.restore,
        save=CellModel.snapshot,
        rows=_points,
        flat=lambda n: [{"a": 0.2, "b": 0.0}] * n,
        bad=[{}, {"a": float("nan"), "b": float("inf")}],
        warm_up=400,
        growth=1.02,
        exact=False,
    ),
    laws.Learner(
        name="CountBurst",
        new=lambda: CountBurst(["fire", "flood"], places=30, capacity=40),
        feed=_feed_counts,
        look=lambda model, row: model.score_one(*row),
        restore=CountBurst.restore,
        save=CountBurst.snapshot,
        rows=_reports,
        warm_up=3,
        growth=1.02,
        exact=False,
    ),
    laws.Learner(
        name="ReportText",
        new=lambda: ReportText(SEEDS),
        feed=_feed_texts,
        look=lambda model, row: model.predict_proba_one(row[0]),
        restore=ReportText.restore,
        save=ReportText.snapshot,
        rows=_texts,
        score_at=None,
        exact=False,
    ),
)

DO_NOT_APPLY = {
    ("SensorBank", laws.scoring_changes_nothing): "scores and learns in one act",
    ("WeeklyBank", laws.scoring_changes_nothing): "scores and learns in one act",
    ("LevelForecast", laws.nothing_is_said_in_warm_up): "has no score; see its own tests",
    ("LevelForecast", laws.a_flat_series_never_surprises): "has no score",
    ("PooledForecast", laws.nothing_is_said_in_warm_up): "has no score; see its own tests",
    ("PooledForecast", laws.a_flat_series_never_surprises): "has no score; see its own tests",
    ("CountBurst", laws.bad_rows_teach_nothing): "rejects them with an error; see its own tests",
    ("CountBurst", laws.a_flat_series_never_surprises): "its series are never flat: a count is 1",
    ("ReportText", laws.bad_rows_teach_nothing): "any text is a text",
    ("ReportText", laws.nothing_is_said_in_warm_up): "starts from a vocabulary",
    ("ReportText", laws.a_flat_series_never_surprises): "has no series",
}


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
@pytest.mark.parametrize("law", laws.ALL, ids=lambda law: law.__name__)
def test_law(learner, law):
    if (learner.name, law) not in DO_NOT_APPLY:
        law(learner)


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("seed", range(3))
def test_the_bank_and_the_one_series_face_agree(seed, bank):
    rng = np.random.default_rng(seed)
    n, step = (2500, 600.0) if bank is SensorBank else (4000, 1200.0)  # eight weeks of habits
    times = np.arange(n) * step
    values = 50 + 10 * np.sin(times / 86_400 * 6.283) + rng.standard_t(4, n) * (1 + seed)
    values[1800:1830] += 40
    values[times // 86_400 % 7 == 3] += 25
    face = RecordOfPeaks(weekly=bank is WeeklyBank)
    scores = bank(1).score_and_learn(np.zeros(n, np.intp), times, values)
    said = np.array(_feed_series(face, [(0, t, v) for t, v in zip(times, values, strict=True)]))
    np.testing.assert_allclose(scores.surprisal, said[:, 0], atol=1e-4)
    assert np.flatnonzero(scores.strength).tolist() == np.flatnonzero(said[:, 1]).tolist()
    np.testing.assert_allclose(scores.strength, said[:, 1], atol=1e-4)
