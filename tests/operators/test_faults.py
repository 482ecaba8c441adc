"""A sensor that lies is listed, counts less while it lies, and says so in its evidence."""

import pickle

import numpy as np
import pytest

from operators.events import Readings
from operators.evidence import FAULTY, UNUSUAL
from operators.faults import KINDS, WELL, RecogniseFaults
from operators.registry import Registry
from operators.screening import Screened
from tests.operators.town import MINUTE, T0, evidence, rows, sensor, town

EVERY = 5 * MINUTE
HOME = np.arange(5)


class Watch:
    """Five sensors of a kind in one place, around 20; each reading is a surprise of 4."""

    def __init__(self) -> None:
        self.registry = Registry(town([sensor(f"s{n}", at_m=(9, 100 * n)) for n in range(5)]))
        self.step = RecogniseFaults(self.registry)
        self.time = T0
        self.rng = np.random.default_rng(1)

    def screened(self, values: np.ndarray, impossible: float | None = None) -> Screened:
        self.time += EVERY
        told = [(n, self.time, float(v)) for n, v in enumerate(values)]
        bad = Readings.empty()
        if impossible is not None:
            bad, told = rows((1, self.time, impossible)), [t for t in told if t[0] != 1]
        ones = np.ones(len(told))
        channel = np.zeros(len(told), np.int8)
        return Screened(rows(*told), 4 * ones, 20 * ones, 0.8 * ones, channel, impossible=bad)

    def next(self, count: int, lie=lambda x: x, impossible: float | None = None) -> Screened:
        """Let sensor 1 say what it makes of the truth, so often; return the last readings."""
        for _ in range(count):
            values = self.rng.normal(20, 1, 5).round(2)
            values[1] = lie(values[1])
            last = self.step.recognise(self.screened(values, impossible))
        return last

    def listed(self) -> list[tuple[int, str]]:
        at = self.step.list.at(0, self.time + 1, HOME)
        return [(item.sensor, item.kind) for item in at]


LIES = {
    "stuck": lambda x: 21.5,
    "drift": lambda x: x + 6,
    "unit": lambda x: 100 * x,
}


@pytest.mark.parametrize("kind", LIES)
def test_who_lies_is_listed_and_discounted_until_it_has_read_well_for_a_while(kind):
    watch = Watch()
    plain = watch.next(400)
    assert plain.surprisal.tolist() == [4.0] * 5
    assert watch.listed() == []
    faulty = watch.next(60, LIES[kind])
    assert watch.listed() == [(1, kind)]
    assert faulty.surprisal.tolist() == [4.0, 4.0 * FAULTY, 4.0, 4.0, 4.0]
    assert [KINDS[n] for n in faulty.fault] == ["none", kind, "none", "none", "none"]
    again = watch.next(WELL + 40)
    assert watch.listed() == []
    assert again.surprisal.tolist() == [4.0] * 5


def test_an_item_says_since_when_what_it_read_and_what_was_expected():
    watch = Watch()
    watch.next(400)
    begun = watch.time
    watch.next(60, LIES["stuck"])
    (item,) = watch.step.list.at(0, watch.time + 1, HOME)
    assert begun + 3 * EVERY <= item.since <= begun + 10 * EVERY
    assert (item.value, item.expected) == (21.5, 20.0)


def test_what_cannot_be_measured_is_a_fault_at_once():
    watch = Watch()
    watch.next(10, impossible=-9999.0)
    (item,) = watch.step.list.at(0, watch.time + 1, HOME)
    assert (item.sensor, item.kind, item.value, item.expected) == (1, "range", -9999.0, None)
    assert watch.next(WELL - 1).fault.tolist() == [0, KINDS.index("range"), 0, 0, 0]
    assert watch.next(1).fault.tolist() == [0] * 5
    assert watch.listed() == []


def test_what_all_see_is_an_event():
    watch = Watch()
    watch.next(400)
    for _ in range(40):
        watch.step.recognise(watch.screened(watch.rng.normal(30, 1, 5).round(2)))
    assert watch.listed() == []


def test_one_leap_is_not_yet_a_fault():
    watch = Watch()
    watch.next(400)
    leapt = watch.next(1, lambda x: x + 70)
    assert leapt.fault.tolist() == [0] * 5
    assert leapt.surprisal[1] == 4.0
    assert watch.listed() == []


def test_a_surer_sign_replaces_a_less_sure_one():
    watch = Watch()
    watch.next(400)
    watch.next(60, LIES["drift"])
    watch.next(30, lambda x: 26.0)
    assert watch.listed() == [(1, "stuck")]
    watch.next(1, lambda x: x + 6)
    assert watch.listed() == [(1, "stuck")], "and stays while anything is wrong"


def test_evidence_of_a_faulty_sensor_says_so_and_is_none_alone():
    watch = Watch()
    watch.next(400)
    faulty = watch.next(60, LIES["stuck"])
    said = [(0, evidence("s0", surprisal=9.0)), (1, evidence("s1", surprisal=9.0))]
    plain, marked = (e for _, e in watch.step.discount(said, faulty))
    assert (plain.surprisal, plain.fault) == (9.0, "")
    assert (marked.surprisal, marked.fault) == (9.0 * FAULTY, "stuck")
    assert 10.0 * FAULTY < UNUSUAL


def test_how_readings_are_cut_does_not_matter_impossible_ones_included():
    whole, parts = Watch(), Watch()
    values = whole.rng.normal(20, 1, 60).round(2)
    values[20:30] = -999.0
    times = T0 + np.arange(60) * EVERY
    good = values > 0

    def screened(which: np.ndarray) -> Screened:
        def told(mask: np.ndarray) -> Readings:
            at = which[mask[which]]
            return rows(*((1, int(times[n]), float(values[n])) for n in at))

        ones = np.ones(int(good[which].sum()))
        channel = np.zeros(len(ones), np.int8)
        return Screened(told(good), 4 * ones, 20 * ones, ones, channel, impossible=told(~good))

    once = whole.step.recognise(screened(np.arange(60)))
    each = [parts.step.recognise(screened(np.array([n]))) for n in range(60)]
    assert once.fault.tolist() == [int(f) for one in each for f in one.fault]
    assert once.fault.tolist() == [0] * 20 + [KINDS.index("range")] * (WELL - 1) + [0] * 25
    for end in times + 1:
        assert (
            whole.step.list.at(0, int(end), HOME)[:1] == parts.step.list.at(0, int(end), HOME)[:1]
        )


def test_nothing_to_score_is_nothing_to_judge():
    watch = Watch()
    nothing = Screened(Readings.empty(), *(np.empty(0),) * 3, np.empty(0, np.int8))
    assert watch.step.recognise(nothing).fault.tolist() == []


def test_a_shard_goes_on_elsewhere_as_at_home():
    here, there = Watch(), Watch()
    here.next(400)
    here.next(20, LIES["drift"])
    there.time, there.rng = here.time, np.random.default_rng(9)
    here.rng = np.random.default_rng(9)
    there.step.put(0, HOME, pickle.loads(pickle.dumps(here.step.take(0, HOME))))
    for _ in range(60):
        one, other = here.next(1, LIES["drift"]), there.next(1, LIES["drift"])
        assert one.fault.tolist() == other.fault.tolist()
        assert here.listed() == there.listed()
    assert here.listed() == [(1, "drift")]
    assert bytes(here.step.take(0, HOME)[0]) == bytes(there.step.take(0, HOME)[0])
