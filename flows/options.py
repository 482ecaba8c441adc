"""What several commands are asked by, and what of it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from flows.kafka import KafkaPlace
    from flows.settings import Settings

__all__ = [
    "Kafka",
    "Processes",
    "Redis",
    "Scenario",
    "Seed",
    "broker",
    "must_be_known",
    "must_be_one_of",
    "speed_of",
]

Scenario = Annotated[
    str,
    typer.Option(
        help="What happens: quiet, benign, flood, cloudburst, gas_leak, fire, landslide, crash,"
        " crowd, smog, burst_main, blackout, day.",
        metavar="NAME",
    ),
]
Seed = Annotated[int, typer.Option(help="Same seed, same city and same events.", min=0)]
Redis = Annotated[
    str | None,
    typer.Option(help="Store to use, redis://HOST:PORT; else up starts one, others have none."),
]
Kafka = Annotated[
    str | None, typer.Option(help="Broker, HOST:PORT; several with commas.", metavar="HOST:PORT")
]
Processes = Annotated[
    int, typer.Option(help="Processes that share the readings; needs --kafka.", min=1)
]


def broker(settings: Settings) -> KafkaPlace:
    """Return where the broker is.

    Raises
    ------
    ConfigError
        When nobody said.
    """
    from flows.kafka import KafkaPlace
    from flows.settings import ConfigError

    if settings.kafka is None:
        raise ConfigError("--kafka: expected HOST:PORT of a broker, got nothing")
    return KafkaPlace(settings.kafka, settings.kafka_security())


def must_be_one_of(option: str, got: str, expected: tuple[str, ...]) -> None:
    """Refuse what is none of a few words."""
    if got not in expected:
        raise typer.BadParameter(f"{option}: expected one of {', '.join(expected)}, got {got!r}")


def must_be_known(scenario: str) -> None:
    """Refuse a scenario that there is not."""
    from simulators.scenarios import SCENARIOS

    if scenario not in SCENARIOS:
        expected = ", ".join(SCENARIOS)
        raise typer.BadParameter(f"--scenario: expected one of {expected}, got {scenario!r}")


def speed_of(text: str) -> float | None:
    """Return seconds of event time a second; None for as fast as it goes."""
    from flows.settings import FASTEST

    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= FASTEST:
        expected = f"a number above 0, at most {FASTEST:g}, or max"
        raise typer.BadParameter(f"--speed: expected {expected}, got {text!r}")
    return speed
