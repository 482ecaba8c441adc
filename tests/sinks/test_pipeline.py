"""Commands run ahead of their replies, and wait out a store that is away."""

import pytest

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
