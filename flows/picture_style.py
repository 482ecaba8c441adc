"""How pictures look: what each colour and mark means, and which letters can be drawn.

Colours mean one thing each: the four of the official levels are levels and warnings, all others
are what was unusual about a reading.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib import font_manager

from models.record_of_peaks import CHANNELS
from operators.events import Evidence, Sensor
from operators.kinds import kind_of

__all__ = [
    "EXPECTED",
    "FAULT",
    "HARMLESS",
    "INK",
    "LEVEL_COLOURS",
    "MUTED",
    "READING",
    "SOURCE_MARKS",
    "TRUE",
    "day_of",
    "drawable",
    "legible",
    "look_of",
    "style",
    "title_of",
]

LEVEL_COLOURS = {1: "#d3222f", 2: "#f07f13", 3: "#e3b505", 4: "#2f78d0"}
READING, EXPECTED = "#1c2733", "#8aa5bd"
INK, MUTED = "#10151a", "#6d7780"
TRUE, HARMLESS, FAULT = "#d3222f", "#1b998b", "#d3222f"
SOURCE_MARKS = {"sensor": "o", "level": "D", "cell": "s", "report": "^", "outage": "x"}
_CHANNEL_COLOURS = ("#7b2cbf", "#c2187a", "#8c564b", "#0b7a75", "#5b6ee1", "#6b8e23", "#e377c2")
_LATIN = "DejaVu Sans"
_CJK = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "SimHei",
    "Noto Serif CJK SC",
)
_DAY_MS = 86_400_000.0


def day_of(time_ms: Any) -> Any:
    """Return event milliseconds as what the time axis counts in, days since 1970."""
    return np.asarray(time_ms, np.float64) / _DAY_MS


def title_of(sensor: Sensor) -> str:
    """Return what a sensor is called, in English, else in any letters that can be drawn."""
    name, kind = sensor.name, kind_of(sensor.kind)
    said = next((text for text in (name.en, name.zh) if drawable(text)), "") if name else ""
    what = sensor.kind if kind is kind_of("") else kind.en
    return " · ".join(filter(None, (legible(sensor.id), said, legible(what))))


def legible(text: str) -> str:
    """Return a text with a question mark for each letter that no font here has."""
    return text if drawable(text) else "".join(c if drawable(c) else "?" for c in text)


def look_of(e: Evidence) -> dict[str, Any]:
    """Return how a piece of evidence is marked: by its channel, or by the level it speaks of."""
    if e.source != "level":
        return {
            "marker": "o",
            "markersize": 5,
            "color": _channel_colour(e.channel),
            "markeredgecolor": "white",
            "markeredgewidth": 0.5,
        }
    colour = LEVEL_COLOURS.get(e.level, MUTED)
    full = colour if e.onset is None else "white"
    return {"marker": "D", "markersize": 4.5, "markerfacecolor": full, "markeredgecolor": colour}


def style() -> dict[Any, Any]:
    """Return the settings that all of a picture is drawn with."""
    return {
        "font.family": [_LATIN, *_cjk_fonts()],
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#7d868f",
        "axes.grid": True,
        "axes.grid.axis": "x",
        "grid.color": "#e4e8ec",
        "grid.linewidth": 0.6,
        "xtick.color": "#4a545e",
        "ytick.color": "#4a545e",
    }


@cache
def drawable(text: str) -> bool:
    """Say whether there is a text, and some font here has all of its letters."""
    known: set[int] = set()
    for family in (_LATIN, *_cjk_fonts()):
        known |= set(font_manager.get_font(font_manager.findfont(family)).get_charmap())
    return bool(text) and all(ord(letter) in known for letter in text)


@cache
def _cjk_fonts() -> list[str]:
    here = set(font_manager.get_font_names())
    return [name for name in _CJK if name in here][:1]


def _channel_colour(channel: str) -> str:
    number = CHANNELS.index(channel) if channel in CHANNELS else sum(channel.encode())
    return _CHANNEL_COLOURS[number % len(_CHANNEL_COLOURS)]
