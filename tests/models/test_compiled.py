"""A compiled loop does what the same Python does."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numba.core.errors import TypingError

from models.compiled import AHEAD, compiled, compiled_with_arrays, prefetch, prefetch_byte


def _sum_of_ratios(top: np.ndarray, bottom: np.ndarray) -> float:
    total = 0.0
    for row in range(len(top)):
        total += top[row] / bottom[row]
    return total


def test_the_same_bits_as_python() -> None:
    rng = np.random.default_rng(5)
    top, bottom = rng.normal(size=1000), rng.normal(size=1000)
    assert compiled(_sum_of_ratios)(top, bottom) == _sum_of_ratios(top, bottom)


def _reversed(numbers: np.ndarray) -> np.ndarray:
    copy = np.empty(len(numbers))
    for row in range(len(numbers)):
        copy[row] = numbers[len(numbers) - 1 - row]
    return copy


def test_one_that_makes_arrays_says_so() -> None:
    assert compiled_with_arrays(_reversed)(np.arange(3.0)).tolist() == [2.0, 1.0, 0.0]
    with pytest.raises(TypingError, match="array passed into the function"):
        compiled(_reversed)(np.arange(3.0))


def test_division_by_zero_is_infinite() -> None:
    assert compiled(_sum_of_ratios)(np.ones(1), np.zeros(1)) == np.inf


def _sum_of_rows(rows: np.ndarray, which: np.ndarray) -> float:
    total = 0.0
    for row in range(len(which)):
        if row + AHEAD < len(which):
            prefetch(rows, which[row + AHEAD])
            prefetch_byte(rows, which[row + AHEAD], 480)
        total += rows[which[row]].value
    return total


def test_asking_for_rows_changes_nothing() -> None:
    rows = np.zeros(50, [("value", float), ("rest", float, 60)])
    rows["value"] = np.arange(50)
    which = np.random.default_rng(6).permutation(50)
    assert compiled(_sum_of_rows)(rows, which) == rows["value"].sum()


CALLEE = """
from models.compiled import compiled, inlined

@{how}
def scaled(x):
    return x * FACTOR

FACTOR = {factor}
"""
CALLER = """
from callee_of_a_test import scaled
from models.compiled import compiled

@compiled
def of(x):
    return inner(x) + LARGE

@compiled
def inner(x):
    return scaled(x)

LARGE = 1000
"""


def _imported(name: str, source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Write a module and import it, as a new process would."""
    path, module = folder / f"{name}.py", ModuleType(name)
    path.write_text(source)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


def test_a_change_in_another_module_is_noticed_and_none_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, found = [], []
    for factor, how in ((2, "compiled"), (2, "compiled"), (3, "compiled"), (3, "inlined")):
        callee = CALLEE.format(factor=factor, how=how)
        _imported("callee_of_a_test", callee, tmp_path, monkeypatch)
        caller = _imported("caller_of_a_test", CALLER, tmp_path, monkeypatch)
        said.append(caller.of(5))
        found.append(sum(caller.of.stats.cache_hits.values()))
    assert said == [1010, 1010, 1015, 1015]
    assert found == [0, 1, 0, 0]
