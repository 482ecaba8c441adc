"""Is a surprisal of 3 one in a thousand? The very path of readings, on quiet feeds.

    python benchmarks/detection.py calibration                  quiet simulated cities
    python benchmarks/detection.py calibration --feed DIR ...   recorded ones beside them

Counted are readings of sensors that are out of warm-up and a day old. Of simulated cities, those
of sensors whose fault is known, while it lasts and for a day after, are left out: they are not
quiet. What is counted is the surprisal that becomes evidence: of a threatening deviation, less
what the whole city shows at once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.report import table
from flows.feeds import DirectoryFeed
from flows.progress import Bar
from flows.replay import read_city
from operators.counters import Counters
from operators.intake import Poll, Stretch
from operators.lines import Lines
from operators.reading_path import ReadingPath
from operators.registry import Registry
from operators.screening import Screened
from simulators.clock import default_start
from simulators.feed import write_feed
from simulators.simulation import Simulation

__all__ = ["Reliability", "main", "screened"]

SEEDS = (201, 202)
HOURS = 240.0
DAY_MS = 86_400_000
AT = (1.0, 2.0, 3.0, 4.0)
JUDGED = 3.0
WITHIN = 2.0
"""Factor by which the share at ``JUDGED`` may be off."""


class Reliability:
    """Readings by kind, and how many of them were at least as surprising as each of ``AT``."""

    def __init__(self) -> None:
        self.counts: dict[str, NDArray[np.int64]] = defaultdict(
            lambda: np.zeros(1 + len(AT), np.int64)
        )

    def add(self, kinds: Sequence[str], surprisal: NDArray[np.float64]) -> None:
        """Count readings; what is NaN is not counted."""
        known = np.array(kinds)[~np.isnan(surprisal)]
        said = surprisal[~np.isnan(surprisal)]
        for kind in np.unique(known).tolist():
            mine = said[known == kind]
            self.counts[kind] += [len(mine), *((mine >= at).sum() for at in AT)]

    def rows(self) -> Iterator[list[str]]:
        """Return a row a kind: readings, shares by how surprising, and whether that is right."""
        for kind, (n, *over) in sorted(self.counts.items()):
            shares = [count / n for count in over]
            off = shares[AT.index(JUDGED)] / 10**-JUDGED
            verdict = "yes" if 1 / WITHIN <= off <= WITHIN else f"x {off:.2f}"
            yield [kind, f"{n:,}", *(f"{share:.2e}" for share in shares), verdict, _drawn(shares)]


def _drawn(shares: Sequence[float]) -> str:
    """Draw what the surprisals of 1, 2, 3, 4 are worth: on the ruler where they should be."""
    ruler = [" "] * 51
    for at in AT:
        ruler[round(10 * at)] = "·"
    for at, share in zip(AT, shares, strict=True):
        if share > 0:
            ruler[min(50, max(0, round(-10 * np.log10(share))))] = f"{at:.0f}"
    return "".join(ruler)


def screened(feed: Path) -> Iterator[tuple[Registry, Screened]]:
    """Return the readings of a feed with their scores, in event-time order."""
    source, registry = DirectoryFeed(feed), Registry(read_city(feed))
    path = ReadingPath(registry, Counters())
    offset = 0
    with Bar(feed.name) as bar:
        while (chunk := source.read("readings")) is not None:
            stretch = Stretch(0, offset, len(chunk.lines))
            offset += len(chunk.lines)
            poll = Poll("readings", Lines.of(chunk.lines), (stretch,), frozenset(), None)
            batch, _, _ = path.intake.accept(poll)
            path.homes.note(batch.rows.sensor, batch.rows.shard)
            yield registry, path.screen.score(path.order.pass_on(batch))
            bar.show(source.progress(), "")
    source.close()


def _measure(feed: Path, unfit: dict[str, list[tuple[int, int]]]) -> Reliability:
    found, first = Reliability(), dict[int, int]()
    for registry, scores in screened(feed):
        rows = scores.rows
        for sensor, time in zip(*_first(rows.sensor, rows.time), strict=True):
            first.setdefault(sensor, time)
        since = np.array([first[sensor] for sensor in rows.sensor.tolist()], np.int64)
        fit = rows.time - since >= DAY_MS
        for name, spans in unfit.items():
            mine = rows.sensor == registry.index.get(name)
            for start, end in spans:
                fit &= ~(mine & (rows.time >= start) & (rows.time < end + DAY_MS))
        kinds = [registry.sensors[sensor].kind for sensor in rows.sensor[fit].tolist()]
        found.add(kinds, scores.surprisal[fit])
    return found


def _first(sensors: NDArray[np.intp], times: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    each, at = np.unique(sensors, return_index=True)
    return each.tolist(), times[at].tolist()


def _simulated(seed: int, hours: float) -> Reliability:
    with tempfile.TemporaryDirectory(prefix="citywatch-") as scratch:
        feed, city = Path(scratch), Simulation("quiet", seed, default_start(seed), hours)
        write_feed(city, feed)
        unfit: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for fault in city.faults:
            unfit[city.city.sensors[fault.sensor].id].append((fault.start_ms, fault.end_ms))
        return _measure(feed, unfit)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table a feed."""
    parser = argparse.ArgumentParser(prog="detection.py calibration", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--feed", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), metavar="N,M,...")
    parser.add_argument("--hours", type=float, default=HOURS)
    given = parser.parse_args(arguments)
    seeds = [int(seed) for seed in given.seeds.split(",") if seed]
    found = {f"quiet, seed {seed}": _simulated(seed, given.hours) for seed in seeds}
    found |= {feed.name: _measure(feed, {}) for feed in given.feed}
    heads = ["kind", "readings", *(f">= {at:g}" for at in AT), "3 is 1/1000", "-log10 of the share"]
    for name, reliability in found.items():
        Console(width=160).print(table(name, heads, reliability.rows()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
