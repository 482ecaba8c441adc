"""What can be configured, and the only reader of TOML and environment.

A value is taken from the command line, else from the environment (``CITYWATCH_REDIS`` ...), else
from ``citywatch.toml``, else from here.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

__all__ = ["CONFIG", "ConfigError", "Settings", "load_settings"]

CONFIG = Path("citywatch.toml")


class ConfigError(ValueError):
    """A configuration that cannot be used: one line per mistake, each with where, got, expected."""


class Settings(BaseSettings):
    """Every setting, with its default."""

    model_config = SettingsConfigDict(env_prefix="CITYWATCH_", extra="forbid")

    redis: str | None = Field(None, description="store to use; an embedded one when not given")
    region: str = Field("city", pattern=r"^[a-z0-9_-]{1,32}$", description="part of the store")
    host: str = Field("127.0.0.1", description="address the screen is served on")
    port: int = Field(8765, ge=1, le=65535, description="port the screen is served on")
    poll_size: int = Field(10_000, ge=1, le=1_000_000, description="messages read at once")
    epoch_s: float = Field(2.0, gt=0, le=60, description="seconds between snapshots")
    sensors: int = Field(5_000, ge=100, le=1_000_000, description="sensors of a simulated city")
    history_h: float = Field(48.0, ge=0, le=24 * 28, description="hours learnt from before live")

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


def load_settings(config: Path | None = None, **given: Any) -> Settings:
    """Return the settings; those given here and not None win.

    Raises
    ------
    ConfigError
        When the file is not TOML, or a value is not what is expected.
    """
    path = config or CONFIG
    if config is not None and not config.is_file():
        raise ConfigError(f"{config}: no such file")
    known = {name: value for name, value in given.items() if value is not None}
    bound = type(
        "Settings", (Settings,), {"model_config": {"toml_file": path}, "__module__": __name__}
    )
    try:
        return bound(**known)  # type: ignore[no-any-return]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        raise ConfigError("\n".join(_plain(path, known, e) for e in error.errors())) from None


def _plain(path: Path, given: dict[str, Any], error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    variable = f"CITYWATCH_{name.upper()}"
    if name in given:
        where = f"--{name.replace('_', '-')}"
    elif variable in os.environ:
        where = variable
    else:
        where = f"{path}{_line_of(path, name)}: {name}"
    return f"{where}: {error['msg'].lower()}, got {error['input']!r}"


def _line_of(path: Path, name: str) -> str:
    if path.is_file():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.split("=")[0].strip() == name:
                return f":{number}"
    return ""
