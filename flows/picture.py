"""Draw a scene as a picture: its panels on one time axis, and the lives of warnings beneath."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates as mdates
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from flows.picture_series import draw_series, draw_surprisals, draw_truth
from flows.picture_style import (
    EXPECTED,
    FAULT,
    INK,
    LEVEL_COLOURS,
    MUTED,
    READING,
    SOURCE_MARKS,
    day_of,
    look_of,
    style,
)
from flows.scene import Scene, WarningRow
from operators.events import Evidence
from operators.screening import BAND

__all__ = ["draw_picture"]

WIDTH_IN = 13.0
LEFT, RIGHT = 0.115, 0.925
HEAD_IN, FOOT_IN, BETWEEN_IN = 0.85, 0.45, 0.33
DPI = 110


def draw_picture(scene: Scene, out: Path) -> None:
    """Write the scene as a picture; the ending of the file says which format."""
    with mpl.rc_context(style()):
        figure = _figure(scene)
        FigureCanvasAgg(figure)
        figure.savefig(out, dpi=DPI)


def _figure(scene: Scene) -> Figure:
    heights = [*_heights(scene)]
    tall = HEAD_IN + FOOT_IN + sum(heights)
    figure = Figure(figsize=(WIDTH_IN, tall))
    axes = figure.subplots(
        len(heights),
        1,
        sharex=True,
        squeeze=False,
        gridspec_kw={
            "height_ratios": heights,
            "left": LEFT,
            "right": RIGHT,
            "top": 1 - HEAD_IN / tall,
            "bottom": FOOT_IN / tall,
            "hspace": BETWEEN_IN * len(heights) / sum(heights),
        },
    )[:, 0]
    rest = iter(axes)
    for number, panel in enumerate(scene.panels):
        draw_series(next(rest), panel, scene, labelled=number == 0)
        if panel.away_m is None:
            draw_surprisals(next(rest), panel.track, scene)
    if scene.warnings:
        _warnings(next(rest), scene)
    _time_axis(axes[-1], scene)
    _head(figure, scene, tall)
    return figure


def _heights(scene: Scene) -> Iterator[float]:
    for panel in scene.panels:
        if panel.away_m is None:
            yield from (2.9, 0.95)
        else:
            yield 1.25
    if scene.warnings:
        yield 0.25 + 0.21 * (len(scene.warnings) + bool(scene.left_out))


def _warnings(ax: Axes, scene: Scene) -> None:
    """Draw the life of each warning as a bar coloured by its level."""
    draw_truth(ax, scene, labelled=False)
    shortest = (scene.end - scene.start) / 400
    for row, warning in enumerate(scene.warnings):
        for start, end, level in warning.stretches:
            width = day_of(max(end - start, shortest))
            ax.barh(
                row,
                width,
                0.72,
                day_of(start),
                color=LEVEL_COLOURS[level],
                edgecolor=INK if warning.named else "none",
                linewidth=0.5,
                alpha=1.0 if warning.named else 0.55,
            )
        for at, source in warning.marks:
            ax.plot(day_of(at), row, SOURCE_MARKS.get(source, "o"), color=INK, markersize=2.4)
        _say(ax, row, warning, scene)
    labels = [f"{w.id} {w.hazard.replace('_', ' ')}" for w in scene.warnings]
    if scene.left_out:
        labels.append(f"and {scene.left_out} more")
    ax.set_yticks(range(len(labels)), labels, fontsize=7.5)
    for label, warning in zip(ax.get_yticklabels(), scene.warnings, strict=False):
        label.set_fontweight("bold" if warning.named else "normal")
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def _say(ax: Axes, row: int, warning: WarningRow, scene: Scene) -> None:
    """Write why it was issued beside its bar, on the side that has room."""
    start, end = warning.stretches[0][0], warning.stretches[-1][1]
    said = warning.reason if warning.named else f"{warning.reason} · {warning.away_m:,.0f} m"
    right = end - scene.start < 0.62 * (scene.end - scene.start)
    at, where, shift = (end, "left", 5) if right else (max(start, scene.start), "right", -5)
    ax.annotate(said, (day_of(at), row), (shift, 0), textcoords="offset points", va="center",
                ha=where, fontsize=7, color="#4a545e", annotation_clip=False)  # fmt: skip


def _time_axis(ax: Axes, scene: Scene) -> None:
    # The types of matplotlib's dates are not written down.
    locator: Any = mdates.AutoDateLocator(tz=scene.zone, minticks=6, maxticks=14)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    formatter: Any = mdates.ConciseDateFormatter(locator, tz=scene.zone)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(formatter)
    ax.set_xlim(day_of(scene.start), day_of(max(scene.end, scene.start + 1)))


def _head(figure: Figure, scene: Scene, tall: float) -> None:
    names = ", ".join(panel.track.sensor.id for panel in scene.panels if panel.away_m is None)
    figure.text(LEFT, 1 - 0.2 / tall, f"{scene.feed}: {names}", fontsize=12, fontweight="bold")
    figure.text(RIGHT, 1 - 0.2 / tall, scene.zone.key, ha="right", color=MUTED)
    figure.legend(
        handles=list(_keys(scene)),
        loc="upper left",
        bbox_to_anchor=(LEFT - 0.007, 1 - 0.24 / tall),
        ncols=12,
        frameon=False,
        fontsize=7.5,
        columnspacing=1.3,
        handletextpad=0.5,
    )


def _keys(scene: Scene) -> Iterator[Any]:
    """Return what the legend explains: only what is in the picture."""
    yield Line2D([], [], color=READING, linewidth=1.2, label="reading")
    yield Patch(color=EXPECTED, alpha=0.4, label=f"expected ± {BAND:g} usual errors")
    shown: dict[str, Evidence] = {}
    for panel in scene.panels:
        for e in panel.track.evidence:
            crossing = "level crossed" if e.onset is None else "crossing forecast"
            shown.setdefault(crossing if e.source == "level" else e.channel or e.source, e)
    for name, e in sorted(shown.items()):
        yield Line2D([], [], linestyle="none", label=name, **look_of(e))
    if any(panel.track.impossible for panel in scene.panels):
        yield Line2D([], [], linestyle="none", marker="x", color=FAULT, label="impossible value")
    sources = {source for warning in scene.warnings for _, source in warning.marks}
    for source in (name for name in SOURCE_MARKS if name in sources):
        mark = SOURCE_MARKS[source]
        yield Line2D([], [], linestyle="none", marker=mark, markersize=3.5, color=INK,
                     label=f"from {source}")  # fmt: skip
