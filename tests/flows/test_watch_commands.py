"""Commands that watch a city, as a user meets them; ``up`` and ``run`` have files of their own."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sinks.store import EmbeddedStore
from tests.broker import LocalBroker
from tests.flows.processes import PATIENCE_S, free_port, here, started
from tests.flows.test_room import page
from tests.kafka_fixture import Topics

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("plain")]


class TestTopics:
    def test_are_made_once_and_a_feed_is_published_to_them(
        self,
        quiet_feed: Path,
        kafka_broker: LocalBroker,
        topics: Topics,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        prefix, broker = topics.prefix, kafka_broker.address
        monkeypatch.setenv("CITYWATCH_KAFKA_PREFIX", prefix)
        assert here("topics", "--kafka", broker, "--partitions", "3") == 0
        assert capsys.readouterr().out.splitlines() == [
            f"{prefix}.readings: 3 partitions, new",
            *(f"{prefix}.{n}: 1 partition, new" for n in ("reports", "evidence", "alerts")),
            f"{prefix}.deadletter: 1 partition, new",
        ]
        assert here("topics", "--kafka", broker, "--partitions", "5") == 0
        assert capsys.readouterr().out.splitlines()[0] == f"{prefix}.readings: 3 partitions"

        assert here("replay", quiet_feed, "--kafka", broker) == 0
        said = capsys.readouterr()
        files = [quiet_feed / name for name in ("readings.jsonl", "reports.jsonl")]
        count = sum(len(path.read_bytes().splitlines()) for path in files)
        assert said.out == (
            f"{count:,} messages published to {prefix}.readings and {prefix}.reports\n"
        )
        assert "100%" in said.err


class TestServe:
    def test_serves_the_screen_of_a_store(self, store: EmbeddedStore) -> None:
        port = free_port()
        with started("serve", "--redis", store.url, "--port", str(port)) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == f"screen at http://127.0.0.1:{port}\n"
            assert page(port)
            process.terminate()
            assert process.wait(PATIENCE_S) == 0

    def test_where_somebody_listens_already_says_nothing_else(
        self, store: EmbeddedStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert here("serve", "--redis", store.url, "--port", str(port)) == 1
        said = capsys.readouterr()
        assert said.err == f"citywatch: cannot listen at 127.0.0.1:{port}: address already in use\n"
        assert said.out == ""
