"""Draw one sensor: its readings over what was expected, and how unusual each of them was.

Behind everything lies the truth, where it is known; a gap in the readings is a hatched hole.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from flows.picture_style import (
    EXPECTED,
    FAULT,
    HARMLESS,
    LEVEL_COLOURS,
    MUTED,
    READING,
    TRUE,
    day_of,
    legible,
    look_of,
    title_of,
)
from flows.scene import Panel, Scene, Shade, expected_range, gaps, unit_of
from flows.story import Track
from operators.events import LEVEL_NAMES, NO_LEVEL
from operators.evidence import UNUSUAL

__all__ = ["FAN", "draw_series", "draw_surprisals", "draw_truth"]

FEW = 700
"""Readings up to which each gets a dot of its own."""
MANY = 4000
"""Readings from which their line is thinner, or it would be a block."""
ROOM = 0.8
"""Share of the width up to which a name fits to the right of where it begins."""
FAN = 0.14
"""How strongly the range of a forecast is tinted."""
FAR = 0.7
"""Spans of what is shown within which an official level is shown too."""


def draw_series(ax: Axes, panel: Panel, scene: Scene, *, labelled: bool) -> None:
    """Draw readings, the expected band, gaps, official levels, forecasts and evidence."""
    track, asked = panel.track, panel.away_m is None
    draw_truth(ax, scene, labelled=labelled)
    at, (value, expected, low, high) = _broken(track)
    ax.fill_between(at, low, high, color=EXPECTED, alpha=0.28, linewidth=0)
    ax.plot(at, expected, color=EXPECTED, linewidth=0.9)
    dot, thin = "." if len(track.time) <= FEW else "", len(track.time) > MANY
    ax.plot(at, value, color=READING, linewidth=0.4 if thin else 0.9, marker=dot, markersize=2.5)
    for position in gaps(track):
        start, end = day_of(track.time[position]), day_of(track.time[position + 1])
        ax.axvspan(start, end, facecolor="none", edgecolor="#c3cad1", hatch="///", linewidth=0)
    _limits(ax, track, value, low, high)
    _forecasts(ax, track)
    _evidence(ax, track)
    ax.set_ylabel(unit_of(track.sensor))
    away = "" if asked else f"   {panel.away_m:,.0f} m away"
    ax.set_title(f"{title_of(track.sensor)}{away}", loc="left", fontsize=9 if asked else 8, pad=4)


def _broken(track: Track) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """Return times and columns with a hole in every gap, so that no line crosses it."""
    holes = gaps(track) + 1
    at = np.insert(day_of(track.time), holes, day_of(track.time[holes - 1]) if len(holes) else [])
    columns = (track.value, track.expected, *expected_range(track))
    return at, tuple(np.insert(column, holes, np.nan) for column in columns)


def _limits(
    ax: Axes,
    track: Track,
    value: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> None:
    """Show all readings and the usual band; and official levels that are not far from them."""
    band = np.concatenate([low, high])
    band = band[np.isfinite(band)]
    shown = value[np.isfinite(value)]
    if not len(shown):
        return
    if len(band):
        # A band that is wide after one jump must not press the readings flat.
        shown = np.append(shown, np.percentile(band, [2, 98]))
    bottom, top = float(shown.min()), float(shown.max())
    span = (top - bottom) or max(abs(top), 1.0) * 0.1
    levels = track.sensor.levels.by_level() if track.sensor.levels else {}
    near = [at for at in levels.values() if bottom - FAR * span <= at <= top + FAR * span]
    bottom, top = min([bottom, *near]), max([top, *near])
    pad = 0.06 * (top - bottom or span)
    ax.set_ylim(bottom - pad, top + pad)
    ax.ticklabel_format(axis="y", useOffset=False)
    _levels(ax, levels)


def _levels(ax: Axes, levels: dict[int, float]) -> None:
    """Draw official levels, each named at its right; one out of sight is named at the edge."""
    low, high = ax.get_ylim()
    # Names need room: each keeps its distance from the one below.
    tall_px = ax.get_window_extent().height
    step = 9.5 / 72 * ax.figure.dpi / tall_px
    lowest = 0.0
    for level, at in sorted(levels.items(), key=lambda pair: pair[1]):
        colour, share = LEVEL_COLOURS[level], (at - low) / (high - low)
        seen = 0 <= share <= 1
        if seen:
            ax.axhline(at, color=colour, linewidth=1.1, linestyle=(0, (6, 2)))
        place = max(min(max(share, 0.0), 1.0 - step * sum(v > at for v in levels.values())), lowest)
        lowest = place + step
        said = f"{LEVEL_NAMES[level]} {at:g}{'' if seen else ' ↑' if share > 1 else ' ↓'}"
        ax.text(1.005, place, said, color=colour, fontsize=7.5, va="center", transform=ax.transAxes)


def _forecasts(ax: Axes, track: Track) -> None:
    """Draw where it was said to be going; the next forecast when one is over, or worse."""
    over, level = -1, NO_LEVEL
    for e in track.evidence:
        told = e.forecast
        if told is None or (e.time < over and told.level >= level):
            continue
        over, level = told.times[-1], told.level
        at, colour = day_of(np.array(told.times)), LEVEL_COLOURS[level]
        ax.fill_between(at, told.q05, told.q95, color=colour, alpha=FAN, linewidth=0)
        ax.plot(at, told.q50, color=colour, linewidth=0.9, linestyle="--")


def _evidence(ax: Axes, track: Track) -> None:
    """Mark what was said to be unusual at its value."""
    for e in track.evidence:
        ax.plot(day_of(e.time), e.value, linestyle="none", zorder=4, **look_of(e))
    for at in track.impossible:
        ax.plot(day_of(at), 0.97, "x", color=FAULT, transform=ax.get_xaxis_transform())


def draw_truth(ax: Axes, scene: Scene, *, labelled: bool) -> None:
    """Shade what really happened nearby, and name it if asked to."""
    for number, shade in enumerate(scene.shades):
        _shade(ax, shade)
        if labelled:
            _name(ax, shade, scene, number)


def _shade(ax: Axes, shade: Shade) -> None:
    colour = HARMLESS if shade.benign else TRUE
    ax.axvspan(day_of(shade.start), day_of(shade.end), color=colour, alpha=0.09, linewidth=0)
    if shade.peak is not None:
        ax.axvline(day_of(shade.peak), color=colour, alpha=0.5, linewidth=0.8, linestyle=":")


def _name(ax: Axes, shade: Shade, scene: Scene, number: int) -> None:
    """Write what a shade is at its top, each a line lower than the one before."""
    start = max(shade.start, scene.start)
    room = start < scene.start + ROOM * (scene.end - scene.start)
    ax.annotate(
        legible(shade.label),
        (day_of(start if room else min(shade.end, scene.end)), 1.0),
        (3 if room else -3, -3 - 10 * (number % 4)),
        xycoords=ax.get_xaxis_transform(),
        textcoords="offset points",
        va="top",
        ha="left" if room else "right",
        color=HARMLESS if shade.benign else TRUE,
        fontsize=7.5,
        bbox={"boxstyle": "round,pad=0.1", "color": "white", "alpha": 0.7},
        zorder=6,
    )


def draw_surprisals(ax: Axes, track: Track, scene: Scene) -> None:
    """Draw how unusual each reading was, and where one in a thousand is."""
    draw_truth(ax, scene, labelled=False)
    at = day_of(track.time)
    learning = np.isnan(track.surprisal)
    ax.vlines(at, 0, np.where(learning, 0, np.maximum(track.surprisal, 0)), color=MUTED, lw=0.8)
    if learning.any():
        last = at[learning].max()
        ax.plot([at[0], last], [0, 0], color=MUTED, linewidth=3, solid_capstyle="butt")
        ax.annotate("learning", (at[0], 0), (2, 4), textcoords="offset points", fontsize=7)
    ax.axhline(UNUSUAL, color=MUTED, linewidth=0.8, linestyle="--")
    for e in track.evidence:
        ax.plot(day_of(e.time), e.surprisal, linestyle="none", **look_of(e))
    ax.set_ylim(-0.3, max([8.0, *(e.surprisal + 0.5 for e in track.evidence)]))
    ax.set_yticks([0, UNUSUAL, 6])
    ax.set_ylabel("surprisal")
