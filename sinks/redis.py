"""Write what the flow finds into the read model of the store.

A version of a warning is applied once: the store compares versions and writes the log, the
warning and the indexes together, so sending again after a lost reply or a crash changes nothing.
Writing runs ahead of the replies; a flow's snapshot waits for them.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias, TypeVar

import msgspec
import redis
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.events import Alert, CellState, City, FeedHealth, SeriesPoints
from sinks.alert_rows import alert_row, held_rows
from sinks.ending import Ending
from sinks.pipeline import HeldPipeline
from sinks.store import Keys, check_schema, connect, execute, set_up_commands

__all__ = ["Item", "RedisSink", "StoreWriter"]

LOG_ENTRIES = 100_000
CELL_ENTRIES = 20_000
POINTS = 500
CLEARED_S = 7 * 86_400
CELL_S = 600
SERIES_S = 3600
FEED_S = 30

PER_CALL = 100  # warnings or cells in one call: the store answers nobody else meanwhile
ACTIVE = 10_000  # warnings remembered for a store that lost some
RECENT = 4096  # versions remembered: more than a second of the busiest day
RECALLED_S = 10.0  # versions this old a killed store has on its disk

Command: TypeAlias = tuple[Any, ...]
Item: TypeAlias = Alert | CellState | SeriesPoints | FeedHealth | City | dict[str, Any]
T = TypeVar("T")

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode


class StoreWriter:
    """What the flow says, as commands to one region of the store.

    Parameters
    ----------
    url
        Address of the store.
    region
        Which part of the read model is ours.
    patience_s
        How long a store may stay away before writing fails; until then nothing is dropped.
    ending
        As for `HeldPipeline`.

    Notes
    -----
    State: the last version of `ACTIVE` warnings and the `RECENT` last versions, to give back what
    a killed store forgot. They are sent again on every reconnect, in order; what the store
    still has it ignores.
    """

    def __init__(
        self,
        url: str,
        region: str = "city",
        *,
        patience_s: float = 120.0,
        ending: Ending | None = None,
    ) -> None:
        self.keys = Keys(region)
        self._url = url
        self._line = HeldPipeline(
            url, self._prepare, self._relieve, patience_s=patience_s, ending=ending
        )
        self._active: OrderedDict[str, list[Any]] = OrderedDict()
        self._recent: deque[list[Any]] = deque(maxlen=RECENT)
        self._city: bytes | None = None

    def recall(self) -> None:
        """Learn which warnings the store has, so that also a restarted flow can give them back.

        A store that does not answer is not waited for: what it has forgotten by the time it does,
        nobody knows any more.
        """
        client = connect(self._url, retries=0)
        try:
            rows = held_rows(client, self.keys, RECALLED_S, RECENT, ACTIVE)
        except redis.RedisError as error:
            log.warning("store: cannot be asked which warnings it has: %s", error)
        else:
            self._recent.extend(rows.recent)
            self._active.update((row[0], row) for row in rows.active)
        finally:
            client.close()

    def put_alerts(self, alerts: Sequence[Alert]) -> None:
        """Send versions of warnings, in order."""
        rows = [self._remember(alert) for alert in alerts]
        self._line.send(list(self._alert_calls(rows)))

    def put_cells(self, cells: Sequence[CellState]) -> None:
        """Send the latest state of cells; in the store a silent cell is gone after `CELL_S`."""
        self._line.send([self._cell_call(chunk) for chunk in _chunks(cells, PER_CALL)])

    def put_series(self, series: Sequence[SeriesPoints]) -> None:
        """Send points of series; a point not newer than the series' last is left out."""
        self._line.send([self._series_call(points) for points in series if points.points])

    def put_feeds(self, feeds: Sequence[FeedHealth], mode: str = "live") -> None:
        """Send how the feeds are doing; in the store one not sent for `FEED_S` is gone."""
        self._line.send([call for feed in feeds for call in self._feed_calls(feed, mode)])

    def put_overview(self, overview: dict[str, Any]) -> None:
        """Send what the quiet screen shows; fields not named keep their value."""
        fields = [part for name, value in overview.items() for part in (name, _encode(value))]
        if fields:
            self._line.send([("HSET", self.keys.overview, *fields)])

    def put_city(self, city: City) -> None:
        """Send the city the flow is watching."""
        self._city = _encode(city)
        # Who connects sends it first: it need not be said twice, of a large city 20 MB.
        self._line.send([] if self._line.idle else [("SET", self.keys.city, self._city)])

    def flush(self) -> None:
        """Wait until the store has everything.

        Raises
        ------
        StoreError
            When it stayed away longer than the patience, or refused something for good.
        """
        self._line.flush()

    def finish(self) -> None:
        """Flush, unless something has failed already; raises as ``flush`` does."""
        self._line.finish()

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def _remember(self, alert: Alert) -> list[Any]:
        row = alert_row(alert)
        self._recent.append(row)
        self._active.pop(alert.id, None)
        if alert.status == "active":
            self._active[alert.id] = row
            if len(self._active) > ACTIVE:
                self._active.popitem(last=False)
        return row

    def _prepare(self, client: redis.Redis) -> None:
        for call in set_up_commands(self.keys):
            reply = execute(client, *call)
        check_schema(self.keys, reply)
        if self._city is not None:
            execute(client, "SET", self.keys.city, self._city)
        # The recent ones first: a later version would hide an earlier one the log has lost.
        for call in self._alert_calls([*self._recent, *self._active.values()]):
            execute(client, *call)

    def _relieve(self, client: redis.Redis) -> None:
        client.xtrim(self.keys.cells, maxlen=CELL_ENTRIES // 20)
        client.xtrim(self.keys.log, maxlen=LOG_ENTRIES // 2)

    def _alert_calls(self, rows: Iterable[list[Any]]) -> Iterator[Command]:
        keys = self.keys
        for chunk in _chunks(rows, PER_CALL):
            names = [keys.log, keys.active, keys.geo, *(keys.alert(row[0]) for row in chunk)]
            values = [value for row in chunk for value in row]
            yield "FCALL", "cw_put_alerts", len(names), *names, LOG_ENTRIES, CLEARED_S, *values

    def _cell_call(self, cells: list[CellState]) -> Command:
        # By cell: one may be in a batch twice, and the later state is the one to keep.
        rows = {state.cell: _cell_row(state) for state in cells}
        names = [self.keys.cells, *map(self.keys.cell, rows)]
        values = [CELL_ENTRIES, CELL_S, _encode(rows), *(v for row in rows.values() for v in row)]
        return "FCALL", "cw_put_cells", len(names), *names, *values

    def _series_call(self, series: SeriesPoints) -> Command:
        values = [v for time, *rest in series.points for v in (int(time), *map(float, rest))]
        key = self.keys.sensor(series.sensor)
        return "FCALL", "cw_put_points", 1, key, POINTS, SERIES_S, *values

    def _feed_calls(self, feed: FeedHealth, mode: str) -> Iterator[Command]:
        key, fields = self.keys.feed(feed.feed), msgspec.structs.asdict(feed) | {"mode": mode}
        del fields["feed"]
        yield "HSET", key, *(part for pair in fields.items() for part in pair)
        yield "EXPIRE", key, FEED_S


class RedisSink(FixedPartitionedSink[Item, None]):
    """The store as a sink of ``(key, item)``, whatever the key.

    Parameters
    ----------
    url, region
        As for `StoreWriter`.
    city
        The city being watched, written once at the start.
    ending
        As for `HeldPipeline`.
    warns
        Whether this flow writes the warnings: then it gives them back to a store that forgot them.

    Notes
    -----
    At least once, and applied once: a snapshot waits for the store, and the store ignores what
    it has. An overview may carry ``mode`` (``live`` or ``catching_up``), which is written with
    the feeds from then on.
    """

    def __init__(
        self,
        url: str,
        region: str = "city",
        city: City | None = None,
        *,
        ending: Ending | None = None,
        warns: bool = True,
    ) -> None:
        self._url, self._region, self._city = url, region, city
        self._ending, self._warns = ending, warns

    def list_parts(self) -> list[str]:
        """Return the one partition: one connection keeps the order."""
        return ["store"]

    def part_fn(self, item_key: str) -> int:
        """Return the one partition's index."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _StorePart:
        """Connect; waits for the store when there is a city to write."""
        writer = StoreWriter(self._url, self._region, ending=self._ending)
        if self._city is not None:
            writer.put_city(self._city)
            writer.flush()
        if self._warns:
            writer.recall()
        return _StorePart(writer)


class _StorePart(StatefulSinkPartition[Item, None]):
    def __init__(self, writer: StoreWriter) -> None:
        self._writer = writer
        self._mode = "live"

    def write_batch(self, values: list[Item]) -> None:
        kinds: dict[type, list[Any]] = {}
        for value in values:
            kinds.setdefault(type(value), []).append(value)
        if alerts := kinds.get(Alert):
            self._writer.put_alerts(alerts)
        if cells := kinds.get(CellState):
            self._writer.put_cells(cells)
        if series := kinds.get(SeriesPoints):
            self._writer.put_series(series)
        for overview in kinds.get(dict, ()):
            self._put_overview(dict(overview))
        if feeds := kinds.get(FeedHealth):
            self._writer.put_feeds(feeds, self._mode)
        for city in kinds.get(City, ()):
            self._writer.put_city(city)

    def _put_overview(self, overview: dict[str, Any]) -> None:
        self._mode = overview.pop("mode", self._mode)
        self._writer.put_overview(overview)

    def snapshot(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        try:
            self._writer.finish()
        finally:
            self._writer.close()


def _cell_row(state: CellState) -> list[Any]:
    surprisal = round(float(state.surprisal), 2)
    counts = int(state.sensors), int(state.unusual), int(state.reports)
    return [int(state.level), surprisal, int(state.time), *counts]


def _chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
