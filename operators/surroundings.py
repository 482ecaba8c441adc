"""Whom else one could have heard: what evidence that agrees is worth depends on it.

Four unusual street sensors out of five in a place are an event; four out of sixty, while one in
twenty of the whole city is unusual, are the evening. Neighbours that say nothing speak too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from operators.agenda import Agenda
from operators.events import HAZARDS
from operators.registry import Registry

__all__ = ["ALONE", "MOST", "ORDINARY", "Around", "Surroundings", "agreement"]

ORDINARY = 0.01
"""Share of sensors that is unusual at any time, at the least: each stays so for a while."""
MOST = 8.0
"""Surprisal that agreement can have at most."""

_NUMBER = {hazard: number for number, hazard in enumerate(HAZARDS)}


def agreement(sensors: Any, share: Any, speaking: Any) -> Any:
    """Return the surprisal of so many unusual sensors in a place, given that one is.

    The binomial tail of as many of the others being unusual when each is so with the chance that
    any sensor of the city now is: what moves them all together is in that chance.

    Parameters
    ----------
    sensors
        How many there are, at least those that speak; like the others a number or an array.
    share
        Share of the city's other sensors that is unusual now.
    speaking
        How many are.

    Examples
    --------
    >>> [round(float(agreement(60, 0.05, k)), 1) for k in (1, 2, 4, 12)]
    [0.0, 0.0, 0.2, 3.8]
    >>> agreement(np.array([5, 60]), 0.01, np.array([4, 1])).round(1).tolist()
    [5.4, 0.0]
    """
    others, agreeing = np.maximum(sensors, speaking) - 1, np.maximum(speaking, 1) - 1
    # Of none agreeing the tail is 1, which ``bdtrc`` does not say.
    tail = np.where(agreeing > 0, bdtrc(agreeing - 1, others, np.maximum(ORDINARY, share)), 1.0)
    return np.minimum(MOST, np.abs(np.log10(np.maximum(tail, 1e-300))))


class Around(NamedTuple):
    """Who could have spoken of an incident's hazard."""

    sensors: int = 0
    """Sensors of it within reach of the incident."""
    share: float = 0.0
    """Share of the city's other sensors of it that is unusual now."""
    people: bool = False
    """Whether people could have reported it."""
    speaking: int = 0
    """Unusual sensors of it within reach, where they are too many to be remembered each; else 0."""

    def agreement(self, speaking: int) -> float:
        """Return the surprisal of so many unusual sensors here, given that one is."""
        if speaking <= 1:
            return 0.0
        return float(agreement(self.sensors, self.share, max(speaking, self.speaking)))

    @property
    def peers(self) -> int:
        """How many could have agreed with one."""
        return max(0, self.sensors - 1)


ALONE = Around()


class Surroundings:
    """Sensors by place and hazard, and how many of the city are unusual.

    Notes
    -----
    State: who spoke and until when it counts; counts of sensors follow from the registry. Cost: a
    look-up a cell that an incident reaches, logarithmic in those who speak.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._counts = np.zeros((0, len(HAZARDS)), np.int64)
        self._totals = np.zeros(len(HAZARDS), np.int64)
        self._counted = 0
        self._until = Agenda[tuple[str, str, str]]()
        """By hazard, cell and sensor."""
        self._speaking: dict[str, Counter[str]] = defaultdict(Counter)
        """How many speak of each hazard in each cell."""
        self._in_all = Counter[str]()

    def hear(self, hazard: str, cell: str, sensor: str, until: int) -> None:
        """Note that a sensor in a cell is unusual, and until when that counts."""
        name = hazard, cell, sensor
        if self._until.at(name) is None:
            self._speaking[hazard][cell] += 1
            self._in_all[hazard] += 1
        self._until.put(name, until)

    def pass_time(self, now: int) -> None:
        """Forget those who have not been unusual of late."""
        while (due := self._until.pop(now)) is not None:
            hazard, cell, _ = due[1]
            self._speaking[hazard][cell] -= 1
            self._in_all[hazard] -= 1
            if not self._speaking[hazard][cell]:
                del self._speaking[hazard][cell]

    def speaking(self, hazards: Iterable[str], cells: Collection[str]) -> int:
        """Return how many sensors in some cells are unusual."""
        return sum(self._speaking[hazard][cell] for hazard in hazards for cell in cells)

    def sensors(self, cells: Iterable[str], hazards: Collection[str]) -> int:
        """Return how many sensors of some hazards are in some cells."""
        counts, at = self._up_to_date(), self.registry.columns.cell_position
        rows = [at[cell] for cell in cells if cell in at]
        return int(counts[rows][:, [_NUMBER[hazard] for hazard in hazards]].sum())

    def share_beside(self, hazards: Collection[str], sensors: int, speaking: int) -> float:
        """Return the share of unusual sensors of some hazards in the rest of the city.

        Parameters
        ----------
        sensors, speaking
            How many there are in the place that is left out, and how many of them are unusual.
        """
        self._up_to_date()
        others = int(self._totals[[_NUMBER[hazard] for hazard in hazards]].sum()) - sensors
        unusual = sum(self._in_all[hazard] for hazard in hazards) - speaking
        return max(0, unusual) / max(1, others)

    def _up_to_date(self) -> NDArray[np.int64]:
        columns, known = self.registry.columns, self._counted
        if known < len(columns.cell):
            more = len(columns.cell_names) - len(self._counts)
            self._counts = np.pad(self._counts, ((0, more), (0, 0)))
            np.add.at(self._counts, (columns.cell[known:], columns.hazard[known:]), 1)
            self._totals = self._counts.sum(axis=0)
            self._counted = len(columns.cell)
        return self._counts

    def take(self) -> tuple[Agenda[tuple[str, str, str]], dict[str, Counter[str]]]:
        """Return who is unusual."""
        return self._until, self._speaking

    def put(self, state: tuple[Agenda[tuple[str, str, str]], dict[str, Counter[str]]]) -> None:
        """Continue from what ``take`` returned."""
        self._until, self._speaking = state
        self._in_all = Counter({name: cells.total() for name, cells in self._speaking.items()})
