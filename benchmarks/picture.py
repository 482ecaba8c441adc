"""Take the README's picture of the control room: a seeded run, a real browser.

``python -m benchmarks.picture`` starts ``citywatch up`` on the given scenario and seed, waits until
a warning of the wanted level is on the screen, and saves what Chromium shows.
"""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

__all__ = ["main"]

PICTURE = Path(__file__).parent / "control-room.png"
CHROMIUM = "/usr/bin/chromium"
SOFTWARE_GL = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PATIENCE_S = 300.0


def main(arguments: list[str] | None = None) -> int:
    """Run, wait, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.picture", description=__doc__)
    parser.add_argument("--scenario", default="flood")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--level", type=int, default=2, help="wait for a warning this bad (2)")
    parser.add_argument("--then", type=float, default=60.0, help="seconds to let it develop (60)")
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--out", type=Path, default=PICTURE)
    given = parser.parse_args(arguments)
    port = _free_port()
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "flows", "up", "--scenario", given.scenario]
        command += ["--seed", given.seed, "--port", str(port), "--data-dir", data]
        city = subprocess.Popen(command)
        try:
            _shoot(f"http://127.0.0.1:{port}/", given)
        finally:
            city.send_signal(signal.SIGINT)
            city.wait(10)
    return 0


def _shoot(url: str, given: argparse.Namespace) -> None:
    width, height = map(int, given.size.split("x"))
    _wait_for(url)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE_GL)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(url)
        _wait_for_level(page, given.level)
        page.wait_for_timeout(given.then * 1000)
        page.screenshot(path=given.out)
        browser.close()


def _wait_for_level(page: Page, level: int) -> None:
    rows = ", ".join(f".row.l{n}" for n in range(1, level + 1))
    page.wait_for_selector(rows, timeout=PATIENCE_S * 1000)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
