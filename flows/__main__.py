"""The command line: ``citywatch up``, ``run``, ``topics``, ``simulate``, ``replay`` and more.

Each command imports what it runs, and no more: all of it takes a second or two, which whoever asks
for help waits for, and a city whose process is being started again.
"""

from __future__ import annotations

import io
import sys

import typer

from flows.feed_commands import check, plot, replay, score, simulate
from flows.watch_commands import run, serve, topics, up

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Watch a city while it happens: readings and reports in, graded warnings out.",
)
for _command in (up, run, topics, simulate, replay, score, plot, serve, check):
    app.command()(_command)


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
