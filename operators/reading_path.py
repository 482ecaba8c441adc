"""The path of a reading, from the bytes a source polled to evidence.

All shards of a process go through it together, one columnar batch a poll: Python runs per batch,
compiled loops per reading. What is kept belongs to one shard and follows from the messages of its
partition alone, so a shard can be snapshotted, resumed and moved to another process by itself.
"""

from __future__ import annotations

import pickle
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.clock_skew import WatchClocks
from operators.counters import Counters
from operators.event_clock import NEVER
from operators.events import BadMessage, Evidence, Readings, Sensor, SeriesPoints
from operators.evidence import Found
from operators.faults import RecogniseFaults
from operators.homes import Homes, places_in
from operators.intake import Poll, TakeReadings
from operators.levels import WatchLevels
from operators.maintenance import FaultItem, dead_sensors, shorten
from operators.meter import Meter
from operators.ordering import OrderReadings, RowBatch
from operators.packed import Packed
from operators.registry import Registry
from operators.screening import Screened, ScreenReadings
from operators.series import KeepSeries, Watch
from operators.windows import ShardWindow, SummariseShards

__all__ = ["MOST", "TOLD_MS", "ReadingPath", "readings_origin", "shard_of"]

TOLD_MS = 1000
"""Event time that passes before progress alone is worth telling."""
MOST = 2000
"""Pieces of evidence told together: the log takes messages of 8 MB, some 20,000 of them."""
_ORIGIN = "readings:"


def readings_origin(shard: int) -> str:
    """Return what a shard is called among those who find evidence."""
    return f"{_ORIGIN}{shard}"


def shard_of(origin: str) -> int | None:
    """Return the shard that is called so, None where it is none.

    Examples
    --------
    >>> shard_of(readings_origin(3)), shard_of("bursts")
    (3, None)
    """
    return int(origin.removeprefix(_ORIGIN)) if origin.startswith(_ORIGIN) else None


class ReadingPath:
    """What happens to the readings of a process's shards.

    Parameters
    ----------
    shards
        Numbers of the partitions that are ours.
    prompt
        Score readings as they arrive (live) instead of in event-time order (replay, tests).
    weekly
        Learn what is usual at each hour of the week too, not of the day alone.
    where
        What the source is called in dead letters.
    meter
        Told of every step; its clock stamps evidence.

    Notes
    -----
    State: that of its steps, all by shard; see ``take``. Evidence is numbered by shard: after a
    resume the same evidence comes again under the same number.
    """

    def __init__(
        self,
        registry: Registry,
        counters: Counters,
        shards: Sequence[int] = (0,),
        *,
        prompt: bool = False,
        weekly: bool = False,
        where: str = "feed",
        meter: Meter | None = None,
    ) -> None:
        self.registry = registry
        self.shards = shards
        self.meter = meter or Meter()
        self.homes = Homes(len(shards))
        self.intake = TakeReadings(registry, counters, shards, where)
        self.clocks = WatchClocks()
        self.order = OrderReadings(counters, prompt)
        self.screen = ScreenReadings(registry, counters, len(shards), weekly=weekly)
        self.faults = RecogniseFaults(registry)
        self.levels = WatchLevels(registry)
        self.windows = SummariseShards(registry, self.homes)
        self.series = KeepSeries(registry)
        self._number = [0] * len(shards)
        self._begun: list[int | None] = [None] * len(shards)
        self._told = np.full(len(shards), NEVER, np.int64)
        self._named: dict[int, tuple[int, bytes]] = {}

    def on_batch(
        self, items: Iterable[Poll | Watch]
    ) -> Iterator[Found | ShardWindow | SeriesPoints | BadMessage | Sensor]:
        """Return evidence and summaries; what was bad; who introduced itself; what is watched."""
        for item in items:
            if isinstance(item, Watch):
                yield from self.series.watch(item)
            else:
                yield from self._poll(item)

    def _poll(
        self, poll: Poll
    ) -> Iterator[Found | ShardWindow | SeriesPoints | BadMessage | Sensor]:
        meter = self.meter
        meter.start()
        for stretch in poll.stretches:
            if self._begun[stretch.shard] is None:
                self._begun[stretch.shard] = stretch.offset
        batch, bad, met = self.intake.accept(poll)
        yield from bad
        yield from met
        meter.lap("decode")
        self.homes.note(batch.rows.sensor, batch.rows.shard)
        self.clocks.hear(*self.intake.heard)
        batch = self.order.pass_on(batch)
        meter.lap("order")
        scored = self.screen.score(batch)
        meter.lap("screen")
        screened = self.faults.recognise(scored)
        meter.lap("faults")
        # Stable: of one reading, what its detector says comes before what its levels say.
        said = (*self.screen.evidence(scored), *self.levels.evidence(scored.rows))
        found = sorted(self.faults.discount(said, screened), key=lambda item: item[0])
        meter.lap("levels")
        for window in self.windows.sum_up(screened, batch):
            yield self._with_faults(window)._replace(shard=self.shards[window.shard])
        meter.lap("windows")
        yield from self._found(found, screened, batch, poll)
        yield from self.series.keep(screened)
        meter.lap("series")

    def _with_faults(self, window: ShardWindow) -> ShardWindow:
        """Say which sensors of a shard are to be looked at: those that lie, and the long silent."""
        shard, end, home = window.shard, window.end, self.homes.sensors(window.shard)
        lying = *self.faults.list.at(shard, end, home), *self.clocks.list.at(shard, end, home)
        dead: Iterable[FaultItem] = ()
        if len(window.quiet):
            heard_ms = self.windows.outages.last_ms[window.quiet]
            dead = dead_sensors(end, window.quiet, heard_ms)
        listed = [*dead, *lying]
        if not listed:
            return window
        faults, faulty = shorten(listed)
        return window._replace(faults=faults, faulty=faulty)

    def _found(
        self, found: list[tuple[int, Evidence]], screened: Screened, batch: RowBatch, poll: Poll
    ) -> Iterator[Found]:
        """Return the evidence by shard, and progress where it is worth telling."""
        by_shard: dict[int, list[Evidence]] = defaultdict(list)
        stamps = self._stamps(poll) if found else {}
        for row, evidence in found:
            shard = int(screened.rows.shard[row])
            if shard in stamps:
                evidence = msgspec.structs.replace(evidence, stamps=stamps[shard])  # noqa: PLW2901
            by_shard[shard].append(evidence)
        moved = np.flatnonzero(batch.watermarks >= self._told + TOLD_MS)
        for shard in sorted({*by_shard, *moved.tolist(), *batch.ended}):
            told, watermark = tuple(by_shard[shard]), int(batch.watermarks[shard])
            live = shard in poll.live
            name = readings_origin(self.shards[shard])
            last = shard in batch.ended
            begun = self._begun[shard] or 0
            while len(told) > MOST:  # time moves with the last of them
                part, told, at = told[:MOST], told[MOST:], int(self._told[shard])
                yield Found(name, part, at, self._number[shard], live, begun)
                self._number[shard] += len(part)
            yield Found(name, told, watermark, self._number[shard], live, begun, last)
            self._number[shard] += len(told)
            self._told[shard] = watermark

    def _stamps(self, poll: Poll) -> dict[int, tuple[int, int, int]]:
        """Return when a shard's messages were sent, polled and screened, in microseconds."""
        if not poll.polled_us:
            return {}
        now = self.meter.now_us()
        return {
            stretch.shard: (1000 * stretch.sent_ms, poll.polled_us, now)
            for stretch in reversed(poll.stretches)
            if stretch.sent_ms is not None
        }

    @property
    def over(self) -> bool:
        """Whether every shard has ended."""
        return len(self.intake.clocks.ended) == len(self.shards)

    def take(self, shard: int) -> Packed:
        """Return everything that is kept of one shard."""
        home, held = self.homes.sensors(shard), self.order.held(shard)
        # What waits may be of sensors that have come to another shard since, with their state.
        waiting = np.append(held.sensor, self.windows.waiting(shard))
        away = waiting[places_in(home, waiting) < 0]
        named = np.union1d(home, away) if len(away) else home
        at_home = places_in(home, named) >= 0 if len(away) else True
        state = (
            self._names_of(shard, home, named),
            at_home,
            # All who introduced themselves, in order: so they get the same places again.
            self.registry.strangers,
            self.intake.clocks.take(shard),
            tuple(held._replace(sensor=np.searchsorted(named, held.sensor))),
            self.clocks.take(shard, home),
            self.order.take(home),
            self.screen.take(shard, home),
            self.faults.take(shard, home),
            self.levels.take(shard, home),
            self.windows.take(shard, home, named),
            self._begun[shard],
            self._number[shard],
            int(self._told[shard]),
        )
        return Packed(state)

    def _names_of(self, shard: int, home: NDArray[np.intp], named: NDArray[np.intp]) -> bytes:
        """Return ids of sensors, made anew only when the shard has gained or lost one."""
        if len(named) != len(home):
            return self._packed_names(named)
        change, names = self._named.get(shard, (-1, b""))
        if change != self.homes.changes[shard]:
            names = self._packed_names(home)
            self._named[shard] = self.homes.changes[shard], names
        return names

    def _packed_names(self, sensors: NDArray[np.intp]) -> bytes:
        names = [self.registry.sensors[sensor].id for sensor in sensors.tolist()]
        return zlib.compress(pickle.dumps(names), 1)

    def put(self, shard: int, state: bytes | Packed) -> None:
        """Continue one shard from what ``take`` returned, here or in another process."""
        names, at_home, met, clock, held, *steps, begun, number, told = pickle.loads(bytes(state))
        clocks, order, screen, faults, levels, windows = steps
        names = pickle.loads(zlib.decompress(names))
        self.registry.register_all(met)
        # One that was taken out of the city file has a place but no home: it is not waited for,
        # and is gone from the next snapshot.
        named, known = self.registry.places_of(names)
        at_home = np.broadcast_to(at_home, len(named))
        mine, home = named[at_home & known], named[at_home]
        self.homes.note(mine, np.full(len(mine), shard, np.intp))
        self.intake.clocks.put(shard, clock)
        waiting = Readings(*held)
        shards = np.full(len(waiting.sensor), shard, np.intp)
        there = known[waiting.sensor]
        waiting = waiting._replace(sensor=named[waiting.sensor], shard=shards)
        self.order.hold(waiting.take(there))
        self.order.reject(int(np.count_nonzero(~there)), "no longer in the city file")
        self.clocks.put(shard, home, clocks)
        self.order.put(home, order)
        self.screen.put(shard, home, screen)
        self.faults.put(shard, home, faults)
        self.levels.put(shard, home, levels)
        self.windows.put(shard, home, named, windows)
        self._begun[shard], self._number[shard], self._told[shard] = begun, number, told

    def snapshot(self) -> bytes:
        """Return the state of all shards."""
        return pickle.dumps([bytes(self.take(shard)) for shard in range(len(self.shards))])

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        for shard, each in enumerate(pickle.loads(state)):
            self.put(shard, each)
