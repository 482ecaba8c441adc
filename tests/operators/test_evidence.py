"""Evidence is placed where its sensor is."""

from operators.evidence import sensor_evidence
from operators.registry import Registry
from tests.operators.town import T0, sensor, town


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
