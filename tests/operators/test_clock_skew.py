"""A clock that is off is a maintenance item from when it is noticed until it is right again."""

import pickle

import numpy as np

from models.clock_skew import OFF, WARM_UP
from operators.clock_skew import WatchClocks
from operators.events import Readings
from tests.operators.town import MINUTE, T0, rows

EVERY = 5 * MINUTE
HOME = np.array([0, 1])
START = T0 + (WARM_UP + 5) * EVERY


def hear(watch: WatchClocks, n: int, behind_ms: int, since: int = 0, shard: int = 0) -> None:
    """Sensor 0 is right, sensor 1 so far behind."""
    for number in range(since, since + n):
        now = T0 + number * EVERY
        told = rows((0, now, 1.0), (1, now - behind_ms, 1.0), shard=shard)
        watch.hear(told, np.array([0, behind_ms]))


def test_who_runs_ahead_is_listed_with_by_how_much_and_taken_off():
    watch = WatchClocks()
    hear(watch, WARM_UP + 5, 0)
    hear(watch, 20, -4 * MINUTE, WARM_UP + 5)
    (item,) = watch.list.at(0, START + 30 * EVERY, HOME)
    assert (item.sensor, item.kind, item.value) == (1, "clock", 4.0)
    assert item.since == START + (OFF - 1) * EVERY, "by the clock of all, not its own"
    hear(watch, 10, 0, WARM_UP + 25)
    assert watch.list.at(0, START + 60 * EVERY, HOME) == []


def test_how_readings_are_cut_does_not_matter():
    """A sensor that goes wrong and is right again within one batch is both."""
    lags = np.array([0] * (WARM_UP + 5) + [200_000] * 10 + [0] * 10 + [-200_000] * 10)
    times = T0 + np.arange(len(lags)) * EVERY
    told = rows(*((1, int(t - lag), 1.0) for t, lag in zip(times, lags, strict=True)))
    whole, parts = WatchClocks(), WatchClocks()
    whole.hear(told, lags)
    for row in range(len(lags)):
        parts.hear(told.take(np.array([row])), lags[row : row + 1])
    for end in times + 1:
        assert whole.list.at(0, int(end), HOME) == parts.list.at(0, int(end), HOME) or (
            end < times[-1]
        )
    assert whole.list.at(0, int(times[-1]) + 1, HOME)[0].value == 3.3
    assert pickle.dumps(whole.take(0, HOME)) == pickle.dumps(parts.take(0, HOME))


def test_nothing_heard_is_nothing_learnt():
    watch = WatchClocks()
    watch.hear(Readings.empty(), np.empty(0, np.int64))
    none = np.empty(0, np.intp)
    watch.put(0, none, watch.take(0, none))
    assert watch.bank.n == 0


def test_a_shard_goes_on_elsewhere():
    here, there = WatchClocks(), WatchClocks()
    hear(here, WARM_UP + 5, 0)
    hear(here, OFF - 1, 200_000, WARM_UP + 5)
    there.put(0, HOME, pickle.loads(pickle.dumps(here.take(0, HOME))))
    for watch in (here, there):
        hear(watch, 1, 200_000, WARM_UP + 4 + OFF)
    assert there.list.at(0, START + HOUR_LATER, HOME) == here.list.at(0, START + HOUR_LATER, HOME)
    assert len(there.list.at(0, START + HOUR_LATER, HOME)) == 1


HOUR_LATER = 60 * MINUTE
