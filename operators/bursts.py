"""Notice that more people report the same thing from the same place than usual.

Every report is counted in its cell and in the ring of about seven cells it belongs to, and held
against what that hazard usually brings there at that hour of the week.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator

import h3

from models.count_burst import RECENT, Burst, CountBurst
from operators.event_clock import NEVER
from operators.events import HAZARDS, Evidence
from operators.evidence import UNUSUAL, Found
from operators.registry import CELL_RESOLUTION, Registry
from operators.triage import Triaged, TriagedReport

__all__ = ["LEAST", "NoticeBursts"]

LEAST = 3
"""Reports a burst needs: two people can be mistaken together."""
PLACES_RETOLD = 4096
"""Hazards and places whose repetitions are remembered."""
TWO_LOOKS = 0.3
"""Surprisal given back for looking at two sizes of place: log10 of 2."""


class NoticeBursts:
    """Bursts of a city's reports.

    Notes
    -----
    State: two ``CountBurst``, one per size of place. Cost: 100 us a report. A repeated
    report is not counted again, but the evidence says how many there were with it (``told``).
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._fine = CountBurst(HAZARDS, places=1000)
        self._coarse = CountBurst(HAZARDS, places=150)
        self._repeats: OrderedDict[tuple[str, str], deque[int]] = OrderedDict()
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

    def _take(self, report: TriagedReport) -> Iterator[Evidence]:
        local_s = report.time / 1000 + self.registry.local_time.offset_s(report.time // 3_600_000)
        around = h3.cell_to_parent(report.cell, CELL_RESOLUTION - 1)
        looks = [
            self._fine.score_and_learn(report.hazard, report.cell, local_s),
            self._coarse.score_and_learn(report.hazard, around, local_s),
        ]
        bursts = [burst for burst in looks if burst is not None and burst.reports >= LEAST]
        if bursts:
            best = max(bursts, key=lambda burst: burst.surprisal)
            if best.surprisal - TWO_LOOKS >= UNUSUAL:
                yield self._say(report, best)

    def _repeat(self, report: TriagedReport) -> None:
        key = report.hazard, h3.cell_to_parent(report.cell, CELL_RESOLUTION - 1)
        times = self._repeats.setdefault(key, deque(maxlen=RECENT))
        times.append(report.time)
        self._repeats.move_to_end(key)
        if len(self._repeats) > PLACES_RETOLD:
            self._repeats.popitem(last=False)

    def _told(self, report: TriagedReport, burst: Burst) -> int:
        """Return how many reports a burst has with those that repeat another around it."""
        around = h3.cell_to_parent(report.cell, CELL_RESOLUTION - 1)
        times = self._repeats.get((report.hazard, around), ())
        since = report.time - burst.window_s * 1000
        return burst.reports + sum(since < time <= report.time for time in times)

    def _say(self, report: TriagedReport, burst: Burst) -> Evidence:
        return Evidence(
            source="report",
            key=f"{report.hazard}@{report.cell}",
            kind="reports",
            cell=report.cell,
            time=report.time,
            value=float(burst.reports),
            expected=round(burst.expected, 2),
            surprisal=round(burst.surprisal - TWO_LOOKS, 2),
            hazard=report.hazard,
            lon=report.lon,
            lat=report.lat,
            district=report.district,
            count=burst.reports,
            told=self._told(report, burst),
            channel="burst",
        )

    def snapshot(self) -> bytes:
        """Return the learnt rates."""
        return pickle.dumps(
            (
                self._fine.snapshot(),
                self._coarse.snapshot(),
                self._repeats,
                self._watermark,
                self._number,
            )
        )

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        fine, coarse, self._repeats, self._watermark, self._number = pickle.loads(state)
        self._fine, self._coarse = CountBurst.restore(fine), CountBurst.restore(coarse)
