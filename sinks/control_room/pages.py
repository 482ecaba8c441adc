"""What the hub serves over plain HTTP: the screen's own files, the map library, two documents.

Everything comes from this machine; the content policy forbids the page any other origin.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

__all__ = ["Document", "Pages", "document", "plain"]

STATIC = Path(__file__).parent / "static"
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
VENDOR = ("maplibre-gl.js", "maplibre-gl.css")


class Pages:
    """The files of one screen.

    Parameters
    ----------
    static
        The folder with ``index.html`` and what is under ``/static/``.
    """

    def __init__(self, static: Path = STATIC) -> None:
        self._static = static.resolve()
        self._vendor = _maplibre()

    def get(self, request: Request) -> Response:
        """Return the file a request asks for; 404 when there is none."""
        file = self._find(unquote(urlsplit(request.path).path))
        if file is None or not file.is_file() or file.suffix not in TYPES:
            return plain(HTTPStatus.NOT_FOUND, "no such page")
        return _file(file.read_bytes(), TYPES[file.suffix], request)

    def _find(self, path: str) -> Path | None:
        if path == "/":
            return self._static / "index.html"
        if path.startswith("/vendor/"):
            name = path.removeprefix("/vendor/")
            return self._vendor / name if name in VENDOR else None
        if not path.startswith("/static/") or "\0" in path:
            return None
        file = (self._static / path.removeprefix("/static/")).resolve()
        return file if file.is_relative_to(self._static) else None


class Document:
    """A JSON document that is sent often, packed once for those who take it packed.

    Made off the loop: packing the 8.5 MB of 50,000 sensors takes 80 ms.
    """

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.tag = _tag(body)
        """Another one for every other document."""
        self._packed = gzip.compress(body, compresslevel=6, mtime=0)

    def get(self, request: Request) -> Response:
        """Return the document as the request wants it."""
        packed = _takes_gzip(request.headers.get_all("Accept-Encoding"))
        response = document(self._packed if packed else self.body)
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["ETag"] = f'"{self.tag}"'
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        return response


def _takes_gzip(accepted: list[str]) -> bool:
    """Say whether a header such as ``gzip;q=0.5, br`` names gzip without a weight of nought."""
    for part in ",".join(accepted).lower().split(","):
        name, *options = (word.strip() for word in part.split(";"))
        if name == "gzip":
            return not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", option) for option in options)
    return False


def document(body: bytes) -> Response:
    """Return a JSON document that is different every time."""
    headers = _headers("application/json", body, "no-store")
    return Response(HTTPStatus.OK, "OK", headers, body)


def plain(status: HTTPStatus, text: str) -> Response:
    """Return a line of text with a status."""
    body = f"{text}\n".encode()
    headers = _headers("text/plain; charset=utf-8", body, "no-store")
    return Response(status, status.phrase, headers, body)


def _file(body: bytes, kind: str, request: Request) -> Response:
    """Return a file, or 304 when the browser has this very one."""
    tag = f'"{_tag(body)}"'
    # The files change with the program, so a browser asks every time; the answer is short.
    if request.headers.get("If-None-Match") == tag:
        headers = _headers(kind, b"", "no-cache")
        headers["ETag"] = tag
        return Response(HTTPStatus.NOT_MODIFIED, "Not Modified", headers)
    headers = _headers(kind, body, "no-cache")
    headers["ETag"] = tag
    return Response(HTTPStatus.OK, "OK", headers, body)


def _tag(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def _headers(kind: str, body: bytes, cache: str) -> Headers:
    return Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": cache,
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Connection": "close",
        }
    )


def _maplibre() -> Path:
    """Return the folder of the map library in its wheel, without importing the package."""
    spec = find_spec("maplibre")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("maplibre: not installed, the map needs it")
    return Path(spec.submodule_search_locations[0]) / "srcjs"
