from io import StringIO

from rich.console import Console

from operators.events import Truth, TruthEvent
from simulators.scoreboard import scoreboard
from simulators.scoring import score


def shown(truth: Truth, *alerts: bytes) -> str:
    console = Console(width=120, file=StringIO())
    with console.capture() as capture:
        console.print(scoreboard(score(alerts, truth, 36.0)))
    return capture.get()


def test_a_board_names_hazards_levels_and_what_it_rests_on() -> None:
    text = shown(Truth((TruthEvent("e1", "gas_leak", 0, 9, 106.5, 29.5, 500, 1, 5),)))
    assert "gas_leak" in text
    assert "red" in text
    assert "1 events in 36 h watched" in text


def test_a_board_without_events_shows_no_ratios() -> None:
    assert "-" in shown(Truth(()))


def test_a_hazard_is_shown_as_it_was_written() -> None:
    line = b'{"id":"w","status":"active","level":1,"hazard":"[/x] [red]","lon":1,"lat":1,"first":1}'
    assert "[/x] [red]" in shown(Truth(()), line)
