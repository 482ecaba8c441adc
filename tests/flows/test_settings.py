"""Where a setting comes from, and what is said when it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.settings import ConfigError, Settings, load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of our own, and none of the caller's environment."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CITYWATCH_{name.upper()}", raising=False)
    return tmp_path


def config(text: str) -> Path:
    path = Path("citywatch.toml")
    path.write_text(text)
    return path


def test_every_setting_has_a_default() -> None:
    assert load_settings().model_dump() == Settings().model_dump()


def test_given_wins_over_environment_over_file(monkeypatch: pytest.MonkeyPatch) -> None:
    config("port = 1001\npoll_size = 11\nsensors = 111\n")
    monkeypatch.setenv("CITYWATCH_PORT", "1002")
    monkeypatch.setenv("CITYWATCH_POLL_SIZE", "12")
    settings = load_settings(port=1003, poll_size=None)
    assert (settings.port, settings.poll_size, settings.sensors) == (1003, 12, 111)


def test_a_file_elsewhere_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text('region = "east"\n')
    assert load_settings(path).region == "east"
    with pytest.raises(ConfigError, match=r"missing\.toml: no such file"):
        load_settings(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('region = "east"\nport = 0\n', ["citywatch.toml:2: port", "got 0"]),
        ('port = "screen"\n', ["citywatch.toml:1: port", "integer", "got 'screen'"]),
        ('# names\nregion = "Über uns"\n', ["citywatch.toml:2: region", "got 'Über uns'"]),
        ("epoch_s = -1\n", ["citywatch.toml:1: epoch_s", "greater than 0", "got -1"]),
        ("\n\nprot = 1\n", ["citywatch.toml:3: prot", "got 1"]),
    ],
    ids=["too small", "not a number", "pattern", "negative", "unknown"],
)
def test_a_wrong_value_is_named_with_its_line(text: str, words: list[str]) -> None:
    path = config(text)
    with pytest.raises(ConfigError) as error:
        load_settings(path)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


def test_each_wrong_value_has_a_line_of_its_own() -> None:
    path = config("port = 0\nsensors = 1\n")
    with pytest.raises(ConfigError) as error:
        load_settings(path)
    assert len(str(error.value).splitlines()) == 2


def test_what_is_not_toml_is_named_with_the_line() -> None:
    path = config('region = "east"\nport = = 3\n')
    with pytest.raises(ConfigError, match=r"citywatch\.toml: not TOML: .*line 2"):
        load_settings(path)


def test_what_is_not_text_is_named() -> None:
    Path("citywatch.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"citywatch\.toml"):
        load_settings(Path("citywatch.toml"))


def test_a_wrong_value_of_the_environment_is_not_blamed_on_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CITYWATCH_PORT", "screen")
    with pytest.raises(ConfigError) as error:
        load_settings()
    assert "port" in str(error.value).lower()
    assert "citywatch.toml" not in str(error.value)


def test_a_wrong_value_given_is_not_blamed_on_the_file() -> None:
    with pytest.raises(ConfigError) as error:
        load_settings(sensors=3)
    assert "sensors" in str(error.value)
    assert "citywatch.toml" not in str(error.value)
