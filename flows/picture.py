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

from flows.picture_series import FAN, draw_series, draw_surprisals, draw_truth
from flows.picture_style import (
    EXPECTED,
    FAULT,
    INK,
    LEVEL_COLOURS,
    MUTED,
    READING,
    SOURCE_MARKS,
    day_of,
    legible,
    look_of,
    style,
)
from flows.scene import Scene, WarningRow
from operators.events import Evidence
from operators.screening import BAND

__all__ = ["draw_picture"]

WIDTH_IN = 13.0
LEFT, RIGHT = 0.135, 0.925
HEAD_IN, FOOT_IN, BETWEEN_IN = 0.85, 0.45, 0.33
DPI = 110
ROOM = 0.72
"""Share of the width up to which what is said of a bar fits beside it."""
LETTER_IN, KEY_IN = 0.06, 0.45
"""Room for one letter of the legend, and for a key with the space around it."""


def draw_picture(scene: Scene, out: Path) -> None:
    """Write the scene as a picture; the ending of the file says which format."""
    # Names with a dollar sign are names, not formulas.
    with mpl.rc_context(style() | {"text.parse_math": False}):
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
    ax.legend(
        handles=list(_sources(scene)),
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(SOURCE_MARKS),
        frameon=False,
        fontsize=7,
        borderpad=0,
        handletextpad=0.1,
    )


def _say(ax: Axes, row: int, warning: WarningRow, scene: Scene) -> None:
    """Write why it was issued beside its bar, on the side that has room, else on it."""
    spoken = [at for at, _ in warning.marks] or [scene.end]
    first = max(min(warning.stretches[0][0], *spoken, scene.end), scene.start)
    last = min(max(warning.stretches[-1][1], *spoken[-1:]), scene.end)
    length = scene.end - scene.start
    if last - scene.start < ROOM * length:
        at, where, shift = last, "left", 5
    elif first - scene.start > (1 - ROOM) * length:
        at, where, shift = first, "right", -5
    else:
        at, where, shift = first, "left", 5
    ax.annotate(
        warning.reason if warning.named else f"{warning.reason} · {warning.away_m:,.0f} m",
        (day_of(at), row),
        (shift, 0),
        textcoords="offset points",
        va="center",
        ha=where,
        fontsize=7,
        color="#4a545e",
        bbox={"boxstyle": "round,pad=0.1", "color": "white", "alpha": 0.7},
        zorder=6,
    )


def _time_axis(ax: Axes, scene: Scene) -> None:
    # The types of matplotlib's dates are not written down.
    locator: Any = mdates.AutoDateLocator(tz=scene.zone, minticks=6, maxticks=14)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    formatter: Any = mdates.ConciseDateFormatter(locator, tz=scene.zone)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(formatter)
    ax.set_xlim(day_of(scene.start), day_of(max(scene.end, scene.start + 1)))


def _head(figure: Figure, scene: Scene, tall: float) -> None:
    names = ", ".join(panel.track.sensor.id for panel in scene.panels if panel.away_m is None)
    title = legible(f"{scene.feed}: {names}")
    figure.text(LEFT, 1 - 0.2 / tall, title, fontsize=12, fontweight="bold")
    figure.text(RIGHT, 1 - 0.2 / tall, scene.zone.key, ha="right", color=MUTED)
    keys = list(_keys(scene))
    wide = sum(KEY_IN + LETTER_IN * len(str(key.get_label())) for key in keys)
    rows = 1 + int(wide // (WIDTH_IN * (RIGHT - LEFT)))
    figure.legend(
        handles=keys,
        loc="upper left",
        bbox_to_anchor=(LEFT - 0.007, 1 - 0.24 / tall),
        ncols=-(-len(keys) // rows),
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
    if any(e.forecast for panel in scene.panels for e in panel.track.evidence):
        yield Patch(color=MUTED, alpha=2 * FAN, label="forecast, 90 %, of the level it may reach")
    if any(panel.track.impossible for panel in scene.panels):
        yield Line2D([], [], linestyle="none", marker="x", color=FAULT, label="impossible value")


def _sources(scene: Scene) -> Iterator[Line2D]:
    """Return what the marks on bars mean: who spoke for the warning."""
    spoken = {source for warning in scene.warnings for _, source in warning.marks}
    for source, mark in SOURCE_MARKS.items():
        if source in spoken:
            label = f"{source} evidence"
            yield Line2D([], [], linestyle="none", marker=mark, ms=3, color=INK, label=label)
