"""The simulated city, ten minutes at a time.

A block is a function of the arguments and its number alone: any block, of the past, the run or
the quiet time after it, can be made first, twice or never, and is the same to the byte.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.events import City, Report, Truth
from simulators.air import Gas, No2, Pm25, Smoke, Temperature
from simulators.city import build_city
from simulators.clock import HOUR_MS, Calendar
from simulators.faults import Fault, Faults, distort
from simulators.happenings import Happening
from simulators.layout import Layout, Sites, lay_out
from simulators.noise import Floats, Noise
from simulators.people import Crowd, Loudness, PowerLoad
from simulators.reports import BLOCK_MS, Reporters
from simulators.rivers import Rivers
from simulators.scenarios import plan
from simulators.traffic import Traffic
from simulators.water import Rain, RiverLevel, Slope, StreetWater, WaterPressure
from simulators.weather import Weather
from simulators.world import Signal, World

__all__ = ["BLOCK_MS", "Block", "Simulation"]

_DECIMALS: dict[str, int] = {
    "river_level": 3,
    "rain": 1,
    "street_water": 1,
    "traffic_speed": 1,
    "traffic_flow": 0,
    "traffic_occupancy": 1,
    "pm25": 1,
    "no2": 1,
    "gas_ch4": 2,
    "smoke": 3,
    "crowd_count": 0,
    "noise": 1,
    "slope_tilt": 2,
    "water_pressure": 1,
    "power_load": 1,
    "temperature": 2,
}
_SIGNALS: dict[str, Callable[[World, Sites], Signal]] = {
    "river_level": RiverLevel,
    "rain": Rain,
    "street_water": StreetWater,
    "pm25": Pm25,
    "no2": No2,
    "gas_ch4": Gas,
    "smoke": Smoke,
    "crowd_count": Crowd,
    "noise": Loudness,
    "slope_tilt": Slope,
    "water_pressure": WaterPressure,
    "power_load": PowerLoad,
    "temperature": Temperature,
}
_GAPS, _LATE, _TWICE = 0.005, 0.001, 0.002
_LATE_MS = (60_000, 240_000)
_TWICE_MS = (1_000, 30_000)
_NEWLINE = 10
_FROZEN = 100_000  # values of stuck sensors remembered; more are computed again

Ints = NDArray[np.int64]


class _Rows(NamedTuple):
    """Readings on their way, one row each."""

    sensor: Ints
    time: Ints
    arrival: Ints
    value: Floats

    def take(self, rows: NDArray[np.bool_] | Ints) -> _Rows:
        return _Rows(self.sensor[rows], self.time[rows], self.arrival[rows], self.value[rows])


def _joined(parts: list[_Rows]) -> _Rows:
    return _Rows(
        np.concatenate([p.sensor for p in parts]),
        np.concatenate([p.time for p in parts]),
        np.concatenate([p.arrival for p in parts]),
        np.concatenate([p.value for p in parts]),
    )


class Block(NamedTuple):
    """What arrives in ten minutes, in order of arrival."""

    start_ms: int
    arrival_ms: Ints
    """When each line of ``data`` arrives."""
    data: bytes
    """Reading messages, each ended by a newline."""
    ends: Ints
    """Where in ``data`` each line ends, its newline included."""
    reports: list[Report]
    """They arrive at their own time."""

    def lines(self) -> list[bytes]:
        """Return the reading messages, without newlines."""
        return self.data.splitlines()

    def between(self, first: int, last: int) -> bytes:
        """Return the lines from one index up to another, as one piece."""
        begin = int(self.ends[first - 1]) if first else 0
        return self.data[begin : int(self.ends[last - 1])] if last > first else b""


class Simulation:
    """One run of a scenario, and the city before and after it.

    Parameters
    ----------
    scenario
        One of ``scenarios.SCENARIOS``.
    seed
        Same arguments, same bytes.
    start_ms
        Beginning of block 0; rounded down to ten minutes.
    hours
        Length of the run: events are placed in it. Afterwards the city goes on, quiet.
    sensors
        From about a hundred to a million.
    event_after_h
        When the event begins, hours after the start; None leaves it to the seed.

    Examples
    --------
    >>> sim = Simulation("fire", seed=1, start_ms=1_750_000_200_000, hours=6, sensors=200)
    >>> [event.hazard for event in sim.truth.events]
    ['fire']
    >>> block = sim.block(3)
    >>> len(block.lines()) == len(block.arrival_ms)
    True
    >>> again = Simulation("fire", seed=1, start_ms=1_750_000_200_000, hours=6, sensors=200)
    >>> again.block(3).data == block.data
    True
    """

    def __init__(
        self,
        scenario: str,
        seed: int,
        start_ms: int,
        hours: float,
        sensors: int = 5000,
        event_after_h: float | None = None,
    ) -> None:
        self.scenario, self.seed, self.hours = scenario, seed, hours
        self.start_ms = start_ms - start_ms % BLOCK_MS
        self.blocks = -(-int(hours * HOUR_MS) // BLOCK_MS)
        self._noise = Noise(seed)
        self.layout: Layout = lay_out(seed, sensors)
        self.city: City = build_city(seed, sensors)
        plain = _world(self._noise, self.layout, [])
        self.happenings = plan(scenario, plain, self.start_ms, hours, event_after_h)
        self.world = _world(self._noise, self.layout, self.happenings)
        self.truth = _truth(self.happenings, self.start_ms, self.start_ms + int(hours * HOUR_MS))
        self._faults = Faults(self._noise, self.layout)
        self._signals = {k: self._signal(s) for k, s in self.layout.sites.items() if len(s)}
        outcries = tuple(o for h in self.happenings for o in h.outcries)
        self._reporters = Reporters(self._noise, self.layout, self.world.calendar, outcries)
        self._heads = [f'{{"sensor":"{s.id}","time":' for s in self.city.sensors]
        self._readings = lru_cache(maxsize=3)(self._made)
        # Many sensors stick at the same moment: their kind's block is computed once.
        self._true = lru_cache(maxsize=len(self._signals))(lambda kind, k: self.values(kind, k)[1])
        self._frozen: dict[Fault, float] = {}

    @property
    def faults(self) -> list[Fault]:
        """The faults that touch the run."""
        return self._faults.between(self.start_ms, self.start_ms + self.blocks * BLOCK_MS)

    def block(self, k: int) -> Block:
        """Return the k-th ten minutes after the start; k may be negative, or past the end."""
        begin = self.start_ms + k * BLOCK_MS
        before, now = self._readings(k - 1), self._readings(k)
        rows = _joined(
            [before.take(before.arrival >= begin), now.take(now.arrival < begin + BLOCK_MS)]
        )
        rows = rows.take(np.argsort(rows.arrival, kind="stable"))
        data = self._lines(rows)
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE) + 1
        return Block(begin, rows.arrival, data, ends, self._reporters.between(begin))

    def values(self, kind: str, k: int) -> tuple[Ints, Floats]:
        """Return times and faultless values of one kind in a block: sensors by readings."""
        sites = self.layout.sites[kind]
        begin = self.start_ms + k * BLOCK_MS
        steps = np.arange(BLOCK_MS // sites.interval_ms) * sites.interval_ms
        times = begin + sites.phase_ms[:, None] + steps
        values = self._signals[kind].at(times)
        for happening in self.happenings:
            if happening.during(begin, begin + BLOCK_MS):
                values = happening.change(sites, times, values)
        return times, np.round(values, _DECIMALS[kind])

    def _signal(self, sites: Sites) -> Signal:
        if sites.kind in _SIGNALS:
            return _SIGNALS[sites.kind](self.world, sites)
        return Traffic(self.world, sites, self.happenings)

    def _made(self, k: int) -> _Rows:
        """Return every reading measured in a block, with its time of arrival."""
        begin = self.start_ms + k * BLOCK_MS
        faults = self._faults.between(begin, begin + BLOCK_MS)
        return _joined([self._measured(kind, k, faults) for kind in self._signals])

    def _measured(self, kind: str, k: int, faults: list[Fault]) -> _Rows:
        sites = self.layout.sites[kind]
        begin = self.start_ms + k * BLOCK_MS
        draw = self._noise.draws(f"luck/{kind}", begin // BLOCK_MS)
        times, values = self.values(kind, k)
        luck = draw.uniform(size=(3, *times.shape))
        sent, stamped = luck[0] >= _GAPS, times.copy()
        for happening in self.happenings:
            if happening.during(begin, begin + BLOCK_MS):
                silent = happening.silent(sites, times)
                sent = sent if silent is None else sent & ~silent
        for fault in faults:
            row = fault.sensor - sites.first
            if 0 <= row < len(sites):
                self._spoil(fault, row, sites, times, stamped, values, sent, draw)
        values = np.round(values, _DECIMALS[kind])
        late = np.where(luck[1] < _LATE, draw.integers(*_LATE_MS, times.shape), 0)
        sensor = np.broadcast_to(sites.first + np.arange(len(sites))[:, None], times.shape)
        once = _Rows(sensor[sent], stamped[sent], (times + late)[sent], values[sent])
        again = np.flatnonzero(luck[2][sent] < _TWICE)
        echo = once.take(again)
        echo = echo._replace(arrival=echo.arrival + draw.integers(*_TWICE_MS, len(again)))
        return _joined([once, echo])

    def _spoil(
        self,
        fault: Fault,
        row: int,
        sites: Sites,
        times: Ints,
        stamped: Ints,
        values: Floats,
        sent: NDArray[np.bool_],
        draw: np.random.Generator,
    ) -> None:
        hit = (times[row] >= fault.start_ms) & (times[row] < fault.end_ms)
        if fault.what == "dead":
            sent[row] &= ~hit
        elif fault.what == "clock_off":
            stamped[row] += np.where(hit, int(fault.amount), 0)
        elif fault.what == "stuck":
            values[row] = np.where(hit, self._stuck_at(fault, row, sites), values[row])
        else:
            values[row] = distort(fault, row, sites, times, values, draw)

    def _stuck_at(self, fault: Fault, row: int, sites: Sites) -> float:
        """Return what the sensor read when it stuck."""
        if fault not in self._frozen:
            if len(self._frozen) > _FROZEN:
                self._frozen.clear()
            k = (fault.start_ms - self.start_ms) // BLOCK_MS
            self._frozen[fault] = float(self._true(sites.kind, k)[row, 0])
        return self._frozen[fault]

    def _lines(self, rows: _Rows) -> bytes:
        heads = self._heads
        columns = zip(rows.sensor.tolist(), rows.time.tolist(), rows.value.tolist(), strict=True)
        text = "".join([f'{heads[s]}{t},"value":{v}}}\n' for s, t, v in columns])
        return text.replace(".0}", "}").encode()


def _world(noise: Noise, layout: Layout, happenings: list[Happening]) -> World:
    weather = Weather(
        noise,
        tuple(cell for h in happenings for cell in h.rain),
        tuple(calm for h in happenings for calm in h.calm),
    )
    # What rains in the city does not rain on the catchments: those have the season and the pulses.
    pulses = tuple(p for h in happenings for p in h.pulses)
    rivers = Rivers(layout.rivers, Weather(noise), pulses)
    free = frozenset(day for h in happenings for day in h.free_days)
    return World(noise, layout, weather, rivers, Calendar(free))


def _truth(happenings: list[Happening], first_ms: int, last_ms: int) -> Truth:
    benign = [h.benign for h in happenings if h.benign]
    inside = [
        msgspec.structs.replace(b, start=max(b.start, first_ms), end=min(b.end, last_ms))
        for b in benign
        if b.start < last_ms and b.end > first_ms
    ]
    return Truth(tuple(event for h in happenings for event in h.events), tuple(inside))
