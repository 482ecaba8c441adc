"""Notice that more people report the same thing than usual: from one place, or city-wide.

Every report is counted in its cell, in the ring of about seven cells it belongs to, and in the
city, and held against what that hazard usually brings there at that hour of the week. A place is
judged beyond what the city shows elsewhere at that moment, so a storm is one burst and not
hundreds. The place of a burst is where most of its reports are, not where the last one came from.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import h3
import numpy as np
from numpy.typing import NDArray

from models.count_burst import Burst, CountBurst
from models.count_calendar import RECENT, WEEK
from operators.event_clock import NEVER
from operators.events import HAZARDS, Evidence
from operators.evidence import CITY_WIDE, UNUSUAL, Found
from operators.incident import KEEP_MS
from operators.recent_reports import KEPT, Elsewhere, RecentReports, Where, around, beside
from operators.registry import Registry, cell_of
from operators.triage import Triaged, TriagedReport

__all__ = ["LEAST", "LEAST_PLACES", "SAID_AGAIN_MS", "NoticeBursts"]

LEAST = 3
"""Reports a burst needs: two people can be mistaken together."""
LEAST_PLACES = 5
"""Surroundings that a city-wide burst needs beside the loudest place: a river passes fewer."""
USUAL_COUNTS = 2.0
"""Reports that the usual counts for, against how many times it the city elsewhere shows now."""
SAID_AGAIN_MS = 600_000
"""How often a city-wide burst is told while it lasts."""
PLACES_RETOLD = 4096
"""Hazards and places whose repetitions are remembered."""
TWO_LOOKS = 0.3
"""Surprisal given back for looking at two sizes of place: log10 of 2."""
CITY = "city"
_WINDOWS_S = WEEK.windows_s
_MOST_S = max(_WINDOWS_S)


class _Look(NamedTuple):
    """One size of place that a report is counted in."""

    model: CountBurst
    place: str


class NoticeBursts:
    """Bursts of a city's reports.

    Notes
    -----
    State: three ``CountBurst``, one per size of place, and ``RecentReports``. Cost: 210 us a
    report, on recorded calls. A repeated report is not counted again, but the evidence says how
    many there were with it (``told``).

    The city elsewhere is what lies outside the seven surroundings about a place, and outside those
    about the loudest other one: two places are no city. In a town no larger than that nothing is
    elsewhere, and a place is judged by its own past alone. In its first week, while no hour has
    come before, a storm teaches its own hour too soon to be told.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._fine = CountBurst(HAZARDS, places=1000)
        self._coarse = CountBurst(HAZARDS, places=150)
        self._city = CountBurst(HAZARDS, 1, len(HAZARDS), WEEK._replace(recent=KEPT))
        self._latest = RecentReports()
        self._repeats: OrderedDict[tuple[str, str], deque[int]] = OrderedDict()
        self._said: dict[str, int] = {}
        """When the city-wide burst of each hazard was last told."""
        self._cells: dict[str, dict[str, int]] = {}
        """By hazard, under which cells bursts have been told of, and when last."""
        self._offset_s: float | None = None
        self._watermark = NEVER
        self._number = 0

    def on_batch(self, items: Iterable[Triaged]) -> Iterator[Found]:
        """Return the bursts that the new reports make."""
        found: list[Evidence] = []
        live = last = False
        for item in items:
            self._watermark = max(self._watermark, item.watermark)
            live, last = item.live, item.last
            for report in item.reports:
                if report.repeated:
                    self._repeat(report)
                else:
                    found.extend(self._take(report))
        yield Found("bursts", tuple(found), self._watermark, self._number, live, last=last)
        self._number += len(found)

    def _take(self, report: TriagedReport) -> list[Evidence]:
        hazard, place = report.hazard, around(report.cell)
        local_s = self._local_s(report.time)
        self._latest.add(hazard, report.time, report.lon, report.lat, place)
        local = _Look(self._fine, report.cell), _Look(self._coarse, place)
        city = _Look(self._city, CITY)
        for look in (*local, city):
            look.model.count_one(hazard, look.place, local_s)
        alone = [look.model.score_one(hazard, look.place, local_s) for look in (*local, city)]
        found: list[Evidence] = []
        if any(map(_stands_out, alone[:2])):  # the city only takes from that
            found += self._local(report, local_s, local)
        if alone[2] is not None and alone[2].surprisal >= UNUSUAL:
            found += self._city_wide(report, local_s)
        for look, burst in zip((*local, city), alone, strict=True):
            look.model.learn_one(hazard, look.place, local_s, burst)
        return found

    def _local_s(self, time: int) -> float:
        """Return local seconds; where the city's clocks are set, what is remembered moves along."""
        offset_s = self.registry.local_time.offset_s(time // 3_600_000)
        if self._offset_s not in (None, offset_s):
            for model in (self._fine, self._coarse, self._city):
                model.set_clock(offset_s - self._offset_s)
        self._offset_s = offset_s
        return time / 1000 + offset_s

    def _local(
        self, report: TriagedReport, local_s: float, looks: tuple[_Look, ...]
    ) -> Iterator[Evidence]:
        """Return the burst of a place, beyond what the city shows elsewhere."""
        here = beside(around(report.cell))
        other = self._latest.loudest(report.hazard, report.time, _MOST_S, here)
        elsewhere, expected = self._elsewhere(report, local_s, here | _beside(other))
        times = (elsewhere.counts + USUAL_COUNTS) / (expected + USUAL_COUNTS)
        factors = np.maximum(times, 1.0)  # that the city is silent makes nobody louder
        bursts = [
            (burst, look)
            for look in looks
            if (burst := look.model.score_one(report.hazard, look.place, local_s, factors))
            and _stands_out(burst)
        ]
        if bursts:
            burst, look = max(bursts, key=lambda pair: pair[0].surprisal)
            where = self._latest.where(report.hazard, report.time, burst.window_s, look.place)
            lowered = burst._replace(surprisal=burst.surprisal - TWO_LOOKS)
            yield self._say(report, lowered, where, self._told(report, burst))

    def _city_wide(self, report: TriagedReport, local_s: float) -> Iterator[Evidence]:
        """Return the burst of the city without its loudest place, now and then."""
        if report.time < self._said.get(report.hazard, NEVER) + SAID_AGAIN_MS:
            return
        loudest = self._latest.loudest(report.hazard, report.time, _MOST_S, ())
        elsewhere, expected = self._elsewhere(report, local_s, beside(loudest))
        burst = self._city.judge(report.hazard, elsewhere.counts, expected, 0.0)
        places = elsewhere.places[_WINDOWS_S.index(burst.window_s)]
        if burst.surprisal >= UNUSUAL and places >= LEAST_PLACES:
            self._said[report.hazard] = report.time
            where = self._latest.where(report.hazard, report.time, burst.window_s)
            yield self._say(report, burst, where, burst.reports, city_wide=True)

    def _elsewhere(
        self, report: TriagedReport, local_s: float, without: frozenset[str]
    ) -> tuple[Elsewhere, NDArray[np.float64]]:
        """Return the reports outside some surroundings, and how many are expected there."""
        hazard, now_s = report.hazard, local_s
        expected, _ = self._city.expected(hazard, CITY, now_s)
        share = 1.0 - self._coarse.share(hazard, without, now_s)
        found = self._latest.elsewhere(hazard, report.time, _WINDOWS_S, without)
        return found, expected * share

    def _repeat(self, report: TriagedReport) -> None:
        key = report.hazard, around(report.cell)
        times = self._repeats.setdefault(key, deque(maxlen=RECENT))
        times.append(report.time)
        self._repeats.move_to_end(key)
        if len(self._repeats) > PLACES_RETOLD:
            self._repeats.popitem(last=False)

    def _told(self, report: TriagedReport, burst: Burst) -> int:
        """Return how many reports a burst has with those that repeat another around it."""
        times = self._repeats.get((report.hazard, around(report.cell)), ())
        since = report.time - burst.window_s * 1000
        return burst.reports + sum(since < time <= report.time for time in times)

    def _say(
        self,
        report: TriagedReport,
        burst: Burst,
        where: Where,
        told: int,
        city_wide: bool = False,
    ) -> Evidence:
        cell = cell_of(where.lon, where.lat)
        name = CITY if city_wide else self._named(report.hazard, cell, report.time)
        return Evidence(
            source="report",
            key=f"{report.hazard}@{name}",
            kind="reports",
            cell=cell,
            time=report.time,
            value=float(burst.reports),
            expected=round(burst.expected, 2),
            surprisal=round(burst.surprisal, 2),
            hazard=report.hazard,
            lon=where.lon,
            lat=where.lat,
            district=CITY if city_wide else self.registry.district_of(where.lon, where.lat),
            count=burst.reports,
            told=told,
            channel=CITY_WIDE if city_wide else "burst",
            spread_m=round(where.spread_m, 0),
        )

    def _named(self, hazard: str, cell: str, time: int) -> str:
        """Return the cell a burst is known by: its middle may move over a border, and it is one."""
        since = time - KEEP_MS["report"]
        known = {name: at for name, at in self._cells.get(hazard, {}).items() if at > since}
        near = [name for name in h3.grid_disk(cell, 1) if name in known]
        name = cell if cell in near or not near else max(near, key=lambda each: (known[each], each))
        self._cells[hazard] = known | {name: time}
        return name

    def snapshot(self) -> bytes:
        """Return the learnt rates."""
        return pickle.dumps(
            (
                self._fine.snapshot(),
                self._coarse.snapshot(),
                self._city.snapshot(),
                self._latest.take(),
                self._repeats,
                self._said,
                self._cells,
                self._offset_s,
                self._watermark,
                self._number,
            )
        )

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        fine, coarse, city, latest, *rest = pickle.loads(state)
        self._fine, self._coarse, self._city = map(CountBurst.restore, (fine, coarse, city))
        self._latest.put(latest)
        self._repeats, self._said, self._cells, *rest = rest
        self._offset_s, self._watermark, self._number = rest


def _stands_out(burst: Burst | None) -> bool:
    """Say whether a place is evidence, looked at in two sizes."""
    return burst is not None and (burst.reports >= LEAST and burst.surprisal - TWO_LOOKS >= UNUSUAL)


def _beside(place: str) -> frozenset[str]:
    return beside(place) if place else frozenset()
