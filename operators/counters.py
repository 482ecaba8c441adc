"""What every step did with what it was given: each name, its unit and its meaning.

The law a run is checked by: at its end, for every step, received = sent + late + rejected.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

__all__ = ["MEANING", "Account", "Counters", "Outcome"]

Outcome = Literal["received", "sent", "late", "rejected"]

MEANING: dict[str, str] = {
    "intake": "messages decoded: a gateway's message counts each of its readings",
    "order": "readings put in event-time order; a duplicate is rejected",
    "screen": "readings scored; a physically impossible value is rejected",
    "triage": "reports given a hazard and a place; a repeated id is rejected",
    "incidents": "pieces of evidence joined into incidents",
    "alerting": "incident changes and commands turned into versions of warnings",
}
"""Steps that account for what they are given, and what one of it is."""


class Account(NamedTuple):
    """One step's figures."""

    step: str
    received: int
    sent: int
    late: int
    rejected: int
    reasons: dict[str, int]
    """Why something was rejected, and how much; the intake says of which feed it was."""

    @property
    def balanced(self) -> bool:
        """Whether nothing disappeared."""
        return self.received == self.sent + self.late + self.rejected


class Counters:
    """Figures of one process.

    Notes
    -----
    State: one integer per step, outcome and reason; reasons are a fixed set per step. A resumed
    process counts from zero (what a step still holds is given to it again): these are figures of
    a run, not of a feed.

    Examples
    --------
    >>> counters = Counters()
    >>> counters.add("order", "received", 3)
    >>> counters.add("order", "sent", 2)
    >>> counters.add("order", "rejected", 1, "duplicate")
    >>> counters.account("order").balanced
    True
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Outcome, str]] = Counter()

    def add(self, step: str, outcome: Outcome, count: int = 1, reason: str = "") -> None:
        """Count what a step did."""
        if step not in MEANING:
            raise KeyError(f"step {step!r} is not one of {', '.join(MEANING)}")
        if count:
            self._counts[step, outcome, reason] += count

    def account(self, step: str) -> Account:
        """Return one step's figures."""
        total: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for (name, outcome, reason), count in list(
            self._counts.items()
        ):  # who serves metrics asks meanwhile
            if name == step:
                total[outcome] += count
                if reason and outcome == "rejected":
                    reasons[reason] += count
        return Account(
            step,
            total["received"],
            total["sent"],
            total["late"],
            total["rejected"],
            dict(sorted(reasons.items())),
        )

    def accounts(self) -> list[Account]:
        """Return the figures of every step that was given something."""
        return [a for a in map(self.account, MEANING) if a.received]
