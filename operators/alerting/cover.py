"""Say which cells the active warnings cover, and how badly.

The state of a cell has two halves: how unusual its sensors are (``cells``), and the worst warning
over it (here). Both are published together, whenever either changes, and again while a warning
lasts: a cell of which nobody speaks is forgotten where it is read.
"""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from operators.event_clock import NEVER
from operators.events import NO_LEVEL, Alert, CellState
from operators.merging import CityWindow
from operators.windows import WINDOW_MS

__all__ = ["CoverCells"]


class CoverCells:
    """Levels of a city's cells.

    Notes
    -----
    State: the cells of active warnings, and the last state of every cell that is not calm.
    """

    def __init__(self) -> None:
        self._active: dict[str, tuple[str, ...]] = {}
        self._levels: dict[str, dict[str, int]] = defaultdict(dict)
        """Level of each warning over each cell."""
        self._states: dict[str, CellState] = {}
        self._told = NEVER
        """When all that are covered were told last."""

    def on_batch(self, items: Iterable[Alert | CellState | CityWindow]) -> Iterator[CellState]:
        """Return the state of every cell that changed, or is to be told again, once per batch."""
        changed: dict[str, int] = {}
        for item in items:
            if isinstance(item, CellState):
                self._states[item.cell] = item
                changed[item.cell] = item.time
            elif isinstance(item, CityWindow):
                if item.watermark >= self._told + WINDOW_MS and not item.last:
                    self._told = item.watermark
                    changed.update(dict.fromkeys(self._levels, item.watermark))
            else:
                changed.update(dict.fromkeys(self._note(item), item.time))
        for cell, time in changed.items():
            level = min(self._levels.get(cell, {}).values(), default=NO_LEVEL)
            yield self._state(cell, level, time)

    def _note(self, alert: Alert) -> dict[str, None]:
        before = self._active.pop(alert.id, ())
        for cell in before:
            del self._levels[cell][alert.id]
            if not self._levels[cell]:
                del self._levels[cell]
        if alert.status == "active":
            self._active[alert.id] = alert.cells
            for cell in alert.cells:
                self._levels[cell][alert.id] = alert.level
        return dict.fromkeys((*before, *alert.cells))

    def _state(self, cell: str, level: int, time: int) -> CellState:
        known = self._states.get(cell) or CellState(cell, NO_LEVEL, 0.0, time, 0, 0, 0)
        state = msgspec.structs.replace(known, level=level, time=max(time, known.time))
        self._states[cell] = state
        if level == NO_LEVEL and state.surprisal == 0:
            del self._states[cell]
        return state

    def snapshot(self) -> bytes:
        """Return what is covered."""
        return pickle.dumps((self._active, self._levels, self._states, self._told))

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        self._active, self._levels, self._states, self._told = pickle.loads(state)
