"""A cell in which several sensors are a little unusual is unusual itself."""

import h3
import numpy as np
import pytest

from operators.cells import SAMPLE, SHOWN, JudgeCells
from operators.events import HAZARDS, CellState, Evidence
from operators.evidence import UNUSUAL, Found
from operators.merging import CityWindow
from operators.registry import Registry
from operators.surroundings import agreement
from operators.triage import Triaged, TriagedReport
from operators.windows import MILLI, WINDOW_MS, CellSums, ShardWindow
from tests.operators.town import LAT, LON, T0, sensor, town

TOWN = town([sensor(f"s-{n}", at_m=(2000 * n, 0)) for n in range(12)])
Sums = dict[tuple[int, str], tuple[int, int, float, float]]
"""(cell, hazard) -> sensors, unusual, sum and worst of surprisals."""


def sums(figures: Sums) -> CellSums:
    rows = [
        (cell, HAZARDS.index(hazard), sensors, unusual, int(total * MILLI), int(worst * MILLI))
        for (cell, hazard), (sensors, unusual, total, worst) in sorted(figures.items())
    ]
    return CellSums(*(np.array(column, np.int64) for column in zip(*rows, strict=True)))


def window(number: int, *shards: Sums) -> CityWindow:
    end = T0 + number * WINDOW_MS
    summed = (ShardWindow(n, end, end, sums(figures)) for n, figures in enumerate(shards))
    return CityWindow(end, end, tuple(summed))


def calm(number: int) -> CityWindow:
    """Usual noise: sensors are a little unusual now and then, seldom two in a cell."""
    rng = np.random.default_rng(number)
    return window(
        number,
        {
            (cell, "noise"): (10, int(rng.random() < 0.1), float(worst * 2), float(worst))
            for cell, worst in enumerate(rng.exponential(0.3, 12).clip(0, 1.9))
        },
    )


def triaged(number: float, *cells: str) -> Triaged:
    at = T0 + int(number * WINDOW_MS)
    reports = (
        TriagedReport(f"r-{n}", at - 1, "noise", cell, LON, LAT, "east", False)
        for n, cell in enumerate(cells)
    )
    return Triaged(tuple(reports), at)


class Judge:
    def __init__(self) -> None:
        self.registry = Registry(TOWN)
        self.step = JudgeCells(self.registry)
        self.states: list[CellState] = []

    def feed(self, *items: CityWindow | Triaged) -> list[Evidence]:
        found: list[Evidence] = []
        for said in self.step.on_batch(items):
            if isinstance(said, Found):
                assert said.origin == "cells"
                assert said.number is None, "what was told before is known by its window"
                found += said.evidence
                self.watermark, self.last = said.watermark, said.last
            else:
                self.states.append(said)
        return found


def restarted(judge: Judge) -> Judge:
    twin = Judge()
    twin.step.restore(judge.step.snapshot())
    return twin


def test_a_window_waits_for_the_reports_of_its_time() -> None:
    judge = Judge()
    loud = window(1, {(0, "noise"): (4, 1, 3.0, SHOWN)})
    judge.feed(loud)
    assert judge.states == []
    assert judge.watermark < T0
    judge.feed(triaged(0.5))
    assert judge.states == []
    judge.feed(triaged(1))
    assert [state.cell for state in judge.states] == [judge.registry.cells[0]]
    assert judge.watermark == T0 + WINDOW_MS


def test_a_shown_cell_says_what_stands_behind_it_and_when_it_is_over() -> None:
    judge = Judge()
    cell = judge.registry.cells[0]
    judge.feed(triaged(1, cell, cell), triaged(2))
    judge.feed(
        window(1, {(0, "noise"): (4, 2, 5.0, 3.25), (1, "noise"): (1, 0, SHOWN - 0.1, SHOWN - 0.1)})
    )
    (shown,) = judge.states
    assert shown == CellState(cell, 5, 3.25, T0 + WINDOW_MS, 4, 2, 2)
    judge.feed(window(2, {(1, "noise"): (1, 0, 0.0, 0.0)}))
    assert judge.states[1:] == [CellState(cell, 5, 0.0, T0 + 2 * WINDOW_MS, 0, 0, 0)]


def test_shards_and_hazards_of_a_cell_are_added() -> None:
    judge = Judge()
    judge.feed(triaged(1))
    judge.feed(
        window(
            1,
            {(0, "noise"): (2, 1, 2.0, 2.0), (3, "fire"): (1, 1, 4.0, 4.0)},
            {(0, "noise"): (3, 1, 3.0, 2.5), (0, "traffic"): (1, 0, 0.5, 0.5)},
        )
    )
    cells = judge.registry.cells
    by_cell = {
        state.cell: (state.sensors, state.unusual, state.surprisal) for state in judge.states
    }
    assert by_cell == {cells[0]: (6, 2, 2.5), cells[3]: (1, 1, 4.0)}


def test_what_many_calm_windows_never_showed_is_evidence() -> None:
    judge = Judge()
    judge.feed(triaged(10_000))
    for number in range(400):
        assert judge.feed(calm(number)) == []
    odd = {(5, "noise"): (10, 8, 26.0, 4.0), (5, "traffic"): (2, 2, 12.0, 6.0)}
    (said,) = judge.feed(window(400, {**odd, (6, "noise"): (10, 0, 1.0, 0.3)}))
    cell = judge.registry.cells[5]
    assert (said.source, said.key, said.kind, said.cell) == ("cell", cell, "cell", cell)
    assert said.hazard == "noise", "the hazard of which most agree, not of the worst surprisal"
    assert said.surprisal >= UNUSUAL
    assert (said.value, said.count) == (8.0, 12)
    assert said.time == T0 + 400 * WINDOW_MS - 1
    lat, lon = h3.cell_to_latlng(cell)
    assert (said.lon, said.lat) == (round(lon, 6), round(lat, 6))


def test_what_all_cells_show_is_evidence_in_none() -> None:
    judge = Judge()
    judge.feed(triaged(10_000))
    for number in range(400):
        judge.feed(calm(number))
    evening = {(cell, "noise"): (10, 4, 14.0, 4.0) for cell in range(12)}
    assert judge.feed(window(400, evening)) == []


class Learner:
    """A model that only remembers what it was given to learn, and says what the test says."""

    def __init__(self, says: float | None = None) -> None:
        self.says = says
        self.learnt: list[float] = []
        self.knew: list[int] = []
        """How many it had learnt whenever it was asked."""

    def score_one(self, features: dict[str, float]) -> float | None:
        self.knew.append(len(self.learnt))
        return self.says

    def learn_one(self, features: dict[str, float]) -> None:
        self.learnt.append(features["worst"])


def test_every_cell_is_an_example_in_its_turn() -> None:
    judge = Judge()
    judge.step.model = learner = Learner()  # type: ignore[assignment]
    judge.feed(triaged(100))
    ordinary = {(cell, "noise"): (1, 0, 0.1, 0.01 * cell) for cell in range(11)}
    for number in range(12):
        judge.feed(window(number, {**ordinary, (11, "noise"): (2, 2, 9.0, UNUSUAL)}))
    assert {round(worst * 1000) for worst in learner.learnt} == {*range(11), 300}
    assert len(learner.learnt) == 12 * SAMPLE, "a sample of each window"


def judging(says: float) -> Judge:
    """A judge whose model finds every cell as unusual; all reports are known."""
    judge = Judge()
    judge.step.model = Learner(says)  # type: ignore[assignment]
    judge.feed(triaged(100))
    return judge


@pytest.mark.parametrize(
    ("says", "surprisal"),
    [(9.0, agreement(10, 0.0, 4)), (3.5, 3.5)],
    ids=["the model says more", "the model says less"],
)
def test_a_cell_is_no_more_unusual_than_so_many_agreeing_is(says: float, surprisal: float) -> None:
    (said,) = judging(says).feed(window(1, {(5, "noise"): (10, 4, 14.0, 4.0)}))
    assert UNUSUAL < said.surprisal < 9.0
    assert said.surprisal == pytest.approx(surprisal, abs=0.01)


def test_sensors_of_hazards_that_are_hard_to_tell_apart_agree() -> None:
    alike = {(5, "traffic"): (5, 2, 7.0, 3.0), (5, "crowding"): (5, 2, 7.0, 4.0)}
    others = {(7, "traffic"): (5, 2, 7.0, 3.0), (7, "noise"): (5, 2, 7.0, 4.0)}
    elsewhere = {(cell, "crowding"): (100, 1, 9.0, 1.0) for cell in range(5)}
    judge = judging(9.0)
    (said,) = judge.feed(window(1, alike | others | elsewhere))
    assert (said.key, said.hazard) == (judge.registry.cells[5], "crowding")
    assert (said.value, said.count) == (4.0, 10)


def test_a_place_is_held_against_the_others_without_itself() -> None:
    """One in ten of the others is unusual, so one of its ten would be."""
    others = {(cell, "noise"): (10, 1, 3.0, 2.5) for cell in range(9)}
    (said,) = judging(9.0).feed(window(1, {**others, (9, "noise"): (10, 8, 26.0, 4.0)}))
    assert (said.value, said.expected) == (8.0, 1.0)
    assert said.surprisal == pytest.approx(agreement(10, 0.1, 8), abs=0.01)


def test_a_cell_is_scored_before_anything_of_its_window_is_learnt() -> None:
    judge = Judge()
    judge.step.model = learner = Learner(9.0)  # type: ignore[assignment]
    judge.feed(triaged(100))
    loud = {(cell, "noise"): (10, 8 * (cell < 2), 26.0, 4.0) for cell in range(12)}
    judge.feed(window(1, loud), window(2, loud))
    assert learner.knew == [0, 0, SAMPLE, SAMPLE]


def test_a_report_counts_in_the_window_of_its_time_alone() -> None:
    """One of a time without a window, two and three of windows that come late.

    reports  1     2     3
    windows        |     |
    """
    judge = Judge()
    cell = judge.registry.cells[0]
    judge.feed(*(triaged(number, *[cell] * number) for number in (1, 2, 3)))
    judge.feed(*(window(number, {(0, "noise"): (4, 1, 3.0, SHOWN)}) for number in (2, 3)))
    assert [state.reports for state in judge.states] == [2, 3]


def test_a_report_told_by_several_counts_once() -> None:
    judge = Judge()
    told = triaged(1, *[judge.registry.cells[0]] * 3)
    again = tuple(each._replace(repeated=True) for each in told.reports[1:])
    judge.feed(told._replace(reports=(told.reports[0], *again)))
    judge.feed(window(1, {(0, "noise"): (4, 1, 3.0, SHOWN)}))
    assert [state.reports for state in judge.states] == [1]


def test_reports_without_readings_are_forgotten() -> None:
    judge = Judge()
    for hour in range(100):
        judge.feed(triaged(hour * 12, judge.registry.cells[0]))
    assert len(judge.step._reports) == 25, "they wait for a day"
    judge.feed(CityWindow(T0, T0 + 99 * 12 * WINDOW_MS))
    assert len(judge.step._reports) == 1, "those of the window that may still come"


def test_what_was_shown_before_a_restart_is_over_after_it() -> None:
    judge = Judge()
    judge.feed(triaged(100), window(1, {(0, "noise"): (4, 1, 3.0, SHOWN)}))
    twin = restarted(judge)
    twin.feed(window(2, {(0, "noise"): (4, 0, 0.0, 0.0)}))
    (over,) = twin.states
    assert over == CellState(judge.registry.cells[0], 5, 0.0, T0 + 2 * WINDOW_MS, 0, 0, 0)


def test_whose_turn_it_is_to_be_learnt_outlives_the_process() -> None:
    judge = Judge()
    ordinary = {(cell, "noise"): (1, 0, 0.1, 0.01 * cell) for cell in range(12)}
    judge.feed(triaged(100), window(1, ordinary))
    twin = restarted(judge)
    twin.step.model = learner = Learner()  # type: ignore[assignment]
    twin.feed(window(2, ordinary))
    assert [round(worst * 1000) for worst in learner.learnt] == [*range(SAMPLE, 2 * SAMPLE)]


def test_one_unusual_sensor_makes_no_unusual_cell() -> None:
    judge = Judge()
    judge.feed(triaged(10_000))
    for number in range(300):
        judge.feed(calm(number))
    assert judge.feed(window(300, {(5, "noise"): (1, 1, 10.0, 10.0)})) == []


def test_the_last_is_said_when_no_window_waits_any_more() -> None:
    judge = Judge()
    judge.feed(window(1, {(0, "noise"): (4, 1, 3.0, SHOWN)}), CityWindow(T0, T0, last=True))
    assert not judge.last, "reports of its time may still come"
    twin = restarted(judge)
    for each in (judge, twin):
        each.feed(triaged(0.5))
        assert not each.last
        each.feed(triaged(0.6)._replace(last=True))
        assert each.last
        assert len(each.states) == 1


@pytest.mark.parametrize(
    "windows", [[CityWindow(T0, T0)], [window(1, {(0, "noise"): (1, 0, 0.0, 0.0)})]]
)
def test_a_calm_city_says_only_the_time(windows: list[CityWindow]) -> None:
    judge = Judge()
    assert judge.feed(triaged(1), *windows) == []
    assert judge.states == []
