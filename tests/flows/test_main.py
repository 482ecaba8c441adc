"""The command line as a user meets it: exit status, one clear line for a mistake, no traceback."""

from __future__ import annotations

import io
import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.scenarios import SCENARIOS
from tests.broker import LocalBroker
from tests.flows.processes import ROOT, free_port, here, one_line, run
from tests.kafka_fixture import Topics

COMMANDS = ("up", "run", "topics", "simulate", "replay", "score", "plot", "serve", "check")

pytestmark = pytest.mark.usefixtures("plain")


class TestHelp:
    def test_names_every_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert here("--help") == 0
        told = capsys.readouterr().out
        assert all(command in told for command in COMMANDS)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_of_each_says_what_it_does(
        self, command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert here(command, "--help") == 0
        told = capsys.readouterr().out
        assert f"citywatch {command}" in told
        assert "--help" in told

    def test_names_every_scenario(self, capsys: pytest.CaptureFixture[str]) -> None:
        here("simulate", "--help")
        told = " ".join(capsys.readouterr().out.replace("│", " ").split())
        assert all(scenario in told for scenario in SCENARIOS)


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("fly",), ("fly",)),
            (("replay",), ("DIR",)),
            (("replay", ".", "--speed", "fast"), ("max", "'fast'")),
            (("replay", ".", "--speed", "0"), ("'0'",)),
            (("replay", ".", "--speed", "-1"), ("'-1'",)),
            (("replay", ".", "--speed", "nan"), ("'nan'",)),
            (("replay", ".", "--poll-size", "0"), ("poll-size",)),
            (("simulate", "--out", "x", "--scenario", "earthquake"), ("earthquake", "cloudburst")),
            (("simulate", "--out", "x", "--seed", "-1"), ("seed",)),
            (("simulate",), ("--out",)),
            (("up", "--scenario", "earthquake"), ("earthquake", "cloudburst")),
            (("up", "--speed", "0"), ("speed",)),
            (("up", "--speed", "inf"), ("--speed: expected 0.01 to 1e+09, got inf",)),
            (("up", "--speed", "nan"), ("speed",)),
            (("replay", ".", "--speed", "inf"), ("'inf'",)),
            (("up", "--port", "http"), ("port",)),
            (("up", "--for", "-1"), ("for",)),
            (("score", "alerts.jsonl"), ("truth",)),
            (("plot", "."), ("--sensor",)),
            (("plot", ".", "--sensor", "a", "--neighbours", "-1"), ("neighbours",)),
            (("serve",), ("--redis",)),
            (("run", "--flow", "sensors"), ("--flow", "'sensors'", "readings", "warnings")),
            (("run", "--mode", "fast"), ("--mode", "'fast'", "prompt", "ordered")),
            (("run", "--clock", "sun"), ("--clock", "'sun'", "wall", "feed")),
            (("run", "--processes", "0"), ("processes",)),
            (("topics", "--partitions", "0"), ("partitions",)),
            (("topics", "--replicas", "none"), ("replicas",)),
            (("up", "--processes", "0"), ("processes",)),
            (("replay", ".", "--kafka", "a:1", "--speed", "-2"), ("'-2'",)),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
    )
    def test_is_status_2_and_says_what_is_wrong(
        self,
        arguments: tuple[str, ...],
        words: tuple[str, ...],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert here(*arguments) == 2
        said = capsys.readouterr().err
        assert all(word in said for word in words), said
        assert "Traceback" not in said


class TestMistakes:
    def test_a_feed_that_is_not_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert here("replay", "nowhere") == 1
        one_line(capsys, "nowhere: no such feed directory")

    def test_a_feed_without_a_city(
        self, quiet_feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copy(quiet_feed / "readings.jsonl", tmp_path)
        assert here("replay", tmp_path) == 1
        one_line(capsys, "city.json: no such file")

    @pytest.mark.parametrize("wrong", [{"lon": "east"}, {"kind": 5}, {"interval_s": None}])
    def test_a_city_file_broken_at_a_named_place(
        self,
        quiet_feed: Path,
        tmp_path: Path,
        wrong: dict[str, object],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        shutil.copytree(quiet_feed, tmp_path / "feed")
        path = tmp_path / "feed" / "city.json"
        city = json.loads(path.read_bytes())
        city["sensors"][7] |= wrong
        path.write_text(json.dumps(city))
        assert here("replay", tmp_path / "feed") == 1
        one_line(capsys, "city.json", "sensors[7]", *wrong)

    def test_a_packed_feed_that_is_cut_off(
        self, quiet_feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(quiet_feed, tmp_path / "feed")
        readings = tmp_path / "feed" / "readings.jsonl"
        readings.rename(readings.with_suffix(".jsonl.gz"))  # not even gzip
        assert here("replay", tmp_path / "feed") == 1
        one_line(capsys, "readings.jsonl.gz")

    def test_alerts_where_nothing_can_be_written(
        self, quiet_feed: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert here("replay", quiet_feed, "--alerts", "/proc/alerts.jsonl") == 1
        one_line(capsys, "/proc/alerts.jsonl")

    def test_a_configuration_with_an_unknown_name(
        self, quiet_feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "citywatch.toml").write_text('region = "city"\nsped = 3\n')
        assert here("replay", quiet_feed) == 1
        one_line(capsys, "citywatch.toml:2: sped")

    @pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf"])
    def test_hours_that_are_none(self, hours: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert here("simulate", "--out", "x", "--sensors", "100", "--hours", hours) == 1
        one_line(capsys, "--hours: expected ", f"got {hours}")
        assert here("score", "x", "y", "--hours", hours) == 1
        one_line(capsys, "--hours: expected more than 0, ", f"got {hours}")

    @pytest.mark.parametrize("command", ["replay", "serve", "up"])
    def test_a_store_address_that_is_none(
        self, command: str, quiet_feed: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        port = "--port", free_port()  # somebody may be watching at the usual one
        feed = {"replay": (quiet_feed,), "serve": port, "up": (*port, "--feed", quiet_feed)}[
            command
        ]
        assert here(command, *feed, "--redis", "nonsense") == 1
        one_line(capsys, "nonsense", "redis://")

    @pytest.mark.system
    @pytest.mark.parametrize("command", ["replay", "up"])
    def test_a_store_that_is_not_there(self, command: str, quiet_feed: Path) -> None:
        store = f"redis://127.0.0.1:{free_port()}"
        feed = {"replay": (quiet_feed,), "up": ("--feed", quiet_feed, "--for", "5")}[command]
        ended = run(command, *feed, "--redis", store)
        assert ended.returncode == 1
        assert ended.stderr.startswith("citywatch: ")
        assert ended.stderr.count("\n") == 1
        assert store in ended.stderr

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("run",), ("--kafka: expected HOST:PORT of a broker, got nothing",)),
            (("run", "--kafka", "a:1"), ("--city: expected city.json",)),
            (("run", "--kafka", "a:1", "--city", "nowhere"), ("nowhere/city.json: no such file",)),
            (("run", "--part", "1/2"), ("--part: expected --flow readings beside it",)),
            (("run", "--flow", "readings", "--part", "3/2"), ("--part: expected i/n", "'3/2'")),
            (("run", "--flow", "readings", "--part", "x"), ("--part: expected i/n", "'x'")),
            (
                ("run", "--flow", "city", "--part", "2/4", "--kafka", "a:1", "--city", "."),
                ("--part: the whole city is one process, 1/1, got 2/4",),
            ),
            (
                ("run", "--flow", "reports", "--processes", "2"),
                ("--processes: expected no --flow beside it, got --flow reports",),
            ),
            (("run", "--metrics-port", "-1"), ("--metrics-port", "got -1")),
            (("topics",), ("--kafka: expected HOST:PORT of a broker, got nothing",)),
            (("up", "--processes", "2"), ("--processes: more than one need --kafka",)),
            (("replay", "nowhere", "--kafka", "a:1"), ("nowhere: no such feed directory",)),
            (
                ("up", "--feed", "x", "--scenario", "flood"),
                ("--scenario: expected no --feed beside it, got --feed x",),
            ),
            (("up", "--feed", "x", "--sensors", "100"), ("--sensors: expected no --feed",)),
            (("up", "--feed", "x", "--seed", "1"), ("--seed: expected no --feed",)),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
    )
    def test_of_a_deployment(
        self,
        arguments: tuple[str, ...],
        words: tuple[str, ...],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert here(*arguments) == 1
        one_line(capsys, *words)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "command",
        [("topics",), ("replay",), ("run", "--flow", "readings"), ("run", "--flow", "city")],
        ids=" ".join,
    )
    def test_a_broker_that_is_not_there(
        self,
        command: tuple[str, ...],
        quiet_feed: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr("flows.kafka.ANSWER_S", 0.2)
        where = {"run": ("--city", quiet_feed), "replay": (quiet_feed,)}.get(command[0], ())
        broker = f"127.0.0.1:{free_port()}"
        assert here(*command, *where, "--kafka", broker) == 1
        said = capsys.readouterr().err.splitlines()[-1]  # a bar may have been drawn before
        assert said.startswith(f"citywatch: {broker}: no Kafka answers: ")

    @pytest.mark.system
    def test_topics_that_are_not_there(
        self,
        quiet_feed: Path,
        kafka_broker: LocalBroker,
        topics: Topics,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("CITYWATCH_KAFKA_PREFIX", topics.prefix)
        broker = kafka_broker.address
        assert here("run", "--city", quiet_feed, "--kafka", broker) == 1
        one_line(capsys, f"no topic {topics.prefix}.readings", f"citywatch topics --kafka {broker}")

    @pytest.mark.system
    def test_more_processes_than_partitions(
        self,
        quiet_feed: Path,
        kafka_broker: LocalBroker,
        topics: Topics,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("CITYWATCH_KAFKA_PREFIX", topics.prefix)
        topics.make(".readings", 2)
        told = ("--city", quiet_feed, "--kafka", kafka_broker.address, "--part", "3/3")
        assert here("run", "--flow", "readings", *told) == 1
        one_line(capsys, "2 partitions: part 3/3 would have none")
        assert here("run", *told[:-2], "--processes", "3") == 1
        one_line(capsys, "2 partitions: part 3/3 would have none")

    def test_too_few_sensors(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert here("simulate", "--out", "x", "--sensors", "3") == 1
        one_line(capsys, "sensors")

    def test_a_disk_that_is_full_is_named(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            assert here("simulate", "--out", "x", "--sensors", "100", "--hours", "0.1") == 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert "citywatch: [Errno 27] File too large: 'x'" in capsys.readouterr().err

    @pytest.mark.system
    def test_are_no_traceback_in_a_process_either(self, tmp_path: Path) -> None:
        ended = run("replay", tmp_path / "nowhere")
        assert ended.returncode == 1
        assert ended.stderr == f"citywatch: {tmp_path}/nowhere: no such feed directory\n"
        assert ended.stdout == ""


def test_letters_that_a_terminal_does_not_know_are_replaced(
    quiet_feed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(quiet_feed, tmp_path / "城")
    told = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(told, "ascii"))
    assert here("check", "城") == 0
    sys.stdout.flush()
    assert told.getvalue() == b"?: nothing wrong\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "spared"),
    [
        ("flows.__main__", {"bytewax", "numpy", "river", "simulators"}),  # --help is told at once
        # What a process needs that is started again, while a city goes unwatched.
        ("flows.run", {"matplotlib", "plotext", "simulators", "valkey", "scipy.stats"}),
    ],
)
def test_loads_what_it_runs_and_no_more(asked: str, spared: set[str]) -> None:
    wanted = f"import sys, {asked}; print({spared!r} & set(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", wanted], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout == "set()\n"
