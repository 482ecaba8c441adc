"""Commands run ahead of their replies, and wait out a store that is away."""

from typing import Any

import pytest
import redis
from redis.exceptions import OutOfMemoryError

import sinks.pipeline
from sinks.ending import Ending
from sinks.pipeline import HeldPipeline
from sinks.store import EmbeddedStore, StoreError, connect


def line(url: str, patience_s: float = 20.0) -> HeldPipeline:
    return HeldPipeline(url, lambda client: None, lambda client: None, patience_s=patience_s)


@pytest.mark.system
def test_what_was_sent_is_there_after_a_flush_in_order(store: EmbeddedStore) -> None:
    pipeline = line(store.url)
    pipeline.send([("RPUSH", "list", n) for n in range(100)])
    pipeline.send([("RPUSH", "list", "last")])
    pipeline.flush()
    pipeline.close()
    client = connect(store.url)
    assert client.lrange("list", 0, -1) == [*(b"%d" % n for n in range(100)), b"last"]
    client.close()


@pytest.mark.system
def test_a_store_that_stays_away_is_named_once_patience_is_over() -> None:
    pipeline = line("unix:///nowhere/store.sock", patience_s=0.01)
    with pytest.raises(StoreError, match="away"):
        pipeline.send([("PING",)])
    pipeline.close()


class Time:
    """Time that passes while somebody sleeps, and somebody who asks for the end at a time."""

    def __init__(self, asks_at: float = float("inf")) -> None:
        self.now, self.asks_at = 0.0, asks_at
        self.ending = Ending(clock=lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.ending.asked = self.now >= self.asks_at

    def line(self, url: str = "unix:///nowhere/store.sock", **more: Any) -> HeldPipeline:
        told = {"relieve": lambda client: None, **more}
        return HeldPipeline(
            url,
            lambda client: None,
            told["relieve"],
            ending=self.ending,
            clock=lambda: self.now,
            sleep=self.sleep,
        )


class TestAskedToEnd:
    def test_a_store_that_is_away_is_waited_for_less_than_two_seconds(self) -> None:
        time = Time(asks_at=30.0)
        with pytest.raises(StoreError, match=r"1 commands held, away for 3\d s and the end was"):
            time.line().send([("PING",)])
        assert 30.0 + 1.0 < time.now < 30.0 + 2.0

    def test_not_a_second_time_when_it_is_closed(self) -> None:
        time = Time(asks_at=1.0)
        pipeline = time.line()
        with pytest.raises(StoreError):
            pipeline.send([("PING",)])
        waited = time.now
        pipeline.finish()
        pipeline.close()
        assert time.now == waited

    @pytest.mark.system
    def test_a_store_that_does_not_reply_is_not_waited_for_either(
        self, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sinks.pipeline, "LOOK_S", 0.0)
        time = Time()
        pipeline = time.line(store.url)
        pipeline.send([("BLPOP", "nothing", 60)])
        time.ending.asked = True
        assert not time.ending.over
        time.now = 1e6
        with pytest.raises(StoreError, match="no answer"):
            pipeline.flush()
        pipeline.close()

    @pytest.mark.system
    def test_a_store_that_is_there_gets_everything(self, store: EmbeddedStore) -> None:
        time = Time()
        time.ending.asked = True
        pipeline = time.line(store.url)
        pipeline.send([("SET", "x", "1")])
        pipeline.finish()
        pipeline.close()
        with connect(store.url) as client:
            assert client.get("x") == b"1"


def test_what_fails_elsewhere_is_no_reason_to_wait() -> None:
    time = Time()
    pipeline = time.line()
    pipeline._held.append(("PING",))
    time.ending.broken = True
    pipeline.finish()
    assert time.now == 0.0


def test_what_is_not_delivered_at_a_clean_end_is_an_error() -> None:
    time = Time()
    pipeline = time.line()
    pipeline._held.append(("PING",))
    with pytest.raises(StoreError, match="away for 12"):
        pipeline.finish()
    assert time.ending.broken


def test_a_store_that_dies_while_it_is_relieved_is_waited_for() -> None:
    happens: list[Exception | None] = [OutOfMemoryError("full"), OutOfMemoryError("full"), None]
    relieved: list[Exception | None] = [redis.ConnectionError("gone"), None]

    def step() -> None:
        if error := happens.pop(0):
            raise error

    def relieve(_: redis.Redis) -> None:
        if error := relieved.pop(0):
            raise error

    pipeline = Time().line(relieve=relieve)
    pipeline._insist(step)
    assert (happens, relieved) == ([], [])
    assert pipeline.reconnects == 3
