"""What is wrong with a feed, with the file and the line."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.check import check_config, check_feed
from flows.feeds import POLL_SIZE
from tests.flows.processes import here


@pytest.fixture
def other(quiet_feed: Path, tmp_path: Path) -> Path:
    """A feed to spoil."""
    shutil.copytree(quiet_feed, tmp_path / "feed")
    return tmp_path / "feed"


def change_city(feed: Path, change: Any) -> None:
    city = json.loads((feed / "city.json").read_bytes())
    change(city)
    (feed / "city.json").write_text(json.dumps(city))


def spoil(path: Path, number: int, line: bytes) -> None:
    """Put another line in place of one, counted from 1."""
    lines = path.read_bytes().splitlines()
    lines[number - 1] = line
    path.write_bytes(b"\n".join(lines) + b"\n")


def test_a_simulated_feed_has_nothing_wrong(quiet_feed: Path) -> None:
    assert check_feed(quiet_feed) == []


@pytest.mark.parametrize(
    ("file", "number", "line", "words"),
    [
        ("readings", 118, b'{"sensor":"rl-1","time":1,"value":"abc"}', ["value", "'abc'"]),
        ("readings", 1, b"{", []),
        ("readings", 5, b'{"sensor":"nobody","time":1,"value":1}', ["'nobody'", "city file"]),
        ("reports", 2, b'{"id":"r-1","time":1,"lon":1}', ["lat"]),
    ],
)
def test_a_message_is_named_by_file_and_line(
    other: Path, file: str, number: int, line: bytes, words: list[str]
) -> None:
    path = other / f"{file}.jsonl"
    spoil(path, number, line)
    [problem] = check_feed(other)
    assert problem.startswith(f"{path}:{number}: ")
    assert all(word in problem for word in words), problem


def test_of_many_problems_some_are_told_and_all_are_counted(other: Path) -> None:
    path = other / "readings.jsonl"
    path.write_bytes(b"rubbish\n" * 50)
    problems = check_feed(other)
    assert len(problems) == 21
    assert problems[0].startswith(f"{path}:1: ")
    assert problems[-1] == f"{path}: 30 more like these"


def test_of_a_city_each_sensor_is_named(other: Path) -> None:
    def change(city: dict[str, Any]) -> None:
        sensors = city["sensors"]
        sensors[2]["kind"] = "river_levle"
        sensors[3]["district"] = "nowhere"
        sensors[4]["unit"] = "furlong"
        sensors[5]["interval_s"] = 0

    change_city(other, change)
    problems = [p for p in check_feed(other) if "city.json: " in p and "readings" not in p]
    assert [p.partition(": ")[2].partition(":")[0] for p in problems] == [
        "sensors[2]",
        "sensors[3]",
        "sensors[4]",
        "sensors[5]",
    ]
    assert "kind: expected 'river_level'?, got 'river_levle'" in problems[0]
    assert "'nowhere' is not in districts" in problems[1]
    assert "'furlong'" in problems[2]
    assert "interval_s: expected" in problems[3]
    assert problems[3].endswith("got 0")


def test_what_nobody_reads_or_draws_in_a_city_is_named(other: Path) -> None:
    def change(city: dict[str, Any]) -> None:
        city["sensors"][7]["levles"] = {"red": 5}
        city["sensors"][7].pop("levels", None)
        city["note"] = "a field that is nobody's"
        city["lines"] = [
            {"kind": "river", "name": "Lan", "coordinates": [[106.5, 29.5]]},
            {"kind": "brook", "name": "Xi", "coordinates": [[106.5, 29.5], [106.6, 29.5]]},
        ]

    change_city(other, change)
    assert [problem.partition("city.json: ")[2] for problem in check_feed(other)] == [
        "sensors[7].levles: is not read, expected 'levels'?",
        "lines[0]: coordinates: expected at least 2 points, got 1",
        "lines[1]: kind: expected river, road, rail, got 'brook'",
    ]


def test_of_many_sensors_that_are_wrong_some_are_told(other: Path) -> None:
    def change(city: dict[str, Any]) -> None:
        for sensor in city["sensors"][:50]:
            sensor["unit"] = "furlong"

    change_city(other, change)
    problems = check_feed(other)
    assert len(problems) == 21
    assert problems[-1] == f"{other / 'city.json'}: 30 more like these"


@pytest.mark.parametrize("what", ["sensors", "districts"])
def test_two_of_one_name_are_refused_by_everybody(other: Path, what: str) -> None:
    def change(city: dict[str, Any]) -> None:
        city[what][2]["id"] = city[what][1]["id"]

    change_city(other, change)
    [problem] = check_feed(other)
    assert f"city.json: {what}[2].id: expected another, got " in problem
    assert problem.endswith(f"as {what}[1]")


def test_files_that_are_not_read_are_named(other: Path) -> None:
    (other / "report.jsonl").touch()
    (other / "readings.jsonl.gz").touch()
    (other / "alerts.jsonl").touch()  # what a replay may write there
    assert [p.partition(" ")[0] for p in check_feed(other)] == [
        f"{other / 'readings.jsonl.gz'}:",
        f"{other / 'report.jsonl'}:",
    ]


def test_seconds_are_not_taken_for_milliseconds(other: Path) -> None:
    path = other / "readings.jsonl"
    ids = [json.loads(line)["sensor"] for line in path.read_bytes().splitlines()[:50]]
    rows = [
        f'{{"sensor":"{name}","time":{1763881200 + n},"value":1}}' for n, name in enumerate(ids)
    ]
    path.write_text("\n".join(rows))
    [problem] = check_feed(other)
    assert problem.startswith(f"{path}:1: time: expected milliseconds")
    assert "got 1763881200" in problem


def test_a_truth_that_is_none_is_named(other: Path) -> None:
    (other / "truth.json").write_text('{"events": 3}')
    [problem] = check_feed(other)
    assert problem.startswith(f"{other / 'truth.json'}: events")


def test_a_feed_that_is_none_is_one_problem(tmp_path: Path) -> None:
    [problem] = check_feed(tmp_path)
    assert problem.endswith("city.json: no such file or directory")


def test_a_configuration_is_checked_too(tmp_path: Path) -> None:
    path = tmp_path / "citywatch.toml"
    path.write_text("port = 80\n")
    assert check_config(path) == []
    path.write_text("port = 0\nsensors = 1\n")
    assert len(check_config(path)) == 2


def test_a_store_that_is_no_address_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "citywatch.toml"
    path.write_text('port = 80\nredis = "nonsense"\n')
    assert check_config(path) == [f"{path}:2: redis: expected redis://HOST:PORT, got 'nonsense'"]
    path.write_text('redis = "redis://somewhere:6379"\n')
    assert check_config(path) == []
    monkeypatch.setenv("CITYWATCH_REDIS", "redis://me:secret@somewhere:port")
    [problem] = check_config(path)
    assert problem.startswith("CITYWATCH_REDIS: expected redis://HOST:PORT, got ")
    assert "secret" not in problem


def test_a_truth_says_what_happened_be_it_nothing(other: Path) -> None:
    truth = other / "truth.json"
    truth.write_text('{"name": "X"}')
    told = f"{truth}: events: missing"
    assert check_feed(other) == [told]
    truth.write_text('{"events": []}')
    assert check_feed(other) == []


def test_the_command_fails_when_something_is_wrong(
    other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(other / "readings.jsonl", 9, b"{")
    assert here("check", other) == 1
    said = capsys.readouterr()
    assert f"{other / 'readings.jsonl'}:9: " in said.err
    assert "nothing wrong" not in said.out


def test_a_district_that_is_none_is_named(other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(city: dict[str, Any]) -> None:
        city["districts"][1]["polygon"] = [[106.5, 29.5], [106.6, 29.5]]

    change_city(other, change)
    assert here("check", other) == 1
    told = f"{other / 'city.json'}: districts[1].polygon: expected at least 3 points, got 2\n"
    assert capsys.readouterr().err == told


def test_who_introduced_itself_is_known_from_then_on(other: Path) -> None:
    path = other / "readings.jsonl"
    new = b'{"sensor":"new","kind":"noise","time":1,"value":1%s}'
    known = new % b',"lon":106.5,"lat":29.5'
    path.write_bytes(b"\n".join([new % b"", known, *[new % b""] * (POLL_SIZE + 5)]))
    [problem] = check_feed(other)
    assert problem.startswith(f"{path}:1: sensor: 'new' is not in the city file")
    path.write_bytes(new % b',"lon":500,"lat":29.5')
    [problem] = check_feed(other)
    assert problem.startswith(f"{path}:1: ")


def test_a_truth_names_levels_and_hazards_there_are(other: Path) -> None:
    truth = {"id": "e", "hazard": "fire", "start": 1, "end": 2, "lon": 1, "lat": 1}
    event = truth | {"radius_m": 5, "level": 0}
    (other / "truth.json").write_text(json.dumps({"events": [event]}))
    [problem] = check_feed(other)
    assert "level" in problem
    event |= {"level": 3, "hazard": "flod"}
    (other / "truth.json").write_text(json.dumps({"events": [event]}))
    [problem] = check_feed(other)
    assert problem.endswith("events[0].hazard: expected a name that is known, got 'flod'")


def test_a_feed_in_no_order_is_named(other: Path) -> None:
    path = other / "readings.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    random.Random(5).shuffle(lines)
    path.write_bytes(b"".join(lines))
    [problem] = check_feed(other)
    assert problem.startswith(f"{path}: ")
    assert problem.endswith("messages come too late to count: expected ascending times")
