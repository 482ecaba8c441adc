"""What colours, marks and letters a picture uses."""

from __future__ import annotations

import pytest
from matplotlib.colors import same_color

from flows import picture_style
from flows.picture_style import (
    LEVEL_COLOURS,
    day_of,
    drawable,
    legible,
    look_of,
    style,
    title_of,
)
from models.record_of_peaks import CHANNELS
from operators.events import Text
from tests.flows.stories import CHINESE, evidence, sensor

GAUGE = sensor()


@pytest.fixture
def no_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a font for Chinese."""
    monkeypatch.setattr(picture_style, "_cjk_fonts", list)
    drawable.cache_clear()
    yield
    drawable.cache_clear()


class TestTitles:
    def test_are_in_english_where_there_is_a_name(self) -> None:
        named = sensor(name=Text("Qinghe quay", "清河码头"))
        assert title_of(named) == "rl-1 · Qinghe quay · River level"

    def test_without_a_name_are_the_id_and_the_kind(self) -> None:
        assert title_of(GAUGE) == "rl-1 · River level"
        assert title_of(sensor("q-1", "quantum_foam")) == "q-1 · quantum_foam"

    @pytest.mark.usefixtures("no_chinese")
    def test_leave_out_letters_that_cannot_be_drawn(self) -> None:
        assert not drawable("岚江")
        assert title_of(sensor(name=CHINESE)) == "rl-1 · River level"

    def test_use_a_font_that_has_them_where_there_is_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(picture_style, "drawable", bool)
        assert title_of(sensor(name=CHINESE)) == "rl-1 · 岚江清河码头 · River level"


def test_letters_are_drawable_where_a_font_has_them() -> None:
    assert drawable("µg/m³ · Sensor")
    assert not drawable("")
    assert not drawable("\ue000")


def test_every_channel_has_a_colour_of_its_own_and_none_is_that_of_a_level() -> None:
    colours = [look_of(evidence(0, GAUGE, channel=name))["color"] for name in CHANNELS]
    assert len(set(colours)) == len(CHANNELS)
    assert not any(same_color(c, level) for c in colours for level in LEVEL_COLOURS.values())


def test_a_channel_not_known_here_has_a_colour_too() -> None:
    assert look_of(evidence(0, GAUGE, channel="drift"))["color"].startswith("#")


def test_a_crossing_is_full_and_a_forecast_hollow_in_the_colour_of_the_level() -> None:
    crossed = look_of(evidence(0, GAUGE, "level", level=2))
    ahead = look_of(evidence(0, GAUGE, "level", level=2, onset=1))
    assert crossed["markerfacecolor"] == crossed["markeredgecolor"] == LEVEL_COLOURS[2]
    assert ahead["markerfacecolor"] == "white"
    assert ahead["markeredgecolor"] == LEVEL_COLOURS[2]


def test_the_time_axis_counts_days() -> None:
    assert day_of(86_400_000 * 3 // 2) == 1.5


def test_the_first_font_is_one_that_is_always_there() -> None:
    assert style()["font.family"][0] == "DejaVu Sans"


def test_a_letter_that_cannot_be_drawn_is_a_question_mark() -> None:
    assert legible("rl-\ue000 µ") == "rl-? µ"
