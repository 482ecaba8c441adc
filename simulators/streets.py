"""Streets between the main roads: a net of crossings, walked into long streets.

Crossings are scattered with a least distance; two are joined when no third lies in the circle
between them (a Gabriel graph); edges that go straight on at a crossing are one street.
"""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry import LineString, Point, Polygon

from simulators.geometry import Path
from simulators.names import Namer
from simulators.noise import Floats, Noise

__all__ = ["streets"]

_CROSSINGS = 430
_LEAST_KM = 0.62
_LONGEST_KM = 3.0
_STRAIGHT = np.cos(np.radians(40))  # a bend sharper than this begins another street


def streets(noise: Noise, namer: Namer, area: Polygon, rivers: list[Path]) -> list[Path]:
    """Return the streets of the city, longest first."""
    crossings = _crossings(noise, area)
    edges = _bridged(noise, crossings, _gabriel(crossings), rivers)
    chains = _walk(crossings, edges)
    lines = [LineString(crossings[chain]).segmentize(0.25) for chain in chains]
    curves = [_soften(np.array(line.coords)) for line in lines if line.length > 1.0]
    curves.sort(key=lambda xy: -float(np.hypot(*np.diff(xy, axis=0).T).sum()))
    return [
        Path(namer.place("road" if i < 60 else "street"), xy, 12) for i, xy in enumerate(curves)
    ]


def _crossings(noise: Noise, area: Polygon) -> Floats:
    draw = noise.draws("streets")
    points = np.empty((0, 2))
    shapely.prepare(area)
    for x, y in zip(draw.normal(0.5, 8.4, 6000), draw.normal(0, 8.2, 6000), strict=True):
        near = np.hypot(*(points - (x, y)).T) < _LEAST_KM
        if len(points) < _CROSSINGS and not near.any() and area.contains(Point(x, y)):
            points = np.vstack([points, (x, y)])
    return points


def _gabriel(points: Floats) -> list[tuple[int, int]]:
    i, j = np.triu_indices(len(points), 1)
    length = np.hypot(*(points[i] - points[j]).T)
    i, j = i[length < _LONGEST_KM], j[length < _LONGEST_KM]
    middle, radius = (points[i] + points[j]) / 2, np.hypot(*(points[i] - points[j]).T) / 2
    gap = np.hypot(middle[:, :1] - points[None, :, 0], middle[:, 1:] - points[None, :, 1])
    free = (gap < radius[:, None] - 1e-9).sum(axis=1) == 0
    return list(zip(i[free].tolist(), j[free].tolist(), strict=True))


def _bridged(
    noise: Noise, points: Floats, edges: list[tuple[int, int]], rivers: list[Path]
) -> list[tuple[int, int]]:
    """Return the edges without most of those over water: bridges are dear."""
    chance = noise.draws("bridges").uniform(size=len(edges))
    water = [LineString(r.xy) for r in rivers[:2]]
    dear = (0.12, 0.4)
    return [
        edge
        for edge, luck in zip(edges, chance, strict=True)
        if not any(
            LineString(points[list(edge)]).intersects(w) and luck > p
            for w, p in zip(water, dear, strict=True)
        )
    ]


def _walk(points: Floats, edges: list[tuple[int, int]]) -> list[list[int]]:
    """Return chains of crossings: at each one the two straightest edges belong together."""
    onward = _onward(points, edges)
    left = dict.fromkeys(edges)
    chains = []
    while left:
        a, b = next(iter(left))
        del left[a, b]
        chain = [a, b]
        for turn in (1, -1):
            chain.reverse() if turn < 0 else None
            while (c := onward.get((chain[-2], chain[-1]))) is not None:
                edge = (min(chain[-1], c), max(chain[-1], c))
                if edge not in left:
                    break
                del left[edge]
                chain.append(c)
        chains.append(chain)
    return chains


def _onward(points: Floats, edges: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
    around: dict[int, list[int]] = {}
    for a, b in edges:
        around.setdefault(a, []).append(b)
        around.setdefault(b, []).append(a)
    onward: dict[tuple[int, int], int] = {}
    for node, ends in around.items():
        legs = {e: points[e] - points[node] for e in ends}
        unit = {e: leg / np.hypot(*leg) for e, leg in legs.items()}
        pairs = sorted(
            (float(unit[p] @ unit[q]), p, q) for k, p in enumerate(ends) for q in ends[k + 1 :]
        )
        taken: set[int] = set()
        for cosine, p, q in pairs:
            if cosine < -_STRAIGHT and not taken & {p, q}:
                taken |= {p, q}
                onward[p, node], onward[q, node] = q, p
    return onward


def _soften(xy: Floats) -> Floats:
    """Return the line with its corners rounded; its ends stay."""
    for _ in range(3):
        xy = np.vstack([xy[:1], (xy[:-2] + 2 * xy[1:-1] + xy[2:]) / 4, xy[-1:]])
    return xy
