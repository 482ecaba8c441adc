"""The command line: ``citywatch up``, ``run``, ``topics``, ``simulate``, ``replay`` and more.

Each command imports what it runs, and no more: all of it takes a second or two, which whoever asks
for help waits for, and a city whose process is being started again.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from flows.kafka import KafkaPlace
    from flows.run import ProcessName
    from flows.settings import Settings

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Watch a city while it happens: readings and reports in, graded warnings out.",
)

LONGEST_H = 24.0 * 366
"""A year: longer runs would fill a disk."""

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


@app.command()
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

    _known(scenario)
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


@app.command()
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
    from flows.running import lasting
    from flows.settings import ConfigError, load_settings

    settings = load_settings(
        kafka=kafka, redis=redis, city=city, data_dir=data_dir, metrics_port=metrics_port
    )
    _one_of("--mode", mode, ("prompt", "ordered"))
    _one_of("--clock", clock, ("wall", "feed"))
    if flow is None:
        if part is not None:
            raise ConfigError("--part: expected --flow readings beside it, got no --flow")
        _run_all(settings, processes, mode, clock)
        return
    _one_of("--flow", flow, PROCESSES)
    if processes > 1:
        raise ConfigError(f"--processes: expected no --flow beside it, got --flow {flow}")
    number = parse_part(part or "1/1")
    with lasting():
        name: ProcessName = flow  # type: ignore[assignment]
        parts = make_parts(name, settings, number, prompt=mode == "prompt", clock=clock)
    at = settings.metrics_port
    run_parts(parts, None if at is None else (settings.metrics_host, at))


def _run_all(settings: Settings, processes: int, mode: str, clock: str) -> None:
    """Keep the processes running, until asked to stop."""
    from flows.processes import production
    from flows.run import make_parts

    for part in make_parts("city", settings):
        part.count = processes if part.flow == "readings" else 1
        part.number = part.count
        part.partitions  # noqa: B018 (says what is missing, before anything starts)
    with production(settings, processes, mode, clock) as supervisor:
        supervisor.run(lambda: None)


@app.command()
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
    place = _broker(settings)
    names = Topics(settings.kafka_prefix)
    made = place.create(names, partitions, replicas)
    for name, _, _ in names.settings(partitions):
        count = len(place.partitions(name))
        print(f"{name}: {count} partition{'s' if count > 1 else ''}{', new' * (name in made)}")


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Feed directory to write.")],
    scenario: Scenario = "quiet",
    hours: Annotated[float, typer.Option(help="Length; the event comes in its last 40 %.")] = 48.0,
    seed: Seed = 1,
    sensors: Annotated[int | None, typer.Option(help="How many sensors (5000).")] = None,
) -> None:
    """Write a feed directory of a simulated city, with the truth beside it."""
    from flows.progress import Bar
    from flows.settings import ConfigError, load_settings
    from simulators.clock import default_start
    from simulators.feed import write_feed
    from simulators.simulation import Simulation

    _known(scenario)
    settings = load_settings(sensors=sensors)
    if not 0 < hours <= LONGEST_H:
        raise ConfigError(f"--hours: expected more than 0, at most {LONGEST_H:g}, got {hours:g}")
    simulation = Simulation(scenario, seed, default_start(seed), hours, settings.sensors)
    with _named(out), Bar(f"simulating {scenario}") as bar:
        write_feed(simulation, out, bar.show)
    print(out)


@app.command()
def replay(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Feed directory.")],
    speed: Annotated[
        str, typer.Option(help="Seconds of event time a second, or max.", metavar="X|max")
    ] = "max",
    alerts: Annotated[
        Path | None, typer.Option(help="Write every version of every warning here, one a line.")
    ] = None,
    dead_letters: Annotated[
        Path | None, typer.Option(help="Write messages that could not be used here, with reasons.")
    ] = None,
    redis: Annotated[str | None, typer.Option(help="Write the read model to this store.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep snapshots here; the same command resumes from them.")
    ] = None,
    poll_size: Annotated[
        int | None, typer.Option(help="Messages read at once; changes no result.", min=1)
    ] = None,
    kafka: Kafka = None,
) -> None:
    """Run a recorded or simulated feed through the whole engine: same feed, same bytes.

    With --kafka the feed is published to that broker instead, its end marked.
    """
    from flows.replay import Replay
    from flows.replay import replay as run_replay
    from flows.settings import ConfigError, load_settings

    settings = load_settings(redis=redis, poll_size=poll_size)
    if kafka is not None:
        here = {
            "alerts": alerts,
            "dead-letters": dead_letters,
            "redis": redis,
            "data-dir": data_dir,
        }
        for name, given in here.items():
            if given is not None:
                raise ConfigError(f"--{name}: nothing comes back where --kafka publishes the feed")
        _publish(directory, load_settings(kafka=kafka), _speed(speed))
        return
    plan = Replay(directory, _speed(speed), alerts, dead_letters, settings.redis, data_dir)
    if not run_replay(plan, settings):
        raise typer.Exit(1)


@app.command()
def score(
    alerts: Annotated[Path, typer.Argument(help="Alert file, as replay writes it.")],
    truth: Annotated[Path, typer.Argument(help="truth.json of the feed.")],
    hours: Annotated[
        float | None, typer.Option(help="Hours watched; else those of the feed beside the truth.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Hold warnings against the truth: hits, misses, false warnings, lead times."""
    import msgspec
    from rich.console import Console

    from flows.scoring import score_files
    from flows.settings import ConfigError
    from simulators.scoreboard import scoreboard

    if hours is not None and not 0 < hours < math.inf:
        raise ConfigError(f"--hours: expected more than 0, got {hours:g}")
    found = score_files(alerts, truth, hours)
    if json:
        sys.stdout.buffer.write(msgspec.json.encode(found.to_dict()) + b"\n")
    else:
        Console().print(scoreboard(found))


@app.command()
def plot(
    directory: Annotated[Path, typer.Argument(metavar="FEED", help="Feed directory.")],
    sensor: Annotated[
        list[str], typer.Option(help="Its id; several are drawn beneath each other.", metavar="ID")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Picture to write, .png, .svg or .pdf (ID.png).")
    ] = None,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Draw with characters, here, instead.")
    ] = False,
    from_: Annotated[
        str | None,
        typer.Option("--from", help="Local time of the city, or hours from the first reading."),
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="The same, for the end.")] = None,
    neighbours: Annotated[
        int, typer.Option(help="Nearest sensors of the same kind to draw beneath.", min=0, max=12)
    ] = 0,
) -> None:
    """Draw a sensor's series with what was expected, its evidence and the warnings near it.

    The feed is replayed through the whole engine. True events near the sensor are shaded.

    Example: citywatch plot leak --sensor ch-0211 --neighbours 2 --from 20 --to 26

    The same hours: --from 2025-06-30T20:00 --to 2025-07-01T02:00
    """
    from flows.plot import Plot
    from flows.plot import plot as run_plot

    run_plot(Plot(directory, sensor, out, terminal, from_, to, neighbours))


@app.command()
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


@app.command()
def check(
    what: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="citywatch.toml or a feed directory.")
    ] = None,
) -> None:
    """Say what is wrong with a configuration or a feed directory, with the line."""
    from flows.check import check_config, check_feed

    is_feed = what is not None and what.is_dir()
    problems = check_feed(what) if is_feed and what else check_config(what)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise typer.Exit(1)
    print(f"{what or 'configuration'}: nothing wrong")


def _publish(directory: Path, settings: Settings, speed: float | None) -> None:
    from flows.kafka import Topics
    from flows.progress import Bar
    from flows.publish import publish_directory

    names = Topics(settings.kafka_prefix)
    with Bar("publishing") as bar:
        count = publish_directory(directory, _broker(settings), names, speed, bar.show)
    print(f"{count:,} messages published to {names.readings} and {names.reports}")


def _broker(settings: Settings) -> KafkaPlace:
    from flows.kafka import KafkaPlace
    from flows.settings import ConfigError

    if settings.kafka is None:
        raise ConfigError("--kafka: expected HOST:PORT of a broker, got nothing")
    return KafkaPlace(settings.kafka, settings.kafka_security())


def _was_given(context: typer.Context, option: str) -> bool:
    """Say whether an option was written on the command line, be it as it is by default."""
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let an error of the system say where: of a file that is open, on a full disk, it does not."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _one_of(option: str, got: str, expected: tuple[str, ...]) -> None:
    if got not in expected:
        raise typer.BadParameter(f"{option}: expected one of {', '.join(expected)}, got {got!r}")


def _known(scenario: str) -> None:
    from simulators.scenarios import SCENARIOS

    if scenario not in SCENARIOS:
        expected = ", ".join(SCENARIOS)
        raise typer.BadParameter(f"expected one of {expected}, got {scenario!r}")


def _speed(text: str) -> float | None:
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


def _mistakes() -> tuple[type[Exception], ...]:
    """Return the errors that are a user's to mend; their texts say how."""
    from flows.feeds import FeedError
    from flows.kafka import KafkaUnusableError
    from flows.plot import PlotError
    from flows.running import RecoveryError
    from flows.settings import ConfigError
    from flows.up import UpError
    from flows.vault import VaultError
    from operators.step import StateError
    from sinks.kafka import SendError
    from sinks.store import StoreError

    flow = (ConfigError, FeedError, RecoveryError, StateError, UpError, VaultError)
    return (*flow, KafkaUnusableError, PlotError, SendError, StoreError, OSError)


def main() -> None:
    """Run the command line: a user's mistake is one line on stderr and status 1."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A letter that a terminal does not know is no reason to end.
        sys.stdout.reconfigure(errors="replace")
    try:
        app()
    except Exception as error:
        if not isinstance(error, _mistakes()):
            raise
        print(f"citywatch: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
