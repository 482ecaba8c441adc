"""One production process: read its part from Kafka until somebody asks it to stop.

Its flow is one of three, or all of them together: the whole city in one process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal, get_args

from bytewax.dataflow import Dataflow

from flows.control import ControlSource
from flows.kafka import KafkaPlace, Topics
from flows.metrics import serve_metrics
from flows.production import FLOWS, FlowName, Part
from flows.readings import readings
from flows.replay import read_city
from flows.reports import reports
from flows.running import lasting, run_flow, stop_on_signals
from flows.settings import ConfigError, Settings
from flows.sources import Stop
from flows.together import together
from flows.warnings import warnings
from operators.counters import Counters
from operators.events import City
from operators.registry import Registry
from sinks.redis import RedisSink
from sinks.store import must_be_address

__all__ = ["PROCESSES", "ProcessName", "make_parts", "parse_part", "run_parts"]

ProcessName = Literal["city", "readings", "reports", "warnings"]
PROCESSES: tuple[ProcessName, ...] = get_args(ProcessName)

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


def make_parts(
    process: ProcessName,
    settings: Settings,
    part: tuple[int, int] = (1, 1),
    *,
    prompt: bool = True,
    clock: str = "wall",
) -> list[Part]:
    """Return what a process is made of: one flow's part, or all of the three.

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
    if process == "city" and part != (1, 1):
        number, count = part
        raise ConfigError(f"--part: the whole city is one process, 1/1, got {number}/{count}")
    place = KafkaPlace(settings.kafka, settings.kafka_security())
    known = read_city(settings.city)
    stop, counters, registry = Stop(), Counters(), Registry(known)
    parts = [
        Part(
            flow,
            place,
            Topics(settings.kafka_prefix),
            # Warnings number those who introduce themselves by what the log says, not by what
            # the same process has heard: as they would elsewhere.
            registry.twin() if flow != process and flow == "warnings" else registry,
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
            stop=stop,
            counters=counters,
        )
        for flow in (FLOWS if process == "city" else (process,))
    ]
    if settings.redis is not None and process != "reports":
        must_be_address(settings.redis)
        _connect(parts, settings.redis, settings.region, known)
    return parts


def _connect(parts: Sequence[Part], url: str, region: str, known: City) -> None:
    """Have a process write to the store, and hear what people say there."""
    first, last = parts[0], parts[-1]
    # Whoever warns also reads commands; the readings know of watches alone.
    asks = last.flow == "warnings"
    given = known if asks else None
    last.store = RedisSink(url, region, city=given, ending=last.stop, warns=asks)
    first.control = ControlSource(
        url,
        region,
        last.stop,
        commands=asks,
        remembers=asks,
        arrived=lambda: last.outbox.settled == last.outbox.sent,
    )


def _say(sentence: str) -> None:
    # Where this goes to a file on a full disk, the city is watched all the same.
    with suppress(OSError):
        print(sentence, flush=True)


def run_parts(parts: Sequence[Part], metrics: tuple[str, int] | None = None) -> bool:
    """Run a process's flow until asked to stop; keep the state of every shard then.

    Returns
    -------
    Whether it was asked to before the end of a feed that has one.

    Raises
    ------
    KafkaUnusableError
        When there is no such broker or topic.
    VaultError
        When another process has the same part, or a snapshot is damaged.
    """
    stop, outbox = parts[0].stop, parts[0].outbox
    stop_on_signals(stop)
    with lasting():
        flow = together(*parts) if len(parts) > 1 else MAKE[parts[0].flow](parts[0])
    if metrics is not None:
        port = serve_metrics(parts, *metrics)
        _say(f"metrics at http://{metrics[0]}:{port}/metrics")
    for part in parts:
        _say(f"{part.flow}: partitions {', '.join(map(str, part.partitions))}")
    run_flow(flow, None, EPOCH_S)
    stop.check()
    outbox.flush(10.0)
    for part in parts:
        if part.kept is not None:
            for _ in part.partitions:
                part.kept.stage_one()
        part.vault.close()
    return parts[0].ends and stop.asked
