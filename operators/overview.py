"""What the room wants to know when nothing is wrong: how the city breathes, and what comes closest.

Per window: mean curves with the range that was expected, the most unusual sensors, the health of
each feed; and from the warnings, what was cleared last and how many there were in an hour.
"""

from __future__ import annotations

import pickle
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from operators.alerting.grading import Reason
from operators.counters import Counters
from operators.event_clock import FOREVER, NEVER
from operators.events import Alert, FeedHealth, Text
from operators.intake import PROMPT_LATENESS_MS
from operators.kinds import kind_of
from operators.maintenance import FaultItem
from operators.merging import WAIT_MS, CityWindow
from operators.registry import Registry
from operators.screening import BAND
from operators.triage import Triaged
from operators.windows import TOP, WINDOW_MS, KindSums, ShardWindow

__all__ = ["CURVES", "DescribeCity", "Facts"]

CURVES = ("river_level", "rain", "traffic_speed", "pm25", "power_load")
POINTS = 144
"""A day at ten minutes."""
POINT_MS = 600_000
HOUR_MS = 3_600_000
CLEARED = 5
TOLD = ("id", "time", "level", "hazard", "district", "place", "first")
HEALTH_MS = 10_000
"""Of the clock: how often the health of feeds is told. Where it is read it lasts for 30 s."""
MAINTENANCE = 50
"""Faulty sensors told one by one, the latest; all are counted."""


Facts: TypeAlias = dict[str, Any]
"""Named facts about the whole city; each replaces the one told before."""


class DescribeCity:
    """Overview of a city.

    Notes
    -----
    State: ``POINTS`` points a curve, the ids of active warnings, the warnings of an hour. A window
    is told of once the reports of its time are known too. The health of its feeds is told until
    another window should have come: that nobody speaks of a feed is the alarm.

    Parameters
    ----------
    speed
        Seconds of event time per second of the clock.
    """

    def __init__(self, registry: Registry, counters: Counters, speed: float = 1.0) -> None:
        self.registry = registry
        self.counters = counters
        self.speed = speed
        self.live = True
        """Whether everybody is up with the present; else the flow is catching up."""
        self._curves: dict[str, deque[tuple[int, float, float, float]]] = {}
        self._active: set[str] = set()
        self._issued: deque[int] = deque()
        self._cleared: deque[dict[str, Any]] = deque(maxlen=CLEARED)
        self._quiet_since: int | None = None
        self._reports: deque[int] = deque()
        self._last_report: int | None = None
        """The latest of the windows told of."""
        self._clock = NEVER
        self._windows: list[CityWindow] = []
        self._reported = NEVER
        # What each shard told last: of one that is silent no more comes after an hour.
        self._shards: dict[int, ShardWindow] = {}
        self._health: list[FeedHealth] = []
        self._health_of, self._health_told = NEVER, NEVER
        """The end of the window it is of, and when it was told last."""

    def on_batch(
        self, items: Iterable[CityWindow | Triaged | Alert]
    ) -> Iterator[Facts | FeedHealth]:
        """Return what changed."""
        clock = self._clock
        for item in items:
            if isinstance(item, Alert):
                yield self._warned(item)
            elif isinstance(item, Triaged):
                self._reports.extend(report.time for report in item.reports)
                self._reported = max(self._reported, FOREVER if item.last else item.watermark)
            else:
                clock = max(clock, item.watermark)
                if item.shards:
                    self._windows.append(item)
        while self._windows and self._windows[0].end <= self._reported:
            yield from self._window(self._windows.pop(0))
        since = (self._windows[0].end if self._windows else clock) - WINDOW_MS
        while self._reports and self._reports[0] < max(since, self._reports[-1] - WAIT_MS):
            self._reports.popleft()
        if clock >= self._clock + 1000:
            self._clock = clock
            mode = "live" if self.live else "catching_up"
            yield {"clock": clock + PROMPT_LATENESS_MS, "speed": self.speed, "mode": mode}
            yield from self._healthy_still(clock)

    def _warned(self, alert: Alert) -> Facts:
        if alert.status == "active":
            if alert.version == 1:
                self._issued.append(alert.time)
            self._active.add(alert.id)
            self._quiet_since = None
        else:
            self._active.discard(alert.id)
            if not alert.reason.startswith(Reason.MERGED.value):  # that one goes on in another
                self._cleared.appendleft({name: getattr(alert, name) for name in TOLD})
            if not self._active:
                self._quiet_since = alert.time
        return {"cleared": list(self._cleared), "quiet_since": self._quiet_since}

    def _window(self, window: CityWindow) -> Iterator[Facts | FeedHealth]:
        kinds = _add_kinds([shard.kinds for shard in window.shards])
        for shard in window.shards:
            self._shards[shard.shard] = shard._replace(cells=None, kinds={}, top=())
        heard = sum(shard.heard for shard in self._shards.values())
        quiet = [sensor for shard in self._shards.values() for sensor in shard.quiet.tolist()]
        while self._issued and self._issued[0] < window.end - HOUR_MS:
            self._issued.popleft()
        facts: dict[str, Any] = {
            "sensors": {"total": len(self.registry), "reporting": heard - len(quiet)},
            "closest": self._closest(window),
            "warnings_per_hour": float(len(self._issued)),
            "conditions": self._conditions(kinds, window),
            "maintenance": self._maintenance(),
        }
        if window.end % POINT_MS == 0:
            facts["curves"] = self._draw(kinds, window.end)
        yield facts
        self._health = list(self._feeds(kinds, window, quiet))
        self._health_of, self._health_told = window.end, window.watermark
        yield from self._health

    def _healthy_still(self, clock: int) -> Iterator[FeedHealth]:
        late = clock >= self._health_of + 2 * WINDOW_MS
        if not late and clock >= self._health_told + HEALTH_MS * self.speed:
            self._health_told = clock
            yield from self._health

    def _closest(self, window: CityWindow) -> list[dict[str, Any]]:
        top = sorted(
            (top for shard in window.shards for top in shard.top),
            key=lambda top: (-top.surprisal, top.sensor),
        )
        return [
            {
                "sensor": self.registry.sensors[found.sensor].id,
                "kind": self.registry.sensors[found.sensor].kind,
                "hazard": self.registry.kind(found.sensor).hazard,
                "name": self.registry.sensors[found.sensor].name,
                "district": self.registry.districts[found.sensor],
                "value": found.value,
                "expected": round(found.expected, 3),
                "surprisal": round(found.surprisal, 2),
            }
            for found in top[:TOP]
        ]

    def _maintenance(self) -> dict[str, Any]:
        """Return the sensors that somebody should look at, and how many there are by fault."""
        counts: Counter[str] = Counter()
        for shard in self._shards.values():
            counts.update(shard.faulty)
        items = sorted(
            (item for shard in self._shards.values() for item in shard.faults),
            key=lambda item: (-item.since, self.registry.sensors[item.sensor].id),
        )
        return {
            "counts": dict(sorted(counts.items())),
            "items": [self._item(item) for item in items[:MAINTENANCE]],
        }

    def _item(self, item: FaultItem) -> dict[str, Any]:
        sensor = self.registry.sensors[item.sensor]
        return {
            "sensor": sensor.id,
            "kind": sensor.kind,
            "name": sensor.name,
            "district": self.registry.districts[item.sensor],
            "owner": sensor.owner,
            "fault": item.kind,
            "since": item.since,
            "value": item.value,
            "expected": item.expected,
        }

    def _conditions(self, kinds: dict[str, KindSums], window: CityWindow) -> dict[str, Any]:
        rain = kinds.get("rain")
        return {
            "rain": None
            if rain is None
            else {"value": round(rain.value / rain.readings, 1), "unit": "mm/h", "trend": None},
            "river": next((s.landmark for s in window.shards if s.landmark is not None), None),
            "wind": None,
        }

    def _draw(self, kinds: dict[str, KindSums], end: int) -> dict[str, Any]:
        for name in CURVES:
            sums = kinds.get(name)
            if sums is not None and sums.scored:
                mean = sums.value / sums.readings
                expected, half = sums.expected / sums.scored, BAND * sums.spread / sums.scored
                point = (end, round(mean, 3), round(expected - half, 3), round(expected + half, 3))
                self._curves.setdefault(name, deque(maxlen=POINTS)).append(point)
        return {
            name: {
                "name": Text(kind_of(name).en, kind_of(name).zh),
                "unit": kind_of(name).unit,
                "value": points[-1][1],
                "points": list(points),
            }
            for name, points in self._curves.items()
        }

    def _feeds(
        self, kinds: dict[str, KindSums], window: CityWindow, quiet: list[int]
    ) -> Iterator[FeedHealth]:
        groups: dict[str, list[tuple[str, KindSums]]] = {}
        for name, sums in kinds.items():
            groups.setdefault(kind_of(name).feed, []).append((name, sums))
        end = window.end
        rejected: Counter[str] = Counter()
        for shard in self._shards.values():
            for name, count in shard.rejected.items():
                rejected[kind_of(name).feed] += count
        silent = [self.registry.kind(sensor).feed for sensor in quiet]
        sensors = self.registry.columns.sensors_of_feed
        for feed, members in sorted(groups.items()):
            last = max(sums.last_ms for _, sums in members)
            rate = sum(sums.readings for _, sums in members) / (WINDOW_MS / 1000)
            yield FeedHealth(
                feed,
                last,
                round(rate, 2),
                end - last,
                rejected[feed],
                sensors[feed],
                silent.count(feed),
            )
        recent = [time for time in self._reports if end - WINDOW_MS <= time < end]
        self._reports = deque(time for time in self._reports if time >= end)
        if recent:
            self._last_report = recent[-1]
        if (came := self._last_report) is not None:  # that nobody calls is no alarm
            rate = round(len(recent) / (WINDOW_MS / 1000), 4)
            bad = self.counters.account("intake").reasons.get("reports", 0)
            yield FeedHealth("reports", came, rate, end - came, bad, 0, 0)

    def snapshot(self) -> bytes:
        """Return curves and what is known of the warnings."""
        return pickle.dumps(
            (
                self._curves,
                self._active,
                self._issued,
                self._cleared,
                self._quiet_since,
                self._reports,
                self._last_report,
                self._clock,
                self._windows,
                self._reported,
                self._shards,
                self._health,
                self._health_of,
                self._health_told,
            )
        )

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        (
            self._curves,
            self._active,
            self._issued,
            self._cleared,
            self._quiet_since,
            self._reports,
            self._last_report,
            self._clock,
            self._windows,
            self._reported,
            self._shards,
            self._health,
            self._health_of,
            self._health_told,
        ) = pickle.loads(state)

    def restore_learnt(self, state: bytes) -> None:
        """Continue without what numbers sensors: the windows that wait, and the shards' last."""
        self.restore(state)
        self._windows, self._shards = [], {}


def _add_kinds(parts: list[dict[str, KindSums]]) -> dict[str, KindSums]:
    whole: dict[str, KindSums] = {}
    for part in parts:
        for name, sums in part.items():
            known = whole.get(name)
            whole[name] = (
                sums
                if known is None
                else KindSums(
                    known.readings + sums.readings,
                    max(known.last_ms, sums.last_ms),
                    known.value + sums.value,
                    known.expected + sums.expected,
                    known.spread + sums.spread,
                    known.scored + sums.scored,
                )
            )
    return whole
