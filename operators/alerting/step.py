"""Turn incident changes and commands into versions of warnings, in event-time order."""

from __future__ import annotations

import heapq
import pickle
from collections import OrderedDict
from collections.abc import Iterable, Iterator

import msgspec

from operators.agenda import Agenda
from operators.alerting.lifecycle import Change, Life
from operators.alerting.verdicts import LearnFromVerdicts
from operators.alerting.versions import write_version
from operators.counters import Counters
from operators.event_clock import FOREVER, NEVER
from operators.events import VERDICTS, Alert, Command
from operators.incident import IncidentView
from operators.incidents import AHEAD_MS, Progress
from operators.intake import CommandRows
from operators.ordering import BEYOND
from operators.registry import Registry

__all__ = ["IssueWarnings"]

DOUBT_MS = 86_400_000
"""How long a sensor is not believed alone after a warning that nobody else agreed with."""
REMEMBERED = 10_000
"""Command ids remembered: the same command twice is one."""


class IssueWarnings:
    """The warnings of a city.

    Parameters
    ----------
    prompt
        Apply commands as they arrive; otherwise when time has passed them.

    Notes
    -----
    State: one ``Life`` per open incident and for two hours after; the sensors doubted for a day;
    the last ``REMEMBERED`` command ids; what ``LearnFromVerdicts`` keeps. Versions are emitted in
    event-time order, each once; after a resume the same ones again. Cost: of what changes, not of
    what there is.
    """

    def __init__(self, registry: Registry, counters: Counters, prompt: bool = False) -> None:
        self.registry = registry
        self.counters = counters
        self.prompt = prompt
        self._lives: dict[str, Life] = {}
        self._views: list[IncidentView] = []
        self._commands: list[tuple[int, str, Command]] = []
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._progress = NEVER
        self._commanded = NEVER
        self._over = False
        self._holds = Agenda[str]()
        """When the next hold of each life ends."""
        self._ends = Agenda[str]()
        """When each life may be forgotten."""
        self._doubted = Agenda[str]()
        """Until when a sensor that lately cried alone is doubted: the same again is no news."""
        self.verdicts = LearnFromVerdicts()

    def on_batch(self, items: Iterable[IncidentView | Progress | CommandRows]) -> Iterator[Alert]:
        """Return the versions that are due."""
        for item in items:
            if isinstance(item, IncidentView):
                self._views.append(item)
            elif isinstance(item, CommandRows):
                reached = FOREVER if item.last else item.watermark
                self._commanded = max(self._commanded, reached)
                self._hear(item.commands)
            else:
                self._progress = max(self._progress, item.watermark)
                self._over = item.last
        now = self._progress if self.prompt else min(self._progress, self._commanded)
        yield from self._apply(now)
        if self._over and self._commanded == FOREVER:
            self.counters.add("alerting", "rejected", len(self._commands), BEYOND)
            self._commands = []

    def _hear(self, commands: list[Command]) -> None:
        for command in commands:
            self.counters.add("alerting", "received")
            if command.id in self._seen:
                self.counters.add("alerting", "rejected", 1, "command seen before")
                continue
            self._seen[command.id] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            heapq.heappush(self._commands, (command.time, command.id, command))

    def _apply(self, now: int) -> Iterator[Alert]:
        waiting = [view for view in self._views if not self.prompt and view.time >= now]
        due = [view for view in self._views if self.prompt or view.time < now]
        for view in last_of_instant(due):
            yield from self._commands_until(view.time)
            yield from self._pass_time(view.time - 1)  # of this very time the view speaks first
            self._open(view.merged_into, due)
            yield from self._see(view)
        self._views = waiting
        yield from self._commands_until(now - 1)  # one of this very time may still come
        yield from self._pass_time(now - 1)  # and so may a view
        while self._doubted.pop(now) is not None:
            pass

    def _open(self, name: str | None, due: list[IncidentView]) -> None:
        """Begin the life that another is about to join: both may have begun at the same time."""
        if name is not None and name not in self._lives:
            first = next((view for view in due if view.id == name), None)
            if first is not None:
                self._lives[name] = Life.of(first)

    def _see(self, view: IncidentView) -> Iterator[Alert]:
        self.counters.add("alerting", "received")
        self.counters.add("alerting", "sent")
        life = self._lives.get(view.id)
        if life is None:
            life = self._lives[view.id] = Life.of(view)
        if (kept := self._lives.get(view.merged_into or "")) is not None:
            kept.take_over(life)
        sensors = {strand.latest.key for strand in view.strands}
        doubted = {sensor for sensor in sensors if self._is_doubted(sensor, view.time)}
        yield from self._write(life, life.see(view, doubted, self.verdicts.taught(view)))

    def _is_doubted(self, sensor: str, time: int) -> bool:
        until = self._doubted.at(sensor)
        return until is not None and time < until

    def _commands_until(self, time: int) -> Iterator[Alert]:
        while self._commands and (self.prompt or self._commands[0][0] <= time):
            command = heapq.heappop(self._commands)[-1]
            if self.prompt and self._progress > NEVER:
                at = min(command.time, self._progress + AHEAD_MS)
                command = msgspec.structs.replace(command, time=at)
            yield from self._pass_time(command.time)
            life = self._lives.get(command.alert)
            heard = command.op in VERDICTS and self.verdicts.hear(command)
            if life is None or not life.active:
                if heard:  # what is over makes no version, but it can be learnt from
                    self.counters.add("alerting", "sent")
                    self._reconsider(life, command)
                    continue
                self.counters.add("alerting", "rejected", 1, "no such active warning")
                continue
            self.counters.add("alerting", "sent")
            yield from self._write(life, life.obey(command))

    def _reconsider(self, life: Life | None, command: Command) -> None:
        if life is None:
            return
        life.reconsider(command)
        if life.marks.confirmed is not None:
            for voice in life.voices:
                self._doubted.put(voice, None)

    def _pass_time(self, now: int) -> Iterator[Alert]:
        while (due := self._holds.pop(now)) is not None:
            at, name = due
            life = self._lives[name]
            yield from self._write(life, life.pass_time(at))
        while (over := self._ends.pop(now)) is not None:
            del self._lives[over[1]]
            self.verdicts.forget(over[1])

    def _write(self, life: Life, changes: Iterator[Change]) -> Iterator[Alert]:
        for change in changes:
            chance = self.verdicts.chance(life.view, life.grade) if life.active else None
            yield write_version(life, change, self.registry, chance)
            if life.active:
                self.verdicts.note(life.view.id, life.version, life.view, life.grade)
            voice = life.lone_voice()
            if voice is not None:
                self._doubted.put(voice, change.time + DOUBT_MS)
        self._holds.put(life.view.id, life.due())
        self._ends.put(life.view.id, life.forgotten_at())

    def snapshot(self) -> bytes:
        """Return all lives and what waits for its time."""
        return pickle.dumps(
            (
                self._lives,
                self._views,
                self._commands,
                self._seen,
                self._progress,
                self._commanded,
                self._over,
                self._holds,
                self._ends,
                self._doubted,
                self.verdicts,
            )
        )

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        (
            self._lives,
            self._views,
            self._commands,
            self._seen,
            self._progress,
            self._commanded,
            self._over,
            self._holds,
            self._ends,
            self._doubted,
            self.verdicts,
        ) = pickle.loads(state)
        self.counters.add("alerting", "received", len(self._commands))


def last_of_instant(views: list[IncidentView]) -> list[IncidentView]:
    """Return one view per incident and instant: what it came to, not the steps on the way."""
    last = {(view.id, view.time): number for number, view in enumerate(views)}
    return [
        view
        for number, view in enumerate(views)
        if view.merged_into is not None or last[view.id, view.time] == number
    ]
