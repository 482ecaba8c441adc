"""The vocabulary: what flows between steps, and what leaves at the edges.

Everything here is a value: frozen, without I/O, without behaviour beyond its own fields.
Times are event time in integer milliseconds since 1970-01-01 UTC, longitude comes before
latitude, units are UCUM strings. What is one message of a topic or a file has its fields in the
order of the published format.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HAZARDS",
    "HAZARD_INITIALS",
    "LEVEL_NAMES",
    "LONGEST_ID",
    "NO_LEVEL",
    "TIME_END_MS",
    "VERDICTS",
    "Alert",
    "BadMessage",
    "CellState",
    "City",
    "Command",
    "District",
    "Evidence",
    "FeedHealth",
    "Forecast",
    "Hazard",
    "Levels",
    "Line",
    "Marks",
    "Readings",
    "Report",
    "Sensor",
    "SeriesPoints",
    "Text",
    "Truth",
    "TruthBenign",
    "TruthEvent",
    "Unit",
]

TIME_END_MS = 4_102_444_800_000
"""2100-01-01: later than any reading, earlier than seconds taken for milliseconds twice."""

LONGEST_ID = 512
"""Characters of a sensor's name: a URN has a hundred, and a screen asks by it in one message."""

Hazard = Literal[
    "flood",
    "waterlogging",
    "landslide",
    "gas_leak",
    "fire",
    "air_pollution",
    "traffic",
    "crowding",
    "water_supply",
    "power",
    "noise",
    "other",
]
HAZARD_INITIALS: dict[str, str] = {
    "flood": "fl",
    "waterlogging": "wl",
    "landslide": "ls",
    "gas_leak": "gl",
    "fire": "fi",
    "air_pollution": "ap",
    "traffic": "tr",
    "crowding": "cr",
    "water_supply": "ws",
    "power": "pw",
    "noise": "no",
    "other": "ot",
}
HAZARDS: tuple[str, ...] = tuple(HAZARD_INITIALS)

NO_LEVEL = 5
"""One past blue: not a warning. Levels sort by urgency, 1 red ... 4 blue."""
LEVEL_NAMES: dict[int, str] = {1: "red", 2: "orange", 3: "yellow", 4: "blue"}


class Text(msgspec.Struct, frozen=True):
    """The same thing said in both languages."""

    en: str
    zh: str


# --- the city file ---------------------------------------------------------------------------


class Levels(msgspec.Struct, frozen=True):
    """Official levels of one sensor, in its unit; a missing one does not exist there."""

    blue: float | None = None
    yellow: float | None = None
    orange: float | None = None
    red: float | None = None

    def by_level(self) -> dict[int, float]:
        """Return the levels that exist, keyed 1 (red) to 4 (blue)."""
        pairs = {1: self.red, 2: self.orange, 3: self.yellow, 4: self.blue}
        return {level: value for level, value in pairs.items() if value is not None}


class Sensor(msgspec.Struct, frozen=True):
    """Where readings come from."""

    id: Annotated[str, msgspec.Meta(max_length=LONGEST_ID)]
    kind: str
    lon: float
    lat: float
    unit: str = ""
    district: str | None = None
    owner: str = ""
    interval_s: float = 300.0
    levels: Levels | None = None
    direction: Literal["above", "below", "both"] | None = None
    name: Text | None = None


class District(msgspec.Struct, frozen=True):
    """What a person calls the place; a ring of ``[lon, lat]``, or unknown extent."""

    id: str
    name: str
    name_zh: str = ""
    polygon: list[tuple[float, float]] | None = None


class Line(msgspec.Struct, frozen=True):
    """A river, road or railway, drawn from its start (upstream) to its end."""

    kind: str
    name: str | Text
    coordinates: list[tuple[float, float]]
    width_m: float | None = None


class Unit(msgspec.Struct, frozen=True):
    """Somebody who can be sent."""

    id: str
    skills: tuple[str, ...]
    lon: float
    lat: float
    district: str | None = None


class City(msgspec.Struct, frozen=True):
    """What ``city.json`` says."""

    name: str
    timezone: str
    districts: tuple[District, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    lines: tuple[Line, ...] = ()
    units: tuple[Unit, ...] = ()
    name_zh: str = ""


# --- messages that come in -------------------------------------------------------------------


class Readings(NamedTuple):
    """Columns of readings, row by row in order of arrival.

    Equal lengths; ``sensor`` is the index in the registry, ``shard`` that in its process.
    """

    sensor: NDArray[np.intp]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    shard: NDArray[np.intp]

    @classmethod
    def empty(cls) -> Readings:
        """Return columns without rows."""
        none = np.empty(0, np.intp)
        return cls(none, np.empty(0, np.int64), np.empty(0, np.float64), none)

    def take(self, rows: Any) -> Readings:
        """Return the rows selected by a mask, positions or a slice."""
        return Readings(self.sensor[rows], self.time[rows], self.value[rows], self.shard[rows])


class Report(msgspec.Struct, frozen=True):
    """What one citizen, caller or patrol said."""

    id: str
    time: int
    lon: float
    lat: float
    category: str | None = None
    text: str = ""
    source: Literal["hotline", "app", "patrol", "emergency", "other"] = "other"


VERDICTS = frozenset({"confirm", "false_alarm"})
"""Commands that say what a warning was worth; they teach also once it has ended."""


class Command(msgspec.Struct, frozen=True):
    """What one person did about one warning."""

    id: str
    time: int
    by: str
    alert: str
    version: int
    op: Literal["ack", "confirm", "false_alarm", "shelve", "unshelve", "resolve", "note"]
    until: int | None = None
    note: str = ""


class BadMessage(msgspec.Struct, frozen=True):
    """A message that could not be used: where it was, why, and what it said."""

    source: str
    partition: int
    offset: int
    reason: str
    payload: str
    """Base64 of the bytes, cut at 4 KiB of them."""


# --- what the engine finds -------------------------------------------------------------------


class Forecast(msgspec.Struct, frozen=True):
    """Where a sensor is going: quantiles of its value by time, the official level it may cross.

    The times begin with that of the reading behind it. The quantiles are those of its trend and of
    what comes down its river; the chance ``p`` knows besides what its kind has learnt together.
    """

    sensor: str
    level: int
    p: float
    times: tuple[int, ...]
    q05: tuple[float, ...]
    q25: tuple[float, ...]
    q50: tuple[float, ...]
    q75: tuple[float, ...]
    q95: tuple[float, ...]


class Evidence(msgspec.Struct, frozen=True):
    """One unusual thing, scored.

    ``surprisal`` is -log10 of the calibrated chance of something at least as unusual when nothing
    is wrong. The fields from ``source`` to ``surprisal`` are published with the alert.
    """

    source: Literal["sensor", "cell", "report", "level", "outage"]
    key: str
    """Who says so: a sensor id, a cell, or hazard and cell (or city) of a burst of reports."""
    kind: str
    cell: str
    time: int
    value: float
    expected: float
    surprisal: float
    hazard: str = "other"
    lon: float = 0.0
    lat: float = 0.0
    district: str = "city"
    level: int = NO_LEVEL
    """Official level crossed, or forecast to be crossed; ``NO_LEVEL`` when neither."""
    onset: int | None = None
    """When the level is expected to be crossed; None when the threat is being observed."""
    probability: float | None = None
    """Chance of the forecast crossing; None when it is observed."""
    count: int = 1
    """How many readings or reports stand behind it."""
    told: int = 0
    """How many reports there were with those that only repeat another; 0 where none is a report."""
    channel: str = ""
    """Which feature was unusual, in a word."""
    graded: bool = False
    """Whether its sensor has official levels, which say how bad a value is."""
    stamps: tuple[int, int, int] | None = None
    """Wall-clock microseconds: given to the log, polled, screened; None where nobody measures."""
    spread_m: float = 0.0
    """How far the reports of a burst are from its place, half of them; 0 where none is a report."""
    lasts_ms: int = 0
    """How long it speaks at least: until its sensor should have read again."""
    fault: str = ""
    """What is wrong with its sensor, in a word; its surprisal has been discounted for it."""
    forecast: Forecast | None = None
    """Where its sensor is going; None when the crossing is observed."""


class Marks(msgspec.Struct, frozen=True):
    """What people (and worse warnings) have done to a warning."""

    acknowledged: str | None = None
    confirmed: str | None = None
    shelved_until: int | None = None
    passed_to: str | None = None
    suppressed_by: str | None = None


class Alert(msgspec.Struct, frozen=True):
    """One version of a warning, as published on every edge."""

    id: str
    version: int
    time: int
    status: Literal["active", "cleared"]
    level: int
    hazard: str
    district: str
    cells: tuple[str, ...]
    lon: float
    lat: float
    onset: int
    first: int
    urgency: Literal["Immediate", "Expected", "Future", "Past"]
    certainty: Literal["Observed", "Likely", "Possible", "Unlikely"]
    score: float
    reason: str
    evidence: tuple[dict[str, Any], ...]
    latency_us: dict[str, int] | None = None
    place: Text | None = None
    headline: Text | None = None
    trend: Literal["rising_fast", "rising", "steady", "falling"] | None = None
    marks: Marks | None = None
    forecast: Forecast | None = None
    units: tuple[dict[str, Any], ...] | None = None
    next: dict[str, Any] | None = None
    confirmation: float | msgspec.UnsetType = msgspec.UNSET
    """Chance that people will confirm it; left out of messages until there are verdicts enough."""


class CellState(msgspec.Struct, frozen=True):
    """How unusual one H3 cell is now; ``level`` is that of the worst warning covering it."""

    cell: str
    level: int
    surprisal: float
    time: int
    sensors: int
    unusual: int
    reports: int


class SeriesPoints(msgspec.Struct, frozen=True):
    """Recent readings of one sensor with the range that was expected, oldest first."""

    sensor: str
    points: tuple[tuple[int, float, float, float], ...]
    """Time, value, lower and upper end of the expected range."""


class FeedHealth(msgspec.Struct, frozen=True):
    """How one group of sensors (or the reports) is arriving."""

    feed: str
    time: int
    """Latest event time."""
    rate: float
    """Messages per second of event time over the last window."""
    lag_ms: int
    """How far its latest event time is behind the stream's."""
    rejected: int
    sensors: int
    silent: int


# --- truth -----------------------------------------------------------------------------------


class TruthEvent(msgspec.Struct, frozen=True):
    """Something that really happened."""

    id: str
    hazard: Hazard
    start: int
    end: int
    lon: float
    lat: float
    radius_m: float
    level: Annotated[int, msgspec.Meta(ge=1, le=4)]
    peak: int | None = None
    """When it was at its worst, where known."""


class TruthBenign(msgspec.Struct, frozen=True):
    """Something unusual that is no emergency."""

    what: str
    start: int
    end: int
    lon: float
    lat: float
    radius_m: float


class Truth(msgspec.Struct, frozen=True):
    """What ``truth.json`` says. That nothing happened has to be said: any file would do else."""

    events: tuple[TruthEvent, ...]
    benign: tuple[TruthBenign, ...] = ()
