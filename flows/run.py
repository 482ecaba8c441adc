"""One production process: read its part from Kafka until somebody asks it to stop."""

from __future__ import annotations

from collections.abc import Callable

from bytewax.dataflow import Dataflow

from flows.control import ControlSource
from flows.kafka import KafkaPlace, Topics
from flows.metrics import serve_metrics
from flows.production import FlowName, Part
from flows.readings import readings
from flows.replay import read_city
from flows.reports import reports
from flows.running import lasting, run_flow, stop_on_signals
from flows.settings import ConfigError, Settings
from flows.warnings import warnings
from operators.registry import Registry
from sinks.redis import RedisSink

__all__ = ["make_part", "parse_part", "run_part"]

EPOCH_S = 0.5
"""How often sinks are asked what has arrived, and offsets committed."""
MAKE: dict[FlowName, Callable[[Part], Dataflow]] = {
    "readings": readings,
    "reports": reports,
    "warnings": warnings,
}


def parse_part(text: str) -> tuple[int, int]:
    """Return number and count of ``i/n``.

    Raises
    ------
    ConfigError
        When it is not one.

    Examples
    --------
    >>> parse_part("2/4")
    (2, 4)
    """
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise ConfigError(f"--part: expected i/n with 1 <= i <= n, got {text!r}")


def make_part(
    flow: FlowName,
    settings: Settings,
    part: tuple[int, int] = (1, 1),
    *,
    prompt: bool = True,
    clock: str = "wall",
) -> Part:
    """Return what a process of a flow is made of.

    Raises
    ------
    ConfigError
        When something it needs was not given.
    FeedError
        When the city file is not one.
    """
    if settings.kafka is None:
        raise ConfigError("--kafka: expected HOST:PORT of a broker, got nothing")
    if settings.city is None:
        raise ConfigError("--city: expected city.json or the directory it is in, got nothing")
    known = read_city(settings.city.parent if settings.city.is_file() else settings.city)
    made = Part(
        flow,
        KafkaPlace(settings.kafka, settings.kafka_security()),
        Topics(settings.kafka_prefix),
        Registry(known),
        settings.data_dir,
        *part,
        prompt=prompt,
        clock=clock if prompt else "none",
        ends=not prompt,
        poll_size=settings.poll_size,
        snapshot_s=settings.snapshot_s,
        weekly=settings.weekly,
        speed=settings.speed,
        vocabulary=settings.phrases(),
    )
    if settings.redis is not None and flow != "reports":
        asks = flow == "warnings"
        given = known if asks else None
        made.store = RedisSink(
            settings.redis, settings.region, city=given, ending=made.stop, warns=asks
        )
        made.control = ControlSource(
            settings.redis,
            settings.region,
            made.stop,
            commands=asks,
            remembers=asks,
            arrived=lambda: made.outbox.settled == made.outbox.sent,
        )
    return made


def run_part(part: Part, metrics: tuple[str, int] | None = None) -> None:
    """Run until asked to stop; keep the state of every shard then.

    Raises
    ------
    KafkaUnusableError
        When there is no such broker or topic.
    VaultError
        When another process has the same part, or a snapshot is damaged.
    """
    stop_on_signals(part.stop)
    with lasting():
        flow = MAKE[part.flow](part)
    if metrics is not None:
        port = serve_metrics(part, *metrics)
        print(f"metrics at http://{metrics[0]}:{port}/metrics", flush=True)
    print(f"{part.flow}: partitions {', '.join(map(str, part.partitions))}", flush=True)
    run_flow(flow, None, EPOCH_S)
    part.stop.check()
    if part.kept is not None:
        part.outbox.flush(10.0)
        for _ in part.partitions:
            part.kept.stage_one()
    part.vault.close()
