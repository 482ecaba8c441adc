"""Evidence is placed where its sensor is."""

import msgspec
import pytest

from operators.evidence import LASTS_AT_MOST_MS, sensor_evidence
from operators.incident import KEEP_MS, speaks_until
from operators.registry import Registry
from tests.operators.town import HOUR, T0, sensor, town


def test_evidence_of_a_sensor_says_where_and_what_it_threatens() -> None:
    known = Registry(town([sensor("p", "water_pressure"), sensor("s", "smoke", at_m=(3000, 500))]))
    found = sensor_evidence(
        known, 1, "sensor", time=T0, value=9.0, expected=0.5, surprisal=4.25, channel="jump"
    )
    place = known.sensors[1]
    assert (found.source, found.key, found.kind, found.hazard) == ("sensor", "s", "smoke", "fire")
    assert (found.cell, found.district) == (known.cells[1], "east")
    assert (found.lon, found.lat) == (place.lon, place.lat)
    assert (found.time, found.value, found.expected, found.surprisal) == (T0, 9.0, 0.5, 4.25)
    assert found.channel == "jump"


def test_evidence_speaks_until_the_next_reading_has_come() -> None:
    hourly = sensor("slow", "pm25", interval_s=3600.0)
    known = Registry(town([hourly, sensor("quick", "pm25", interval_s=60.0)]))
    slow, quick = (
        sensor_evidence(known, n, "sensor", time=T0, value=9.0, expected=1.0, surprisal=5.0)
        for n in range(2)
    )
    assert HOUR < speaks_until(slow) - T0 < 2 * HOUR
    assert speaks_until(quick) - T0 == KEEP_MS["sensor"]


@pytest.mark.parametrize("interval_s", [-5.0, 0.0, 1e18, 1e300])
def test_an_interval_that_is_none_makes_nobody_speak_for_ever(interval_s: float) -> None:
    known = Registry(town([sensor("a", "pm25", interval_s=interval_s)]))
    found = sensor_evidence(known, 0, "sensor", time=T0, value=9.0, expected=1.0, surprisal=5.0)
    assert 0 <= found.lasts_ms <= LASTS_AT_MOST_MS
    assert isinstance(found.lasts_ms, int)
    assert msgspec.json.encode(found)
