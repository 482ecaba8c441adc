"""One sensor's part of the picture, looked at through what was put on its axes."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from flows.picture_series import FAN, draw_series, draw_surprisals, draw_truth
from flows.picture_style import HARMLESS, LEVEL_COLOURS, READING, TRUE, day_of
from flows.scene import Scene, set_scene
from flows.story import Track
from operators.events import Evidence, Forecast, Truth
from tests.flows.stories import at, evidence, flood, match, sensor, story, track

GAUGE = sensor()
VALUES = [1.0, 1.2, 2.0, 3.5, 2.5, 1.0]


@pytest.fixture
def ax() -> Axes:
    figure = Figure(figsize=(10, 4))
    FigureCanvasAgg(figure)
    return figure.subplots()


def scene(one: Track, truth: Truth | None = None) -> Scene:
    return set_scene(story(one, truth=truth), [one.sensor.id], [], at(0), at(100))


def series(ax: Axes, one: Track, truth: Truth | None = None) -> None:
    drawn = scene(one, truth)
    draw_series(ax, drawn.panels[0], drawn, labelled=True)


def said(ax: Axes) -> str:
    return " | ".join(text.get_text() for text in ax.texts)


def the_readings(ax: Axes) -> np.ndarray:
    (line,) = (line for line in ax.lines if line.get_color() == READING)
    return np.asarray(line.get_ydata(), float)


class TestReadings:
    def test_are_all_on_the_line(self, ax: Axes) -> None:
        series(ax, track(GAUGE, VALUES))
        assert the_readings(ax).tolist() == VALUES

    def test_are_not_joined_across_a_gap_which_is_hatched(self, ax: Axes) -> None:
        series(ax, track(GAUGE, [1.0, 1.0, 2.0, 2.0], [0, 5, 60, 65]))
        assert np.isnan(the_readings(ax)).tolist() == [False, False, True, False, False]
        assert [patch.get_hatch() for patch in ax.patches] == ["///"]

    def test_have_the_band_of_what_was_expected_behind_them(self, ax: Axes) -> None:
        series(ax, track(GAUGE, VALUES))
        (band,) = ax.collections
        low, high = band.get_paths()[0].get_extents().intervaly
        assert (low, high) == pytest.approx((0.7, 1.3))

    def test_a_band_ends_where_there_can_be_no_readings(self, ax: Axes) -> None:
        count = sensor("cc-1", "crowd_count", levels=None, unit="1")
        series(ax, track(count, [0.0, 1.0, 0.0])._replace(spread=np.full(3, 9.0)))
        (band,) = ax.collections
        assert band.get_paths()[0].get_extents().intervaly[0] == 0

    def test_of_warm_up_and_of_one_alone_can_be_drawn(self, ax: Axes) -> None:
        nan = np.array([np.nan])
        series(ax, track(GAUGE, [1.0])._replace(expected=nan, spread=nan))
        assert the_readings(ax).tolist() == [1.0]

    def test_that_cannot_be_measured_are_crosses_at_the_top(self, ax: Axes) -> None:
        series(ax, track(GAUGE, VALUES)._replace(impossible=(at(7),)))
        (cross,) = (line for line in ax.lines if line.get_marker() == "x")
        assert cross.get_xdata()[0] == day_of(at(7))


class TestLevels:
    def test_within_reach_are_lines_in_their_colours(self, ax: Axes) -> None:
        series(ax, track(GAUGE, VALUES))
        lines = {line.get_color(): line.get_ydata()[0] for line in ax.lines}
        assert {lines[LEVEL_COLOURS[level]] for level in (4, 3, 2)} == {3, 4, 5}

    def test_out_of_sight_are_named_with_an_arrow_and_press_nothing_flat(self, ax: Axes) -> None:
        series(ax, track(GAUGE, VALUES))
        assert "red 60 ↑" in said(ax)
        assert "blue 3 |" in said(ax)
        assert ax.get_ylim()[1] < 10

    def test_names_keep_a_distance(self, ax: Axes) -> None:
        series(ax, track(GAUGE, [50.0, 61.0])._replace(expected=np.full(2, 55.0)))
        places = sorted(text.get_position()[1] for text in ax.texts)
        assert (np.diff(places) > 0.02).all()
        assert "blue 3 ↓" in said(ax)


class TestEvidence:
    def test_is_marked_at_its_value(self, ax: Axes) -> None:
        e = evidence(10, GAUGE, value=2.0)
        series(ax, track(GAUGE, VALUES)._replace(evidence=(e,)))
        (mark,) = (line for line in ax.lines if line.get_marker() == "o")
        assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (day_of(at(10)), 2.0)

    def test_is_marked_at_its_surprisal_beneath(self, ax: Axes) -> None:
        e = evidence(10, GAUGE, surprisal=9.5)
        one = track(GAUGE, VALUES)._replace(evidence=(e,))
        draw_surprisals(ax, one, scene(one))
        (mark,) = (line for line in ax.lines if line.get_marker() == "o")
        assert mark.get_ydata()[0] == 9.5
        assert ax.get_ylim()[1] > 9.5


class TestForecasts:
    def told(self, minute: float, level: int = 2) -> Evidence:
        """Half an hour ahead, towards a level."""
        times = (at(minute), at(minute + 15), at(minute + 30))
        bands = ((1.0, 1.0 + q, 1.0 + 2 * q) for q in (0.1, 0.4, 0.5, 0.6, 0.9))
        fan = Forecast(GAUGE.id, level, 0.8, times, *bands)
        return evidence(minute, GAUGE, "level", level=level, onset=times[2], forecast=fan)

    def test_are_drawn_one_after_the_other_in_the_colour_of_their_level(self, ax: Axes) -> None:
        every = tuple(self.told(minute) for minute in (0, 5, 10, 30, 45, 60))
        series(ax, track(GAUGE, VALUES)._replace(evidence=every))
        medians = [line for line in ax.lines if line.get_linestyle() == "--"]
        medians = [line for line in medians if len(np.asarray(line.get_xdata())) == 3]
        assert [line.get_xdata()[0] for line in medians] == [day_of(at(m)) for m in (0, 30, 60)]
        assert {line.get_color() for line in medians} == {LEVEL_COLOURS[2]}
        fans = [each for each in ax.collections if each.get_alpha() == FAN]
        assert len(fans) == 3
        assert fans[0].get_paths()[0].vertices[:, 1].max() == pytest.approx(2.8)

    def test_of_a_worse_level_are_drawn_at_once(self, ax: Axes) -> None:
        every = (self.told(0, 4), self.told(5, 4), self.told(10, 1), self.told(15, 3))
        series(ax, track(GAUGE, VALUES)._replace(evidence=every))
        fans = [each for each in ax.collections if each.get_alpha() == FAN]
        tints = [to_rgba(each.get_facecolor()[0])[:3] for each in fans]
        assert tints == [to_rgba(LEVEL_COLOURS[level])[:3] for level in (4, 1)]

    def test_press_nothing_flat(self, ax: Axes) -> None:
        series(ax, track(GAUGE, VALUES))
        before = ax.get_ylim()
        ax.clear()
        wild = msgspec.structs.replace(self.told(0).forecast, q95=(1.0, 500.0, 900.0))
        e = msgspec.structs.replace(self.told(0), forecast=wild)
        series(ax, track(GAUGE, VALUES)._replace(evidence=(e,)))
        assert ax.get_ylim() == before


def test_how_unusual_each_reading_was_stands_over_its_time(ax: Axes) -> None:
    one = track(GAUGE, VALUES)
    draw_surprisals(ax, one, scene(one))
    heights = [path.vertices[1, 1] for path in ax.collections[0].get_paths()]
    assert heights == [0, 0, 0.5, 0.5, 0.5, 0.5]
    assert "learning" in said(ax)


class TestTruth:
    TRUTH = Truth((flood(10, 50),), (match(20, 90),))

    def test_is_shaded_and_harmless_things_in_another_tint(self, ax: Axes) -> None:
        draw_truth(ax, scene(track(GAUGE, VALUES), self.TRUTH), labelled=False)
        tints = [to_rgba(patch.get_facecolor())[:3] for patch in ax.patches]
        assert tints == [to_rgba(TRUE)[:3], to_rgba(HARMLESS)[:3]]
        assert not ax.texts

    def test_is_named_once_in_the_picture(self, ax: Axes) -> None:
        series(ax, track(GAUGE, VALUES), self.TRUTH)
        assert "flood e1 (orange)" in said(ax)
        assert "football match (harmless)" in said(ax)

    def test_late_in_the_picture_is_named_to_its_left(self, ax: Axes) -> None:
        draw_truth(ax, scene(track(GAUGE, VALUES), Truth((flood(90, 99),))), labelled=True)
        assert [text.get_ha() for text in ax.texts] == ["right"]
