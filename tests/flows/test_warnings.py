"""The warnings flow on a real broker: the evidence log to warnings, for the store and for Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bytewax.testing import TestingSource

from flows.log_reader import LogReader
from flows.run import run_parts
from flows.running import run_flow
from flows.warnings import warnings
from operators.codec import bad_message, decode_alert, encode
from operators.events import Alert, Command
from operators.evidence import Found
from operators.evidence_log import LogItem, encode_log
from operators.intake import CommandRows
from operators.registry import Registry
from operators.triage import Triaged
from tests.broker import LocalBroker
from tests.flows.kafka_parts import City, Kept
from tests.kafka_fixture import Topics
from tests.kafka_tools import read, send, values
from tests.operators.town import MINUTE, T0, evidence, sensor, town

pytestmark = pytest.mark.system

CITY = town([sensor("a", "street_water")])
OVER = T0 + 60 * MINUTE


@pytest.fixture
def city(kafka_broker: LocalBroker, topics: Topics, tmp_path: Path) -> City:
    """A town with a street under water, as the readings of two partitions tell it."""
    (tmp_path / "city.json").write_bytes(encode(CITY))
    made = City(kafka_broker, topics, tmp_path, tmp_path / "data")
    made.place.create(made.names, 2)
    return made


def wet(minute: int, number: int) -> Found:
    seen = evidence("a", T0 + minute * MINUTE, 6.0, source="level", level=2, graded=True)
    return Found("readings:0", (seen,), T0 + minute * MINUTE, number)


def tell(city: City, *items: LogItem | bytes) -> None:
    registry = Registry(CITY)
    lines = [item if isinstance(item, bytes) else encode_log(item, registry) for item in items]
    send(city.place.servers, city.names.evidence, lines)


def end(city: City) -> None:
    finders = [Found(name, (), OVER, last=True) for name in ("readings:0", "readings:1", "bursts")]
    tell(city, *finders, Triaged((), OVER, last=True))


def alerts(city: City) -> list[Alert]:
    return [decode_alert(each or b"") for each in values(city.place.servers, city.names.alerts)]


def test_versions_go_to_the_topic_and_to_the_store(city: City) -> None:
    tell(city, *(wet(minute, minute) for minute in range(5)))
    end(city)
    part, store = city.part("warnings"), Kept()
    part.store = store
    run_parts([part])
    said = alerts(city)
    assert said[0].hazard == "waterlogging"
    assert (said[0].version, said[0].status) == (1, "active")
    assert said[-1].status == "cleared"
    assert [item for item in store.items if isinstance(item, Alert)] == said
    assert any("clock" in item for item in store.items if isinstance(item, dict))
    keys = {message.key() for message in read(city.place.servers, city.names.alerts)}
    assert keys == {said[0].id.encode()}


def test_read_again_it_says_nothing_again(city: City) -> None:
    tell(city, *(wet(minute, minute) for minute in range(5)))
    end(city)
    run_parts([city.part("warnings")])
    said = alerts(city)
    (city.data / "warnings" / "0.snapshot").unlink()  # killed before its first snapshot
    run_parts([city.part("warnings")])
    assert alerts(city) == said
    assert said


def test_evidence_told_twice_counts_once(city: City) -> None:
    once = [wet(minute, minute) for minute in range(5)]
    tell(city, *once[:3], *once[1:])
    end(city)
    run_parts([city.part("warnings")])
    assert len(alerts(city)[0].evidence) == 1
    assert [each.version for each in alerts(city)] == [*range(1, len(alerts(city)) + 1)]


def test_what_is_not_ours_in_the_log_is_a_dead_letter(city: City) -> None:
    tell(city, wet(0, 0), b"{}", wet(1, 1), b"")
    end(city)
    run_parts([city.part("warnings")])
    letters = read(city.place.servers, city.names.deadletter)
    assert len(letters) == 2
    assert all(dict(letter.headers())["reason"] for letter in letters)
    assert alerts(city)


def test_what_people_ask_for_goes_into_the_log_before_it_counts(city: City) -> None:
    tell(city, wet(0, 0))
    end(city)
    part = city.part("warnings")
    command = Command("c-1", T0, "op-1", "wl-1", 1, "ack")
    part.control = TestingSource([CommandRows([command], T0)])
    run_parts([part])
    asked = [item for item in city.log(part.registry) if isinstance(item, CommandRows)]
    assert [each.id for item in asked for each in item.commands] == ["c-1"]
    last = read(city.place.servers, city.names.evidence)[-1]
    assert last.key() == b"people"


def test_what_people_ask_for_that_is_no_command_is_a_dead_letter(city: City) -> None:
    end(city)
    part = city.part("warnings")
    part.control = TestingSource([bad_message("store/commands", 0, 7, "op: missing", b"{}")])
    run_parts([part])
    (letter,) = read(city.place.servers, city.names.deadletter)
    assert (letter.key(), dict(letter.headers())) == (
        b"store/commands/0",
        {"reason": b"op: missing"},
    )


def test_news_of_the_broker_go_to_the_store(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LogReader, "away_since_ms", 5)
    end(city)
    part: Any = city.part("warnings")
    part.store = store = Kept()
    flow = warnings(part)
    run_flow(flow, None, 0.1)
    part.vault.close()
    told = [item["broker"] for item in store.items if isinstance(item, dict) and "broker" in item]
    assert told[0] == {"away_since": 5}
