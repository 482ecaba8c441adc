"""What every benchmark prints: whole, however narrow the terminal is."""

from __future__ import annotations

import pytest

from benchmarks.report import publish, table


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
