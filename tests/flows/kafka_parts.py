"""One production process at a time, run here to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from flows.kafka import KafkaPlace
from flows.kafka import Topics as Names
from flows.production import FlowName, Part
from flows.run import make_parts
from flows.settings import Settings, load_settings
from operators.evidence_log import LogItem, decode_log
from operators.registry import Registry
from tests.broker import LocalBroker
from tests.kafka_fixture import Topics
from tests.kafka_tools import values

__all__ = ["City", "Kept"]


class City:
    """A city on a broker, with topics of its own and a data directory."""

    def __init__(self, broker: LocalBroker, topics: Topics, city: Path, data: Path) -> None:
        self.place = KafkaPlace(broker.address)
        self.names = Names(topics.prefix)
        self.city = city
        self.data = data

    def settings(self, **more: Any) -> Settings:
        told = {"kafka": self.place.servers, "kafka_prefix": self.names.prefix, "city": self.city}
        return load_settings(**(told | {"data_dir": self.data} | more))

    def part(
        self, flow: FlowName, number: int = 1, count: int = 1, prompt: bool = False, **more: Any
    ) -> Part:
        """A process; in order it ends by itself where the feed is marked as ended."""
        (part,) = make_parts(flow, self.settings(**more), (number, count), prompt=prompt)
        return part

    def log(self, registry: Registry) -> list[LogItem]:
        """What the evidence log says."""
        lines = values(self.place.servers, self.names.evidence)
        return [decode_log(line or b"", registry) for line in lines]


class Kept(FixedPartitionedSink[Any, None]):
    """A store that only keeps what it is given."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def list_parts(self) -> list[str]:
        return ["kept"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _KeptPart:
        return _KeptPart(self.items)


class _KeptPart(StatefulSinkPartition[Any, None]):
    def __init__(self, items: list[Any]) -> None:
        self._items = items

    def write_batch(self, values: list[Any]) -> None:
        self._items += values

    def snapshot(self) -> None:
        return None
