"""Randomness by address: the same seed, stream and counter give the same numbers, in any order.

A generator with a history could only be run forwards. Here every draw has an address, so any
moment of the simulated city can be computed alone, and twice, and comes out the same.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["Field", "Floats", "Noise"]

Floats = NDArray[np.float64]

_WORD = (1 << 64) - 1


class Noise:
    """All the randomness of one seed.

    Notes
    -----
    Philox maps (key, counter) to bits without a state worth the name: the key is the seed and
    the stream's name, the top word of the counter is the caller's number.

    Examples
    --------
    >>> noise = Noise(7)
    >>> noise.draws("rain", 12).normal() == Noise(7).draws("rain", 12).normal()
    True
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def draws(self, stream: str, counter: int = 0) -> np.random.Generator:
        """Return a fresh generator for one address."""
        key = [self.seed & _WORD, zlib.crc32(stream.encode())]
        top = [0, 0, 0, counter & _WORD]
        return np.random.Generator(
            np.random.Philox(
                key=np.array(key, dtype=np.uint64), counter=np.array(top, dtype=np.uint64)
            )
        )

    def knots(self, stream: str, first: int, last: int, size: int) -> Floats:
        """Return one row of standard normal numbers for each counter from first to last."""
        return np.stack(
            [self.draws(stream, k).standard_normal(size) for k in range(first, last + 1)]
        )

    def smooth(self, stream: str, times_ms: NDArray[np.int64], knot_s: float) -> Floats:
        """Return unit-variance noise that forgets itself within ``knot_s``, one series a row."""
        first, last, knot_ms = _span(times_ms, knot_s)
        return _between(
            self.knots(stream, first, last, times_ms.shape[0]), times_ms, first, knot_ms
        )

    def common(self, stream: str, times_ms: NDArray[np.int64], knot_s: float) -> Floats:
        """Return one unit-variance series, the same for every row, at many times."""
        flat = times_ms.reshape(1, -1)
        return self.smooth(stream, flat, knot_s).reshape(times_ms.shape)


class Field:
    """Noise that neighbours share: correlated over ``scale_km`` and ``knot_s``.

    Notes
    -----
    A handful of plane waves with random directions, each with its own slow random amplitude
    (random Fourier features): the cost does not grow with the number of pairs.
    """

    _WAVES = 10

    def __init__(
        self, noise: Noise, stream: str, x_km: Floats, y_km: Floats, scale_km: float, knot_s: float
    ) -> None:
        self._noise, self._stream, self._knot_s = noise, stream, knot_s
        draw = noise.draws(stream + "/waves")
        kx, ky = draw.standard_normal((2, self._WAVES)) / scale_km
        turn = draw.uniform(0, 2 * np.pi, self._WAVES)
        angle = np.outer(x_km, kx) + np.outer(y_km, ky) + turn
        self._waves = np.cos(angle) * np.sqrt(2 / self._WAVES)

    def at(self, times_ms: NDArray[np.int64]) -> Floats:
        """Return the field at every site (row) and its times (columns)."""
        first, last, knot_ms = _span(times_ms, self._knot_s)
        amplitudes = self._noise.knots(self._stream, first, last, self._WAVES)
        return _between(amplitudes @ self._waves.T, times_ms, first, knot_ms)


def _span(times_ms: NDArray[np.int64], knot_s: float) -> tuple[int, int, int]:
    knot_ms = int(knot_s * 1000)
    return int(times_ms.min()) // knot_ms, int(times_ms.max()) // knot_ms + 1, knot_ms


def _between(knots: Floats, times_ms: NDArray[np.int64], first: int, knot_ms: int) -> Floats:
    place = times_ms // knot_ms - first
    share = (times_ms % knot_ms) / knot_ms
    row = np.arange(times_ms.shape[0])[:, None]
    mixed = (1 - share) * knots[place, row] + share * knots[place + 1, row]
    # Halfway between two knots the mean of both has half the variance of either.
    unit: Floats = mixed / np.sqrt((1 - share) ** 2 + share**2)
    return unit
