"""Notice sensors that lie, for all sensors of a shard at once.

Five ways to lie are told apart, each in a file of its own: a value that comes again and again
(``repetition``), leaps that return at once (``leaps``), noise (``reversals``), a unit that changed
(``unit_factors``), and a drift that no neighbour follows (``disagreement``). A reading is judged
by what came before it, then learnt from.

Arithmetic only: no clock; of a reading's time only the order matters.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.compiled import AHEAD, compiled, inlined, prefetch
from models.disagreement import accompanied, disagrees
from models.leaps import leapt, spiking
from models.magnitude import learn_size
from models.repetition import repeated
from models.reversals import noisy
from models.row_bank import Positions, RowBank
from models.unit_factors import unit_changed

__all__ = ["FAULT", "FAULTS", "NO_NEIGHBOURS", "FaultBank"]

FAULTS = ("none", "leap", "spikes", "noise", "drift", "unit", "stuck")
"""What a reading is, by number. A leap may be an event: alone it says nothing of its
sensor, and of one that spikes only the leaps are wrong."""
LEAP, SPIKES, NOISE, DRIFT, UNIT, STUCK = range(1, len(FAULTS))

FAULT = np.dtype(
    [
        ("last", np.float64),  # the value before
        ("rest", np.float32),  # where it comes to rest
        ("usual", np.float32),  # size of its steps
        ("largest", np.float32),  # of them, as far as remembered
        ("step", np.float32),  # the last one
        ("anchor", np.float32),  # where it was before it leapt
        ("leap", np.float32),  # and by how much it did
        ("ratio", np.float32),  # mean logarithm of value over expectation since
        ("reversal", np.float32),  # usual size
        ("lately", np.float32),  # and of late
        ("size", np.float32),  # usual size of its values
        ("spikes", np.float32),  # of late, fading
        ("off", np.float32),  # running distance from what is expected, in typical errors
        ("repeat", np.float32),  # share of readings that repeat the one before
        ("again", np.float32),  # share of repetitions that are repeated once more
        ("longest", np.uint16),  # run of repetitions
        ("resting", np.uint16),  # run at its rest
        ("age", np.uint16),  # readings learnt, up to 65,535
        ("run", np.uint16),  # repetitions so far
        ("changes", np.uint8),  # of value, up to 255
        ("away", np.uint8),  # readings since it leapt
        ("lone", np.uint8),  # readings off alone
        ("stuck", np.uint8),
        ("strange", np.uint8),  # the value that repeats is one it leapt to
        ("restless", np.uint8),
        ("unit", np.uint8),
        ("spiky", np.uint8),
        ("group", np.int32),  # only sensors of one group are compared
    ]
)
"""What is kept of one sensor."""

NO_NEIGHBOURS, NO_PATIENCE = np.empty((0, 1), np.int32), np.empty(0, np.uint8)
PATIENCE = 12  # readings that disagree with the neighbours' before it is a drift, if nobody says
_HUGE = 1e30  # a value beyond is no measurement; float32 holds its steps
_OLD = 65_535

Floats = NDArray[np.float64]


class FaultBank(RowBank):
    """How the sensors of one shard move, repeat themselves and stand to their neighbours.

    Notes
    -----
    State: 84 bytes a sensor, for ever. Feeding rows in one call or in many gives the same bits. A
    value that is not finite is not learnt from and is counted in ``ignored``. Nothing is said of a
    sensor's first 150 readings, nor of one whose value has changed less than 50 times.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> values = rng.normal(20, 1, 400).round(2)
    >>> values[380:] = values[380]
    >>> bank, ones = FaultBank(1), np.ones(400)
    >>> found = bank.judge_and_learn(np.zeros(400, np.intp), values, 20 * ones, ones)
    >>> np.flatnonzero(found == STUCK).tolist() == list(range(384, 400))
    True
    """

    NEWBORN = np.zeros(1, FAULT)
    NEWBORN["rest"] = math.nan
    VERSION = b"cwfault2"

    def judge_and_learn(
        self,
        sensors: Positions,
        values: Floats,
        expected: Floats,
        spread: Floats,
        near: NDArray[np.int32] = NO_NEIGHBOURS,
        groups: NDArray[np.intp] | None = None,
        patience: NDArray[np.uint8] = NO_PATIENCE,
    ) -> NDArray[np.int8]:
        """Say what each reading is, a number of ``FAULTS``, and learn it, in row order.

        Parameters
        ----------
        sensors
            Position of each row's sensor; a sensor's rows in the order of their time.
        values, expected, spread
            The readings, what was expected of them, and the mean size of errors.
        near
            Neighbours of each sensor by position, -1 for none; beyond its rows nobody has any.
        groups
            To which group each row's sensor belongs; only within one are neighbours compared.

        patience
            For how many readings each sensor must disagree with its neighbours to be a drift, up
            to 200, by position.

        Raises
        ------
        IndexError
            When a row names a sensor the bank does not have; then nothing is learnt.
        """
        known, expected, values = self._columns(sensors, expected, np.float64, values)
        kinds = np.zeros(len(known), np.int8)
        spread = np.ascontiguousarray(spread, np.float64)
        group = np.zeros(len(known), np.intp) if groups is None else groups
        columns = known, values, expected, spread, group
        self.ignored += _judge_rows(self._rows, *columns, near, patience, kinds)
        return kinds

    def join(self, sensors: Positions, group: int) -> None:
        """Let sensors belong to a group before they are heard in it."""
        self._rows["group"][self._known(sensors)] = group


@compiled
def _judge_rows(
    rows: NDArray[np.void],
    sensors: NDArray[np.intp],
    values: Floats,
    expected: Floats,
    spread: Floats,
    groups: NDArray[np.intp],
    near: NDArray[np.int32],
    patience: NDArray[np.uint8],
    kinds: NDArray[np.int8],
) -> int:
    """Judge and learn row by row; return how many were left out."""
    ignored = 0
    for row in range(len(sensors)):
        if row + AHEAD < len(sensors):
            prefetch(rows, sensors[row + AHEAD])
        if not (abs(values[row]) < _HUGE):
            ignored += 1
            continue
        sensor = sensors[row]
        rows[sensor].group = groups[row]
        waits = patience[sensor] if sensor < len(patience) else PATIENCE
        kinds[row] = _judge(rows, sensor, values[row], expected[row], spread[row], near, waits)
    return ignored


@inlined
def _judge(
    rows: NDArray[np.void],
    sensor: int,
    x: float,
    expected: float,
    spread: float,
    near: NDArray[np.int32],
    patience: int,
) -> int:
    """Return what a reading is; the surest sign wins."""
    s = rows[sensor]
    if s.age == 0:
        s.last = x
    step = x - s.last
    away = leapt(s, x, step)
    stuck = repeated(s, x, away)
    noise, spikes = noisy(s, x, step), spiking(s)
    unit = unit_changed(s, x, expected, spread)
    learn_size(s, x)
    drift = disagrees(rows, sensor, x, expected, spread, near, patience)
    s.last, s.step = x, step
    s.age = min(s.age + 1, _OLD)
    if stuck:
        return STUCK
    if drift and not unit:
        return DRIFT
    sign = UNIT if unit else LEAP if away else NOISE if noise else SPIKES if spikes else 0
    if sign > LEAP and accompanied(rows, sensor, near):
        return LEAP if away else 0
    return sign
