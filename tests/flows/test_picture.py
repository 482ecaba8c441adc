"""A whole picture: its panels, its bars, its legend and its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from flows import picture
from flows.picture import draw_picture
from flows.picture_style import LEVEL_COLOURS, day_of
from flows.scene import ROWS, Scene, set_scene
from operators.events import NO_LEVEL, Alert
from tests.flows.stories import (
    CHINESE,
    KM,
    LAT,
    at,
    evidence,
    named_by,
    sensor,
    story,
    track,
    version,
)

pytestmark = pytest.mark.slow

GAUGE = sensor()
NEXT = sensor("rl-2", lat=LAT + KM)
LIFE = (
    version("fl-1", 1, 10, 4, of=GAUGE, evidence=named_by(GAUGE, 9), reason="one alone"),
    version("fl-1", 2, 20, 1, of=GAUGE, evidence=named_by(GAUGE, 19, "report"), reason="all agree"),
    version("fl-1", 3, 60, NO_LEVEL, of=GAUGE),
)


def scene(*alerts: Alert, neighbours: tuple[str, ...] = ("rl-2",)) -> Scene:
    one = track(GAUGE, [1.0, 1.5, 2.0] * 7)._replace(
        evidence=(evidence(10, GAUGE), evidence(20, GAUGE, "level", level=2, onset=at(40)))
    )
    told = story(one, track(NEXT, [1.0] * 21), alerts=alerts)
    return set_scene(told, ["rl-1"], neighbours, at(0), at(100))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Figure]:
    """Figures that were drawn, for looking at."""
    figures: list[Figure] = []

    def noted(figure: Figure) -> FigureCanvasAgg:
        figures.append(figure)
        return FigureCanvasAgg(figure)

    monkeypatch.setattr(picture, "FigureCanvasAgg", noted)
    return figures


def draw(of: Scene, drawn: list[Figure], out: Path) -> Figure:
    draw_picture(of, out / "out.png")
    return drawn[-1]


def words(figure: Figure) -> list[str]:
    legends = [legend for ax in [figure, *figure.axes] for legend in _legends(ax)]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def _legends(of: object) -> list[object]:
    legends = getattr(of, "legends", None)
    own = of.get_legend() if hasattr(of, "get_legend") else None  # type: ignore[attr-defined]
    return legends if legends is not None else [own] if own else []


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_file_is_what_its_ending_says(ending: str, begins: bytes, tmp_path: Path) -> None:
    out = tmp_path / f"out.{ending}"
    draw_picture(scene(*LIFE), out)
    assert out.read_bytes().startswith(begins)


def test_settings_of_other_pictures_are_left_alone(tmp_path: Path) -> None:
    before = mpl.rcParams["font.size"]
    draw_picture(scene(), tmp_path / "out.png")
    assert mpl.rcParams["font.size"] == before


def test_a_sensor_has_two_panels_a_neighbour_one_and_warnings_one(
    drawn: list[Figure], tmp_path: Path
) -> None:
    figure = draw(scene(*LIFE), drawn, tmp_path)
    assert len(figure.axes) == 4
    assert figure.axes[2].get_title(loc="left").endswith("1,000 m away")
    assert len(draw(scene(), drawn, tmp_path).axes) == 3


def test_all_share_the_time_axis_in_local_time(drawn: list[Figure], tmp_path: Path) -> None:
    figure = draw(scene(*LIFE), drawn, tmp_path)
    assert {ax.get_xlim() for ax in figure.axes} == {(day_of(at(0)), day_of(at(100)))}
    figure.canvas.draw()
    ticks = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    # Ten past eleven in the evening: ten past three in the afternoon in UTC.
    assert "23:20" in ticks or "23:30" in ticks


def test_a_bar_changes_its_colour_with_the_level(drawn: list[Figure], tmp_path: Path) -> None:
    bars = draw(scene(*LIFE), drawn, tmp_path).axes[-1].patches
    life = [(bar.get_x(), to_hex(bar.get_facecolor())) for bar in bars]
    assert life == [(day_of(at(10)), LEVEL_COLOURS[4]), (day_of(at(20)), LEVEL_COLOURS[1])]


def test_a_bar_says_its_id_its_hazard_and_why(drawn: list[Figure], tmp_path: Path) -> None:
    ax = draw(scene(*LIFE), drawn, tmp_path).axes[-1]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["fl-1 flood"]
    assert [text.get_text() for text in ax.texts] == ["all agree"]


def test_a_warning_that_names_nobody_here_says_how_far_it_is(
    drawn: list[Figure], tmp_path: Path
) -> None:
    ax = draw(scene(version("fl-2", 1, 10, 4, of=NEXT)), drawn, tmp_path).axes[-1]
    assert [text.get_text() for text in ax.texts] == ["version 1 · 1,000 m"]


def test_warnings_beyond_the_room_are_counted(drawn: list[Figure], tmp_path: Path) -> None:
    many = [version(f"w{n}", 1, n, 4, of=GAUGE) for n in range(ROWS + 2)]
    ax = draw(scene(*many), drawn, tmp_path).axes[-1]
    assert ax.get_yticklabels()[-1].get_text() == "and 2 more"


def test_the_legend_explains_what_is_there_and_nothing_else(
    drawn: list[Figure], tmp_path: Path
) -> None:
    assert words(draw(scene(*LIFE), drawn, tmp_path)) == [
        "reading",
        "expected ± 3 usual errors",
        "crossing forecast",
        "jump",
        "sensor evidence",
        "report evidence",
    ]


@pytest.mark.parametrize("start", [5, 40, 80])
def test_what_is_said_of_a_bar_stays_in_the_picture(
    start: float, drawn: list[Figure], tmp_path: Path
) -> None:
    figure = draw(scene(version("w", 1, start, 4, of=GAUGE)), drawn, tmp_path)
    (text,) = figure.axes[-1].texts
    box = text.get_window_extent()
    assert box.x0 > 0
    assert box.x1 < figure.get_window_extent().x1


def test_names_that_no_font_has_do_not_become_boxes(tmp_path: Path) -> None:
    # A warning about a missing glyph is an error in these tests.
    named = sensor(name=CHINESE)
    told = story(track(named, [1.0, 2.0, 3.0]))
    draw_picture(set_scene(told, ["rl-1"], [], at(0), at(10)), tmp_path / "out.png")


def test_a_name_with_dollars_is_no_formula(drawn: list[Figure], tmp_path: Path) -> None:
    odd = sensor("$\\bad{", unit="$\\frac$")
    alerts = (version("w$\\x$", 1, 5, 4, of=odd, reason="5$ of 10$"),)
    told = replace(story(track(odd, [1.0, 2.0, 3.0]), alerts=alerts), name="feed$\\x$")
    figure = draw(set_scene(told, [odd.id], [], at(0), at(10)), drawn, tmp_path)
    assert figure.texts[0].get_text() == "feed$\\x$: $\\bad{"
    texts = [text for ax in figure.axes for text in (*ax.texts, *ax.get_yticklabels(), ax.title)]
    assert not any(text.get_parse_math() for text in [*figure.texts, *texts])
