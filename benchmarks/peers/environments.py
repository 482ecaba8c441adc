"""A Python environment for every peer, made on first use and kept in the user's cache.

Peers pin what they stand on in ``requirements-NAME.txt`` and share nothing, neither with each other
nor with citywatch: what one needs cannot hold another back.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["NotInstalledError", "python_for", "versions"]

HERE = Path(__file__).parent
PIP_PATIENCE_S = 900
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"


class NotInstalledError(RuntimeError):
    """A peer's environment could not be made; the message is the last that was said."""


def python_for(name: str, jar: str | None = None) -> Path:
    """Return the interpreter of a peer's environment; the first time, install what it needs.

    Parameters
    ----------
    jar
        What Maven has to put beside Flink's own jars, as ``group:artifact:version``.

    Raises
    ------
    NotInstalledError
        When pip or Maven fails.
    """
    wanted = _requirements(name).read_text(encoding="utf-8") + (jar or "")
    version = next(iter(versions(name).values()))
    there = _cache() / f"{name}-{version}"
    ready = there / "installed.txt"
    python = there / "bin" / "python"
    if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(there, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(there))
    pip = (str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check")
    _run(*pip, "-r", str(_requirements(name)))
    if jar is not None:
        (libraries,) = there.glob("lib/python*/site-packages/pyflink/lib")
        _run("mvn", "-q", "-B", COPY, f"-Dartifact={jar}", f"-DoutputDirectory={libraries}")
    ready.write_text(wanted, encoding="utf-8")
    return python


def versions(name: str) -> dict[str, str]:
    """Return what a peer's environment is pinned to, the framework first."""
    lines = _requirements(name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==", 1) for line in lines)


def _requirements(name: str) -> Path:
    return HERE / f"requirements-{name}.txt"


def _cache() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "citywatch" / "peers"


def _run(*command: str) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PIP_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode:
        lines = [line for line in re.split(r"[\r\n]+", done.stdout) if line.strip()]
        raise NotInstalledError(lines[-1] if lines else f"{command[0]} ended with an error")
