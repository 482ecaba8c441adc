"""The path of a report, from the bytes a source polled to evidence."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence

from operators.bursts import NoticeBursts
from operators.counters import Counters
from operators.event_clock import NEVER
from operators.events import BadMessage
from operators.evidence import Found
from operators.intake import Poll, ReportRows, TakeEvents
from operators.meter import Meter
from operators.reading_path import TOLD_MS
from operators.registry import Registry
from operators.triage import Triaged, TriageReports

__all__ = ["ReportPath"]


class ReportPath:
    """What happens to the reports of a city.

    Parameters
    ----------
    shards
        Numbers of the partitions they come by; with one, what follows from them is the same after
        a crash also in prompt mode.
    prompt
        Take reports as they arrive (live) instead of in event-time order (replay, tests).
    vocabulary
        What this city says of a hazard beside what every city's triage starts from.

    Notes
    -----
    State: that of its steps. Reports and evidence are numbered: after a resume the same come again
    under the same number.
    """

    def __init__(
        self,
        registry: Registry,
        counters: Counters,
        shards: Sequence[int] = (0,),
        *,
        prompt: bool = False,
        where: str = "feed",
        meter: Meter | None = None,
        vocabulary: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.shards = shards
        self.meter = meter or Meter()
        self.intake = TakeEvents("reports", counters, shards, where)
        self.triage = TriageReports(registry, counters, prompt, vocabulary)
        self.bursts = NoticeBursts(registry)
        self._told = NEVER
        self._begun: int | None = None

    def on_batch(self, items: Iterable[Poll]) -> Iterator[Triaged | Found | BadMessage]:
        """Return reports with hazard and place, bursts of them, and what was bad."""
        for poll in items:
            self.meter.start()
            if self._begun is None and poll.stretches:
                self._begun = poll.stretches[0].offset
            rows, bad = self.intake.accept(poll)
            yield from bad
            self.meter.lap("decode")
            assert isinstance(rows, ReportRows)
            live = len(poll.live) == len(self.shards)
            for triaged in self.triage.on_batch([rows]):
                yield from self._tell(triaged._replace(live=live, begun=self._begun or 0))

    def _tell(self, triaged: Triaged) -> Iterator[Triaged | Found]:
        found = list(self.bursts.on_batch([triaged]))
        self.meter.lap("triage")
        moved = triaged.watermark >= self._told + TOLD_MS
        if triaged.reports or triaged.last or moved:
            self._told = triaged.watermark
            yield triaged
            yield from (each._replace(begun=triaged.begun) for each in found)

    @property
    def over(self) -> bool:
        """Whether every shard has ended."""
        return self.intake.over

    def snapshot(self) -> bytes:
        """Return the state of all steps."""
        steps = self.intake.take(), self.triage.snapshot(), self.bursts.snapshot()
        return pickle.dumps((*steps, self._told, self._begun))

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        intake, triage, bursts, self._told, self._begun = pickle.loads(state)
        self.intake.put(intake)
        self.triage.restore(triage)
        self.bursts.restore(bursts)
