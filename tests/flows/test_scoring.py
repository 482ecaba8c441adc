"""Scoring files: how many hours were watched, and what is said when they are not what they seem."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flows.feeds import FeedError
from flows.scoring import score_files


@pytest.fixture
def alerts(tmp_path: Path) -> Path:
    """A run that warned of nothing."""
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"")
    return path


@pytest.mark.slow
def test_hours_are_those_of_the_feed_beside_the_truth(feed: Path, alerts: Path) -> None:
    found = score_files(alerts, feed / "truth.json", None)
    assert found.hours_watched == pytest.approx(6, abs=0.05)
    assert (found.total.hits, found.total.misses) == (0, 1)


def test_hours_that_are_said_win(feed: Path, alerts: Path) -> None:
    assert score_files(alerts, feed / "truth.json", 48).hours_watched == 48


def test_one_wrong_clock_does_not_make_it_a_century(feed: Path, tmp_path: Path) -> None:
    other = tmp_path / "feed"
    shutil.copytree(feed, other)
    with (other / "readings.jsonl").open("ab") as readings:
        readings.write(b'{"sensor":"x","time":4070908800000,"value":1}\n')
    (tmp_path / "alerts.jsonl").write_bytes(b"")
    found = score_files(tmp_path / "alerts.jsonl", other / "truth.json", None)
    assert found.hours_watched == pytest.approx(6, abs=0.05)


def test_without_a_feed_the_hours_must_be_said(feed: Path, alerts: Path) -> None:
    truth = shutil.copy(feed / "truth.json", alerts.parent)
    with pytest.raises(FeedError, match="no feed beside the truth, say --hours"):
        score_files(alerts, Path(truth), None)
    assert score_files(alerts, Path(truth), 6).total.misses == 1


def test_what_is_missing_or_wrong_is_named(feed: Path, alerts: Path, tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"none\.jsonl: no such file"):
        score_files(tmp_path / "none.jsonl", feed / "truth.json", 6)
    with pytest.raises(FeedError, match=r"none\.json: no such file"):
        score_files(alerts, tmp_path / "none.json", 6)
    (tmp_path / "truth.json").write_text("{")
    with pytest.raises(FeedError, match=r"truth\.json: "):
        score_files(alerts, tmp_path / "truth.json", 6)
    alerts.write_bytes(b'{"id":3}\n')
    with pytest.raises(FeedError, match=r"alerts\.jsonl: .*id"):
        score_files(alerts, feed / "truth.json", 6)


def test_hours_are_those_of_all_its_files(feed: Path, alerts: Path, tmp_path: Path) -> None:
    other = tmp_path / "feed"
    shutil.copytree(feed, other)
    lines = (other / "readings.jsonl").read_bytes().splitlines(keepends=True)
    (other / "readings.jsonl").write_bytes(b"".join(lines[-20:]))
    (other / "reports.jsonl").write_bytes(b"".join(lines))
    found = score_files(alerts, other / "truth.json", None)
    assert found.hours_watched == pytest.approx(6, abs=0.05)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b'"level":3', b'"level":0'), "line 3: .*level"),
        ((b'"cells":[]', b'"cells":["zz"]'), "line 3: cells: expected H3 cells, got 'zz'"),
        (
            (b'"active"', b'"actve"'),
            "line 3: status: expected active or cleared, got 'actve'",
        ),
        ((b"}", b""), "line 3: "),
    ],
)
def test_a_line_that_is_no_version_is_named(
    feed: Path, alerts: Path, change: tuple[bytes, bytes], words: str
) -> None:
    good = (
        b'{"id":"fi-1","status":"active","level":3,"hazard":"fire","lon":1,"lat":1,"first":1,'
        b'"cells":[]}'
    )
    alerts.write_bytes(b"\n".join([good, b"", good.replace(*change)]))
    with pytest.raises(FeedError, match=rf"alerts\.jsonl: {words}"):
        score_files(alerts, feed / "truth.json", 6)
    alerts.write_bytes(b"\n".join([good, b"", good, b""]))
    assert score_files(alerts, feed / "truth.json", 6).warnings == 1
