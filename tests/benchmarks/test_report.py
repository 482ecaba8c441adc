"""What every benchmark is asked, and prints: whole, however narrow the terminal is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import fanout, latency, polls, recovery, throughput
from benchmarks.report import publish, table

MAINS = (fanout.main, latency.main, polls.main, recovery.main, throughput.main)


@pytest.mark.parametrize("main", MAINS, ids=lambda main: main.__module__)
def test_a_scenario_that_there_is_not_is_refused_with_a_list_of_those_there_are(
    main: Callable[[list[str]], int],
) -> None:
    with pytest.raises(SystemExit, match=r"--only: expected one of \w+-.*, got sideways"):
        main(["--only", "sideways"])


def test_no_figure_is_cut_where_there_is_little_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    heads = ("load", *(f"hop {number} p50/p99" for number in range(8)))
    rows = [("L5-20k", *(f"1{number}.5 / 2{number}.5" for number in range(8)))]
    result = {
        "load_average": {"before": 0.1, "after": 0.2},
        "machine": {"cpu": "a", "cores": 2},
        "commit": "b",
    }
    publish(result, None, [table("Times", heads, rows)])
    said = capsys.readouterr().out
    assert all(figure in said for figure in (*heads, *rows[0]))
    assert "…" not in said
