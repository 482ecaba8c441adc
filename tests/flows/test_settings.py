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


def test_a_misspelt_variable_is_refused_and_a_strangers_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CITYWATCH_PORT_8765_TCP", "tcp://10.0.0.1:8765")  # as Kubernetes does
    assert load_settings().port == 8765
    monkeypatch.setenv("CITYWATCH_HISTROY_H", "12")
    with pytest.raises(ConfigError, match=r"CITYWATCH_HISTROY_H: .* CITYWATCH_HISTORY_H\?"):
        load_settings()


def test_an_option_is_named_as_it_is_written() -> None:
    with pytest.raises(ConfigError, match=r"^--history: .* got -1"):
        load_settings(history_h=-1)


def test_a_file_elsewhere_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text('region = "east"\n')
    assert load_settings(path).region == "east"
    with pytest.raises(ConfigError, match=r"missing\.toml: no such file"):
        load_settings(tmp_path / "missing.toml")


@pytest.mark.parametrize("name", ["host", "metrics_host"])
def test_an_address_is_never_empty(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets take it for all addresses there are."""
    with pytest.raises(ConfigError, match=rf"--{name.replace('_', '-')}: .* got ''"):
        load_settings(**{name: ""})
    monkeypatch.setenv(f"CITYWATCH_{name.upper()}", "")
    with pytest.raises(ConfigError, match=f"CITYWATCH_{name.upper()}: .* got ''"):
        load_settings()


def test_a_directory_in_place_of_the_file_is_refused() -> None:
    Path("citywatch.toml").mkdir()
    with pytest.raises(ConfigError, match=r"citywatch\.toml: expected a file, got a directory"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('region = "east"\nport = 0\n', ["citywatch.toml:2: port", "got 0"]),
        ('port = "screen"\n', ["citywatch.toml:1: port", "integer", "got 'screen'"]),
        ('# names\nregion = "Über uns"\n', ["citywatch.toml:2: region", "got 'Über uns'"]),
        ("epoch_s = -1\n", ["citywatch.toml:1: epoch_s", "greater than 0", "got -1"]),
        ("\n\nprot = 1\n", ["citywatch.toml:3: prot: no such setting, expected port?"]),
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


PASSWORD = "correct-horse-battery"


class TestKafkaSecurity:
    def test_a_plain_broker_needs_nothing(self) -> None:
        assert load_settings().kafka_security() == {"security.protocol": "plaintext"}

    def test_tls_is_its_files(self) -> None:
        settings = load_settings(
            kafka_security_protocol="ssl",
            kafka_ssl_ca="ca.pem",
            kafka_ssl_certificate="our.pem",
            kafka_ssl_key="our.key",
            kafka_ssl_key_password=PASSWORD,
            kafka_sasl_password=PASSWORD,
        )
        assert settings.kafka_security() == {
            "security.protocol": "ssl",
            "ssl.ca.location": "ca.pem",
            "ssl.certificate.location": "our.pem",
            "ssl.key.location": "our.key",
            "ssl.key.password": PASSWORD,
        }

    def test_sasl_is_name_and_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CITYWATCH_KAFKA_SASL_PASSWORD", PASSWORD)
        settings = load_settings(
            kafka_security_protocol="sasl_plaintext",
            kafka_sasl_mechanism="PLAIN",
            kafka_sasl_username="citywatch",
            kafka_ssl_ca="ca.pem",
        )
        assert settings.kafka_security() == {
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "citywatch",
            "sasl.password": PASSWORD,
        }
        both = load_settings(kafka_security_protocol="sasl_ssl", kafka_ssl_ca="ca.pem")
        assert set(both.kafka_security()) == {
            "security.protocol",
            "sasl.mechanism",
            "sasl.password",
            "ssl.ca.location",
        }

    def test_no_secret_is_shown(self) -> None:
        settings = load_settings(kafka_sasl_password=PASSWORD, kafka_ssl_key_password=PASSWORD)
        said = [
            repr(settings),
            str(settings),
            settings.model_dump_json(),
            repr(settings.model_dump()),
        ]
        assert not [words for words in said if PASSWORD in words]

    @pytest.mark.parametrize(
        "text",
        [
            "kafka_sasl_password = 5\n",
            f'kafka_sasl_password = ["{PASSWORD}"]\n',
            f'kafka_sasl_pasword = "{PASSWORD}"\n',
            f'kafka_password = "{PASSWORD}"\n',
            f'kafka = {{ sasl_password = "{PASSWORD}" }}\n',
            f'redis = {{ password = "{PASSWORD}" }}\n',
            f'redis = ["redis://:{PASSWORD}@a:1"]\n',
            f'redis_url = "redis://:{PASSWORD}@a:1"\n',
            f'port = "redis://:{PASSWORD}@a:1"\n',
        ],
        ids=[
            "number",
            "list",
            "misspelt",
            "another name",
            "a table of Kafka",
            "a table of Redis",
            "an array of addresses",
            "an address by another name",
            "an address in another's place",
        ],
    )
    def test_one_that_cannot_be_used_is_named_and_not_shown(self, text: str) -> None:
        with pytest.raises(ConfigError) as error:
            load_settings(config(text))
        assert f"citywatch.toml:1: {text.partition(' ')[0]}: " in str(error.value)
        assert PASSWORD not in str(error.value)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("kafka_security_protocol", "tls"),
            ("kafka_sasl_mechanism", "GSSAPI"),
            ("kafka_prefix", "city readings"),
            ("kafka_prefix", ""),
            ("metrics_port", 70_000),
            ("snapshot_s", 0),
        ],
    )
    def test_a_wrong_value_is_one_line(self, name: str, value: object) -> None:
        with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')}: .*, got ") as error:
            load_settings(**{name: value})
        assert "\n" not in str(error.value)


def test_a_city_extends_the_vocabulary() -> None:
    config('[vocabulary]\nflood = ["the Jialing is at the steps"]\n')
    assert load_settings().phrases() == {"flood": ["the Jialing is at the steps"]}


def test_a_vocabulary_of_no_hazard_is_refused() -> None:
    config('[vocabulary]\ncomet = ["it is falling"]\n')
    with pytest.raises(ConfigError, match="comet"):
        load_settings()


def test_a_table_of_the_environment_that_is_not_json_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CITYWATCH_VOCABULARY", "nonsense")
    with pytest.raises(ConfigError, match=r"^CITYWATCH_VOCABULARY: expected JSON$"):
        load_settings()


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e10"])
@pytest.mark.parametrize("name", ["speed", "snapshot_s", "epoch_s", "history_h"])
def test_a_number_without_end_is_none(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"CITYWATCH_{name.upper()}", value)
    with pytest.raises(ConfigError, match=f"^CITYWATCH_{name.upper()}: input should be "):
        load_settings()
