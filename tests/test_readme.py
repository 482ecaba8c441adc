"""The README tells what is: its picture of the flow is the flow, and its commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.__main__ import app

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.slow
def test_the_picture_of_the_flow_is_not_stale():
    drawn = subprocess.run(
        [sys.executable, "-m", "bytewax.visualize", "-o", "mermaid", "flows.city:city()"],
        capture_output=True,
        text=True,
        check=True,
        cwd=README.parent,
    ).stdout
    shown = re.search(r"```mermaid\n(.*?)```", README.read_text(), re.DOTALL)
    assert shown is not None
    assert shown[1].strip() == drawn.strip()


def test_every_command_of_the_table_exists():
    said = set(re.findall(r"^\| `citywatch (\w+)", README.read_text(), re.MULTILINE))
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert said
    assert said <= known


def test_the_picture_of_the_screen_is_there():
    assert (README.parent / "benchmarks" / "control-room.png").stat().st_size > 100_000
