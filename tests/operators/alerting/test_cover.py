"""A cell shows how unusual its sensors are and the worst warning over it, always both."""

from typing import Any

from operators.alerting.cover import CoverCells
from operators.events import NO_LEVEL, Alert, CellState
from operators.merging import CityWindow
from tests.operators.town import MINUTE, T0
from tests.sinks.alerts import alert


def warning(name: str, level: int, *cells: str, time: int = T0, **more: Any) -> Alert:
    return alert(name, level=level, cells=cells, time=time, **more)


def cell(name: str, surprisal: float, time: int = T0) -> CellState:
    return CellState(name, NO_LEVEL, surprisal, time, 4, 1, 0)


def told(step: CoverCells, *items: Alert | CellState | CityWindow) -> dict[str, tuple[int, float]]:
    said = list(step.on_batch(items))
    assert len({state.cell for state in said}) == len(said)
    return {state.cell: (state.level, state.surprisal) for state in said}


def test_the_worst_warning_over_a_cell_counts() -> None:
    step = CoverCells()
    assert told(step, warning("a", 3, "x", "y")) == {"x": (3, 0.0), "y": (3, 0.0)}
    assert told(step, warning("b", 2, "y", "z")) == {"y": (2, 0.0), "z": (2, 0.0)}
    assert told(step, warning("a", 1, "x", "y")) == {"x": (1, 0.0), "y": (1, 0.0)}


def test_an_ended_warning_uncovers_all_its_cells() -> None:
    step = CoverCells()
    told(step, warning("a", 3, "x", "y"), warning("b", 4, "y"))
    over = warning("a", 3, "x", status="cleared")
    assert told(step, over) == {"x": (NO_LEVEL, 0.0), "y": (4, 0.0)}
    assert told(step, over) == {"x": (NO_LEVEL, 0.0)}


def test_a_warning_that_shrinks_uncovers_what_it_left() -> None:
    step = CoverCells()
    told(step, warning("a", 3, "x", "y"))
    assert told(step, warning("a", 3, "x")) == {"x": (3, 0.0), "y": (NO_LEVEL, 0.0)}


def test_both_halves_are_told_whichever_changes() -> None:
    step = CoverCells()
    assert told(step, cell("x", 3.5)) == {"x": (NO_LEVEL, 3.5)}
    assert told(step, warning("a", 2, "x")) == {"x": (2, 3.5)}
    assert told(step, cell("x", 0.0)) == {"x": (2, 0.0)}
    assert told(step, warning("a", 2, "x", status="cleared")) == {"x": (NO_LEVEL, 0.0)}


def test_a_batch_tells_each_cell_once_as_it_is_in_the_end() -> None:
    step = CoverCells()
    assert told(
        step, cell("x", 3.0), warning("a", 4, "x"), warning("a", 1, "x"), cell("x", 2.5)
    ) == {"x": (1, 2.5)}


def test_time_does_not_go_back() -> None:
    step = CoverCells()
    list(step.on_batch([cell("x", 3.0, time=T0 + 9)]))
    (state,) = step.on_batch([warning("a", 2, "x", time=T0)])
    assert state.time == T0 + 9


def test_a_calm_cell_is_forgotten() -> None:
    step = CoverCells()
    empty = step.snapshot()
    told(step, cell("x", 3.0), warning("a", 2, "x"))
    assert step.snapshot() != empty
    told(step, cell("x", 0.0), warning("a", 2, "x", status="cleared"))
    assert step.snapshot() == empty
    assert told(step) == {}


def time(minutes: float, **more: Any) -> CityWindow:
    at = T0 + round(minutes * MINUTE)
    return CityWindow(at, at, **more)


def test_what_is_covered_is_told_again_while_it_lasts() -> None:
    step = CoverCells()
    told(step, warning("a", 3, "x", "y"), cell("x", 3.5), cell("z", 2.5))
    told(step, time(0))
    again = [said for minute in range(1, 16) if (said := told(step, time(minute)))]
    assert again == 3 * [{"x": (3, 3.5), "y": (3, 0.0)}], "every five minutes"
    other = CoverCells()
    other.restore(step.snapshot())
    assert told(other, time(19)) == {}
    assert told(other, time(20)) == {"x": (3, 3.5), "y": (3, 0.0)}
    assert told(other, time(30, last=True)) == {}
    told(other, warning("a", 3, "x", status="cleared"))
    assert told(other, time(60)) == {}
