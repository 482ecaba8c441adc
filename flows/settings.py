"""What can be configured, and the only reader of TOML and environment.

A value is taken from the command line, else from the environment (``CITYWATCH_REDIS`` ...), else
from ``citywatch.toml``, else from here.
"""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from operators.events import Hazard
from sinks.store import without_secrets

__all__ = ["CONFIG", "FASTEST", "ConfigError", "Settings", "load_settings", "where_is"]

CONFIG = Path("citywatch.toml")
FASTEST = 1e9
"""Event time a second: 30 years; beyond it a clock in milliseconds soon ends."""

ALIKE = 0.9
"""Share of letters from which one name is taken for another that is misspelt."""


class ConfigError(ValueError):
    """A configuration that cannot be used: one line per mistake, each with where, got, expected."""


class Settings(BaseSettings):
    """Every setting, with its default."""

    model_config = SettingsConfigDict(env_prefix="CITYWATCH_", extra="forbid", allow_inf_nan=False)

    redis: str | None = Field(
        None, description="store to use; else up starts one, others have none"
    )
    city: Path | None = Field(None, description="city.json, or the feed directory that has it")
    data_dir: Path = Field(Path("data"), description="snapshots and logs of production processes")
    kafka: str | None = Field(None, description="HOST:PORT of the broker, several with commas")
    kafka_prefix: str = Field("city", pattern=r"^[A-Za-z0-9._-]{1,200}$", description="topics")
    kafka_security_protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="how to talk to the broker"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="with a sasl protocol"
    )
    kafka_sasl_username: str | None = Field(None, description="with a sasl protocol")
    kafka_sasl_password: SecretStr | None = Field(None, description="with a sasl protocol")
    kafka_ssl_ca: Path | None = Field(None, description="PEM file of who signs the broker's key")
    kafka_ssl_certificate: Path | None = Field(None, description="our certificate, a PEM file")
    kafka_ssl_key: Path | None = Field(None, description="our key, a PEM file")
    kafka_ssl_key_password: SecretStr | None = Field(None, description="of our key")
    metrics_port: int | None = Field(None, ge=0, le=65535, description="of Prometheus metrics")
    metrics_host: str = Field(
        "127.0.0.1", min_length=1, description="address metrics are served on"
    )
    speed: float = Field(
        1.0, gt=0, le=FASTEST, description="event time a second, for the screen's clock"
    )
    snapshot_s: float = Field(10.0, gt=0, le=3600, description="in which every shard is kept once")
    region: str = Field("city", pattern=r"^[a-z0-9_-]{1,32}$", description="part of the store")
    # Without a host a socket listens on all there are: nobody gets that by leaving something out.
    host: str = Field("127.0.0.1", min_length=1, description="address the screen is served on")
    port: int = Field(8765, ge=1, le=65535, description="port the screen is served on")
    poll_size: int = Field(30_000, ge=1, le=1_000_000, description="messages read at once")
    epoch_s: float = Field(2.0, gt=0, le=60, description="seconds between snapshots")
    sensors: int = Field(5_000, ge=100, le=1_000_000, description="sensors of a simulated city")
    weekly: bool = Field(
        False, description="learn hours of the week too, not of the day alone: 1.4 kB a sensor"
    )
    history_h: float = Field(48.0, ge=0, le=24 * 28, description="hours learnt from before live")

    vocabulary: dict[Hazard, list[str]] = Field(
        default_factory=dict, description="phrases per hazard, beside those triage starts from"
    )

    def phrases(self) -> dict[str, list[str]]:
        """Return the city's own phrases per hazard."""
        return {str(hazard): said for hazard, said in self.vocabulary.items()}

    def kafka_security(self) -> dict[str, str]:
        """Return the client's settings for TLS and SASL."""
        protocol = self.kafka_security_protocol
        options: dict[str, Any] = {"security.protocol": protocol}
        if protocol.startswith("sasl"):
            options |= {
                "sasl.mechanism": self.kafka_sasl_mechanism,
                "sasl.username": self.kafka_sasl_username,
                "sasl.password": self.kafka_sasl_password,
            }
        if protocol.endswith("ssl"):
            options |= {
                "ssl.ca.location": self.kafka_ssl_ca,
                "ssl.certificate.location": self.kafka_ssl_certificate,
                "ssl.key.location": self.kafka_ssl_key,
                "ssl.key.password": self.kafka_ssl_key_password,
            }
        return {name: _told(value) for name, value in options.items() if value is not None}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what was given, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def _told(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def load_settings(config: Path | None = None, **given: Any) -> Settings:
    """Return the settings; those given here and not None win.

    Raises
    ------
    ConfigError
        When the file is not TOML, or a value is not what is expected.
    """
    _no_misspelt_variable()
    path = config or CONFIG
    if config is not None and not config.is_file():
        raise ConfigError(f"{config}: no such file")
    if path.is_dir():
        raise ConfigError(f"{path}: expected a file, got a directory")
    known = {name: value for name, value in given.items() if value is not None}
    bound = type(
        "Settings", (Settings,), {"model_config": {"toml_file": path}, "__module__": __name__}
    )
    try:
        return bound(**known)  # type: ignore[no-any-return]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except SettingsError as error:  # not even JSON where a table is expected
        name = str(error).split('"')[1]
        raise ConfigError(f"CITYWATCH_{name.upper()}: expected JSON") from None
    except ValidationError as error:
        raise ConfigError("\n".join(_plain(path, known, e) for e in error.errors())) from None


def _no_misspelt_variable() -> None:
    """Refuse what is nearly the name of a setting: others' names are none of our business."""
    known = [f"CITYWATCH_{name.upper()}" for name in Settings.model_fields]
    for name in sorted(os.environ):
        if name.startswith("CITYWATCH_") and name.upper() not in known:
            meant = get_close_matches(name, known, 1, ALIKE)
            if meant:
                raise ConfigError(f"{name}: no such setting, expected {meant[0]}?")


def _plain(path: Path, given: dict[str, Any], error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if name in given:
        where = f"--{name.removesuffix('_h').replace('_', '-')}"
    else:
        where = where_is(path, name)
    if error["type"] == "extra_forbidden":  # what is under it may be a secret
        meant = get_close_matches(name, Settings.model_fields, 1)
        return f"{where}: no such setting" + (f", expected {meant[0]}?" if meant else "")
    return f"{where}: {error['msg'].lower()}, got {_shown(name, error['input'])}"


def _shown(name: str, got: Any) -> str:
    """Return a value as it may be shown."""
    if "pass" in name:
        return "a secret"
    if isinstance(got, dict | list):  # of what is in it nobody knows
        return "a table" if isinstance(got, dict) else "an array"
    return repr(without_secrets(got) if isinstance(got, str) else got)


def where_is(path: Path, name: str) -> str:
    """Return where a setting was taken from: its variable, else its line of the file."""
    variable = f"CITYWATCH_{name.upper()}"
    return variable if variable in os.environ else f"{path}{_line_of(path, name)}: {name}"


def _line_of(path: Path, name: str) -> str:
    if path.is_file():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.split("=")[0].strip() == name:
                return f":{number}"
    return ""
