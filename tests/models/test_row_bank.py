import numpy as np
import pytest

from models.level_forecast import LevelForecast
from models.record_of_peaks import SensorBank

BANKS = pytest.mark.parametrize("kind", [SensorBank, LevelForecast])


def _feed(bank, sensors, start, readings=400):
    """Feed a walk to sensors in turn; return what the bank says where it says something."""
    rng = np.random.default_rng(start)
    who = np.tile(sensors, readings)
    times = start + np.repeat(np.arange(readings), len(sensors)) * 300
    values = rng.normal(size=(readings, 3))[:, : len(sensors)].cumsum(axis=0).ravel()
    if isinstance(bank, SensorBank):
        return np.array(bank.score_and_learn(who, times.astype(float), values)).tolist()
    bank.observe(who, times * 1000, values)
    return bank.quantiles(np.array(sensors), np.array([900.0, 7200.0])).tolist()


def _row(bank, sensor):
    return bytes(bank.take(np.array([sensor])))


@BANKS
def test_a_sensor_goes_on_elsewhere_as_at_home(kind):
    home, away = kind(3), kind(1)
    _feed(home, [0, 1, 2], 0)
    away.put(np.array([5, 2]), home.take(np.array([2, 0])))
    assert away.n == 6
    assert repr(_feed(home, [2, 0], 10**6)) == repr(_feed(away, [5, 2], 10**6))
    assert _row(away, 5) == _row(home, 2)
    assert _row(away, 3) == _row(kind(1), 0)


@BANKS
def test_a_snapshot_is_the_state_of_all_and_the_count_of_the_ignored(kind):
    bank = kind(3)
    _feed(bank, [0, 2], 0)
    bank.ignored = 7
    twin = kind.restore(bank.snapshot())
    assert (twin.n, twin.ignored) == (3, 7)
    assert twin.snapshot() == bank.snapshot()
    everyone = np.arange(3)
    assert bytes(twin.take(everyone)) == bytes(bank.take(everyone))
    assert len(bank.take(everyone)) == len(bank.take(everyone[:0])) + 3 * bank.state_bytes


@BANKS
def test_growing_is_cheap_and_keeps_what_was_learnt(kind):
    bank = kind(1)
    _feed(bank, [0], 0)
    before, moved = _row(bank, 0), 0
    for n in range(2000):
        rows = bank._rows
        bank.grow(n)
        moved += bank._rows is not rows
    assert moved < 25
    assert _row(bank, 0) == before
    assert _row(bank, 1998) == _row(kind(1), 0)
    bank.grow(3)
    assert bank.n == 1999


@BANKS
def test_rows_begin_with_a_cache_line(kind):
    assert [kind(n)._rows.ctypes.data % 64 for n in (1, 2, 77)] == [0, 0, 0]


@BANKS
def test_no_sensors_are_no_state(kind):
    nobody = np.empty(0, np.intp)
    bank = kind(2)
    bank.put(nobody, bank.take(nobody))
    assert bank.n == 2


@BANKS
@pytest.mark.parametrize("wrong", [-1, 2])
def test_a_sensor_it_does_not_have_is_refused(kind, wrong):
    with pytest.raises(IndexError, match="must be 0 to 1"):
        kind(2).take(np.array([0, wrong]))


@BANKS
def test_foreign_bytes_are_refused(kind):
    bank, one = kind(2), np.array([1])
    state = bytes(bank.take(one))
    other = LevelForecast if kind is SensorBank else SensorBank
    for wrong in (b"", state[:-1], state + b"x", b"cwother1" + state[8:], _row(other(1), 0)):
        with pytest.raises(ValueError, match=r"expected|or more"):
            bank.put(one, wrong)
        with pytest.raises(ValueError, match=r"expected|or more"):
            kind.restore(wrong)
    with pytest.raises(ValueError, match="the state of 2 sensors, got 1"):
        bank.put(np.array([0, 1]), state)


@BANKS
def test_columns_of_any_kind_of_array_are_taken_and_unequal_ones_refused(kind):
    plain, odd = kind(3), kind(3)
    sensors, times, values = np.arange(3), np.full(3, 600), np.array([1.0, 2.0, 3.0])
    feed = SensorBank.score_and_learn if kind is SensorBank else LevelForecast.observe
    feed(plain, sensors, times, values)
    stepped, frozen = np.zeros(6)[::2], np.frombuffer(values.tobytes())
    stepped[:] = values
    feed(odd, sensors.astype(np.int32), times.astype(np.int32), stepped)
    assert odd.snapshot() == plain.snapshot()
    feed(plain, sensors, times + 300, values)
    feed(odd, sensors, times + 300, frozen)
    assert odd.snapshot() == plain.snapshot()
    with pytest.raises(ValueError, match="got 3 sensors, 2 times, 3 values"):
        feed(odd, sensors, times[:2], values)
