"""Learn from people's verdicts how likely a warning is to be confirmed.

What speaks for a warning is given in log-odds, one number for each sort of evidence, so a weight of
1 for each is the fusion made by hand. Each verdict moves the weights a little towards what was the
case; names that have no weight at first (a hazard, a place) begin at 0.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping

__all__ = ["STEP", "Confirmation"]

STEP = 1.0
"""How far a verdict moves the log-odds of the very warning it was about, at most."""


class Confirmation:
    """Chance that a warning will be confirmed.

    Parameters
    ----------
    prior
        Weight of each feature before the first verdict.
    intercept
        Log-odds of a warning nothing speaks for.

    Notes
    -----
    Logistic regression by gradient steps (river's), normalised: with ``y`` the verdict, 1 or 0, and
    ``x`` the features, ``w += STEP (y - p) x / (1 + |x|^2)``, the intercept likewise with 1 for
    ``x``. So the log-odds of the same warning move by ``STEP (y - p)``: less than ``STEP`` whatever
    the features are, and hardly at all where the verdict was expected.
    State: one weight a name that was ever learnt. Cost: 1 us to ask, 4 us to learn.
    Features that are not finite count as 0.

    Examples
    --------
    >>> model = Confirmation({"sensors": 1.0}, intercept=-2.75)
    >>> weak, strong = {"sensors": 2.3, "noise": 1.0}, {"sensors": 6.0, "noise": 1.0}
    >>> round(model.predict_one(weak), 2), round(model.predict_one(strong), 2)
    (0.39, 0.96)
    >>> for _ in range(8):
    ...     model.learn_one(weak, confirmed=False)
    >>> round(model.predict_one(weak), 2), model.learnt("noise") < 0
    (0.1, True)

    References
    ----------
    Bishop 2006, Pattern Recognition and Machine Learning, 4.3.2; Haykin 2002, Adaptive Filter
    Theory, ch. 6 (normalised steps).
    """

    def __init__(self, prior: Mapping[str, float], intercept: float) -> None:
        # Half a second, which only who hears verdicts waits for.
        from river import linear_model, optim  # noqa: PLC0415
        from river.utils import VectorDict  # noqa: PLC0415

        self.prior = dict(prior)
        self._model = linear_model.LogisticRegression(
            optimizer=optim.SGD(STEP), intercept_init=intercept, intercept_lr=STEP
        )
        # River has no way to begin with weights of one's own, feature by feature, but this one.
        self._model._weights = VectorDict(dict(self.prior))

    def predict_one(self, features: Mapping[str, float]) -> float:
        """Return the chance that a warning with these features is confirmed."""
        chances = self._model.predict_proba_one(_finite(features))  # type: ignore[no-untyped-call]  # river has no types there
        return float(chances[True])

    def learn_one(self, features: Mapping[str, float], confirmed: bool) -> None:
        """Learn a verdict on a warning that had these features."""
        finite = _finite(features)
        size = 1.0 + sum(value * value for value in finite.values())
        self._model.learn_one(finite, confirmed, w=1.0 / size)

    def learnt(self, name: str) -> float:
        """Return how far the weight of a feature has moved."""
        before = self.prior.get(name, 0.0)
        return float(self._model.weights.get(name, before)) - before


def _finite(features: Mapping[str, float]) -> dict[Hashable, float]:
    return {name: value if math.isfinite(value) else 0.0 for name, value in features.items()}
