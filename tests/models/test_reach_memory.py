import numpy as np

from models.reach_memory import (
    BRIDGED,
    FEATURES,
    KEPT,
    OTHERS,
    STALE_S,
    describe,
    look,
    open_beat,
)
from models.upstream_forecast import GAUGE


def _rows(n=2):
    rows = np.zeros(n, GAUGE)  # rows of memory alone would be compiled for apart
    rows["past"] = np.nan
    return rows


def _read(rows, gauge, beat, value, others=(-1,) * OTHERS):
    s = rows[gauge]
    if s["beat"] != beat:
        open_beat(s, beat)
    s["time_s"], s["value"] = beat * 900.0, value
    look(rows, s, np.array(others, np.int32))


def _past(rows, gauge, beat):
    return rows[gauge]["past"][beat % KEPT].tolist()


def test_a_beat_keeps_the_last_reading_and_what_others_had_said():
    rows = _rows()
    _read(rows, 1, 5, 7.0)
    _read(rows, 0, 5, 3.0, (1, -1, -1, -1))
    assert _past(rows, 0, 5)[:2] == [3.0, 7.0]
    assert np.isnan(_past(rows, 0, 5)[2:]).all()


def test_who_is_silent_or_comes_by_another_shard_is_not_heard():
    rows = _rows()
    _read(rows, 1, 5, 7.0)
    _read(rows, 0, 5 + int(STALE_S // 900) + 1, 3.0, (1, -1, -1, -1))
    assert np.isnan(_past(rows, 0, 8)[1])
    rows[1]["home"] = 4
    _read(rows, 0, 9, 3.0, (1, -1, -1, -1))
    assert np.isnan(_past(rows, 0, 9)[1])


def test_short_gaps_are_bridged_and_long_ones_stay_open():
    rows = _rows()
    _read(rows, 0, 1, 3.0)
    _read(rows, 0, 1 + BRIDGED, 4.0)
    assert _past(rows, 0, 4)[0] == 3.0
    _read(rows, 0, 2 + 2 * BRIDGED + 1, 5.0)
    assert np.isnan(_past(rows, 0, 2 + BRIDGED)[0])


def test_a_moment_is_described_by_changes_and_what_is_not_known_is_no_change():
    rows, f = _rows(), np.empty(FEATURES)
    for beat in range(1, 10):
        _read(rows, 0, beat, float(beat))
    describe(rows[0], 9, 2.0, f)
    assert f[:4].tolist() == [0.5, 0.5, 1.0, 2.0]
    assert (f[4:] == 0.0).all()
