"""Origins as browsers spell them."""

import pytest

from sinks.control_room.origins import authority, origin_pattern, own_origins


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:80", "http://localhost:80"),
        ("http://localhost", "http://localhost"),
        ("https://wall.example:443", "https://wall.example"),
        ("http://Wall-1:8765", "http://wall-1:8765"),
        ("http://wall-1:8765", "http://WALL-1:8765"),
        ("http://[::1]:8765", "http://[::1]:8765"),
        ("http://[0:0::1]:8765", "http://[::1]:8765"),
        ("http://[FE80::1]:80", "http://[fe80::1]"),
        ("app://wall", "app://wall"),
        ("null", "null"),
    ],
)
def test_the_same_page_may_connect(known: str, said: str) -> None:
    assert origin_pattern(known).fullmatch(said)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ("http://localhost:80", "http://localhost:8080"),
        ("http://localhost:80", "https://localhost"),
        ("http://localhost:8765", "http://localhost"),
        ("https://wall.example:80", "https://wall.example"),
        ("http://wall.example", "http://wallxexample"),
        ("http://wall", "http://wall.evil.example"),
        ("http://wall:99999999", "http://wall"),
        ("http://[::1", "http://[::1]"),
    ],
)
def test_another_page_may_not(known: str, said: str) -> None:
    assert not origin_pattern(known).fullmatch(said)


def test_our_own_pages_under_every_name() -> None:
    names = {"::1", "FE80::1", "Wall-1", "", "10.0.0.5"}
    assert own_origins(names, 80) == [
        "http://10.0.0.5:80",
        "http://[::1]:80",
        "http://[fe80::1]:80",
        "http://wall-1:80",
    ]
    assert authority("fe80::1%eth0", 80) == "[fe80::1%eth0]:80"
