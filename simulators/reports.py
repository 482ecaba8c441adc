"""Citizens' reports: the everyday stream, and the cry that follows what happens.

Like everything here a function of time: each ten minutes throw their own dice. People err: some
name the wrong place or category, some report twice, some invent.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from operators.events import Report
from simulators.clock import DAY_MS, HOUR_MS, MINUTE_MS, Calendar
from simulators.happenings import Outcry, lonlat
from simulators.layout import Layout
from simulators.noise import Noise
from simulators.phrases import CATEGORY, EVERYDAY, PHRASES

__all__ = ["BLOCK_MS", "Reporters"]

BLOCK_MS = 10 * MINUTE_MS
_PER_DAY = 2000.0
_HOURS = (
    0.35, 0.22, 0.15, 0.12, 0.14, 0.25, 0.55, 1.00, 1.45, 1.60, 1.65, 1.60,
    1.45, 1.25, 1.35, 1.45, 1.50, 1.55, 1.50, 1.40, 1.25, 1.00, 0.75, 0.52,
)  # fmt: skip
_CHINESE, _MISPLACED, _MISTAKEN, _UNFILED, _WORDLESS, _TWICE = 0.82, 0.03, 0.04, 0.25, 0.04, 0.05
_URGENT = frozenset({"fire", "gas_leak", "flood", "landslide", "crowding"})
_SERIOUS = ("fire", "gas_leak", "landslide", "flood")

Source = Literal["hotline", "app", "patrol", "emergency", "other"]
_SOURCES: tuple[Source, ...] = ("hotline", "app", "patrol", "emergency")


class Reporters:
    """Everybody who may call.

    Parameters
    ----------
    outcries
        What there is to call about, beside the everyday.
    """

    def __init__(
        self, noise: Noise, layout: Layout, calendar: Calendar, outcries: tuple[Outcry, ...]
    ) -> None:
        self._noise, self._calendar, self._outcries = noise, calendar, outcries
        self._places = layout.places
        self._xy = np.array([(p.x, p.y) for p in layout.places])
        self._topics = list(EVERYDAY)
        self._shares = np.array(list(EVERYDAY.values())) / sum(EVERYDAY.values())

    def between(self, first_ms: int) -> list[Report]:
        """Return the reports of the block that begins then, by time."""
        number = first_ms // BLOCK_MS
        every = self._made(number - 1) + self._made(number)
        inside = [r for r in every if first_ms <= r.time < first_ms + BLOCK_MS]
        return sorted(inside, key=lambda r: (r.time, r.id))

    def _made(self, number: int) -> list[Report]:
        """Return what is set off in a block; echoes may be heard in the next."""
        draw = self._noise.draws("reports", number)
        start = number * BLOCK_MS
        middle = np.array([start + BLOCK_MS // 2])
        share = float(self._calendar.profile(middle, _HOURS)[0]) / float(np.mean(_HOURS))
        calls: list[tuple[str, float, float]] = []
        for _ in range(int(draw.poisson(_PER_DAY * share * BLOCK_MS / DAY_MS))):
            topic = self._topics[int(draw.choice(len(self._topics), p=self._shares))]
            x, y = self._xy[int(draw.integers(len(self._xy)))] + draw.normal(0, 0.3, 2)
            calls.append((topic, float(x), float(y)))
        calls += [call for i, o in enumerate(self._outcries) for call in self._cries(o, i, start)]
        return [r for j, call in enumerate(calls) for r in self._told(draw, call, start, j)]

    def _cries(self, outcry: Outcry, i: int, start: int) -> list[tuple[str, float, float]]:
        rate = outcry.rate(start + BLOCK_MS // 2)
        if rate <= 0:
            return []
        draw = self._noise.draws(f"outcry/{i}", start // BLOCK_MS)
        calls = []
        for _ in range(int(draw.poisson(rate * BLOCK_MS / HOUR_MS))):
            x, y = outcry.centres[int(draw.integers(len(outcry.centres)))]
            x, y = np.array([x, y]) + draw.normal(0, outcry.spread_km, 2)
            calls.append((outcry.topic, float(x), float(y)))
        return calls

    def _told(
        self, draw: np.random.Generator, call: tuple[str, float, float], start: int, j: int
    ) -> list[Report]:
        topic, x, y = call
        if topic == "prank":
            topic = _SERIOUS[int(draw.integers(len(_SERIOUS)))]
        time = start + int(draw.integers(BLOCK_MS))
        text, category = self._words(draw, topic, x, y)
        if draw.uniform() < _MISPLACED:
            x, y = np.array([x, y]) + draw.normal(0, 2.5, 2)
        report = self._report(f"r-{start // BLOCK_MS}-{j}", time, (x, y), category, text, draw)
        if topic == "other" or draw.uniform() > _TWICE:
            return [report]
        near = np.array([x, y]) + draw.normal(0, 0.05, 2)
        again = time + int(draw.uniform(1, 8) * MINUTE_MS)
        return [report, self._report(report.id + "b", again, near, category, text, draw)]

    def _words(
        self, draw: np.random.Generator, topic: str, x: float, y: float
    ) -> tuple[str, str | None]:
        """Return what is said and the category it is filed under."""
        place = self._places[int(np.hypot(*(self._xy - (x, y)).T).argmin())].name
        zh, en = PHRASES[topic][int(draw.integers(len(PHRASES[topic])))]
        text = (zh if draw.uniform() < _CHINESE else en).format(zh=place.zh, en=place.en)
        filed: str | None = CATEGORY.get(topic, topic)
        luck = draw.uniform()
        if luck < _MISTAKEN:
            other = self._topics[int(draw.integers(len(self._topics) - 1))]
            filed = CATEGORY.get(other, other)
        elif luck < _MISTAKEN + _UNFILED:
            filed = None
        elif luck < _MISTAKEN + _UNFILED + _WORDLESS:
            text = ""
        return text, filed

    def _report(
        self,
        id_: str,
        time: int,
        at: tuple[float, float] | np.ndarray,
        category: str | None,
        text: str,
        draw: np.random.Generator,
    ) -> Report:
        lon, lat = lonlat(float(at[0]), float(at[1]))
        chance = (0.3, 0.25, 0.1, 0.35) if category in _URGENT else (0.47, 0.36, 0.15, 0.02)
        source = _SOURCES[int(draw.choice(4, p=chance))]
        return Report(id_, time, lon, lat, category, text, source)
