"""The library is found where it is loaded, and its structures are as long as it thinks."""

import ctypes
import ctypes.util
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka import KafkaError, KafkaException

import flows.librdkafka
from flows.kafka import KafkaUnusableError
from flows.librdkafka import Message, Place, Places, check, library, words


def test_it_is_the_very_library_that_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = flows.librdkafka._path()
    assert "librdkafka" in Path(loaded).name
    assert library().rd_kafka_version() == confluent_kafka.libversion()[1]
    monkeypatch.setattr(flows.librdkafka, "MAPS", Path("/nowhere"))
    assert Path(flows.librdkafka._path()).samefile(loaded)


def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(flows.librdkafka, "MAPS", tmp_path / "maps")
    monkeypatch.setattr(confluent_kafka, "__file__", str(tmp_path / "confluent_kafka" / "x.py"))
    with pytest.raises(KafkaUnusableError, match="librdkafka: expected it in memory or beside"):
        flows.librdkafka._path()


@pytest.mark.parametrize("path", ["/nowhere/librdkafka.so", ctypes.util.find_library("c")])
def test_a_library_that_is_another(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(flows.librdkafka, "_path", lambda: path)
    with pytest.raises(KafkaUnusableError, match="librdkafka: cannot be used: "):
        library.__wrapped__()


def test_structures_are_as_the_header_has_them() -> None:
    assert (ctypes.sizeof(Message), ctypes.sizeof(Place)) == (72, 64)
    assert Message.offset.offset == 56
    assert Place.err.offset == 48


def test_places_are_written_by_both_sides() -> None:
    with Places(b"topic", {3: 7, 0: -2}) as places:
        assert places.offsets() == {3: 7, 0: -2}
        places._places[1].err = KafkaError._UNKNOWN_PARTITION
        with pytest.raises(KafkaException, match=r"(?i)unknown partition"):
            places.check()
    with Places(b"topic", {}) as none:
        assert none.offsets() == {}


def test_codes() -> None:
    check(0)
    assert words(KafkaError._UNKNOWN_TOPIC) == "Local: Unknown topic"
    with pytest.raises(KafkaException) as caught:
        check(KafkaError._UNKNOWN_TOPIC)
    assert caught.value.args[0].code() == KafkaError._UNKNOWN_TOPIC
