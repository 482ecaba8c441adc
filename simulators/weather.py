"""The sky over the city: rain that moves, wind that turns, warmth that follows the sun."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.clock import HOUR_MS, local_hour
from simulators.noise import Floats, Noise

__all__ = ["RainCell", "Weather"]

Times = NDArray[np.int64]

_SPELL_MS = 8 * HOUR_MS  # the length of one throw of the weather's dice


@dataclass(frozen=True)
class RainCell:
    """A shower: a round patch of rain that moves, swells and dies away."""

    start_ms: int
    hours: float
    x: float
    y: float
    east_kmh: float
    north_kmh: float
    radius_km: float
    peak_mm_h: float

    @property
    def end_ms(self) -> int:
        """When its last drop falls."""
        return self.start_ms + int(self.hours * HOUR_MS)

    def at(self, x: Floats, y: Floats, times_ms: Times) -> Floats:
        """Return rain in mm/h at sites (rows) and times (same shape, or one row)."""
        age_h = (times_ms - self.start_ms) / HOUR_MS
        life = np.clip(age_h / self.hours, 0.0, 1.0)
        strength = self.peak_mm_h * np.sin(np.pi * life) ** 0.7
        dx = x - self.x - self.east_kmh * age_h
        dy = y - self.y - self.north_kmh * age_h
        rain: Floats = strength * np.exp(-(dx**2 + dy**2) / (2 * self.radius_km**2))
        return rain


class Weather:
    """Weather as a function of place and time.

    Parameters
    ----------
    cells
        Rain that belongs to events, beside the showers of an ordinary season.
    calm
        When the wind dies: (start, end, how much of it dies).
    ordinary
        Whether the season's showers fall at all.
    """

    def __init__(
        self,
        noise: Noise,
        cells: tuple[RainCell, ...] = (),
        calm: tuple[tuple[int, int, float], ...] = (),
        ordinary: bool = True,
    ) -> None:
        self.noise = noise
        self._cells = cells
        self._calm = calm
        self._ordinary = ordinary
        draw = noise.draws("climate")
        self._mean_c = draw.uniform(19, 26)
        self._wind = draw.normal(0, 1.4, 2)
        self._spells: dict[int, tuple[RainCell, ...]] = {}

    def cells(self, first_ms: int, last_ms: int) -> list[RainCell]:
        """Return the showers that touch a stretch of time."""
        spells = range(first_ms // _SPELL_MS - 1, last_ms // _SPELL_MS + 1)
        ordinary = [c for spell in spells for c in self._spell(spell)] if self._ordinary else []
        every = [*ordinary, *self._cells]
        return [c for c in every if c.start_ms < last_ms and c.end_ms > first_ms]

    def _spell(self, number: int) -> tuple[RainCell, ...]:
        if number not in self._spells:
            if len(self._spells) > 64:
                self._spells.clear()
            self._spells[number] = self._throw(number)
        return self._spells[number]

    def _throw(self, number: int) -> tuple[RainCell, ...]:
        draw = self.noise.draws("showers", number)
        if draw.uniform() > 0.2:
            return ()
        drift = draw.normal(0, 9, 2)
        strength = 1.0 + draw.gamma(2.0, 1.3)
        return tuple(
            RainCell(
                number * _SPELL_MS + int(draw.uniform(0, 5) * HOUR_MS),
                draw.uniform(0.8, 3.0),
                draw.normal(0, 7),
                draw.normal(0, 7),
                drift[0],
                drift[1],
                draw.uniform(4, 9),
                strength * draw.uniform(0.6, 1.4),
            )
            for _ in range(int(draw.integers(1, 5)))
        )

    def rain(self, x: Floats, y: Floats, times_ms: Times) -> Floats:
        """Return mm/h; sites are rows, times have one row a site or one for all."""
        total = np.zeros(np.broadcast_shapes((len(x), 1), times_ms.shape))
        for cell in self.cells(int(times_ms.min()), int(times_ms.max()) + 1):
            total += cell.at(x[:, None], y[:, None], times_ms)
        return total

    def wind(self, times_ms: Times) -> tuple[Floats, Floats]:
        """Return the east and north parts of the wind over the city, m/s."""
        east = self._wind[0] + 0.8 * self.noise.common("wind/east", times_ms, 10_800)
        north = self._wind[1] + 0.8 * self.noise.common("wind/north", times_ms, 10_800)
        speed = np.hypot(east, north)
        # Even in a calm the air drifts.
        kept = np.maximum(speed, 0.9) / np.maximum(speed, 1e-6)
        for start, end, share in self._calm:
            kept *= 1 - share * _within(times_ms, start, end)
        return east * kept, north * kept

    def temperature(self, times_ms: Times) -> Floats:
        """Return the city's mean temperature, degrees Celsius."""
        sun = np.cos(2 * np.pi * (local_hour(times_ms) - 15) / 24)
        slow = self.noise.common("air mass", times_ms, 36 * 3600)
        return self._mean_c + 4.5 * sun + 1.8 * slow


def _within(times_ms: Times, start_ms: int, end_ms: int) -> Floats:
    """Return 0 outside, 1 inside, with an hour of passage at both ends."""
    inside: Floats = np.clip((times_ms - start_ms) / HOUR_MS, 0, 1) * np.clip(
        (end_ms - times_ms) / HOUR_MS, 0, 1
    )
    return inside
