"""One warning's life: pending, active, recovering, cleared.

State is a fold over incident changes, commands and time, so a replay reaches the same versions.
Worse is said at once; better is said only after it has held: one level per ``EASE_AFTER_MS``, and
twice as long each time that it turned out not to last; clear after ``CLEAR_AFTER_MS``. A version's
time is when it became true, not when it was computed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import msgspec

from operators.alerting.grading import UNTAUGHT, Grade, Reason, Taught, grade
from operators.events import NO_LEVEL, Command, Marks
from operators.incident import STRANDS, IncidentView, Strand

__all__ = ["CLEAR_AFTER_MS", "EASE_AFTER_MS", "MEANT_FOR_MS", "SPREAD_AFTER_MS", "Change", "Life"]

EASE_AFTER_MS = 300_000
CLEAR_AFTER_MS = 600_000
SPREAD_AFTER_MS = 900_000
"""Growth alone, or that something takes longer, is told at most this often."""
MEANT_FOR_MS = 1_800_000
"""How long it has to be less than what a person ended, for worse than that to be news again."""
LASTS_MS = 7_200_000
"""What was said to be better and for so long was not taken back."""
TAKEN_BACK_AT_MOST = 2
"""Times that a level's hold becomes twice as long: a sensor may be over and under it for hours."""
LATE_AFTER_MS = 300_000
"""How long after its time what was expected is late; twice as long each time that was said."""
LATE_AT_MOST = 6
"""Times that it becomes twice as long, to more than five hours."""
FORGET_AFTER_MS = 7_200_000
OF_HOW_BAD_IT_IS = frozenset({"ack", "false_alarm", "resolve", "shelve"})
"""What a person does about a warning as it was seen: it is not about what became worse since."""


@dataclass(frozen=True)
class Change:
    """Why and when the next version is due."""

    time: int
    reason: Reason
    detail: str = ""


@dataclass
class Life:
    """What is known of one warning, from its first evidence on.

    Notes
    -----
    State: the last view of its incident. One version per change; versions count from 1.
    """

    view: IncidentView
    grade: Grade
    level: int = NO_LEVEL
    version: int = 0
    active: bool = False
    first: int = 0
    worst: int = NO_LEVEL
    changed: int = 0
    lower_since: int | None = None
    below_since: int | None = None
    told_cells: frozenset[str] = frozenset()
    """Of the last version; where there are too many to be remembered, also of those before."""
    told_sources: frozenset[str] = frozenset()
    told_ahead: tuple[int, int] | None = None
    """When an official level was last said to be reached, and which."""
    late: int = 0
    """How often that was put off since."""
    bettered: int | None = None
    """When it last eased or was cleared, unless it got worse or a person ended it since."""
    taken_back: int = 0
    """How often it was."""
    worsened: int = 0
    """The version at which it was last issued, or got worse."""
    ended_by_person_at: int = NO_LEVEL
    """Level at which a person ended it: only worse than that opens it again. It follows what eases
    since: whoever ended a red did not mean the one of the day after."""
    reached_then: int = NO_LEVEL
    """The official level that was reached when a person ended it: that a worse one is, is news."""
    marks: Marks = field(default_factory=Marks)
    told_marks: Marks = field(default_factory=Marks)
    voices: frozenset[str] = frozenset()
    """Everybody who has spoken."""
    last: tuple[Strand, ...] = ()
    """Who spoke last: it was there, also once all is over."""

    @classmethod
    def of(cls, view: IncidentView) -> Life:
        """Return the life of an incident just seen."""
        return cls(view, grade(view), last=view.strands)

    def see(
        self,
        view: IncidentView,
        doubted: Collection[str] = frozenset(),
        taught: Taught = UNTAUGHT,
    ) -> Iterator[Change]:
        """Take the incident as it is now; return the versions it calls for.

        ``doubted`` are sensors that are not believed alone, ``taught`` is what verdicts say.
        """
        # Who has fallen silent is where he was.
        here = view if view.strands else view._replace(cells=self.view.cells)
        self.view, self.grade = here, grade(view, doubted, taught)
        self.voices |= {strand.latest.key for strand in view.strands}
        self.last = view.strands or self.last
        if view.merged_into is not None:
            if self.active:
                yield self._end(view.time, Reason.MERGED, view.merged_into)
            return
        if self.grade.reached < self.reached_then:
            self.ended_by_person_at = NO_LEVEL
        self._time_holds(view.time)
        if self.grade.level < min(self.level, self.ended_by_person_at):
            yield self._escalate(view.time)
        elif self.active:
            yield from self._grow(view.time)

    def _time_holds(self, time: int) -> None:
        stands = self.level if self.active else self.ended_by_person_at
        lower, below = self.grade.keeps > stands, self.grade.keeps == NO_LEVEL
        self.lower_since = (self.lower_since or time) if lower else None
        self.below_since = (self.below_since or time) if self.active and below else None

    def _escalate(self, time: int) -> Change:
        reason = Reason.ESCALATED if self.active else Reason.ISSUED
        if self.version and not self.active:
            reason = Reason.REOPENED
        if self.bettered is not None and self.grade.level >= self.worst:
            soon = time - self.bettered < LASTS_MS
            self.taken_back = min(self.taken_back + 1, TAKEN_BACK_AT_MOST) if soon else 0
        self.bettered = None
        self.level, self.active = self.grade.level, True
        self.marks = self._still_meant(reason)
        self.worst = min(self.worst, self.level)
        self.first = self.first or time
        self.ended_by_person_at = NO_LEVEL
        self.worsened = self.version + 1
        return self._change(time, reason)

    def _still_meant(self, reason: Reason) -> Marks:
        """Return the marks without those that were of something less than it is now."""
        again = reason is Reason.REOPENED and self.level >= self.worst
        shelved = self.marks.shelved_until if again else None
        return msgspec.structs.replace(self.marks, acknowledged=None, shelved_until=shelved)

    def _grow(self, time: int) -> Iterator[Change]:
        sources = frozenset(strand.latest.source for strand in self.view.strands)
        rested = time - self.changed >= SPREAD_AFTER_MS
        if "report" in sources and "report" not in self.told_sources:
            yield self._change(time, Reason.CONFIRMED_BY, "reports")
        elif (news := self._of_what_was_ahead(time, rested)) is not None:
            self.late = self.late + 1 if news is Reason.LATER else 0
            yield self._change(time, news)
        elif rested and self._new_cells():
            yield self._change(time, Reason.SPREAD)
        elif self.marks != self.told_marks:
            yield self._change(time, Reason.TAKES_OVER)

    def _new_cells(self) -> bool:
        """Say whether somebody speaks clearly where that was not told: a hint spreads nowhere."""
        return self.view.clear and not self.told_cells.issuperset(self.view.cells)

    def _of_what_was_ahead(self, time: int, rested: bool) -> Reason | None:
        """Return what has become of a level that was last told to be still to come, where it has.

        Nothing is said of one that nobody speaks of any more: who was to see it may be silent.
        """
        if self.told_ahead is None:
            return None
        (told, level), now = self.told_ahead, self.grade
        if now.onset is None and now.crossing <= level:
            return Reason.REACHED
        if now.crossing < level:
            return Reason.WORSE
        if not rested or time - told < LATE_AFTER_MS << min(self.late, LATE_AT_MOST):
            return None
        if now.crossing == level and now.onset is not None and now.onset > time:
            return Reason.LATER
        return Reason.FAILED if level < now.crossing < NO_LEVEL else None

    def take_over(self, other: Life) -> None:
        """Go on with what people said of a warning that is about to join this one, and its doubts.

        It is active: that a person ended this one no longer counts. It is shelved for both only
        where it is as bad as this one.
        """
        if not other.active:
            return
        self.ended_by_person_at = NO_LEVEL
        self.taken_back = max(self.taken_back, other.taken_back)
        ours, theirs = self.marks, other.marks
        shelved = theirs.shelved_until if other.level <= self.level else None
        self.marks = msgspec.structs.replace(
            ours,
            confirmed=ours.confirmed or theirs.confirmed,
            shelved_until=ours.shelved_until or shelved,
        )

    @property
    def _clears_at(self) -> int | None:
        return None if self.below_since is None else self.below_since + CLEAR_AFTER_MS

    @property
    def _eases_after(self) -> int:
        return EASE_AFTER_MS << self.taken_back

    @property
    def _eases_at(self) -> int | None:
        if self.lower_since is None or self.level >= NO_LEVEL - 1:
            return None
        return self.lower_since + self._eases_after

    @property
    def _unmeant_at(self) -> int | None:
        if self.active or self.lower_since is None:
            return None
        return self.lower_since + MEANT_FOR_MS

    @property
    def _unshelved_at(self) -> int | None:
        until = self.marks.shelved_until
        return None if until is None or not self.active else max(until, self.changed)

    def due(self) -> int | None:
        """Return when the next hold, or the shelf, ends, if there is one."""
        ends = self._clears_at, self._eases_at, self._unshelved_at, self._unmeant_at
        return min((end for end in ends if end is not None), default=None)

    def pass_time(self, now: int) -> Iterator[Change]:
        """Let a hold, or the shelf, end; ``now`` is what ``due`` said."""
        if now == self._clears_at:
            self.bettered = now
            yield self._end(now, Reason.CLEARED)
        elif now == self._eases_at:
            self.bettered = now
            self.level += 1
            self.lower_since = now if self.grade.keeps > self.level else None
            yield self._change(now, Reason.EASED, f"{self._eases_after // 60_000} min")
        elif now == self._unmeant_at:
            self.ended_by_person_at, self.lower_since = self.grade.keeps, None
        elif now == self._unshelved_at:
            self.marks = msgspec.structs.replace(self.marks, shelved_until=None)
            yield self._change(now, Reason.UNSHELVED)

    def obey(self, command: Command) -> Iterator[Change]:
        """Take what a person did."""
        if not self.active:
            return
        said = f"{command.op} {Reason.BY_PERSON.value} {command.by}"
        late = command.version < self.worsened and command.op in OF_HOW_BAD_IT_IS
        said += f", who saw version {command.version}: it is worse since" if late else ""
        said += f": {command.note}" if command.note else ""
        if late:
            yield self._change(command.time, Reason.BY_PERSON, said)
            return
        changes: dict[str, dict[str, str | int | None]] = {
            "ack": {"acknowledged": command.by},
            "confirm": {"confirmed": command.by},
            "false_alarm": {"confirmed": None},
            "shelve": {"shelved_until": command.until},
            "unshelve": {"shelved_until": None},
        }
        self.marks = msgspec.structs.replace(self.marks, **changes.get(command.op, {}))
        if command.op in ("false_alarm", "resolve"):
            self.ended_by_person_at, self.bettered = self.level, None
            self.reached_then = self.grade.reached
            yield self._end(command.time, Reason.BY_PERSON, said)
        else:
            yield self._change(command.time, Reason.BY_PERSON, said)

    def reconsider(self, command: Command) -> None:
        """Take a verdict on a warning that is over: if it was real, it may be issued again."""
        real = command.op == "confirm"
        if real:
            self.ended_by_person_at = NO_LEVEL
        confirmed = command.by if real else None
        self.marks = msgspec.structs.replace(self.marks, confirmed=confirmed)

    def lone_voice(self) -> str | None:
        """Return the one sensor behind a warning that is over and nobody else agreed with."""
        agreed = self.marks.confirmed is not None or self.view.merged_into is not None
        alone = not self.active and self.worst < NO_LEVEL and len(self.voices) == 1
        return next(iter(self.voices)) if alone and not agreed else None

    def forgotten_at(self) -> int | None:
        """Return from when on nothing will be said about it, unless it is seen again."""
        over = not self.active and not self.view.strands
        return max(self.changed, self.view.time) + FORGET_AFTER_MS + 1 if over else None

    def _end(self, time: int, reason: Reason, detail: str = "") -> Change:
        self.active, self.level = False, NO_LEVEL
        self.lower_since = self.below_since = None
        return self._change(time, reason, detail)

    def _change(self, time: int, reason: Reason, detail: str = "") -> Change:
        self.version += 1
        self.changed = time
        self.told_marks = self.marks
        # Of more than can be remembered those who are take turns: none of them is news twice.
        turns = reason is Reason.SPREAD and len(self.view.strands) >= STRANDS
        self.told_cells = (self.told_cells if turns else frozenset()).union(self.view.cells)
        self.told_sources = frozenset(strand.latest.source for strand in self.view.strands)
        onset = self.grade.onset
        self.told_ahead = None if onset is None else (onset, self.grade.crossing)
        return Change(time, reason, detail)
