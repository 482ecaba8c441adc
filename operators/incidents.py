"""Join evidence that agrees in place and time into incidents.

Evidence is applied in event-time order (in prompt mode as it arrives). It joins the oldest open
incident of the same hazard, a near one, or one whose effect it can be, within two cells (bad air:
four); otherwise it opens an incident. Evidence that touches two incidents of a hazard merges them:
the one that more sources speak of goes on, of as many the older. Were it always the older, a single
sensor that has drifted for hours would give its id, its cause and its first warning to the
emergency it meets.
"""

from __future__ import annotations

import heapq
import pickle
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from hashlib import sha256
from typing import NamedTuple

from operators.agenda import Agenda
from operators.counters import Counters
from operators.event_clock import ALLOWED_LATENESS_MS, FOREVER, NEVER
from operators.events import HAZARD_INITIALS, Evidence
from operators.evidence import Found
from operators.incident import STRANDS, Incident, IncidentView, like, place_of, speaks_until
from operators.intake import PROMPT_LATENESS_MS
from operators.surroundings import Around, Surroundings

__all__ = ["AHEAD_MS", "CLOSE_AFTER_MS", "REPORTS", "JoinIncidents", "Progress"]

REPORTS = "bursts"
"""Who finds evidence in what people report."""
CLOSE_AFTER_MS = 600_000
"""An incident without live evidence for this long is over."""
AHEAD_MS = ALLOWED_LATENESS_MS + PROMPT_LATENESS_MS
"""How far beyond the newest watermark one clock that is ahead can move everybody's time."""


class Progress(NamedTuple):
    """No change older than ``watermark`` will follow."""

    watermark: int
    last: bool = False
    """Nothing will follow at all."""


class JoinIncidents:
    """Open incidents of a city.

    Parameters
    ----------
    surroundings
        Whom else one could have heard.
    origins
        Everybody who finds evidence; time waits for the slowest. One that is heard of later is
        waited for from then on.
    prompt
        Apply evidence as it arrives, once everybody is up with the present; what is told while
        somebody catches up waits for its turn in event time.

    Notes
    -----
    State: evidence not yet applied and the open incidents, each at most ``STRANDS`` strands.
    Evidence that comes again (its finder was restarted) is known by its number and left out.
    Cost: of a piece of evidence, that of the open incidents it is near; of time, that of what it
    ends.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        origins: Collection[str],
        counters: Counters,
        prompt: bool = False,
    ) -> None:
        self.surroundings = surroundings
        self.counters = counters
        self.prompt = prompt
        self.people = REPORTS in origins
        self._watermarks = dict.fromkeys(origins, NEVER)
        self._behind: set[str] = set()
        self._ended: set[str] = set()
        self._told: dict[str, tuple[int, int]] = {}
        self._since: dict[str, int] = {}
        self._held: list[tuple[int, str, str, int, Evidence]] = []
        self._open: dict[str, Incident] = {}
        self._near: dict[str, set[str]] = defaultdict(set)
        """The open incidents that reach each cell."""
        self._silences = Agenda[tuple[str, tuple[str, str]]]()
        """When each strand of an incident falls silent."""
        self._closings = Agenda[str]()
        self._number = 0
        self._now = NEVER

    def on_batch(self, items: Iterable[Found]) -> Iterator[IncidentView | Progress]:
        """Return what changed, in event-time order."""
        for found in items:
            self._watermarks.setdefault(found.origin, NEVER)
            for part in self._parts(found):
                self._hear(part)
                if self.prompt:
                    yield from self._apply_due()
        yield from self._apply_due()
        yield Progress(self._reached(), self.over)

    @property
    def over(self) -> bool:
        """Whether nobody will find anything any more."""
        return len(self._ended) == len(self._watermarks)

    @property
    def live(self) -> bool:
        """Whether everybody who finds evidence is up with the present."""
        return not self._behind

    def _parts(self, found: Found) -> Iterator[Found]:
        """Return what is applied at once: in prompt mode one piece of evidence after the other.

        So how they were cut into messages and batches makes no difference.
        """
        if self.prompt:
            before = self._watermarks[found.origin]
            for n, evidence in enumerate(found.evidence[:-1]):
                number = None if found.number is None else found.number + n
                yield found._replace(
                    evidence=(evidence,), watermark=before, number=number, last=False
                )
            done = max(0, len(found.evidence) - 1)
            number = None if found.number is None else found.number + done
            found = found._replace(evidence=found.evidence[done:], number=number)
        yield found

    def _hear(self, found: Found) -> None:
        fresh = self._unheard(found)
        self._watermarks[found.origin] = max(self._watermarks[found.origin], found.watermark)
        (self._behind.discard if found.live else self._behind.add)(found.origin)
        if found.last:
            self._ended.add(found.origin)
        self.counters.add("incidents", "received", len(found.evidence))
        for evidence in fresh:
            self._number += 1
            entry = evidence.time, evidence.source, evidence.key, self._number, evidence
            heapq.heappush(self._held, entry)

    def _unheard(self, found: Found) -> tuple[Evidence, ...]:
        """Return what was not told before."""
        if found.number is None:
            return found.evidence
        begun, told = self._told.get(found.origin, (found.begun, 0))
        if begun != found.begun:
            return self._begun_anew(found)
        again = min(max(0, told - found.number), len(found.evidence))
        self.counters.add("incidents", "rejected", again, "told before")
        missing = max(0, found.number - told)
        self.counters.add("incidents", "received", missing)
        self.counters.add("incidents", "rejected", missing, "never arrived")
        self._told[found.origin] = begun, max(told, found.number + len(found.evidence))
        since = self._since.get(found.origin, NEVER)
        fresh = tuple(evidence for evidence in found.evidence[again:] if evidence.time >= since)
        old = len(found.evidence) - again - len(fresh)
        self.counters.add("incidents", "rejected", old, "told before")
        return fresh

    def _begun_anew(self, found: Found) -> tuple[Evidence, ...]:
        """Go on with a finder that lost its state: what is of times it had told of is old."""
        self._told[found.origin] = found.begun, found.number or 0
        self._since[found.origin] = self._watermarks[found.origin]
        return self._unheard(found)

    def _reached(self) -> int:
        """Return how far the slowest has come of those who may still say something."""
        open_ = [w for name, w in self._watermarks.items() if name not in self._ended]
        return min(open_) if open_ else max(self._watermarks.values())

    def _apply_due(self) -> Iterator[IncidentView]:
        watermark = self._reached()
        at_once = self.prompt and self.live
        while self._held and (at_once or self._held[0][0] < watermark):
            evidence = heapq.heappop(self._held)[-1]
            now = min(evidence.time, self._furthest())
            yield from self._expire(now)
            yield from self._apply(evidence, now)
        yield from self._expire(watermark)

    def _furthest(self) -> int:
        """Return how far one piece of evidence can move time: one clock may be minutes ahead."""
        newest = max(self._watermarks.values())
        return newest + AHEAD_MS if self.prompt and newest > NEVER else FOREVER

    def _apply(self, evidence: Evidence, now: int) -> Iterator[IncidentView]:
        self.counters.add("incidents", "sent")
        if evidence.source == "sensor" and not evidence.fault:
            until = speaks_until(evidence)
            self.surroundings.hear(evidence.hazard, evidence.cell, evidence.key, until)
        near = (self._open[name] for name in self._near.get(place_of(evidence), ()))
        touched = _ranked([incident for incident in near if incident.covers(evidence)])
        if evidence.fault:
            # It is told of where something else is found too; it begins, spreads and joins nothing.
            told = (each for each in touched if each.speakers and evidence.cell in each.cells)
            touched = list(told)[:1]
            if not touched:
                return
        if not touched:
            touched = [self._new(evidence)]
        kept = touched[0]
        self._reaches(kept, kept.add(evidence))
        self._speaks(kept, (evidence.source, evidence.key))
        for other in touched[1:]:
            if other.hazard == kept.hazard:
                yield self._merge(other, kept, now)
        yield self._view(kept, now)

    def _new(self, evidence: Evidence) -> Incident:
        minute = evidence.time // 60_000
        digest = sha256(f"{evidence.hazard}|{place_of(evidence)}|{minute}".encode()).hexdigest()[:8]
        name = f"{HAZARD_INITIALS[evidence.hazard]}-{digest}"
        incident = Incident(name, evidence.hazard, evidence.time, evidence.district, evidence.cell)
        self._open[name] = incident
        return incident

    def _reaches(self, incident: Incident, cells: set[str]) -> None:
        for cell in cells:
            self._near[cell].add(incident.id)
        incident.sensors += self.surroundings.sensors(cells, like(incident.hazard))

    def _view(self, incident: Incident, time: int) -> IncidentView:
        """Return what alerting sees, with how unusual the rest of the city is."""
        hazards = like(incident.hazard)
        speaking = self.surroundings.speaking(hazards, incident.reach)
        share = self.surroundings.share_beside(hazards, incident.sensors, speaking)
        unnamed = speaking if len(incident.strands) >= STRANDS else 0
        around = Around(incident.sensors, share, self.people, unnamed)
        return incident.view(time)._replace(around=around)

    def _speaks(self, incident: Incident, key: tuple[str, str]) -> None:
        if key in incident.strands:
            self._silences.put((incident.id, key), incident.strands[key].until)

    def _merge(self, other: Incident, kept: Incident, time: int) -> IncidentView:
        for key, strand in other.strands.items():
            ours = kept.strands.setdefault(key, strand)
            if ours.latest.time < strand.latest.time:
                kept.strands[key] = strand
        kept.cells.update(other.cells)
        fresh = other.reach - kept.reach
        kept.reach |= fresh
        kept.bound()
        self._reaches(kept, fresh)
        for key in other.strands:
            self._speaks(kept, key)
        self._close(other)
        return self._view(other, time)._replace(strands=(), merged_into=kept.id)

    def _close(self, incident: Incident) -> None:
        del self._open[incident.id]
        self._closings.put(incident.id, None)
        for cell in incident.reach:
            self._near[cell].discard(incident.id)
            if not self._near[cell]:
                del self._near[cell]

    def _expire(self, now: int) -> Iterator[IncidentView]:
        if now <= self._now:
            return
        self._now = now
        while (due := self._silences.pop(now)) is not None:
            until, (name, key) = due
            self.surroundings.pass_time(until)  # the rest of the city as it was then, not now
            incident = self._open.get(name)
            if incident is None or incident.strands.pop(key, None) is None:
                continue  # merged into another one, or dropped as one of too many
            if not incident.strands:
                self._closings.put(name, until + CLOSE_AFTER_MS)
            yield self._view(incident, until)
        while (closing := self._closings.pop(now)) is not None:
            if not self._open[closing[1]].strands:
                self._close(self._open[closing[1]])
        self.surroundings.pass_time(now)

    def snapshot(self) -> bytes:
        """Return open incidents and evidence not yet applied."""
        return pickle.dumps(
            (
                self._watermarks,
                self._behind,
                self._ended,
                self._told,
                self._since,
                self._held,
                self._open,
                self._silences,
                self._closings,
                self._number,
                self._now,
                self.surroundings.take(),
            )
        )

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        (
            watermarks,
            behind,
            ended,
            self._told,
            self._since,
            self._held,
            self._open,
            self._silences,
            self._closings,
            self._number,
            self._now,
            surroundings,
        ) = pickle.loads(state)
        self.surroundings.put(surroundings)
        self._near.clear()
        for incident in self._open.values():
            incident.sensors = 0
            self._reaches(incident, incident.reach)
        # Who finds evidence may have changed since: time waits for those there are.
        origins = self._watermarks.keys()
        self._watermarks |= {name: at for name, at in watermarks.items() if name in origins}
        self._behind, self._ended = behind & origins, ended & origins
        self.counters.add("incidents", "received", len(self._held))


def _ranked(touched: list[Incident]) -> list[Incident]:
    """Return incidents that evidence belongs to, first the one that it joins."""
    oldest = min(touched, key=lambda incident: (incident.start, incident.id), default=None)
    return sorted(
        touched,
        key=lambda i: (oldest and i.hazard != oldest.hazard, -i.speakers, i.start, i.id),
    )
