"""Commands about feeds, as a user meets them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from operators.events import HAZARDS
from tests.flows.processes import here, one_line

FILES = ("city.json", "readings.jsonl", "reports.jsonl", "truth.json")

pytestmark = pytest.mark.usefixtures("plain")


class TestSimulate:
    @pytest.mark.slow
    def test_same_arguments_same_bytes(self, tmp_path: Path) -> None:
        arguments = ("simulate", "--scenario", "fire", "--hours", "0.5", "--sensors", "120")
        for name, seed in (("one", "4"), ("two", "4"), ("other", "5")):
            assert here(*arguments, "--seed", seed, "--out", tmp_path / name) == 0
        for file in FILES:
            bytes_of = [(tmp_path / name / file).read_bytes() for name in ("one", "two", "other")]
            assert bytes_of[0] == bytes_of[1]
            assert bytes_of[0] != bytes_of[2]

    def test_what_it_writes_has_nothing_wrong(
        self, quiet_feed: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert here("check", quiet_feed) == 0
        assert "nothing wrong" in capsys.readouterr().out

    def test_prints_where_it_wrote_and_how_far_it_is(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "feed"
        assert here("simulate", "--hours", "0.5", "--sensors", "120", "--out", out) == 0
        said = capsys.readouterr()
        assert said.out.strip() == str(out)
        assert "100%" in said.err


class TestScore:
    @pytest.mark.slow
    def test_of_a_replay_as_json_and_as_a_table(
        self, feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        alerts = tmp_path / "alerts.jsonl"
        assert here("replay", feed, "--alerts", alerts) == 0
        capsys.readouterr()
        assert here("score", alerts, feed / "truth.json", "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert told["hours_watched"] == pytest.approx(6, abs=0.1)
        assert told["events"] == told["hits"] + told["misses"] == 1
        assert here("score", alerts, feed / "truth.json") == 0
        table = capsys.readouterr().out
        assert "POD" in table
        assert any(hazard in table for hazard in HAZARDS)

    @pytest.mark.parametrize("missing", ["alerts.jsonl", "truth.json"])
    def test_of_a_file_that_is_not_there(
        self, quiet_feed: Path, tmp_path: Path, missing: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "alerts.jsonl").write_bytes(b"")
        shutil.copy(quiet_feed / "truth.json", tmp_path)
        (tmp_path / missing).unlink()
        command = ("score", tmp_path / "alerts.jsonl", tmp_path / "truth.json", "--hours", "1")
        assert here(*command) == 1
        one_line(capsys, f"{missing}: no such file")

    def test_of_something_that_is_no_truth(
        self, quiet_feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "alerts.jsonl").write_bytes(b"")
        assert here("score", tmp_path / "alerts.jsonl", quiet_feed / "city.json") == 1
        one_line(capsys, "city.json: events: missing")

    def test_of_something_that_is_no_alert_file(
        self, quiet_feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "alerts.jsonl").write_bytes(b"{}\n")
        assert here("score", tmp_path / "alerts.jsonl", quiet_feed / "truth.json") == 1
        one_line(capsys, "alerts.jsonl")


@pytest.mark.system
class TestPlot:
    def test_writes_a_picture_named_after_the_sensor(self, quiet_feed: Path) -> None:
        assert here("plot", quiet_feed, "--sensor", "rl-0001", "--to", "0.4") == 0
        assert Path("rl-0001.png").read_bytes().startswith(b"\x89PNG")

    def test_draws_in_the_terminal(
        self, quiet_feed: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert here("plot", quiet_feed, "--sensor", "rl-0001", "--terminal") == 0
        assert "rl-0001" in capsys.readouterr().out

    def test_of_a_sensor_that_there_is_not_is_a_mistake(
        self, quiet_feed: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert here("plot", quiet_feed, "--sensor", "rl-01") == 1
        one_line(capsys, "rl-01", "did you mean")
