"""Run a recorded or simulated feed through the whole engine, and say what came of it."""

from __future__ import annotations

import datetime as dt
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from flows.city import Run, city
from flows.feeds import DirectoryFeed, FeedError, feed_paths
from flows.progress import Bar
from flows.running import owned, run_flow, stop_on_signals
from flows.settings import Settings
from flows.sources import FeedSource, Pace, Stop
from operators.city_file import decode_city
from operators.codec import decode_alert, encode
from operators.counters import Counters
from operators.events import LEVEL_NAMES, City
from operators.intake import FeedName
from operators.registry import LocalTime, Registry
from sinks.alert_file import AlertFileSink
from sinks.dead_letters import DeadLetterSink
from sinks.jsonl import keeps
from sinks.redis import RedisSink
from sinks.store import must_answer

__all__ = ["Replay", "read_city", "replay"]

REASONS = 10
"""Why messages could not be used is told so often, the most frequent first."""
FIRST_BYTES = 4096
"""Of each file, by which a feed is known again: files may have grown since."""


@dataclass(frozen=True)
class Replay:
    """What to replay, and where its results go.

    Parameters
    ----------
    speed
        Seconds of event time per second; None is as fast as it can.
    alerts, dead_letters
        Files to write; None keeps them only for the summary.
    data_dir
        Where to keep recovery state: the same command goes on where it was killed.
    """

    feed: Path
    speed: float | None = None
    alerts: Path | None = None
    dead_letters: Path | None = None
    redis: str | None = None
    data_dir: Path | None = None


def read_city(feed: Path) -> City:
    """Return the city of a feed directory, or of a file.

    Raises
    ------
    FeedError
        When it is missing or wrong; the message says where.
    """
    path = feed if feed.is_file() else feed / "city.json"
    try:
        found = decode_city(path.read_bytes())
        LocalTime(found.timezone)
    except OSError as error:
        raise FeedError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    except ValueError as error:
        raise FeedError(f"{path}: {error}") from None
    return found


def replay(plan: Replay, settings: Settings) -> bool:
    """Replay a feed to its end; return whether every step accounts for what it was given.

    Raises
    ------
    FeedError
        When the directory does not hold a feed, results would be written over it, or the recovery
        state is of another one, or was kept beside other results.
    RecoveryError
        When somebody else uses the data directory, or its recovery state is damaged.
    StoreError
        When the store does not answer, or stays away too long.
    """
    paths, known = feed_paths(plan.feed), read_city(plan.feed)
    _keep_apart(plan, [*paths.values(), plan.feed / "city.json", plan.feed / "truth.json"])
    if plan.redis is not None:
        must_answer(plan.redis)
    stop, counters = Stop(), Counters()
    stop_on_signals(stop)
    with tempfile.TemporaryDirectory(prefix="citywatch-") as scratch, _owned(plan.data_dir):
        alerts = plan.alerts or Path(scratch, "alerts.jsonl")
        bad = plan.dead_letters or Path(scratch, "dead_letters.jsonl")
        recovery = None if plan.data_dir is None else plan.data_dir / "recovery"
        resumes = recovery is not None and any(recovery.glob("part-*.sqlite3"))
        if plan.data_dir is not None:
            _same_feed(plan.data_dir, paths, known)
            _same_results(plan, plan.data_dir / "results.paths", resumes)
        _must_be_writable(alerts, bad, anew=not resumes)
        letters = DeadLetterSink(bad)
        with Bar("replaying") as bar:
            run = Run(
                Registry(known),
                FeedSource(
                    lambda: DirectoryFeed(
                        plan.feed, settings.poll_size, timed=plan.speed is not None
                    ),
                    stop,
                    None if plan.speed is None else Pace(0, plan.speed, tells_time=False),
                    lambda share, at: bar.show(share, _day(at, known)),
                ),
                tuple(paths),
                plan.feed.resolve().name,
                vocabulary=settings.phrases(),
                alerts=AlertFileSink(alerts),
                dead_letters=letters,
                store=None
                if plan.redis is None
                else RedisSink(plan.redis, settings.region, city=known, ending=stop),
                counters=counters,
                weekly=settings.weekly,
            )
            started = time.perf_counter()
            run_flow(city(run), recovery, settings.epoch_s)
            took_s = time.perf_counter() - started
            stop.check()
            if not stop.asked:
                bar.show(1.0)
        if resumes and not counters.account("intake").received:
            print(f"nothing new: the run of {plan.data_dir} had come to the end of its feed")
        return _report(counters, letters.counts, took_s, alerts, known, stop.asked)


def _owned(data_dir: Path | None) -> AbstractContextManager[None]:
    return nullcontext() if data_dir is None else owned(data_dir)


def _results(plan: Replay) -> tuple[tuple[str, Path | None], ...]:
    return (("--alerts", plan.alerts), ("--dead-letters", plan.dead_letters))


def _keep_apart(plan: Replay, feed: Iterable[Path]) -> None:
    """Refuse to write results over the recording, or over each other."""
    taken = {path.resolve(): path for path in feed}
    for option, path in _results(plan):
        if path is None or not keeps(path):
            continue
        if path.resolve() in taken:
            raise FeedError(f"{option} {path}: is taken: expected a file of its own")
        taken[path.resolve()] = path


def _same_feed(data_dir: Path, paths: Mapping[FeedName, Path], known: City) -> None:
    """Go on with the feed that this recovery state is of, and no other."""
    told = sha256(encode(known))
    for name, path in sorted(paths.items()):
        with path.open("rb") as file:
            told.update(name.encode() + file.readline(FIRST_BYTES))
    note = data_dir / "feed.sha256"
    if note.exists() and note.read_bytes() != told.hexdigest().encode():
        raise FeedError(f"{data_dir}: holds a run of another feed: give another --data-dir")
    note.write_text(told.hexdigest())


def _same_results(plan: Replay, note: Path, resumes: bool) -> None:
    """Go on in the files that this run has begun: any other would be cut where those were."""
    own = note.read_bytes().split(b"\0") if note.exists() else []
    given = [b"" if path is None else os.fsencode(path.resolve()) for _, path in _results(plan)]
    for (option, path), at, begun in zip(_results(plan), given, [*own, b"", b""], strict=False):
        if resumes and path is not None and at != begun and path.is_file():
            raise FeedError(
                f"{option} {path}: is not the file that {note.parent} goes on with: expected that"
                " one, or one that is not there"
            )
        if resumes and path is not None and at == begun and not path.exists():
            raise FeedError(
                f"{option} {path}: is gone, and {note.parent} goes on after what was in it: give"
                " another --data-dir"
            )
    note.write_bytes(b"\0".join(given))


def _must_be_writable(*files: Path, anew: bool) -> None:
    """Find out before the flow starts; what a run before has left does not stay."""
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        if keeps(path):  # a pipe that is opened and closed would be over for its reader
            path.open("wb" if anew else "ab").close()


def _day(at_ms: int, known: City) -> str:
    return f"{dt.datetime.fromtimestamp(at_ms / 1000, ZoneInfo(known.timezone)):%Y-%m-%d %H:%M}"


def _report(
    counters: Counters,
    unusable: Counter[str],
    took_s: float,
    alerts: Path,
    known: City,
    stopped: bool,
) -> bool:
    # Read before anything is printed, which may be into that very file; and its end has moved.
    by_day = _warnings_by_day(alerts, known) if keeps(alerts) else None
    with suppress(OSError):
        sys.stdout.seek(0, os.SEEK_END)
    console = Console()
    steps = Table("step", *("received", "sent", "late", "rejected"), "why rejected", title="Steps")
    for column in steps.columns[1:5]:
        column.justify = "right"
    accounts = counters.accounts()
    for a in accounts:
        why = ", ".join(f"{reason} {count:,}" for reason, count in a.reasons.items())
        figures = (f"{n:,}" for n in (a.received, a.sent, a.late, a.rejected))
        steps.add_row(a.step, *figures, why)
    console.print(steps)
    for reason, count in unusable.most_common(REASONS):
        console.print(f"could not be used: {count:,} × {reason}", markup=False, highlight=False)
    if by_day is not None:
        console.print(by_day)
    received = counters.account("intake").received
    console.print(
        f"{received:,} messages in {took_s:.1f} s of flow time: {received / took_s:,.0f}/s",
        highlight=False,
    )
    balanced = all(a.balanced for a in accounts)
    if stopped:
        console.print("stopped before the end of the feed: what was held then is not in the table")
        return True
    if not balanced:
        lost = ", ".join(a.step for a in accounts if not a.balanced)
        console.print(f"received is not sent + late + rejected in: {lost}", style="bold")
    return balanced


def _warnings_by_day(alerts: Path, known: City) -> Table:
    """Return how many warnings began on each day, by the worst level each reached."""
    zone = ZoneInfo(known.timezone)
    worst: dict[str, int] = {}
    first: dict[str, str] = {}
    for line in alerts.read_bytes().splitlines() if alerts.exists() else ():
        alert = decode_alert(line)
        worst[alert.id] = min(alert.level, worst.get(alert.id, alert.level))
        first[alert.id] = f"{dt.datetime.fromtimestamp(alert.first / 1000, zone):%Y-%m-%d}"
    days: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for name, level in worst.items():
        days[first[name]][level] += 1
    table = Table("day", *LEVEL_NAMES.values(), title="Warnings by day and worst level")
    for column in table.columns[1:]:
        column.justify = "right"
    for day, counts in sorted(days.items()):
        table.add_row(day, *(str(counts[level]) for level in LEVEL_NAMES))
    if len(days) > 1:
        whole = sum((counts for counts in days.values()), Counter())
        table.add_section()
        table.add_row("all", *(str(whole[level]) for level in LEVEL_NAMES))
    return table
