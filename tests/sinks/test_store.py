"""The embedded store, and connecting to one."""

import socket
import subprocess
from pathlib import Path

import pytest

from sinks.store import (
    EmbeddedStore,
    StoreError,
    answers,
    connect,
    must_answer,
    store_command,
    store_url,
    without_secrets,
)
from tests.flows.processes import PATIENCE_S, eventually

pytestmark = pytest.mark.system


def test_killed_store_comes_back_with_its_data_on_the_same_address(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path) as store:
        client = connect(store.url)
        client.set("x", "1")
        client.execute_command("WAITAOF", "1", "0", "2000")
        url = store.url
        store.kill()
        store.start()
        assert store.url == url
        assert client.get("x") == b"1"
        client.close()
    with EmbeddedStore(tmp_path) as store:
        client = connect(store.url)
        assert client.get("x") == b"1"
        client.close()


def test_without_a_folder_nothing_is_left_behind() -> None:
    with EmbeddedStore() as store:
        folder = store.socket.parent
        assert folder.exists()
    assert not folder.exists()


def test_a_deep_folder_still_gets_a_socket(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / ("deep" * 20)) as store:
        client = connect(store.url)
        assert client.ping()
        client.close()


def test_a_supervisor_can_run_the_command_itself(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    process = subprocess.Popen(store_command(tmp_path, path))
    eventually(lambda: answers(path), "an answer")
    client = connect(store_url(path))
    assert client.ping()
    client.close()
    process.terminate()
    assert process.wait(PATIENCE_S) == 0


def test_a_store_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").write_text("in the way")
    store = EmbeddedStore(tmp_path)
    with pytest.raises(StoreError, match="did not start"):
        store.start()
    store.stop()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://store.example:6379/1", "redis://store.example:6379/1"),
        ("rediss://me:SECRET@store.example", "rediss://store.example"),
        ("redis://:SECRET@[::1]:6379", "redis://[::1]:6379"),
        ("redis://store.example/1?password=SECRET", "redis://store.example/1"),
        ("redis://store.example?password=SEC@RET", "redis://store.example"),
        ("unix://me:SECRET@/run/store.sock?db=1", "unix:///run/store.sock"),
        ("unix:///run/store.sock", "unix:///run/store.sock"),
        ("redis://me:SECRET@store.example:port", "redis://***"),
        ("redis://me:SEC/RET@store.example", "redis://***"),
        ("redis://me:SEC?RET@store.example", "redis://***"),
        ("me:SECRET@store.example", "***"),
        ("localhost:6379", "localhost:6379"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@pytest.mark.parametrize("where", ["127.0.0.1:{}", "127.0.0.1:{}/x?db=y", "[::1:{}"])
def test_whoever_does_not_answer_is_named_without_the_password(where: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"redis://me:SECRET@{where.format(nobody.getsockname()[1])}"
        with pytest.raises(StoreError) as caught:
            must_answer(url)
    assert "SECRET" not in str(caught.value)
    assert "redis://" in str(caught.value)
