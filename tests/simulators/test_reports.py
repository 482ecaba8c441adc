from collections.abc import Callable, Iterable

import numpy as np

from operators.events import Report
from simulators.geometry import to_km
from simulators.phrases import EVERYDAY, PHRASES
from simulators.simulation import Simulation

Run = Callable[..., Simulation]


def reports(sim: Simulation, blocks: Iterable[int]) -> list[Report]:
    return [r for k in blocks for r in sim._reporters.between(sim.start_ms + k * 600_000)]


def test_a_quiet_city_makes_about_two_thousand_reports_a_day(run: Run) -> None:
    day = reports(run("quiet"), range(144))
    assert 1800 < len(day) < 2400
    ids = {r.id for r in day}
    assert len(ids) == len(day)


def test_more_people_call_at_noon_than_at_night(run: Run) -> None:
    sim = run("quiet")
    noon, night = (len(reports(sim, range(6 * h, 6 * h + 6))) for h in (12, 3))
    assert noon > 4 * night


def test_reports_come_in_time_and_each_in_its_block(run: Run) -> None:
    sim = run("quiet")
    for k in (-3, 0, 70, 500):
        begin = sim.start_ms + k * 600_000
        times = [r.time for r in sim._reporters.between(begin)]
        assert times == sorted(times)
        assert all(begin <= t < begin + 600_000 for t in times)


def test_people_err(run: Run) -> None:
    day = reports(run("quiet"), range(144))
    unfiled = sum(r.category is None for r in day) / len(day)
    assert 0.2 < unfiled < 0.3
    assert all(r.text or r.category for r in day)
    again = [r for r in day if r.id.endswith("b")]
    first = {r.id: r for r in day}
    echoes = [(r, first[r.id[:-1]]) for r in again if r.id[:-1] in first]
    assert 0.02 < len(echoes) / len(day) < 0.08
    assert all(b.text == a.text and b.time > a.time for b, a in echoes)


def test_both_languages_are_spoken(run: Run) -> None:
    texts = [r.text for r in reports(run("quiet"), range(144)) if r.text]
    chinese = sum(any("一" <= c <= "鿿" for c in text) for text in texts)
    assert 0.7 < chinese / len(texts) < 0.92


def test_every_topic_has_phrases_with_a_place_in_both_languages() -> None:
    assert set(EVERYDAY) - {"prank"} <= set(PHRASES)
    for pairs in PHRASES.values():
        assert all("{zh}" in zh and "{en}" in en for zh, en in pairs)


def test_people_call_about_what_happens_where_it_happens(run: Run) -> None:
    sim, quiet = run("blackout"), run("quiet")
    event = sim.truth.events[0]
    blocks = range(
        (event.start - sim.start_ms) // 600_000, (event.end - sim.start_ms) // 600_000 + 1
    )
    power = [r for r in reports(sim, blocks) if r.category == "power"]
    usual = [r for r in reports(quiet, blocks) if r.category == "power"]
    assert len(power) > 8 + 3 * len(usual)
    x, y = to_km(event.lon, event.lat)
    at = np.array([to_km(r.lon, r.lat) for r in power])
    away = np.hypot(at[:, 0] - float(x), at[:, 1] - float(y))
    assert np.median(away) < event.radius_m / 1000
