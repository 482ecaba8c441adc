"""Notice a part of the city whose mixture of signs is unusual, though no single sign is.

A cell's features (share of its sensors that are unusual, their mean surprisal, reports ...) are
one point in a cube; half-space trees know where such points usually lie. All cells teach one
model, so a quiet corner profits from what a busy one has shown to be normal.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Hashable

from river import base

from models.tails import Tail

__all__ = ["CellModel"]

WINDOW = 1000  # points that make one picture of what is normal
PROTECTED = 3.0  # surprisal from which a point is not simply learnt
RELEARN = 4  # but one in so many is, so that what stays becomes normal after a while
_MAGIC = b"cwcells1"
_LEAST_MASS = 1e-6


class CellModel:
    """Surprisal of a cell's features against those of all cells lately.

    Parameters
    ----------
    seed
        Where the trees cut; the same seed and points give the same scores.
    window
        Points that make one picture of what is normal, and the warm-up.

    Notes
    -----
    State: ten trees of height 8, about 170 KB as a snapshot, and a tail of the model's own past
    scores, for the whole city and for ever. Cost: 20 us to score, 50 us to score and learn.
    Features are in [0, 1] (others are cut to it); those that are not finite are left out, and are
    then taken as usual. The names in the first point learnt are the model's; others are ignored.
    Copy it with ``snapshot`` and ``restore``, never with ``copy.deepcopy`` (ten times slower).

    Examples
    --------
    >>> import random
    >>> rng = random.Random(5)
    >>> model = CellModel(seed=1, window=250)
    >>> for _ in range(1500):
    ...     model.learn_one({"unusual": rng.betavariate(2, 20), "reports": rng.betavariate(2, 20)})
    >>> usual = model.score_one({"unusual": 0.1, "reports": 0.1})
    >>> unusual = model.score_one({"unusual": 0.9, "reports": 0.8})
    >>> usual < 1 and unusual > 3
    True

    References
    ----------
    Tan, Ting and Liu 2011, Fast Anomaly Detection for Streaming Data (``river``'s implementation).
    """

    def __init__(self, seed: int = 1, window: int = WINDOW) -> None:
        # Half a second, which only who judges cells waits for.
        from river import anomaly  # noqa: PLC0415

        self._trees: base.AnomalyDetector = anomaly.HalfSpaceTrees(
            n_trees=10, height=8, window_size=window, seed=seed
        )
        self._tail = Tail()
        self._window = window
        self._learnt = 0
        self._protected = 0

    def score_one(self, features: dict[str, float]) -> float | None:
        """Return the surprisal of these features; None in warm-up, or where none is finite."""
        point = _in_cube(features)
        return self._tail.surprisal_one(self._size(point)) if point else None

    def learn_one(self, features: dict[str, float]) -> None:
        """Learn these features, or one in a few where they are too unusual to be an example."""
        point = _in_cube(features)
        if not point:
            return
        size = self._size(point)
        surprisal = self._tail.surprisal_one(size)
        if self._learnt >= self._window:
            self._tail.learn_one(size)
        if surprisal is not None and surprisal >= PROTECTED:
            self._protected += 1
            if self._protected % RELEARN:
                return
        self._trees.learn_one(point)
        self._learnt += 1

    def _size(self, point: dict[Hashable, float]) -> float:
        """Return how empty the point's surroundings are, in powers of ten, 0 or more."""
        # The trees' score is 1 - share of the largest mass; its logarithm does not saturate.
        mass = max(1.0 - self._trees.score_one(point), _LEAST_MASS)
        return -math.log10(min(mass, 1.0))

    def snapshot(self) -> bytes:
        """Return the model as versioned bytes."""
        return _MAGIC + pickle.dumps(self, protocol=5)

    @classmethod
    def restore(cls, snapshot: bytes) -> CellModel:
        """Return the model whose ``snapshot`` this is; only for bytes of our own making.

        Raises
        ------
        ValueError
            When the bytes are not a snapshot of this version.
        """
        if not snapshot.startswith(_MAGIC):
            raise ValueError(f"not a {_MAGIC!r} snapshot: got {snapshot[:8]!r}")
        model = pickle.loads(snapshot[len(_MAGIC) :])
        assert isinstance(model, cls)
        return model


def _in_cube(features: dict[str, float]) -> dict[Hashable, float]:
    return {
        name: min(max(float(value), 0.0), 1.0)
        for name, value in features.items()
        if math.isfinite(value)
    }
