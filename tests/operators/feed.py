"""A seeded feed of the small town: quiet days, then water in one place and silence in another."""

import random
from dataclasses import dataclass
from functools import cache

import numpy as np

from operators.events import City, Levels, Report, Sensor, Text
from tests.operators.town import (
    DAY,
    HOUR,
    LAT,
    LON,
    METRE,
    MINUTE,
    T0,
    line,
    reading,
    report,
    sensor,
    town,
)

EVERY = 5 * MINUTE
KINDS = {
    # usual, noise, what the event adds
    "street_water": (2.0, 0.3, 30.0),
    "traffic_speed": (45.0, 3.0, -30.0),
    "noise": (60.0, 2.0, 0.0),
    "river_level": (4.0, 0.05, 4.0),
}
LEVELS = {
    "street_water": Levels(blue=15.0, yellow=25.0, orange=40.0, red=60.0),
    "river_level": Levels(blue=6.0, yellow=7.0, orange=8.0, red=9.0),
}
HAPPENED = {"waterlogging", "flood", "traffic"}
"""Hazards the event may be warned of as."""


@dataclass(frozen=True)
class Feed:
    """Messages ascending in time."""

    city: City
    readings: tuple[bytes, ...]
    reports: tuple[bytes, ...]
    event: int
    silence: int
    end: int


def _sensors(count: int) -> list[Sensor]:
    """Four to a place, one of each kind, the places two kilometres apart; eight to the last."""
    made = []
    for number in range(count):
        place, kind = min(number // 4, count // 4 - 2), list(KINDS)[number % 4]
        at_m = (50.0 + 2000 * (place % 4) + 30 * (number % 4), 2000.0 * (place // 4))
        name = Text(f"Gauge {number}", f"站{number}") if number % 3 == 0 else None
        more = {"levels": LEVELS.get(kind)} if place % 2 == 0 else {}
        made.append(sensor(f"{kind[:2]}-{number:02d}", kind, at_m=at_m, name=name, **more))
    return made


@cache
def make(sensors: int = 40, days: float = 3.0, seed: int = 3) -> Feed:
    """The event is at the first two places, the silence at the last; both near the end."""
    rng = np.random.default_rng(seed)
    city = town(_sensors(sensors))
    end = T0 + int(days * DAY)
    event, silence = end - 5 * HOUR, end - 3 * HOUR
    readings = []
    for time in range(T0, end, EVERY):
        of_day = np.sin(2 * np.pi * (time % DAY) / DAY)
        for number, known in enumerate(city.sensors):
            if time >= silence + number % 3 * EVERY and number >= sensors - 8:
                continue
            usual, noise, added = KINDS[known.kind]
            value = usual * (1 + 0.1 * of_day) + noise * float(rng.standard_normal())
            if event <= time < event + HOUR and number < 8:
                value += added * min(1.0, (time - event) / (20 * MINUTE))
            readings.append(reading(known.id, time, round(value, 2)))
    return Feed(city, tuple(readings), _reports(rng, event, end), event, silence, end)


def _reports(rng: np.random.Generator, event: int, end: int) -> tuple[bytes, ...]:
    told: list[Report] = []
    for number, at in enumerate(range(T0 + 7 * MINUTE, end, 13 * MINUTE)):
        place = {"lon": LON + float(rng.uniform(-3000, 9000)) * METRE}
        words = (
            f"loud music again, house {number}" if number % 2 else f"street lamp {number} is out"
        )
        told.append(report(f"u-{number}", at, words, "noise" if number % 4 == 1 else None, **place))
    things = ("car", "bus", "shop", "door", "gate", "bike", "cellar")
    for number, thing in enumerate(things):
        at = event + (10 + 2 * number) * MINUTE
        told.append(report(f"e-{number}", at, f"water on the road, {thing} stuck"))
    return tuple(line(each) for each in sorted(told, key=lambda each: each.time))


def troubled(made: Feed) -> list[bytes]:
    """Some readings double, late, broken, impossible or from a stranger."""
    rng, lines = random.Random(2), list[bytes]()
    for number, good in enumerate(made.readings):
        lines.append(good)
        if rng.random() < 0.05:
            lines.append(made.readings[max(0, number - rng.randint(0, 15))])
        if rng.random() < 0.005:
            lines.append(rng.choice([b"{", made.readings[number // 2], reading("nobody", 1, 1)]))
        turn, place = divmod(number, len(made.city.sensors))
        time = T0 + turn * EVERY
        if number % 200 == 100:
            late = made.event - (len(made.readings) - number) * MINUTE // 5
            lines.append(reading("stranger", late, 60.0, kind="noise", lon=LON, lat=LAT))
            lines.append(reading("no-02", time + 1, -5.0))
        if place == 14:
            value = 40 + 9 * rng.random() + (300 if turn % 35 == 0 else 0)
            lines.append(reading("newcomer", time, value, kind="pm25", lon=LON, lat=LAT))
    return lines
