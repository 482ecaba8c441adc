"""Which pages may connect: a browser says where its page is from, in its own spelling.

It writes names in lower case, an IPv6 address in brackets and in its short form, and leaves out
the port that a scheme has anyhow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["authority", "origin_pattern", "own_origins"]

PORTS = {"http": 80, "https": 443}


def own_origins(names: Iterable[str], port: int) -> list[str]:
    """Return the origins of our own pages, under every name this machine has.

    Examples
    --------
    >>> own_origins(["localhost", "fe80::1"], 8765)
    ['http://[fe80::1]:8765', 'http://localhost:8765']
    """
    return sorted(f"http://{authority(name, port)}" for name in names if name)


def authority(host: str, port: int) -> str:
    """Return a name or address with a port, as an address bar shows it.

    Examples
    --------
    >>> authority("0:0::1", 80)
    '[::1]:80'
    """
    return f"{_written(host)}:{port}"


def origin_pattern(origin: str) -> re.Pattern[str]:
    """Return what matches an origin however it is spelt.

    Examples
    --------
    >>> bool(origin_pattern("http://Wall-1:80").fullmatch("http://wall-1"))
    True
    """
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:  # it is none, and matches only itself
        return re.compile(re.escape(origin))
    usual = PORTS.get(parts.scheme)
    shown = re.escape(f"{parts.scheme}://{_written(host)}")
    if port is None or port == usual:
        return re.compile(f"{shown}(:{usual})?" if usual else shown, re.IGNORECASE)
    return re.compile(f"{shown}:{port}", re.IGNORECASE)


def _written(host: str) -> str:
    """Return a host as browsers write it."""
    if ":" not in host:
        return host.lower()
    try:
        return f"[{ip_address(host.strip('[]')).compressed}]"
    except ValueError:
        return f"[{host.strip('[]').lower()}]"
