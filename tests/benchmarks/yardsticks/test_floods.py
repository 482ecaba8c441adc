from benchmarks.yardsticks.floods import Told, _figures, _lead
from simulators.clock import HOUR_MS, MINUTE_MS

AT = 100 * HOUR_MS


def test_the_lead_is_from_the_first_of_an_unbroken_row_of_forecasts():
    warned = [AT - m * MINUTE_MS for m in (300, 110, 60, 20)]
    assert _lead(warned, AT) == 110.0
    assert _lead([], AT) == 0.0
    assert _lead([AT + 1], AT) == 0.0


def test_figures_of_several_seeds():
    found = _figures([Told([0.0, 20.0], 4, 1), Told([40.0], 0, 0)])
    assert (found["crossings"], found["lead_min"], found["false"]) == (3, 20.0, 0.25)
    assert _figures([])["crossings"] == 0
