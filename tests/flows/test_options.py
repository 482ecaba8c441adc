"""What options may say."""

from __future__ import annotations

import re

import pytest
import typer

from flows.options import broker, must_be_known, must_be_one_of, speed_of
from flows.settings import ConfigError, load_settings


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("0.5", 0.5), ("60", 60.0)])
def test_a_speed_is_a_factor_or_as_fast_as_it_goes(text: str, speed: float | None) -> None:
    assert speed_of(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e12", "fast", ""])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=re.escape(f"or max, got {text!r}")):
        speed_of(text)


def test_one_of_a_few_words() -> None:
    must_be_one_of("--mode", "prompt", ("prompt", "ordered"))
    with pytest.raises(typer.BadParameter, match="--mode: expected one of prompt, ordered"):
        must_be_one_of("--mode", "x", ("prompt", "ordered"))


def test_a_scenario_there_is() -> None:
    must_be_known("flood")
    with pytest.raises(typer.BadParameter, match=r"--scenario: expected one of .+ got 'floods'"):
        must_be_known("floods")


def test_a_broker_is_said_or_refused() -> None:
    assert broker(load_settings(kafka="a:1")).servers == "a:1"
    with pytest.raises(ConfigError, match="--kafka: expected HOST:PORT"):
        broker(load_settings())
