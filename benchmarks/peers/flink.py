"""The job in PyFlink: a keyed process function with its state, which sends alerts itself.

Java reads Kafka and decodes JSON into rows, Python keys and scores them; the local cluster that
`StreamExecutionEnvironment` starts runs it with parallelism 1. Bundles of up to 100,000 rows or 1 s
go to Python, whose cache of keyed state holds every sensor. There are no checkpoints, as by
default. Python runs in a process of its own: in this job Flink's thread mode was not faster.

Time is taken where the first row reaches Python, until Flink closes the function; the processor
time is that of all of Flink, found from the process that submitted the job.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

from pyflink.common import Configuration, Types, WatermarkStrategy
from pyflink.datastream import KeyedProcessFunction, StreamExecutionEnvironment
from pyflink.datastream.connectors.kafka import KafkaOffsetsInitializer, KafkaSource
from pyflink.datastream.formats.json import JsonRowDeserializationSchema
from pyflink.datastream.state import ValueStateDescriptor
from redis import Redis

from benchmarks.peers.job import ALERTS, step
from benchmarks.peers.measuring import Stopwatch, given

READING = Types.ROW_NAMED(
    ["sensor", "time", "value"], [Types.STRING(), Types.LONG(), Types.DOUBLE()]
)
LEARNT = Types.TUPLE([Types.LONG(), Types.DOUBLE(), Types.DOUBLE()])
SETTINGS = {
    "python.executable": sys.executable,
    "python.client.executable": sys.executable,
    "python.fn-execution.bundle.size": "100000",
    "python.fn-execution.bundle.time": "1000",
    "python.state.cache-size": "100000",
    "pipeline.object-reuse": "true",
}


class Score(KeyedProcessFunction):  # type: ignore[misc]  # Flink is not installed here
    """Scores readings, learns them, and writes alerts to Redis."""

    def __init__(self, url: str, watch: Stopwatch, report: Path) -> None:
        self._url, self._watch, self._report, self._done = url, watch, report, 0

    def open(self, context: Any) -> None:
        """Connect, and find this operator's state."""
        self._redis = Redis.from_url(self._url)
        self._state = context.get_state(ValueStateDescriptor("sensor", LEARNT))

    def process_element(self, reading: Any, context: Any) -> None:
        """Take one reading."""
        self._watch.start()
        self._done += 1
        sensor, time, value = reading
        learnt, unusual = step(self._state.value(), value)
        self._state.update(learnt)
        if unusual:
            self._redis.xadd(ALERTS, {"sensor": sensor, "time": time, "value": value})

    def close(self) -> None:
        """Leave the measurement for the process that submitted the job."""
        self._watch.mark()
        self._report.write_text(self._watch.line(self._done), encoding="utf-8")


def main() -> None:
    """Run the job to the end of the topic."""
    arguments, watch = given("flink"), Stopwatch()
    configuration = Configuration()
    for name, value in SETTINGS.items():
        configuration.set_string(name, value)
    flink = StreamExecutionEnvironment.get_execution_environment(configuration)
    flink.set_parallelism(1)
    source = (
        KafkaSource.builder()
        .set_bootstrap_servers(arguments.kafka)
        .set_topics(arguments.topic)
        .set_group_id(f"flink-{uuid4()}")
        .set_starting_offsets(KafkaOffsetsInitializer.earliest())
        .set_bounded(KafkaOffsetsInitializer.latest())
        .set_value_only_deserializer(
            JsonRowDeserializationSchema.builder().type_info(READING).build()
        )
        .build()
    )
    with tempfile.TemporaryDirectory(prefix="citywatch-flink-") as scratch:
        report = Path(scratch) / "report.json"
        readings = flink.from_source(source, WatermarkStrategy.no_watermarks(), "kafka")
        keyed = readings.key_by(lambda reading: reading[0], key_type=Types.STRING())
        keyed.process(Score(arguments.redis, watch, report))
        flink.execute("peers")
        sys.stdout.write(report.read_text(encoding="utf-8") + "\n")


if __name__ == "__main__":
    main()
