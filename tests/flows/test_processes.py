"""The processes of a deployment: who they are, and that nobody sees what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.processes import environment, production, production_children
from flows.settings import Settings, load_settings

PASSWORD = "correct-horse-battery"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        kafka="127.0.0.1:9092",
        redis="redis://127.0.0.1:6379",
        city=tmp_path,
        data_dir=tmp_path / "data",
        kafka_security_protocol="sasl_plaintext",
        kafka_sasl_username="citywatch",
        kafka_sasl_password=PASSWORD,
        metrics_port=9000,
        vocabulary={"waterlogging": ['it\'s up to "here"']},
    )


def again(told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that a process with this environment reads."""
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return load_settings()


class TestEnvironment:
    def test_a_child_reads_the_same_settings(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        read = again(environment(settings), monkeypatch)
        assert read.model_dump() == settings.model_dump()
        assert read.kafka_security() == settings.kafka_security()

    def test_ports_of_metrics_follow_each_other(self, settings: Settings) -> None:
        assert environment(settings, 3)["CITYWATCH_METRICS_PORT"] == "9003"
        free = settings.model_copy(update={"metrics_port": 0})
        assert environment(free, 3)["CITYWATCH_METRICS_PORT"] == "0", "each takes a free one"
        none = settings.model_copy(update={"metrics_port": None})
        assert "CITYWATCH_METRICS_PORT" not in environment(none)

    def test_paths_do_not_depend_on_where_a_child_starts(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        told = environment(settings.model_copy(update={"data_dir": Path("data")}))
        assert told["CITYWATCH_DATA_DIR"] == str(tmp_path / "data")

    def test_the_rest_of_ours_is_theirs_too(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TZ", "UTC")
        assert environment(settings)["TZ"] == "UTC"


class TestChildren:
    def test_one_process_does_everything(self, settings: Settings) -> None:
        (child,) = production_children(settings, 1, "ordered", "feed")
        assert (child.name, child.log.name) == ("flow", "flow.log")
        told = ["run", "--flow", "city", "--mode", "ordered", "--clock", "feed"]
        assert child.command[-len(told) :] == told
        assert child.environment is not None
        assert child.environment["CITYWATCH_METRICS_PORT"] == "9000"
        assert child.ends, "where the feed does"

    def test_of_several_who_is_told_starts_before_who_tells(self, settings: Settings) -> None:
        children = production_children(settings, 2)
        assert [child.name for child in children] == [
            "warnings",
            "reports",
            "readings-1",
            "readings-2",
        ]
        parts = [child.command[child.command.index("--part") + 1] for child in children[2:]]
        assert parts == ["1/2", "2/2"]
        assert [child.log.name for child in children][-1] == "readings-2.log"
        assert not any(child.ends for child in children), "live, who ends is started again"

    def test_no_secret_shows(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        supervisor = production(settings, 2, "prompt", "wall")
        for child in supervisor.children:
            assert PASSWORD not in " ".join(child.command)
            assert child.environment is not None
            assert child.environment["CITYWATCH_KAFKA_SASL_PASSWORD"] == PASSWORD
        said = [repr(settings), str(settings), repr(supervisor), *capsys.readouterr()]
        assert not [words for words in said if PASSWORD in words]
        assert "logs in " in said[-1]
