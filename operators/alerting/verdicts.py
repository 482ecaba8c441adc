"""Learn from verdicts: what a warning like this is worth, by kind, by place and by who spoke.

``confirm`` and ``false_alarm`` are verdicts. One warning has one verdict, the last by time and id:
an opposite one takes the place of the first. What follows from the verdicts that stand moves the
score that is held against the thresholds, slowly and within bounds. Time is that of the commands
and the incidents.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from models.confirmation import Confirmation
from models.gradual import Gradual
from models.reliability import Reliability, left
from operators.alerting.case import EVEN, LOG_ODDS, PRIOR, Case, case_of, names
from operators.alerting.fusion import voice
from operators.alerting.grading import TAUGHT_AT_MOST, UNTAUGHT, Grade, Taught
from operators.events import Command
from operators.incident import IncidentView

__all__ = ["ENOUGH", "LearnFromVerdicts"]

A_DAY = 0.2
"""How far the score of a hazard in a place moves in a day at most; what its sources lose comes
beside it, and both together are at most ``TAUGHT_AT_MOST``."""
ENOUGH = 10
"""Verdicts from which the chance of another one is told."""
KEPT = 1024
"""Verdicts that teach: the last ones."""
VERSIONS = 8
"""Versions of a warning whose case is remembered: the last ones."""
ELSEWHERE = ""
"""Stands for the places of a hazard where there was no verdict yet."""


class _Verdict(NamedTuple):
    """What a person said of a warning, and what the warning was."""

    time: int
    command: str
    confirmed: bool
    case: Case


class _Shift:
    """How far the score of one hazard in one place has moved, and where to."""

    def __init__(self, aim: float, way: Gradual) -> None:
        self.aim = aim
        self.way = way


class LearnFromVerdicts:
    """What people's verdicts have taught.

    Notes
    -----
    State: the last ``KEPT`` verdicts with their cases, 1 kB each; the last ``VERSIONS`` cases of
    each warning that is not forgotten; a number for each hazard and place with verdicts; the
    sources of ``Reliability``. A verdict older than ``KEPT`` others teaches no more.
    Cost: of a verdict 25 us; where one is replaced or dropped, all that stand are learnt anew,
    5 us each. Of an incident's change, a look-up a strand; nothing before the first verdict.
    """

    def __init__(self) -> None:
        self._cases: dict[str, OrderedDict[int, Case]] = {}
        self._stand: dict[str, _Verdict] = {}
        """By warning, in the order of their times and ids."""
        self._model: Confirmation | None = None
        self._reliability = Reliability()
        self._shifts: dict[tuple[str, str], _Shift] = {}
        self._heard: dict[str, int] = {}
        """When the last verdict on each hazard was given."""

    def note(self, name: str, version: int, view: IncidentView, grade: Grade) -> None:
        """Remember what a version of a warning was about, should there be a verdict on it."""
        versions = self._cases.setdefault(name, OrderedDict())
        versions[version] = case_of(view, grade)
        if len(versions) > VERSIONS:
            versions.popitem(last=False)

    def forget(self, name: str) -> None:
        """Forget a warning; a verdict that was given on it stands, and may still be changed."""
        self._cases.pop(name, None)

    def hear(self, command: Command) -> bool:
        """Take a verdict; return whether there is such a warning."""
        before = self._stand.get(command.alert)
        case = self._case(command) or (before and before.case)
        if case is None:
            return False
        said = _Verdict(command.time, command.id, command.op == "confirm", case)
        if before is None or before[:2] <= said[:2]:
            self._replace(command.alert, before, said)
        return True

    def _case(self, command: Command) -> Case | None:
        """Return the warning as it stood at the version that was seen, or next to it."""
        versions = self._cases.get(command.alert)
        if not versions:
            return None
        seen = [version for version in versions if version <= command.version]
        return versions[max(seen, default=min(versions))]

    def _replace(self, name: str, before: _Verdict | None, said: _Verdict) -> None:
        last = next(reversed(self._stand.values()), said)
        in_order = before is None and last[:2] <= said[:2]
        if before is not None:
            for who, good, bad in _of_sources(before):
                self._reliability.unlearn_one(who, good, bad, before.time, said.time)
        for who, good, bad in _of_sources(said):
            self._reliability.learn_one(who, good, bad, said.time)
        self._stand.pop(name, None)
        self._stand[name] = said
        if in_order and self._model is not None and len(self._stand) <= KEPT:
            self._model.learn_one(said.case.features, said.confirmed)
        else:
            self._learn_anew()
        hazard = said.case.hazard
        self._settle(said.time, (hazard, said.case.place))
        self._heard[hazard] = max(said.time, self._heard.get(hazard, said.time))

    def _learn_anew(self) -> None:
        ordered = sorted(self._stand.items(), key=lambda item: item[1][:2])[-KEPT:]
        self._stand = dict(ordered)
        self._model = Confirmation(PRIOR, -LOG_ODDS * EVEN)
        for verdict in self._stand.values():
            self._model.learn_one(verdict.case.features, verdict.confirmed)

    def _settle(self, time: int, key: tuple[str, str]) -> None:
        """Note how far every shift has come, and where it goes from now on."""
        assert self._model is not None
        hazard, place = key
        self._shifts.setdefault((hazard, ELSEWHERE), _Shift(0.0, Gradual(A_DAY, time)))
        if key not in self._shifts:
            elsewhere = self._shifts[hazard, ELSEWHERE]
            way = Gradual(A_DAY, elsewhere.way.since_ms)
            way.value = elsewhere.way.value
            self._shifts[key] = _Shift(elsewhere.aim, way)
        for (hazard, place), shift in self._shifts.items():
            shift.way.settle(time, self._aim(hazard, shift, time))
            learnt = sum(self._model.learnt(name) for name in names(hazard, place))
            aim = learnt / LOG_ODDS
            shift.aim = min(max(aim, -TAUGHT_AT_MOST), TAUGHT_AT_MOST)

    def _aim(self, hazard: str, shift: _Shift, time: int) -> float:
        # Half of what was learnt of a hazard is forgotten as fast, from its last verdict on.
        return shift.aim * left(time - self._heard.get(hazard, time))

    def shift(self, hazard: str, place: str, time: int) -> float:
        """Return what is added to the score of a hazard in a place."""
        shift = self._shifts.get((hazard, place)) or self._shifts.get((hazard, ELSEWHERE))
        return 0.0 if shift is None else shift.way.at(time, self._aim(hazard, shift, time))

    def taught(self, view: IncidentView) -> Taught:
        """Return what verdicts have to say of an incident."""
        if not self._stand:
            return UNTAUGHT
        voices = {voice(strand.latest) for strand in view.strands}
        worth = {who: self._reliability.worth_one(who, view.time) for who in voices}
        less = {who: share for who, share in worth.items() if share < 1.0}
        return Taught(self.shift(view.hazard, view.district, view.time), less)

    def chance(self, view: IncidentView, grade: Grade) -> float | None:
        """Return how likely a warning is to be confirmed; None before there are ``ENOUGH``."""
        if self._model is None or len(self._stand) < ENOUGH:
            return None
        return self._model.predict_one(case_of(view, grade).features)


def _of_sources(said: _Verdict) -> Iterator[tuple[str, float, float]]:
    """Return who spoke, and what for and against them: all have the credit, and share the blame."""
    for who, part in said.case.voices.items():
        yield (who, 1.0, 0.0) if said.confirmed else (who, 0.0, part)
