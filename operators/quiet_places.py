"""Notice places where many sensors go quiet together.

One quiet sensor is its own outage, a matter of maintenance; several in one place within the same
half hour are evidence that the place has lost its power.
"""

from __future__ import annotations

import math
import pickle
from collections import Counter
from collections.abc import Iterable, Iterator

import h3
import msgspec
from scipy.special import bdtrc

from operators.event_clock import NEVER
from operators.events import Evidence
from operators.evidence import UNUSUAL, Found
from operators.merging import CityWindow
from operators.registry import Registry

__all__ = ["NoticeQuietPlaces"]

WITHIN_MS = 1_800_000
RING = 1
LEAST = 3
"""Sensors that must be quiet: two can share a cabinet."""
ORDINARY = 0.01
"""Share of sensors that goes quiet within ``WITHIN_MS`` on its own."""
MOST = 12.0
SAID_FOR_MS = 86_400_000
"""How long a place is told again while its sensors are silent: after a day everybody knows."""


class NoticeQuietPlaces:
    """Sensors of a city that went quiet in the last half hour, by place.

    Notes
    -----
    State: the sensors that went quiet within ``WITHIN_MS``, and the places told of in a day.
    Surprisal is the binomial tail of as many of a place's sensors going quiet when each does so
    with the chance that any sensor of the city now does: when everything falls silent it is the
    feed, not the power. A place is told of again while as many as it takes are still silent.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._quiet: dict[int, int] = {}
        self._told: dict[str, tuple[int, Evidence]] = {}
        """When each place was told of first, and what was said last."""
        self._watermark = NEVER

    def on_batch(self, items: Iterable[CityWindow]) -> Iterator[Found]:
        """Return the places that have gone quiet."""
        found: list[Evidence] = []
        ended = False
        for window in items:
            self._watermark, ended = max(self._watermark, window.watermark), window.last
            if window.shards:
                found.extend(self._look(window))
        yield Found("outages", tuple(found), self._watermark, last=ended)

    def _look(self, window: CityWindow) -> Iterator[Evidence]:
        new = sorted({s for shard in window.shards for s in shard.newly_quiet.tolist()})
        if not new and not self._quiet and not self._told:
            return
        still = {s for shard in window.shards for s in shard.quiet.tolist()}
        self._quiet.update(dict.fromkeys(new, window.end))
        self._quiet = {
            sensor: since
            for sensor, since in self._quiet.items()
            if sensor in still and since > window.end - WITHIN_MS
        }
        by_cell = Counter(self.registry.cells[sensor] for sensor in self._quiet)
        judged = sorted({self.registry.cells[sensor] for sensor in new})
        for cell in judged:
            for evidence in self._judge(cell, by_cell, window.end):
                first, _ = self._told.get(cell, (window.end, None))
                self._told[cell] = first, evidence
                yield evidence
        if self._told:
            yield from self._still(Counter(self.registry.cells[s] for s in still), window.end)

    def _still(self, by_cell: Counter[str], end: int) -> Iterator[Evidence]:
        """Tell of places again whose sensors have not come back; forget the others."""
        for cell, (first, said) in sorted(self._told.items()):
            silent = sum(by_cell[name] for name in h3.grid_disk(cell, RING))
            if silent < LEAST or end - first > SAID_FOR_MS:
                del self._told[cell]
            elif said.time < end - 1:
                value = float(min(silent, said.count))
                told = msgspec.structs.replace(said, time=end - 1, value=value)
                self._told[cell] = first, told
                yield told

    def _judge(self, cell: str, by_cell: Counter[str], end: int) -> Iterator[Evidence]:
        ring = h3.grid_disk(cell, RING)
        quiet = sum(by_cell[name] for name in ring)
        present = sum(self.registry.columns.sensors_of_cell.get(name, 0) for name in ring)
        if quiet < LEAST:
            return
        usual = max(ORDINARY, len(self._quiet) / max(1, len(self.registry)))
        surprisal = min(MOST, -math.log10(max(1e-300, bdtrc(quiet - 1, present, usual))))
        if surprisal < UNUSUAL:
            return
        lat, lon = h3.cell_to_latlng(cell)
        yield Evidence(
            source="outage",
            key=cell,
            kind="outage",
            cell=cell,
            time=end - 1,
            value=float(quiet),
            expected=round(present * ORDINARY, 2),
            surprisal=round(surprisal, 2),
            hazard="power",
            lon=round(lon, 6),
            lat=round(lat, 6),
            district=self.registry.district_of(lon, lat),
            count=quiet,
            channel="quiet",
        )

    def snapshot(self) -> bytes:
        """Return who is quiet since when."""
        return pickle.dumps((self._quiet, self._told, self._watermark))

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        self._quiet, self._told, self._watermark = pickle.loads(state)
