"""The reports flow on a real broker: reports with their hazard, and those that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.log_reader import LogReader
from flows.reports import reports
from flows.run import run_parts
from flows.running import run_flow
from operators.codec import encode
from operators.events import BadMessage
from operators.evidence import Found
from operators.triage import Triaged
from tests.broker import LocalBroker
from tests.flows.kafka_parts import City
from tests.kafka_fixture import Topics
from tests.kafka_tools import read, send
from tests.operators.town import MINUTE, T0, line, report, town

pytestmark = pytest.mark.system

END = {"citywatch-end": b"1"}


@pytest.fixture
def city(kafka_broker: LocalBroker, topics: Topics, tmp_path: Path) -> City:
    """A town where three report water in the street, and one message is none."""
    (tmp_path / "city.json").write_bytes(encode(town()))
    made = City(kafka_broker, topics, tmp_path, tmp_path / "data")
    made.place.create(made.names, 2)
    told = [report(f"r-{n}", T0 + n * MINUTE, category="waterlogging") for n in range(3)]
    lines = [line(told[0]), b"[]", *map(line, told[1:])]
    send(made.place.servers, made.names.reports, lines)
    send(made.place.servers, made.names.reports, [None], headers=END)
    return made


def test_reports_go_into_the_log_each_once_numbered(city: City) -> None:
    part = city.part("reports")
    run_parts([part])
    said = city.log(part.registry)
    triaged = [item for item in said if isinstance(item, Triaged)]
    assert [r.id for item in triaged for r in item.reports] == ["r-0", "r-1", "r-2"]
    assert {r.hazard for item in triaged for r in item.reports} == {"waterlogging"}
    numbers = [item.number for item in triaged]
    assert numbers == sorted(numbers)
    assert triaged[-1].last
    assert {item.origin for item in said if isinstance(item, Found) and item.last} == {"bursts"}


def test_what_is_none_is_a_dead_letter_with_its_reason(city: City) -> None:
    run_parts([city.part("reports")])
    (letter,) = read(city.place.servers, city.names.deadletter)
    bad = msgspec.json.decode(letter.value(), type=BadMessage)
    assert (bad.source, bad.partition, bad.offset) == (f"{city.place.servers}/reports", 0, 1)
    assert letter.headers() == [("reason", bad.reason.encode())]


def test_it_goes_on_where_it_ended(city: City) -> None:
    run_parts([city.part("reports")])
    before = read(city.place.servers, city.names.evidence)
    again: Any = city.part("reports")
    run_parts([again])
    assert again.starts == {0: 4}
    said = city.log(again.registry)[len(before) :]
    assert not [r for item in said if isinstance(item, Triaged) for r in item.reports]


def test_news_of_the_broker_are_not_for_this_flow(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LogReader, "away_since_ms", 5)
    part: Any = city.part("reports")
    flow = reports(part)
    run_flow(flow, None, 0.1)
    assert part.counters.account("intake").received == 4
    part.vault.close()
