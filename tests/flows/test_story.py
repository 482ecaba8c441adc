"""A story is what the engine saw: the same warnings as a replay, and every reading it scored."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from flows.feeds import FeedError
from flows.story import Story, read_truth, tell_story
from operators.events import Truth
from operators.evidence import UNUSUAL
from simulators.clock import default_start
from simulators.feed import write_feed
from simulators.simulation import Simulation
from tests.flows.processes import here
from tests.flows.stories import at, evidence, sensor, track

pytestmark = pytest.mark.slow


def spoken(feed: Path) -> dict[str, list[tuple[int, float]]]:
    """Every reading of a feed, by sensor."""
    found: dict[str, list[tuple[int, float]]] = {}
    for line in (feed / "readings.jsonl").read_bytes().splitlines():
        reading = json.loads(line)
        found.setdefault(reading["sensor"], []).append((reading["time"], reading["value"]))
    return found


@pytest.fixture(scope="module")
def leak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten hours of 150 sensors with a gas leak: long enough for some to have learnt."""
    at = tmp_path_factory.mktemp("leak")
    write_feed(Simulation("gas_leak", 3, default_start(3), 10, 150), at)
    return at


@pytest.fixture(scope="module")
def warned(leak: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """The warnings of a replay."""
    alerts = tmp_path_factory.mktemp("warned") / "alerts.jsonl"
    assert here("replay", leak, "--alerts", alerts) == 0
    return [json.loads(line) for line in alerts.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def told(leak: Path) -> Story:
    """The story of all sensors, and of one that there is not."""
    return tell_story(leak, [*spoken(leak), "nobody"])


def test_the_warnings_are_those_of_a_replay(told: Story, warned: list[dict[str, object]]) -> None:
    assert [(a.id, a.version, a.level) for a in told.alerts] == [
        (alert["id"], alert["version"], alert["level"]) for alert in warned
    ]


def test_every_reading_of_a_wanted_sensor_is_there_in_order(told: Story, leak: Path) -> None:
    readings = spoken(leak)
    assert set(told.tracks) == set(readings)
    one = told.tracks["rl-0001"]
    pairs = list(zip(one.time.tolist(), one.value.tolist(), strict=True))
    assert pairs == sorted(set(readings["rl-0001"]))


def test_each_has_what_was_thought_of_it(told: Story) -> None:
    one = told.tracks["rl-0001"]
    assert {len(column) for column in one[1:6]} == {len(one.time)}
    assert np.isfinite(one.expected[1:]).all()
    assert (one.spread[10:] > 0).all()


def test_the_evidence_is_that_of_unusual_readings(told: Story) -> None:
    spoke = [t for t in told.tracks.values() if any(e.source == "sensor" for e in t.evidence)]
    assert spoke, "this feed is to have unusual readings"
    for one in spoke:
        assert {e.key for e in one.evidence} == {one.sensor.id}
        unusual = one.time[one.surprisal >= UNUSUAL].tolist()
        # What a faulty sensor says is told too, and counts a quarter.
        sound = [e for e in one.evidence if e.source == "sensor" and not e.fault]
        assert [e.time for e in sound] == unusual


def test_levels_that_were_crossed_are_evidence_too(told: Story) -> None:
    crossed = [e for t in told.tracks.values() for e in t.evidence if e.source == "level"]
    assert crossed, "this feed is to cross official levels"


def test_only_what_was_asked_for_is_kept(quiet_feed: Path) -> None:
    assert list(tell_story(quiet_feed, ["rl-0001"]).tracks) == ["rl-0001"]


def test_what_cannot_be_measured_is_noted_apart(quiet_feed: Path, tmp_path: Path) -> None:
    lines = (quiet_feed / "readings.jsonl").read_bytes().splitlines(keepends=True)
    row = next(row for row, line in enumerate(lines) if b'"rg-' in line)
    one = json.loads(lines[row])
    bad = json.dumps({**one, "time": one["time"] + 1000, "value": -5}).encode() + b"\n"
    (tmp_path / "city.json").write_bytes((quiet_feed / "city.json").read_bytes())
    (tmp_path / "readings.jsonl").write_bytes(b"".join([*lines[: row + 1], bad, *lines[row + 1 :]]))
    track = tell_story(tmp_path, [one["sensor"]]).tracks[one["sensor"]]
    assert track.impossible == (one["time"] + 1000,)
    assert -5 not in track.value.tolist()


def test_a_feed_that_breaks_off_is_named(quiet_feed: Path, tmp_path: Path) -> None:
    (tmp_path / "city.json").write_bytes((quiet_feed / "city.json").read_bytes())
    whole = gzip.compress((quiet_feed / "readings.jsonl").read_bytes())
    (tmp_path / "readings.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FeedError, match=r"readings\.jsonl\.gz: .*unpacked"):
        tell_story(tmp_path, ["rl-0001"])


def test_a_window_cuts_everything_of_a_track() -> None:
    gauge = sensor()
    whole = track(gauge, [1.0, 2.0, 3.0, 4.0])._replace(
        impossible=(at(1), at(11)), evidence=(evidence(0, gauge), evidence(10, gauge))
    )
    cut = whole.between(at(5), at(11))
    assert cut.value.tolist() == [2.0, 3.0]
    assert cut.impossible == (at(11),)
    assert [e.time for e in cut.evidence] == [at(10)]
    assert {len(column) for column in cut[1:6]} == {2}


class TestTruth:
    def test_of_a_feed_that_does_not_say_is_nothing(self, tmp_path: Path) -> None:
        assert read_truth(tmp_path) == Truth(())

    def test_is_read(self, feed: Path) -> None:
        assert len(read_truth(feed).events) == 1

    def test_that_is_wrong_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "truth.json").write_text("{")
        with pytest.raises(FeedError, match=r"truth\.json: "):
            read_truth(tmp_path)
