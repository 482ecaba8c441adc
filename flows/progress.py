"""Show how far long work has come: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import math
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["Bar"]

STEP = 0.1
"""Share of the work between plain lines."""


class Bar:
    """Progress of one piece of work, drawn by whoever does it: no thread of its own.

    Parameters
    ----------
    what
        A few words, shown before the bar.
    """

    def __init__(self, what: str, console: Console | None = None) -> None:
        self.what = what
        self.console = console or Console(stderr=True)
        self._told = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            auto_refresh=False,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=1.0, note="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, share: float, note: str = "") -> None:
        """Tell how much is done, 0 to 1."""
        if math.isnan(share):
            return
        if self.console.is_terminal:
            self._bar.update(self._task, completed=share, note=note)
            self._bar.refresh()
        elif share >= self._told + STEP or (share >= 1 and self._told < 1):
            self._told = math.floor(share / STEP + 1e-9) * STEP
            self.console.print(f"{self.what} {share:.0%} {note}".rstrip(), highlight=False)
