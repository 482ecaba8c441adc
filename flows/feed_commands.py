"""Commands about feeds: make one, run it, draw it, hold its warnings against the truth."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import Kafka, Scenario, Seed, broker, must_be_known, speed_of

if TYPE_CHECKING:
    from flows.settings import Settings

__all__ = ["check", "plot", "replay", "score", "simulate"]

LONGEST_H = 24.0 * 366
"""A year: longer runs would fill a disk."""


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

    must_be_known(scenario)
    settings = load_settings(sensors=sensors)
    if not 0 < hours <= LONGEST_H:
        raise ConfigError(f"--hours: expected more than 0, at most {LONGEST_H:g}, got {hours:g}")
    simulation = Simulation(scenario, seed, default_start(seed), hours, settings.sensors)
    with _named(out), Bar(f"simulating {scenario}") as bar:
        write_feed(simulation, out, bar.show)
    print(out)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let an error of the system say where: of a file that is open, on a full disk, it does not."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


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
        _publish(directory, load_settings(kafka=kafka), speed_of(speed))
        return
    plan = Replay(directory, speed_of(speed), alerts, dead_letters, settings.redis, data_dir)
    if not run_replay(plan, settings):
        raise typer.Exit(1)


def _publish(directory: Path, settings: Settings, speed: float | None) -> None:
    from flows.kafka import Topics
    from flows.progress import Bar
    from flows.publish import publish_directory

    names = Topics(settings.kafka_prefix)
    with Bar("publishing") as bar:
        count = publish_directory(directory, broker(settings), names, speed, bar.show)
    print(f"{count:,} messages published to {names.readings} and {names.reports}")


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
