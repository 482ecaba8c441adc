"""The screen's process: what it is told, and that it says what it is not."""

from __future__ import annotations

import pytest

from flows import screen
from flows.settings import ConfigError


def test_it_serves_the_store_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[object, ...]] = []
    monkeypatch.setattr(screen, "serve", lambda *told: served.append(told))
    told = {"REDIS": "redis://:secret@a:1", "HOST": "::1", "PORT": "80", "REGION": "east"}
    for name, value in told.items():
        monkeypatch.setenv(f"CITYWATCH_{name}", value)
    assert screen.main() == 0
    assert served == [("redis://:secret@a:1", "::1", 80, "east")]


def test_without_a_store_it_says_so() -> None:
    with pytest.raises(ConfigError, match="--redis: expected redis"):
        screen.main()
