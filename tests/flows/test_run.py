"""One production process: what it is made of, and that it goes on where it ended."""

from __future__ import annotations

import io
import re
import shutil
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flows.feeds import FeedError
from flows.kafka import KafkaUnusableError
from flows.kafka import Topics as Names
from flows.publish import publish_directory
from flows.run import _say, make_parts, parse_part, run_parts
from flows.settings import ConfigError, load_settings
from flows.vault import Vault, VaultError
from operators.evidence import Found
from sinks.redis import RedisSink
from sinks.store import StoreError
from tests.broker import LocalBroker
from tests.flows.kafka_parts import City
from tests.flows.processes import eventually, free_port
from tests.kafka_fixture import Topics
from tests.kafka_tools import read

system = pytest.mark.system


class TestParsePart:
    @pytest.mark.parametrize(
        ("text", "part"), [("1/1", (1, 1)), ("2/4", (2, 4)), ("12/12", (12, 12))]
    )
    def test_is_number_and_count(self, text: str, part: tuple[int, int]) -> None:
        assert parse_part(text) == part

    @pytest.mark.parametrize(
        "text",
        ["", "1", "/", "1/", "/2", "0/2", "3/2", "-1/2", "1/2/3", "a/b", "1.0/2", "²/3", " "],
    )
    def test_what_is_none_is_one_line(self, text: str) -> None:
        with pytest.raises(ConfigError) as error:
            parse_part(text)
        assert str(error.value) == f"--part: expected i/n with 1 <= i <= n, got {text!r}"


class TestMakeParts:
    def settings(self, feed: Path, **more: Any) -> Any:
        return load_settings(**({"kafka": "a:1", "city": feed, "data_dir": feed / "data"} | more))

    def test_is_what_the_settings_say(self, quiet_feed: Path) -> None:
        settings = self.settings(
            quiet_feed,
            kafka_prefix="east",
            kafka_security_protocol="ssl",
            poll_size=77,
            snapshot_s=3.0,
            speed=60.0,
        )
        (made,) = make_parts("readings", settings, (2, 4), clock="feed")
        told = {"bootstrap.servers": "a:1", "security.protocol": "ssl"}
        assert told.items() <= made.kafka.options().items()
        assert made.topic == "east.readings"
        assert (made.number, made.count, made.poll_size, made.snapshot_s) == (2, 4, 77, 3.0)
        assert (made.prompt, made.clock, made.ends, made.speed) == (True, "feed", False, 60.0)
        assert len(made.registry.sensors) == 150
        assert made.store is None
        assert made.control is None

    def test_in_order_it_goes_by_the_readings_alone_and_ends_with_them(
        self, quiet_feed: Path
    ) -> None:
        (made,) = make_parts("readings", self.settings(quiet_feed), prompt=False, clock="feed")
        assert (made.prompt, made.clock, made.ends) == (False, "none", True)

    def test_the_city_may_be_the_file_or_where_it_is(self, quiet_feed: Path) -> None:
        for city in (quiet_feed, quiet_feed / "city.json"):
            (made,) = make_parts("reports", self.settings(quiet_feed, city=city))
            assert len(made.registry.sensors) == 150

    def test_a_city_by_any_name_is_that_file(self, quiet_feed: Path, tmp_path: Path) -> None:
        new = tmp_path / "new.json"
        new.write_bytes(
            (quiet_feed / "city.json").read_bytes().replace(b'"name":"', b'"name":"New ', 1)
        )
        (tmp_path / "city.json").write_bytes((quiet_feed / "city.json").read_bytes())
        (made,) = make_parts("reports", self.settings(quiet_feed, city=new))
        assert made.registry.city.name.startswith("New ")

    @pytest.mark.parametrize("url", ["localhost:6379", "redis://:pa/SECRET@a:1"])
    def test_an_address_that_is_none_is_told_before_anything_starts(
        self, quiet_feed: Path, url: str
    ) -> None:
        with pytest.raises(StoreError, match="--redis: expected redis://HOST:PORT") as error:
            make_parts("city", self.settings(quiet_feed, redis=url))
        assert "SECRET" not in str(error.value)

    def test_with_a_store_warnings_read_commands_and_readings_only_watches(
        self, quiet_feed: Path
    ) -> None:
        settings = self.settings(quiet_feed, redis="redis://127.0.0.1:1")
        asks = {}
        for flow in ("readings", "warnings"):
            (made,) = make_parts(flow, settings)  # type: ignore[arg-type]
            assert isinstance(made.store, RedisSink)
            control: Any = made.control
            asks[flow] = control.commands, control.remembers
            assert control.stop is made.stop
        assert asks == {"readings": (False, False), "warnings": (True, True)}
        assert make_parts("reports", settings)[0].store is None

    @pytest.mark.parametrize(
        ("missing", "words"),
        [
            ("kafka", "--kafka: expected HOST:PORT of a broker, got nothing"),
            ("city", "--city: expected city.json or the directory it is in, got nothing"),
        ],
    )
    def test_what_was_not_given_is_one_line(
        self, quiet_feed: Path, missing: str, words: str
    ) -> None:
        with pytest.raises(ConfigError) as error:
            make_parts("readings", self.settings(quiet_feed, **{missing: None}))
        assert str(error.value) == words

    def test_the_whole_city_is_three_parts_with_one_end_and_one_way_to_the_store(
        self, quiet_feed: Path
    ) -> None:
        settings = self.settings(quiet_feed, redis="redis://127.0.0.1:1")
        parts = make_parts("city", settings, clock="feed")
        assert [part.flow for part in parts] == ["readings", "reports", "warnings"]
        assert [part.clock for part in parts] == ["feed"] * 3
        first, _, last = parts
        for part in parts:
            assert (part.stop, part.counters) == (first.stop, first.counters)
        assert [part.store is not None for part in parts] == [False, False, True]
        assert [part.control is not None for part in parts] == [True, False, False]
        control: Any = first.control
        assert (control.commands, control.remembers, control.stop) == (True, True, last.stop)

    def test_a_city_that_is_not_there_is_named(self, quiet_feed: Path, tmp_path: Path) -> None:
        with pytest.raises(FeedError, match=r"elsewhere/city\.json: no such file"):
            make_parts("readings", self.settings(quiet_feed, city=tmp_path / "elsewhere"))

    def test_no_secret_shows(self, quiet_feed: Path) -> None:
        secret = "correct-horse-battery"
        settings = self.settings(
            quiet_feed, kafka_security_protocol="sasl_ssl", kafka_sasl_password=secret
        )
        (made,) = make_parts("readings", settings)
        assert made.kafka.options()["sasl.password"] == secret
        assert secret not in repr(made) + str(made)


@pytest.fixture
def city(kafka_broker: LocalBroker, topics: Topics, quiet_feed: Path, tmp_path: Path) -> City:
    """Topics with half an hour of a city in them, the end marked."""
    made = City(kafka_broker, topics, quiet_feed, tmp_path / "data")
    made.place.create(made.names, 2)
    publish_directory(quiet_feed, made.place, made.names, None, None)
    return made


def test_a_full_disk_behind_the_output_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(full, write_through=True))
        with pytest.raises(OSError, match="No space left"):
            print("as it is without us", flush=True)
        _say("readings: partitions 0, 1")


@system
class TestRunPart:
    def test_reads_to_the_end_and_goes_on_from_there(
        self, city: City, capsys: pytest.CaptureFixture[str]
    ) -> None:
        first = city.part("readings")
        assert not run_parts([first]), "it came to the end"
        assert capsys.readouterr().out == "readings: partitions 0, 1\n"
        said = city.log(first.registry)
        ends = [item.origin for item in said if isinstance(item, Found) and item.last]
        assert Counter(ends) == {"readings:0": 1, "readings:1": 1}

        second = city.part("readings")
        run_parts([second])
        messages = read(city.place.servers, city.names.readings)
        assert second.starts == {
            number: max(
                message.offset()
                for message in messages
                if message.partition() == number and message.value() is not None
            )
            + 1
            for number in (0, 1)
        }
        again = city.log(first.registry)[len(said) :]
        assert not [item for item in again if isinstance(item, Found) and item.evidence]
        assert first.counters.account("intake").received > 0
        assert second.counters.account("intake").received == 0

    def test_asked_to_stop_before_the_end_it_says_so(self, city: City) -> None:
        part = city.part("readings")
        part.stop.asked = True
        assert run_parts([part])

    def test_parts_share_the_work_and_the_directory(self, city: City) -> None:
        one, two = city.part("readings", 1, 2), city.part("readings", 2, 2)
        assert (one.partitions, two.partitions) == ([0], [1])
        for part in (one, two):
            run_parts([part])
        found = [item for item in city.log(one.registry) if isinstance(item, Found)]
        assert {item.origin for item in found} == {"readings:0", "readings:1"}
        files = {path.name for path in (city.data / "readings").glob("*.snapshot")}
        assert files == {"0.snapshot", "1.snapshot"}

    def test_a_part_that_somebody_has_is_refused(self, city: City) -> None:
        owner = Vault(city.data / "readings", [1])
        with pytest.raises(VaultError, match="partition 1 is being worked on"):
            run_parts([city.part("readings")])
        owner.close()

    def test_a_damaged_snapshot_is_named(self, city: City) -> None:
        path = city.data / "reports" / "0.snapshot"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"nothing")
        part = city.part("reports")
        with pytest.raises(VaultError, match=rf"{re.escape(str(path))}: damaged"):
            run_parts([part])
        part.vault.close()

    def test_a_snapshot_of_other_habits_is_refused(self, city: City) -> None:
        run_parts([city.part("readings")])
        part = city.part("readings")
        part.weekly = True
        with pytest.raises(VaultError, match=r"0\.snapshot: expected b'cwweeks.*delete it"):
            run_parts([part])
        part.vault.close()

    def test_state_of_another_topic_is_refused(self, city: City, topics: Topics) -> None:
        run_parts([city.part("reports")])
        first = city.names.reports
        city.names = Names(f"{topics.prefix}other")
        city.place.create(city.names, 2)
        why = rf"/reports: holds the state of {re.escape(first)}: delete it"
        with pytest.raises(VaultError, match=why):
            run_parts([city.part("reports")])

    def test_state_of_a_topic_that_was_made_anew_is_refused(
        self, city: City, topics: Topics
    ) -> None:
        run_parts([city.part("reports")])
        topics.delete()
        eventually(lambda: len(city.place.create(city.names, 2)) == 5, "topics made anew")
        with pytest.raises(VaultError, match=r"of a .*\.reports that was deleted: delete it"):
            run_parts([city.part("reports")])
        shutil.rmtree(city.data)
        publish_directory(city.city, city.place, city.names, None, None)
        run_parts([city.part("reports")])

    def test_more_parts_than_partitions_is_one_line(self, city: City) -> None:
        with pytest.raises(KafkaUnusableError) as error:
            run_parts([city.part("readings", 3, 3)])
        assert str(error.value) == (
            f"{city.names.readings} has 2 partitions: part 3/3 would have none"
        )

    def test_two_partitions_where_order_needs_one_is_one_line(
        self, kafka_broker: LocalBroker, topics: Topics, quiet_feed: Path, tmp_path: Path
    ) -> None:
        made = City(kafka_broker, topics, quiet_feed, tmp_path / "data")
        topics.make(".readings", 2)
        topics.make(".evidence", 2)
        with pytest.raises(KafkaUnusableError, match=r"\.evidence: expected 1 partition, got 2"):
            run_parts([made.part("warnings")])

    def test_topics_that_are_not_there_is_one_line(
        self, kafka_broker: LocalBroker, topics: Topics, quiet_feed: Path, tmp_path: Path
    ) -> None:
        made = City(kafka_broker, topics, quiet_feed, tmp_path / "data")
        with pytest.raises(KafkaUnusableError, match=r"no topic .*\.reports: make it with"):
            run_parts([made.part("reports")])

    def test_its_metrics_are_where_it_says(
        self, city: City, capsys: pytest.CaptureFixture[str]
    ) -> None:
        part = city.part("reports")
        run_parts([part], ("127.0.0.1", 0))
        found = re.search(r"metrics at (http://127\.0\.0\.1:\d+/metrics)", capsys.readouterr().out)
        assert found is not None
        with urllib.request.urlopen(found[1], timeout=5) as answer:
            text = answer.read().decode()
        assert 'citywatch_step_seconds_count{flow="reports",step="decode"}' in text
        assert 'citywatch_lag_messages{flow="reports",partition="0"} 0.0' in text


def test_a_broker_that_is_not_there_is_one_line(
    quiet_feed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.kafka.ANSWER_S", 0.2)
    shutil.copy(quiet_feed / "city.json", tmp_path)
    settings = load_settings(kafka=f"127.0.0.1:{free_port()}", city=tmp_path, data_dir=tmp_path)
    with pytest.raises(KafkaUnusableError, match="no Kafka answers"):
        run_parts(make_parts("readings", settings))
