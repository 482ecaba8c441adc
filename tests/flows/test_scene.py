"""What goes into a picture: who is near, which warnings, from when to when."""

from __future__ import annotations

import numpy as np
import pytest

from flows.scene import ROWS, Scene, away_m, expected_range, gaps, set_scene, unit_of
from flows.story import Story
from operators.events import NO_LEVEL, Alert, Truth
from tests.flows.stories import (
    KM,
    LAT,
    at,
    flood,
    match,
    named_by,
    sensor,
    story,
    track,
    version,
)

HERE = sensor()
NEAR = sensor("rl-2", lat=LAT + KM)
FAR = sensor("rl-9", lat=LAT + 9 * KM)


def scene(of: Story, start: float = 0, end: float = 100) -> Scene:
    return set_scene(of, [HERE.id], [NEAR.id], at(start), at(end))


def with_alerts(*alerts: Alert) -> Story:
    return story(track(HERE, [1.0] * 21), track(NEAR, [1.0] * 21), alerts=alerts)


def test_a_neighbour_says_how_far_it_is() -> None:
    drawn = scene(with_alerts())
    assert [panel.track.sensor.id for panel in drawn.panels] == ["rl-1", "rl-2"]
    assert drawn.panels[0].away_m is None
    assert drawn.panels[1].away_m == pytest.approx(1000, rel=0.01)


def test_a_neighbour_without_readings_is_left_out() -> None:
    assert len(scene(story(track(HERE, [1.0, 1.0]))).panels) == 1


def test_only_what_is_in_the_window_is_shown() -> None:
    drawn = scene(with_alerts(), 10, 20)
    assert drawn.panels[0].track.time.tolist() == [at(10), at(15), at(20)]


class TestWarnings:
    #    minutes 0    10   20   30        60
    #    w        |blue|red |blue|cleared
    LIFE = (
        version("w", 1, 10, 4, of=HERE, evidence=named_by(HERE, 9)),
        version("w", 2, 20, 1, of=HERE, evidence=named_by(HERE, 19, "level"), reason="it is red"),
        version("w", 3, 30, 4, of=HERE),
        version("w", 4, 60, NO_LEVEL, of=HERE),
    )

    def test_have_a_stretch_for_every_level(self) -> None:
        (row,) = scene(with_alerts(*self.LIFE)).warnings
        assert row.stretches == ((at(10), at(20), 4), (at(20), at(30), 1), (at(30), at(60), 4))
        assert row.worst == 1
        assert row.reason == "it is red"
        assert row.marks == ((at(9), "sensor"), (at(19), "level"))

    def test_that_are_still_active_last_until_the_end(self) -> None:
        (row,) = scene(with_alerts(*self.LIFE[:2])).warnings
        assert row.stretches[-1] == (at(20), at(100), 1)

    @pytest.mark.parametrize(("start", "end", "shown"), [(0, 9, 0), (0, 11, 1), (61, 100, 0)])
    def test_outside_the_window_are_left_out(self, start: float, end: float, shown: int) -> None:
        assert len(scene(with_alerts(*self.LIFE), start, end).warnings) == shown

    def test_that_name_a_sensor_are_shown_however_far(self) -> None:
        (row,) = scene(with_alerts(version("w", 1, 5, of=FAR, evidence=named_by(NEAR, 5)))).warnings
        assert row.named

    def test_that_are_near_are_shown_and_told_from_those_that_name_it(self) -> None:
        (row,) = scene(with_alerts(version("w", 1, 5, of=NEAR))).warnings
        assert not row.named
        assert row.away_m == pytest.approx(1000, rel=0.01)

    def test_that_are_far_and_name_nobody_here_are_left_out(self) -> None:
        alert = version("w", 1, 5, of=FAR, evidence=named_by(FAR, 5))
        assert not scene(with_alerts(alert)).warnings

    def test_beyond_what_there_is_room_for_are_counted_and_the_worst_are_kept(self) -> None:
        blue = [version(f"b{n}", 1, n, 4, of=NEAR) for n in range(ROWS + 3)]
        drawn = scene(with_alerts(*blue, version("worst", 1, 50, 1, of=NEAR)))
        assert len(drawn.warnings) == ROWS
        assert drawn.left_out == 4
        assert drawn.warnings[-1].id == "worst"


class TestTruth:
    def shades(self, truth: Truth) -> list[tuple[str, bool]]:
        drawn = scene(story(track(HERE, [1.0] * 21), truth=truth))
        return [(shade.label, shade.benign) for shade in drawn.shades]

    def test_near_the_sensor_is_shaded_and_named(self) -> None:
        truth = Truth((flood(10, 50),), (match(20, 30),))
        assert self.shades(truth) == [
            ("flood e1 (orange)", False),
            ("football match (harmless)", True),
        ]

    def test_is_near_within_its_radius_and_the_scorers_kilometre(self) -> None:
        assert self.shades(Truth((flood(10, 50, lat=LAT + 1.4 * KM),)))
        assert not self.shades(Truth((flood(10, 50, lat=LAT + 1.6 * KM),)))

    def test_outside_the_window_is_not_shaded(self) -> None:
        assert not self.shades(Truth((flood(110, 150),)))


class TestGaps:
    def test_are_where_three_intervals_and_more_passed(self) -> None:
        quiet = track(HERE, [1.0] * 5, [0, 5, 10, 26, 31])
        assert gaps(quiet).tolist() == [2]

    def test_a_missed_reading_or_two_is_none(self) -> None:
        assert not gaps(track(HERE, [1.0] * 4, [0, 5, 20, 25])).size

    def test_a_sensor_slower_than_the_city_file_says_is_believed(self) -> None:
        assert not gaps(track(HERE, [1.0] * 4, [0, 60, 120, 180])).size

    def test_one_reading_has_none(self) -> None:
        assert not gaps(track(HERE, [1.0])).size


def test_what_was_expected_ends_where_nothing_can_be_measured() -> None:
    count = track(sensor("cc-1", "crowd_count", levels=None), [1.0, 1.0])
    low, high = expected_range(count._replace(spread=np.array([9.0, 0.1])))
    assert low.tolist() == pytest.approx([0, 0.7])
    assert high.tolist() == pytest.approx([28, 1.3])


def test_distances_are_in_metres() -> None:
    assert away_m(HERE, FAR) == pytest.approx(9000, rel=0.01)


@pytest.mark.parametrize(
    ("kind", "unit", "said"),
    [("pm25", "ug/m3", "µg/m³"), ("rain", "", "mm/h"), ("crowd_count", "1", ""), ("x", "V", "V")],
)
def test_units_are_written_as_people_write_them(kind: str, unit: str, said: str) -> None:
    assert unit_of(sensor("a", kind, unit=unit)) == said
