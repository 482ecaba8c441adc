"""Draw a scene with characters, for a terminal on a machine without a screen.

The same scene as the picture's, with less of it: the series, its band, evidence and levels, the
worst warning along the foot, and in words what the picture shows as bars and shades.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import plotext
from numpy.typing import NDArray

from flows.scene import Panel, Scene, WarningRow, expected_range, gaps, unit_of
from operators.events import LEVEL_NAMES
from operators.kinds import kind_of

__all__ = ["sketch"]

_TALL, _LOW = 20, 12
_RGB = {1: (211, 34, 47), 2: (240, 127, 19), 3: (227, 181, 5), 4: (47, 120, 208)}
_BAND, _READING, _UNUSUAL = (120, 140, 160), "default", (190, 60, 200)
_TICKS = 6


def sketch(scene: Scene, width: int, *, colour: bool = True) -> str:
    """Return the scene as lines of text.

    Parameters
    ----------
    width
        Columns of the terminal.
    colour
        Whether the terminal shows colours.
    """
    parts = [_panel(panel, scene, width) for panel in scene.panels]
    text = "\n".join([*parts, *_words(scene)])
    return text if colour else str(plotext.uncolorize(text))


def _panel(panel: Panel, scene: Scene, width: int) -> str:
    track = panel.track
    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.plotsize(width, _TALL if panel.away_m is None else _LOW)
    plotext.theme("clear")
    low, high = _limits(panel)
    plotext.xlim(scene.start, max(scene.end, scene.start + 1))
    plotext.ylim(low, high)
    levels = track.sensor.levels.by_level() if track.sensor.levels else {}
    for level, at in levels.items():
        if low <= at <= high:
            plotext.hline(at, _RGB[level])
    for end in expected_range(track):
        shown = (end >= low) & (end <= high)
        plotext.scatter(*_columns(track.time[shown], end[shown]), marker="·", color=_BAND)
    cuts = [0, *(gaps(track) + 1), len(track.time)]
    for start, end in pairwise(cuts):
        plotext.plot(*_columns(track.time[start:end], track.value[start:end]),
                     marker="braille", color=_READING)  # fmt: skip
    for e in track.evidence:
        colour = _RGB.get(e.level, _UNUSUAL) if e.source == "level" else _UNUSUAL
        plotext.scatter([e.time], [e.value], marker="◆" if e.source == "level" else "●",
                        color=colour)  # fmt: skip
    _foot(scene, low, width)
    ticks = np.linspace(scene.start, scene.end, _TICKS)
    plotext.xticks(ticks.tolist(), [_clock(int(at), scene) for at in ticks])
    away = "" if panel.away_m is None else f", {panel.away_m:,.0f} m away"
    said = track.sensor.name.en if track.sensor.name else kind_of(track.sensor.kind).en
    plotext.title(f"{track.sensor.id} {said}, {unit_of(track.sensor)}{away}")
    return str(plotext.build())


def _limits(panel: Panel) -> tuple[float, float]:
    """Return the values shown, with a row to spare for the foot."""
    value = panel.track.value
    low, high = (float(value.min()), float(value.max())) if len(value) else (0.0, 1.0)
    span = (high - low) or max(abs(high), 1.0) * 0.1
    return low - 0.12 * span, high + 0.05 * span


def _columns(times: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[list[float], ...]:
    return times.astype(np.float64).tolist(), values.tolist()


def _foot(scene: Scene, low: float, width: int) -> None:
    """Draw the worst warning at each moment along the foot of the plot."""
    for at in np.linspace(scene.start, scene.end, 2 * width).tolist():
        levels = [
            level
            for warning in scene.warnings
            if warning.named
            for start, end, level in warning.stretches
            if start <= at <= end
        ]
        if levels:
            plotext.scatter([at], [low], marker="▀", color=_RGB[min(levels)])


def _words(scene: Scene) -> Iterator[str]:
    """Return the warnings and what really happened, a line each."""
    for warning in scene.warnings:
        level = f"{LEVEL_NAMES[warning.worst]:6}"
        near = "" if warning.named else f", {warning.away_m:,.0f} m away"
        yield (
            f"{plotext.colorize(level, _RGB[warning.worst])} {_span(warning, scene)}  "
            f"{warning.id} {warning.hazard}: {warning.reason}{near}"
        )
    if scene.left_out:
        yield f"and {scene.left_out} more warnings nearby"
    for shade in scene.shades:
        start, end = _clock(shade.start, scene), _clock(shade.end, scene)
        yield f"{'truth' if not shade.benign else 'harmless':8} {start} - {end}  {shade.label}"


def _span(warning: WarningRow, scene: Scene) -> str:
    start, end = warning.stretches[0][0], warning.stretches[-1][1]
    return f"{_clock(start, scene)} - {_clock(end, scene)}"


def _clock(time_ms: int, scene: Scene) -> str:
    return f"{dt.datetime.fromtimestamp(time_ms / 1000, scene.zone):%d %b %H:%M}"
