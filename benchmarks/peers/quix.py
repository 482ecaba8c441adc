"""The job in Quix Streams: a stateful function for every key, and a sink.

State is kept in RocksDB and backed by a changelog topic, and a checkpoint is made every 5 s: both
are its defaults. The sink collects alerts and writes them in one pipeline at the checkpoint.
"""

from __future__ import annotations

import tempfile
from typing import Any
from uuid import uuid4

from quixstreams import Application, State
from quixstreams.sinks import BatchingSink, SinkBatch
from redis import Redis

from benchmarks.peers.job import ALERTS, step
from benchmarks.peers.measuring import Stopwatch, given


class AlertSink(BatchingSink):  # type: ignore[misc]  # Quix Streams is not installed here
    """Alerts to Redis, one pipeline a checkpoint."""

    def __init__(self, url: str, watch: Stopwatch) -> None:
        super().__init__()
        self._url, self._watch = url, watch

    def setup(self) -> None:
        """Connect."""
        self._redis = Redis.from_url(self._url)

    def write(self, batch: SinkBatch) -> None:
        """Write what one partition raised since the last checkpoint."""
        pipeline = self._redis.pipeline(transaction=False)
        for item in batch:
            pipeline.xadd(ALERTS, item.value)
        pipeline.execute()
        self._watch.mark()


def score(reading: dict[str, Any], state: State) -> bool:
    """Say whether a reading raises an alert, and learn it."""
    learnt, unusual = step(state.get("sensor"), reading["value"])
    state.set("sensor", learnt)
    return unusual


def main() -> None:
    """Run the application until all readings are processed."""
    arguments, watch, done = given("quix"), Stopwatch(), 0

    def count(topic: str, partition: int, offset: int) -> None:
        nonlocal done
        done += 1
        if done == 1:
            watch.start()
        elif done == arguments.readings:
            watch.mark()
            app.stop()

    with tempfile.TemporaryDirectory(prefix="citywatch-quix-") as state_dir:
        app = Application(
            broker_address=arguments.kafka,
            consumer_group=f"quix-{uuid4()}",
            auto_offset_reset="earliest",
            state_dir=state_dir,
            on_message_processed=count,
            loglevel="WARNING",
        )
        readings = app.dataframe(app.topic(arguments.topic, value_deserializer="json"))
        alerts = readings.filter(score, stateful=True)
        alerts.sink(AlertSink(arguments.redis, watch))
        app.run()
    watch.report(done)


if __name__ == "__main__":
    main()
