"""Progress: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import random

from rich.console import Console

from flows.progress import Bar


def told(shares: list[float], *, terminal: bool = False) -> str:
    out = io.StringIO()
    with Bar("reading", Console(file=out, force_terminal=terminal, width=100)) as bar:
        for share in shares:
            bar.show(share, "Monday")
    return out.getvalue()


def test_elsewhere_is_a_line_for_each_tenth() -> None:
    draw = random.Random(6)
    lines = told([*sorted(draw.random() for _ in range(5000)), 1.0]).splitlines()
    assert [line.split()[1] for line in lines] == [f"{tenth * 10}%" for tenth in range(1, 11)]
    assert lines[0] == "reading 10% Monday"


def test_elsewhere_the_end_is_told_once() -> None:
    assert told([0.999999, 1.0, 1.0, 1.0]).count("reading") <= 2
    assert told([1.0, 1.0]) == "reading 100% Monday\n"


def test_of_what_has_no_end_is_nothing() -> None:
    assert told([float("nan")] * 3) == ""


def test_on_a_terminal_is_a_bar_that_moves() -> None:
    shown = told([0.25, 0.5], terminal=True)
    assert "25 %" in shown
    assert "50 %" in shown
    assert "Monday" in shown
