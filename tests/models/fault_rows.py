"""Short ways to feed a bank of faults one sensor's readings, or a row its steps."""

import numpy as np

from models.sensor_faults import FAULTS, NO_NEIGHBOURS, FaultBank


def judged(values, expected=None, spread=1.0, bank=None, **more):
    """What the readings of one sensor are, in words."""
    bank = bank or FaultBank(1)
    values = np.asarray(values, float)
    given = np.broadcast_to(np.median(values) if expected is None else expected, values.shape)
    alone = np.zeros(len(values), np.intp)
    found = bank.judge_and_learn(
        alone, values, np.array(given, float), np.full(len(values), spread), NO_NEIGHBOURS, **more
    )
    return [FAULTS[kind] for kind in found]


def lively(n, seed=1, level=20.0, size=1.0, digits=2):
    """A sensor that works."""
    return np.random.default_rng(seed).normal(level, size, n).round(digits)


def where(found, *kinds):
    return [n for n, kind in enumerate(found) if kind in kinds]
