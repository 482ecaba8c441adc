"""The readings flow on a real broker: what becomes of messages, and of those that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from bytewax.testing import TestingSource

from flows.log_reader import LogReader
from flows.readings import readings
from flows.run import run_parts
from flows.running import run_flow
from operators.codec import encode
from operators.events import BadMessage, Sensor, SeriesPoints
from operators.evidence import Found
from operators.series import Watch
from operators.windows import ShardWindow
from tests.broker import LocalBroker
from tests.flows.kafka_parts import City, Kept
from tests.kafka_fixture import Topics
from tests.kafka_tools import read, send
from tests.operators.town import MINUTE, T0, reading, sensor, town

pytestmark = pytest.mark.system

END = {"citywatch-end": b"1"}


@pytest.fixture
def city(kafka_broker: LocalBroker, topics: Topics, tmp_path: Path) -> City:
    """A town of four noise sensors, whose readings come by two partitions."""
    sensors = [sensor(f"s-{n}", "noise", at_m=(300 * n, 0)) for n in range(4)]
    (tmp_path / "city.json").write_bytes(encode(town(sensors)))
    made = City(kafka_broker, topics, tmp_path, tmp_path / "data")
    made.place.create(made.names, 2)
    return made


def publish(city: City, *more: bytes, minutes: int = 20) -> None:
    """Two sensors a partition, a reading a minute each; in the middle of the first, more."""
    for number in (0, 1):
        lines = [
            reading(f"s-{n}", T0 + minute * MINUTE, 50 + n)
            for minute in range(minutes)
            for n in (2 * number, 2 * number + 1)
        ]
        if number == 0:
            lines[len(lines) // 2 : len(lines) // 2] = more
        send(city.place.servers, city.names.readings, lines, number)
        send(city.place.servers, city.names.readings, [None], number, headers=END)


def test_every_partition_tells_its_progress_its_windows_and_its_end(city: City) -> None:
    publish(city)
    part = city.part("readings")
    run_parts([part])
    said = city.log(part.registry)
    for number in (0, 1):
        found = [i for i in said if isinstance(i, Found) and i.origin == f"readings:{number}"]
        watermarks = [item.watermark for item in found]
        assert watermarks == sorted(watermarks)
        assert [item.last for item in found] == [False] * (len(found) - 1) + [True]
        windows = [item for item in said if isinstance(item, ShardWindow) and item.shard == number]
        assert [window.end for window in windows] == [T0 + k * 5 * MINUTE for k in range(1, 4)]
        assert windows[0].heard == 2
    assert part.counters.account("intake").balanced
    assert part.counters.account("intake").received == 80


def test_what_cannot_be_used_is_a_dead_letter_with_its_reason(city: City) -> None:
    publish(city, b"{", reading("s-0", T0, "loud"))
    part = city.part("readings")
    run_parts([part])
    letters = read(city.place.servers, city.names.deadletter)
    bad = [msgspec.json.decode(letter.value(), type=BadMessage) for letter in letters]
    assert [each.offset for each in bad] == [20, 21]
    for letter, each in zip(letters, bad, strict=True):
        assert letter.headers() == [("reason", each.reason.encode())]
        assert each.source == f"{city.place.servers}/readings"
        assert letter.key() == f"{each.source}/0".encode()
    assert part.counters.account("intake").rejected == 2


def test_who_introduces_itself_is_told_to_the_others(city: City) -> None:
    stranger = reading("new", T0 + 10 * MINUTE, 60, kind="noise", lon=106.55, lat=29.56)
    publish(city, stranger)
    part = city.part("readings")
    run_parts([part])
    met = [item for item in city.log(part.registry) if isinstance(item, Sensor)]
    assert [(each.id, each.kind) for each in met] == [("new", "noise")]


def test_series_that_somebody_looks_at_go_to_the_store(city: City) -> None:
    publish(city)
    part, store = city.part("readings"), Kept()
    part.store = store
    part.control = TestingSource([Watch(("s-3",))])
    run_parts([part])
    points = [item for item in store.items if isinstance(item, SeriesPoints)]
    assert {item.sensor for item in points} <= {"s-3"}
    assert len(points) == len(store.items)


def test_news_of_the_broker_are_not_for_this_flow(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LogReader, "away_since_ms", 5)
    publish(city)
    part: Any = city.part("readings")
    flow = readings(part)
    run_flow(flow, None, 0.1)
    assert part.counters.account("intake").received == 80
    part.vault.close()
