"""Commands that watch a city: everything here, production's processes, their topics, the screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import (
    Kafka,
    Processes,
    Redis,
    Scenario,
    Seed,
    broker,
    must_be_known,
    must_be_one_of,
)

if TYPE_CHECKING:
    from flows.run import ProcessName
    from flows.settings import Settings

__all__ = ["run", "serve", "topics", "up"]


def up(
    context: typer.Context,
    scenario: Scenario = "flood",
    speed: Annotated[float, typer.Option(help="Seconds of event time a second.", min=0.01)] = 60.0,
    seed: Seed = 1,
    feed: Annotated[Path | None, typer.Option(help="Watch this feed directory instead.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the screen (8765).")] = None,
    redis: Redis = None,
    for_: Annotated[
        float | None, typer.Option("--for", help="End after so many seconds.", metavar="SECONDS")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep state and logs here, and go on from it next time.")
    ] = None,
    sensors: Annotated[int | None, typer.Option(help="Sensors of the simulated city.")] = None,
    history: Annotated[
        float | None,
        typer.Option(
            help="Learnt at full speed before it goes live (48); of a shorter feed half of it.",
            metavar="HOURS",
        ),
    ] = None,
    kafka: Kafka = None,
    processes: Processes = 1,
) -> None:
    """Run everything on this machine: store, flow and screen, with a simulated city as the feed.

    With --kafka the city is published to that broker, and the production processes read it.
    """
    from flows.room import Up
    from flows.room import up as run_up
    from flows.settings import FASTEST, ConfigError, load_settings

    must_be_known(scenario)
    if not speed <= FASTEST:  # typer takes inf for a number
        raise typer.BadParameter(f"--speed: expected 0.01 to {FASTEST:g}, got {speed}")
    if for_ is not None and not for_ > 0:
        raise typer.BadParameter(f"--for: expected more than 0 seconds, got {for_:g}")
    settings = load_settings(
        redis=redis, port=port, sensors=sensors, kafka=kafka, history_h=history
    )
    for name in ("scenario", "sensors", "seed"):
        if feed is not None and _was_given(context, name):
            raise ConfigError(f"--{name}: expected no --feed beside it, got --feed {feed}")
    if processes > 1 and settings.kafka is None:
        raise ConfigError("--processes: more than one need --kafka HOST:PORT")
    run_up(Up(scenario, speed, seed, feed, for_, data_dir, processes), settings)


def _was_given(context: typer.Context, option: str) -> bool:
    """Say whether an option was written on the command line, be it as it is by default."""
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def run(
    processes: Processes = 1,
    flow: Annotated[
        str | None,
        typer.Option(
            help="Run this one process, here: readings, reports, warnings, or city, all of them.",
            metavar="NAME",
        ),
    ] = None,
    kafka: Kafka = None,
    redis: Redis = None,
    city: Annotated[Path | None, typer.Option(help="city.json, or the directory it is in.")] = None,
    part: Annotated[
        str | None,
        typer.Option(help="With --flow readings: which of how many share them.", metavar="i/n"),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(help="prompt: warn at once (live); ordered: in event-time order (replay)."),
    ] = "prompt",
    clock: Annotated[
        str, typer.Option(help="wall: the present; feed: the clock that a replay publishes.")
    ] = "wall",
    data_dir: Annotated[Path | None, typer.Option(help="Where snapshots are kept (data).")] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve Prometheus metrics here; 0 takes a free port.")
    ] = None,
) -> None:
    """Watch a city from Kafka: readings and reports in, warnings out, kept running.

    One process does everything, and is the soonest to warn. With --processes N so many share the
    readings, and reports and warnings have one each. With --flow it is a single process, for who
    keeps them running otherwise, or on several machines.

    Topics are made by `citywatch topics`. Each process owns its partitions and keeps their state
    in the data directory; one that was killed goes on where it was. The same directory will do
    for any number of processes, one after the other.
    """
    from flows.run import PROCESSES, make_parts, parse_part, run_parts
    from flows.running import ENDED, lasting
    from flows.settings import ConfigError, load_settings

    settings = load_settings(
        kafka=kafka, redis=redis, city=city, data_dir=data_dir, metrics_port=metrics_port
    )
    must_be_one_of("--mode", mode, ("prompt", "ordered"))
    must_be_one_of("--clock", clock, ("wall", "feed"))
    if flow is None:
        if part is not None:
            raise ConfigError("--part: expected --flow readings beside it, got no --flow")
        _run_all(settings, processes, mode, clock)
        return
    must_be_one_of("--flow", flow, PROCESSES)
    if processes > 1:
        raise ConfigError(f"--processes: expected no --flow beside it, got --flow {flow}")
    number = parse_part(part or "1/1")
    with lasting():
        name: ProcessName = flow  # type: ignore[assignment]
        parts = make_parts(name, settings, number, prompt=mode == "prompt", clock=clock)
    at = settings.metrics_port
    if run_parts(parts, None if at is None else (settings.metrics_host, at)):
        raise typer.Exit(ENDED)


def _run_all(settings: Settings, processes: int, mode: str, clock: str) -> None:
    """Keep the processes running, until asked to stop."""
    from flows.processes import production

    _must_be_there(settings, processes)
    with production(settings, processes, mode, clock) as supervisor:
        supervisor.run(lambda: None)


def _must_be_there(settings: Settings, processes: int) -> None:
    """Say what is missing, before anything starts."""
    from flows.run import make_parts

    for part in make_parts("city", settings):
        part.count = processes if part.flow == "readings" else 1
        part.number = part.count
        part.partitions  # noqa: B018 (it looks for them)


def topics(
    kafka: Kafka = None,
    partitions: Annotated[
        int, typer.Option(help="Of the readings: how many processes may share them.", min=1)
    ] = 8,
    replicas: Annotated[int, typer.Option(help="Copies of every partition.", min=1)] = 1,
) -> None:
    """Make the city's topics, where they are missing."""
    from flows.kafka import Topics
    from flows.settings import load_settings

    settings = load_settings(kafka=kafka)
    place = broker(settings)
    names = Topics(settings.kafka_prefix)
    made = place.create(names, partitions, replicas)
    for name, _, _ in names.settings(partitions):
        count = len(place.partitions(name))
        print(f"{name}: {count} partition{'s' if count > 1 else ''}{', new' * (name in made)}")


def serve(
    redis: Annotated[str | None, typer.Option(help="Store to read, redis://HOST:PORT.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the screen (8765).")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
) -> None:
    """Serve the control-room screen from a store that a flow writes to."""
    from flows.settings import load_settings
    from sinks.control_room.server import main as serve_room
    from sinks.store import must_answer

    settings = load_settings(redis=redis, port=port, host=host)
    if settings.redis is None:
        raise typer.BadParameter("--redis: expected redis://HOST:PORT of a store, got nothing")
    must_answer(settings.redis)
    serve_room(
        settings.redis,
        settings.host,
        settings.port,
        settings.region,
        opened=lambda where: print(f"screen at {where}", flush=True),
    )
