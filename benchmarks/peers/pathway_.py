"""The job in Pathway: a stateful reducer over each sensor's readings, alerts to a subscriber.

The engine decodes JSON and groups; it hands the reducer a sensor's readings of one commit, in no
promised order, so they are sorted by time first. What a sensor raised in a commit is part of its
state, and a filter takes it out. One worker, beside which the engine has a thread that reads; a
commit every 100 ms, which is also where throughput was best; the topic is read to its end.

The first message that Python can see is in the first commit, which the engine has read and decoded
by then: up to 100 ms in favour of Pathway.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pathway as pw
from redis import Redis

from benchmarks.peers.job import ALERTS, State, step
from benchmarks.peers.measuring import Stopwatch, given

Raised = tuple[tuple[int, float], ...]


class Reading(pw.Schema):  # type: ignore[misc]  # Pathway is not installed here
    """A message of the topic."""

    sensor: str
    time: int
    value: float


def main() -> None:
    """Run the graph to the end of the topic."""
    arguments, watch = given("pathway_"), Stopwatch()
    pipeline = Redis.from_url(arguments.redis).pipeline(transaction=False)

    @pw.reducers.stateful_many  # type: ignore[untyped-decorator]  # for the same reason
    def score(
        state: tuple[State, Raised] | None, rows: list[tuple[list[Any], int]]
    ) -> tuple[State | None, Raised]:
        watch.start()
        learnt = None if state is None else state[0]
        raised = []
        for (time, value), _ in sorted(rows):
            learnt, unusual = step(learnt, value)
            if unusual:
                raised.append((time, value))
        return learnt, tuple(raised)

    def on_change(key: pw.Pointer, row: dict[str, Any], time: int, is_addition: bool) -> None:
        if is_addition:
            for at, value in row["raised"]:
                pipeline.xadd(ALERTS, {"sensor": row["sensor"], "time": at, "value": value})

    def on_time_end(time: int) -> None:
        pipeline.execute()

    readings = pw.io.kafka.read(
        {
            "bootstrap.servers": arguments.kafka,
            "group.id": f"pathway-{uuid4()}",
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": "10",  # reading a backlog, the usual 1 s leaves it idle
        },
        topic=arguments.topic,
        schema=Reading,
        format="json",
        mode="static",
        autocommit_duration_ms=100,
    )
    sensors = readings.groupby(pw.this.sensor).reduce(
        pw.this.sensor, state=score(pw.this.time, pw.this.value)
    )
    raised = sensors.select(
        pw.this.sensor,
        raised=pw.apply_with_type(lambda state: state[1], tuple, pw.this.state),
    )
    alerts = raised.filter(pw.apply_with_type(bool, bool, pw.this.raised))
    pw.io.subscribe(alerts, on_change, on_time_end=on_time_end)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE, default_logging=False)
    watch.mark()
    watch.report(arguments.readings)


if __name__ == "__main__":
    main()
