"""The files of the screen over HTTP."""

import gzip
from pathlib import Path

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from sinks.control_room.pages import Document, Pages


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    static = tmp_path / "static"
    (static / "js").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html>")
    (static / "js" / "main.js").write_text("1")
    (static / "notes.txt").write_text("not served")
    (tmp_path / "secret.json").write_text("{}")
    (static / "link.json").symlink_to(tmp_path / "secret.json")
    return Pages(static)


def get(pages: Pages, path: str, **headers: str):
    return pages.get(Request(path, Headers(headers)))


def test_the_page_and_its_modules(pages: Pages) -> None:
    page = get(pages, "/?lang=en")
    assert (page.status_code, page.body) == (200, b"<!doctype html>")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    module = get(pages, "/static/js/main.js")
    assert (module.status_code, module.headers["Content-Length"]) == (200, "1")


def test_a_browser_that_has_a_file_is_told_so(pages: Pages) -> None:
    first = get(pages, "/static/js/main.js")
    headers = {"If-None-Match": first.headers["ETag"]}
    again = pages.get(Request("/static/js/main.js", Headers(headers)))
    assert (again.status_code, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../secret.json",
        "/static/%2e%2e/secret.json",
        "/static/..%2fsecret.json",
        "/static//etc/passwd.json",
        "/static/link.json",
        "/static/js",
        "/static/notes.txt",
        "/static/nothing.js",
        "/static/a%00.js",
        "/vendor/../pages.py",
        "/vendor/pywidget.js",
        "/index.html",
        "/ws2",
        "//evil.example/x",
    ],
)
def test_nothing_else_is_served(pages: Pages, path: str) -> None:
    assert get(pages, path).status_code == 404


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br", True),
        ("br, GZIP ; q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("x-gzip-like, br", False),
        ("", False),
        (None, False),
    ],
)
def test_a_large_document_is_packed_for_who_takes_it(accepted: str | None, packed: bool) -> None:
    body = b'{"name":"Lanjiang"}' * 1000
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    answer = Document(body).get(Request("/city.json", Headers(headers)))
    assert answer.headers.get("Content-Encoding") == ("gzip" if packed else None)
    assert (gzip.decompress(answer.body) if packed else answer.body) == body
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (len(answer.body) < 500) is packed
