"""After warming up, no reading waits for code."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.flows.processes import ROOT

UNPREPARED = """
import gc
from numba.core.dispatcher import Dispatcher
from flows.warm_up import warm_up
from operators.counters import Counters
from operators.reading_path import ReadingPath
from operators.registry import Registry
from tests.operators import feed
from tests.operators.town import paced, polls

def loaded():
    compiled = (each for each in gc.get_objects() if isinstance(each, Dispatcher))
    return {(each.py_func.__qualname__, str(each.signatures)) for each in compiled}

warm_up()
before = loaded()
made = feed.make(sensors=8, days=0.5)
path = ReadingPath(Registry(made.city), Counters(), prompt=True)
for poll in paced(polls({"readings": list(made.readings)}, 10), live=[0]):
    list(path.on_batch([poll]))
path.put(0, path.take(0))
assert path.intake.counters.account("intake").sent > 500
print(sorted(loaded() - before))
"""


@pytest.mark.slow
def test_a_town_needs_nothing_that_is_not_there() -> None:
    """In a process of its own: here others have been before."""
    line = [sys.executable, "-c", UNPREPARED]
    run = subprocess.run(line, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout.strip() == "[]"
