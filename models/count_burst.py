"""Notice that more people than usual report the same hazard from the same place.

What is usual is a rate per hazard, place and hour of the week, learnt from the reports themselves
and borrowed from the city where a place has little history. Times are local seconds, from the
stream; a place's silence is evidence too, so time must be told to pass (``tick``).
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.count_calendar import WEEK, Calendar
from models.count_tail import surprisal

__all__ = ["Burst", "CountBurst"]

DISPERSION = 0.3  # of hourly counts, until it is learnt
DISPERSION_PRIOR = 10.0  # what that counts for, in squares of expected counts
FADING = 1 / 672  # of what was learnt of the dispersion, an hour: four weeks
MOST_BEYOND = 20.0  # one hour's share in it, in squares of its mean: a burst is not the usual
LEAST_BINS = 24  # of watching, before dispersion is learnt
PLACE_PRIOR = 1.0  # reports that the city's rate counts for, against a place's own
HOUR_PRIOR = 4.0  # reports that a place's overall rate counts for, against one hour's own
UNUSUAL = 3.0  # surprisal from which a report hardly changes what is usual
MOST_SURPRISAL = 12.0  # the model itself is not surer than that
LEAST_DISPERSION, MOST_DISPERSION = 0.02, 2.0
_PER_PAIR = ("_recent", "_heard", "_total", "_hours")
MOST_HALF_LIVES = 20.0  # of weights that grow: float32 still resolves one report among them
_MAGIC = b"cwcounts4"

Floats = NDArray[np.float64]


class Burst(NamedTuple):
    """The most surprising of the windows that end now."""

    surprisal: float
    reports: int
    expected: float
    window_s: float


class CountBurst:
    """Rates of reports per hazard, place and hour of the week, and surprisals of recent counts.

    Parameters
    ----------
    hazards
        The hazards that are counted.
    places
        How many places the city has; an unknown one is given this share of the city's rate.
    capacity
        How many (hazard, place) pairs are remembered. When full, the pair that has been silent
        longest is forgotten and becomes an unknown place again.
    calendar
        What comes back with the time, and how long counts are looked at.

    Notes
    -----
    A rate is a Gamma posterior: (reports + prior) / (time watched + prior / prior rate), first of a
    place against the city's, then of its hour of the week against the place's own shaped like the
    city's week. Old reports and the time watched fade together, by half in 28 days. Counts are
    then negative binomial: their dispersion is that of the city's hourly counts plus the
    uncertainty of the rate. A place is looked at because it was reported, so the first report in a
    window is given and the others are what may surprise (for a Poisson process, given one report
    the others come as if it had not been made). The rarest of three
    nested windows is reported; that it is the rarest of three makes up for the report left out (by
    simulation: ``tests/laws/test_calibration_of_counts.py``).

    State: 1.2 KB a pair, 5 MB in all by default, and 1.4 KB a hazard. Cost: 0.1 ms a report.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> bursts = CountBurst(["flood"], places=20)
    >>> for time_s in np.sort(rng.uniform(0, 14 * 86_400, 700)):
    ...     burst = bursts.score_and_learn("flood", f"cell {rng.integers(20)}", time_s)
    >>> for extra in range(6):
    ...     burst = bursts.score_and_learn("flood", "cell 3", 14 * 86_400 + 60.0 * extra)
    >>> burst.reports, burst.window_s, burst.surprisal > 6
    (6, 600.0, True)

    References
    ----------
    Clayton and Kaldor 1987 (shrinking rates); Cormode et al. 2009 (forward decay).
    """

    def __init__(
        self,
        hazards: Sequence[str],
        places: int = 500,
        capacity: int = 4096,
        calendar: Calendar = WEEK,
    ) -> None:
        self.hazards = tuple(hazards)
        self.places = places
        self.capacity = capacity
        self.calendar = calendar
        self.late = 0
        self._row: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._recent = np.full((capacity, calendar.recent), -np.inf)
        self._heard = np.zeros(capacity, np.int64)
        self._total = np.zeros(capacity)
        self._hours = np.zeros((capacity, calendar.bins), np.float32)
        self._city_hours = np.zeros((len(self.hazards), calendar.bins))
        self._watched = np.zeros(calendar.bins)
        self._this_hour = np.zeros((2, len(self.hazards)))
        """Reports since the hour began, and what of them was learnt."""
        self._dispersion = np.full(len(self.hazards), DISPERSION)
        self._squares = np.full(len(self.hazards), DISPERSION_PRIOR)
        self._beyond = DISPERSION * self._squares
        self._start: float | None = None
        self._origin = 0.0
        """When a report counted 1; moved on before weights grow too large to be added to."""
        self._now = -np.inf

    def set_clock(self, by_s: float) -> None:
        """Move all that is remembered, where local time jumps: what just happened still has."""
        if self._start is not None:
            self._start += by_s
            self._now += by_s
            self._origin += by_s
            self._recent += by_s

    def tick(self, time_s: float) -> None:
        """Let time pass up to this local second; earlier ones change nothing."""
        if self._start is None:
            self._start = self._now = self._origin = time_s
        # A gap longer than the half-life says nothing about the hours in it.
        if time_s - self._now > self.calendar.half_life_s:
            self._now = time_s
            self._this_hour[:] = 0.0
        if time_s - self._origin > MOST_HALF_LIVES * self.calendar.half_life_s:
            self._fade(np.floor((time_s - self._origin) / self.calendar.half_life_s))
        size, hour_of = self.calendar.bin_s, self.calendar.bin
        while self._now < time_s:
            until = min((np.floor(self._now / size) + 1.0) * size, time_s)
            self._watched[hour_of(self._now)] += (until - self._now) * self._weight(self._now)
            if until % size == 0.0:
                self._close_hour(hour_of(self._now))
            self._now = until

    def _fade(self, half_lives: float) -> None:
        """Let what has been counted weigh less, in place of what is still to come weighing more."""
        self._origin += half_lives * self.calendar.half_life_s
        fade = np.exp2(-half_lives)
        self._total *= fade
        self._hours *= fade
        self._city_hours *= fade
        self._watched *= fade

    def score_and_learn(self, hazard: str, place: str, time_s: float) -> Burst | None:
        """Count one report, say how surprising its place's counts now are, then learn it.

        Returns
        -------
        None in warm-up.

        Raises
        ------
        ValueError
            When the hazard is not one of the model's or the time is not finite.
        """
        self.count_one(hazard, place, time_s)
        burst = self.score_one(hazard, place, time_s)
        self.learn_one(hazard, place, time_s, burst)
        return burst

    def count_one(self, hazard: str, place: str, time_s: float) -> None:
        """Count one report, before it is scored; see ``score_and_learn``."""
        if hazard not in self.hazards or not np.isfinite(time_s):
            raise ValueError(f"expected one of {self.hazards} at a time, got {hazard!r}, {time_s}")
        self.late += time_s < self._now
        self.tick(time_s)
        row = self._row_of(hazard, place)
        self._recent[row, self._heard[row] % self.calendar.recent] = time_s
        self._heard[row] += 1

    def learn_one(self, hazard: str, place: str, time_s: float, burst: Burst | None) -> None:
        """Learn one report that was counted and, given what it was scored, how much of it."""
        row = self._row_of(hazard, place)
        unusual = burst is not None and burst.surprisal >= UNUSUAL
        share = 0.1 if unusual else 1.0
        weight = self._weight(time_s) * share
        nth, hour = self.hazards.index(hazard), self.calendar.bin(time_s)
        self._total[row] += weight
        self._hours[row, hour] += weight
        self._city_hours[nth, hour] += weight
        self._this_hour[:, nth] += 1.0, share

    def score_one(
        self, hazard: str, place: str, time_s: float, factors: ArrayLike = 1.0
    ) -> Burst | None:
        """Return the most surprising window that ends now; None in warm-up. Changes nothing.

        Parameters
        ----------
        factors
            How many times the usual is expected just now, for each window or for all.
        """
        if self._start is None or time_s - self._start < self.calendar.warm_up_s:
            return None
        row = self._row.get((hazard, place))
        ages = time_s - (self._recent[row] if row is not None else np.empty(0))
        windows_s = self.calendar.windows_s
        counts = np.array([np.count_nonzero((ages >= 0) & (ages < w)) for w in windows_s])
        expected, doubt = self.expected(hazard, place, time_s)
        return self.judge(hazard, counts, expected * np.asarray(factors, np.float64), doubt)

    def judge(self, hazard: str, counts: NDArray[Any], expected: Floats, doubt: float) -> Burst:
        """Return the most surprising of the windows with such counts.

        Parameters
        ----------
        doubt
            Relative variance of what is expected, beside the hazard's dispersion.
        """
        dispersion = self._dispersion[self.hazards.index(hazard)] + doubt
        others = np.maximum(counts - 1, 0)
        scores = surprisal(others, expected, dispersion)
        scores = np.minimum(scores, MOST_SURPRISAL)
        best = int(scores.argmax())
        window_s = self.calendar.windows_s[best]
        return Burst(float(scores[best]), int(counts[best]), float(expected[best]), window_s)

    def rate(self, hazard: str, place: str, time_s: float) -> tuple[float, float]:
        """Return the expected reports a second there and then, and its relative variance."""
        rates, doubt = self._rates(hazard, place, time_s, np.array([self.calendar.bin(time_s)]))
        return float(rates[0]), doubt

    def expected(self, hazard: str, place: str, time_s: float) -> tuple[Floats, float]:
        """Return the reports expected in each window that ends then, and their relative variance.

        A window reaches back into hours that were busier or quieter than this one.
        """
        size, windows_s = self.calendar.bin_s, np.array(self.calendar.windows_s)
        first, last = int((time_s - windows_s.max()) // size), int(time_s // size)
        starts = size * np.arange(first, last + 1)
        ends = np.minimum(starts + size, time_s)
        shared_s = np.maximum(ends - np.maximum(starts, time_s - windows_s[:, None]), 0.0)
        hours = np.arange(first, last + 1) % self.calendar.bins
        rates, doubt = self._rates(hazard, place, time_s, hours)
        return shared_s @ rates, doubt

    def _rates(
        self, hazard: str, place: str, time_s: float, hours: NDArray[np.int64]
    ) -> tuple[Floats, float]:
        nth = self.hazards.index(hazard)
        row = self._row.get((hazard, place))
        weight = self._weight(max(time_s, self._now))
        watched = self._watched / weight
        city = self._city_hours[nth] / weight
        total = (city.sum() + 1.0) / (watched.sum() + self.calendar.bin_s)
        shape = _around(city + 1.0, hours) / _around(watched * total + 1.0, hours)
        own = self._total[row] / weight if row is not None else 0.0
        overall = (own + PLACE_PRIOR) / (watched.sum() + PLACE_PRIOR * self.places / total)
        usual = overall * shape
        here = self._hours[row, hours] / weight if row is not None else np.zeros(len(hours))
        rates = (here + HOUR_PRIOR) / (watched[hours] + HOUR_PRIOR / usual)
        return rates, float(1.0 / (own + PLACE_PRIOR))

    def share(self, hazard: str, places: Collection[str], time_s: float) -> float:
        """Return which part of the city's reports some of its places usually have, 0 to 1."""
        nth, weight = self.hazards.index(hazard), self._weight(max(time_s, self._now))
        rows = [
            row for place in sorted(places) if (row := self._row.get((hazard, place))) is not None
        ]
        city = self._city_hours[nth].sum() / weight
        own = self._total[rows].sum() / weight
        prior = PLACE_PRIOR * len(places)
        return float(min((own + prior) / (city + PLACE_PRIOR * self.places), 1.0))

    def _row_of(self, hazard: str, place: str) -> int:
        """Return the row of a pair, forgetting the one silent longest when there is no room."""
        key = hazard, place
        row = self._row.get(key)
        if row is None:
            full = len(self._row) >= self.capacity
            row = self._row.popitem(last=False)[1] if full else len(self._row)
            self._recent[row] = -np.inf
            self._heard[row] = 0
            self._total[row] = 0.0
            self._hours[row] = 0.0
            self._row[key] = row
        self._row.move_to_end(key)
        return row

    def _close_hour(self, hour: int) -> None:
        """Learn from an hour's counts of the whole city how much they vary beyond Poisson.

        The hour is held against the others only: a mean that has it in it is always too near.
        """
        weight, size = self._weight(self._now), self.calendar.bin_s
        watched, city = self._watched / weight, self._city_hours / weight
        came, learnt_of_it = self._this_hour
        watched[hour] = max(watched[hour] - size, 0.0)
        city[:, hour] = np.maximum(city[:, hour] - learnt_of_it, 0.0)
        if watched.sum() >= LEAST_BINS * size:
            level = (city.sum(axis=1) + 1.0) / (watched.sum() + size)
            expected = (city[:, hour] + HOUR_PRIOR) / (watched[hour] + HOUR_PRIOR / level) * size
            beyond = (came - expected) ** 2 - expected
            self._beyond += np.minimum(beyond, MOST_BEYOND * expected**2) - FADING * self._beyond
            self._squares += expected**2 - FADING * self._squares
            learnt = self._beyond / self._squares
            self._dispersion = np.clip(learnt, LEAST_DISPERSION, MOST_DISPERSION)
        self._this_hour[:] = 0.0

    def _weight(self, time_s: float) -> float:
        """Return what a report counts for: newer ones more, so that old ones need no work."""
        return float(np.exp2((time_s - self._origin) / self.calendar.half_life_s))

    def snapshot(self) -> bytes:
        """Return the model as versioned bytes."""
        used = len(self._row)
        filled = {name: getattr(self, name)[:used] for name in _PER_PAIR}
        return _MAGIC + pickle.dumps({**vars(self), **filled}, protocol=5)

    @classmethod
    def restore(cls, snapshot: bytes) -> CountBurst:
        """Return the model whose ``snapshot`` this is; only for bytes of our own making.

        Raises
        ------
        ValueError
            When the bytes are not a snapshot of this version.
        """
        if not snapshot.startswith(_MAGIC):
            raise ValueError(f"not a {_MAGIC!r} snapshot: got {snapshot[:9]!r}")
        state = pickle.loads(snapshot[len(_MAGIC) :])
        model = cls(state["hazards"], state["places"], state["capacity"], state["calendar"])
        for name in _PER_PAIR:
            filled = state.pop(name)
            getattr(model, name)[: len(filled)] = filled
        vars(model).update(state)
        return model


def _around(all_hours: Floats, hours: NDArray[np.int64]) -> Floats:
    """Return the sums over hours and their neighbours, the hour itself twice."""
    before, after = all_hours[hours - 1], all_hours[(hours + 1) % len(all_hours)]
    sums: Floats = before + 2.0 * all_hours[hours] + after
    return sums
