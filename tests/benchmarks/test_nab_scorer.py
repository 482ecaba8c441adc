"""The rules of the benchmark, on series small enough to count by hand."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.yardsticks.nab_scorer import (
    PROFILES,
    Series,
    load,
    read_scores,
    score,
    write_scores,
)

STANDARD = PROFILES["standard"]


def series(windows: list[tuple[int, int]], n: int = 1000) -> list[Series]:
    return [Series("a/b.csv", np.arange(n) * 300.0, np.zeros(n), windows)]


def scored(rows: dict[int, float], windows: list[tuple[int, int]], n: int = 1000) -> float:
    column = np.zeros(n)
    for row, value in rows.items():
        column[row] = value
    return score(series(windows, n), {"a/b.csv": column}, STANDARD)[0]


def test_the_first_row_of_a_window_is_perfect_and_nothing_is_zero() -> None:
    window = (400, 499)
    assert scored({400: 1.0}, [window]) == pytest.approx(100.0)
    assert scored({}, [window]) == pytest.approx(0.0)
    late = [scored({row: 1.0}, [window]) for row in (400, 450, 490, 499)]
    assert late == sorted(late, reverse=True)
    assert late[-1] > 45  # the last row is worth nearly nothing, not a miss


def test_only_the_earliest_detection_in_a_window_counts() -> None:
    window = (400, 499)
    assert scored({420: 1.0, 480: 1.0}, [window]) == scored({420: 1.0}, [window])


def test_a_false_positive_costs_more_the_farther_it_is_and_in_probation_nothing() -> None:
    window = (400, 499)
    hit = scored({400: 1.0}, [window])
    near, far, before, early = (
        scored({400: 1.0, row: 1.0}, [window]) for row in (510, 950, 300, 10)
    )
    assert hit > near > far
    assert far == pytest.approx(before)
    assert hit - far == pytest.approx(100 * 0.11 / 2)
    assert early == hit  # 150 rows of 1,000 are probation


def test_one_threshold_serves_all_and_ties_fall_together() -> None:
    windows = [(300, 349), (600, 649)]
    rows = {300: 0.9, 600: 0.5, 900: 0.5}
    whole = scored(rows, windows)
    assert whole == pytest.approx(100 * (1 + 1 - 0.11 + 2) / 4)
    assert scored({**rows, 900: 0.4}, windows) > whole  # above the tie it is left out


def test_a_corpus_and_scores_are_read_and_written(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "labels" / "combined_windows.json").write_text(
        '{"a/b.csv": [["2014-01-01 00:05:00", "2014-01-01 00:10:00"]]}'
    )
    (tmp_path / "data" / "a" / "b.csv").write_text(
        "timestamp,value\n" + "".join(f"2014-01-01 00:{5 * i:02d}:00,{i}\n" for i in range(5))
    )
    (one,) = load(tmp_path)
    assert (one.windows, one.values.tolist()) == ([(1, 2)], [0.0, 1.0, 2.0, 3.0, 4.0])
    given = {"a/b.csv": np.array([0.0, 0.25, 0.0, 1.0, 0.0])}
    for name in ("scores.csv.gz",):
        write_scores(tmp_path / name, given)
        assert read_scores(tmp_path / name, [one])["a/b.csv"].tolist() == given["a/b.csv"].tolist()
    with pytest.raises(FileNotFoundError, match=r"expected labels/combined_windows\.json"):
        load(tmp_path / "nowhere")
