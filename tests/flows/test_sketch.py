"""A scene in characters: what a terminal shows of it."""

from __future__ import annotations

import numpy as np
import pytest

from flows.scene import Scene, set_scene
from flows.sketch import sketch
from operators.events import NO_LEVEL, Text, Truth
from tests.flows.stories import (
    KM,
    LAT,
    at,
    evidence,
    flood,
    match,
    named_by,
    sensor,
    story,
    track,
    version,
)

GAUGE = sensor(name=Text("Qinghe quay", "清河码头"))
NEXT = sensor("rl-2", lat=LAT + KM)
LIFE = (
    version("fl-1", 1, 10, 4, of=GAUGE, evidence=named_by(GAUGE, 9)),
    version("fl-1", 2, 20, 1, of=GAUGE, reason="all agree"),
    version("fl-1", 3, 60, NO_LEVEL, of=GAUGE),
    version("fl-2", 1, 30, 4, of=NEXT),
)


@pytest.fixture
def scene() -> Scene:
    told = (evidence(10, GAUGE, value=2.0), evidence(15, GAUGE, "level", value=3.5, level=4))
    one = track(GAUGE, [1.0, 1.5, 2.0, 3.5, 2.0, 1.0] * 3)._replace(evidence=told)
    truth = Truth((flood(5, 50),), (match(20, 30),))
    whole = story(one, track(NEXT, [1.0] * 18), alerts=LIFE, truth=truth)
    return set_scene(whole, ["rl-1"], ["rl-2"], at(0), at(90))


def test_fits_the_terminal(scene: Scene) -> None:
    drawn = sketch(scene, 90, colour=False).splitlines()
    plots = [line for line in drawn if "│" in line or "┤" in line]
    assert len(plots) > 20
    assert max(map(len, plots)) == 90


def test_shows_readings_evidence_and_the_worst_warning_at_the_foot(scene: Scene) -> None:
    drawn = sketch(scene, 90, colour=False)
    assert any("\u2801" <= letter <= "\u28ff" for letter in drawn)
    for mark in ("●", "◆", "▀", "·"):
        assert mark in drawn


def test_names_the_sensors(scene: Scene) -> None:
    drawn = sketch(scene, 90, colour=False)
    assert "rl-1 Qinghe quay, m" in drawn
    assert "rl-2 River level, m, 1,000 m away" in drawn


def test_says_warnings_and_truth_in_words_and_local_time(scene: Scene) -> None:
    words = sketch(scene, 90, colour=False).splitlines()[-4:]
    assert words == [
        "red    15 Jun 23:20 - 16 Jun 00:10  fl-1 flood: all agree",
        "blue   15 Jun 23:40 - 16 Jun 00:40  fl-2 flood: version 1, 1,000 m away",
        "truth    15 Jun 23:15 - 16 Jun 00:00  flood e1 (orange)",
        "harmless 15 Jun 23:30 - 15 Jun 23:40  football match (harmless)",
    ]


def test_warnings_left_out_are_counted(scene: Scene) -> None:
    assert "and 3 more warnings nearby" in sketch(scene._replace(left_out=3), 90)


def test_is_in_colours_only_where_there_are_some(scene: Scene) -> None:
    assert "\x1b[" in sketch(scene, 90)
    assert "\x1b[" not in sketch(scene, 90, colour=False)


def test_a_band_out_of_sight_is_not_drawn_at_the_edge() -> None:
    one = track(GAUGE, [10.0, 11.0, 10.0])
    drawn = sketch(set_scene(story(one), ["rl-1"], [], at(0), at(10)), 60, colour=False)
    assert "·" not in drawn


def test_one_picture_leaves_nothing_behind_in_the_next(scene: Scene) -> None:
    assert sketch(scene, 90) == sketch(scene, 90)


def test_a_sensor_that_has_only_begun_to_learn_can_be_drawn() -> None:
    nan = np.array([np.nan])
    one = track(GAUGE, [1.0])._replace(expected=nan, spread=nan)
    drawn = sketch(set_scene(story(one), ["rl-1"], [], at(0), at(5)), 60, colour=False)
    assert "rl-1" in drawn


def test_a_moment_can_be_drawn() -> None:
    one = track(GAUGE, [1.0])
    drawn = sketch(set_scene(story(one), ["rl-1"], [], at(0), at(0)), 60, colour=False)
    assert "rl-1" in drawn
