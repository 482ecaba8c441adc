"""The job in Bytewax with what it ships: its KafkaSource, and `stateful_map` for every sensor.

One worker; the source's own batch size of 1,000. The state is a tuple, not River's objects:
`stateful_map` makes a deep copy of every state it touched at the end of each epoch, and a tuple of
numbers is the cheapest thing to copy.
"""

from __future__ import annotations

from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main
from redis import Redis

from benchmarks.peers.job import ALERTS, State, step
from benchmarks.peers.measuring import Stopwatch, given

Reading = dict[Any, Any]
Message = KafkaSourceMessage[bytes | None, bytes | None]


class AlertSink(DynamicSink[Reading]):
    """Alerts to Redis, one pipeline a batch."""

    def __init__(self, url: str) -> None:
        self._url = url

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Alerts:
        """Return this worker's part."""
        return _Alerts(Redis.from_url(self._url))


class _Alerts(StatelessSinkPartition[Reading]):
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def write_batch(self, items: list[Reading]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for alert in items:
            pipeline.xadd(ALERTS, alert)
        pipeline.execute()


def main() -> None:
    """Run the flow to the end of the topic."""
    arguments, watch = given("stock_bytewax"), Stopwatch()

    def decode(messages: list[Message]) -> list[tuple[str, Reading]]:
        watch.start()
        readings = [orjson.loads(message.value or b"") for message in messages]
        return [(reading["sensor"], reading) for reading in readings]

    def score(state: State | None, reading: Reading) -> tuple[State, Reading | None]:
        state, unusual = step(state, reading["value"])
        return state, reading if unusual else None

    flow = Dataflow("stock_bytewax")
    source = kop.input(
        "kafka", flow, brokers=[arguments.kafka], topics=[arguments.topic], tail=False
    )
    readings = op.flat_map_batch("decode", source.oks, decode)
    scored = op.stateful_map("score", readings, score)
    alerts = op.filter_map("alerts", scored, lambda keyed: keyed[1])
    op.output("redis", alerts, AlertSink(arguments.redis))
    cli_main(flow)  # type: ignore[no-untyped-call]  # Bytewax gives it no types
    watch.mark()
    watch.report(arguments.readings)


if __name__ == "__main__":
    main()
