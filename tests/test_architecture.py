"""The arrows of the architecture, and the shape of the repository, kept by reading the code."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.slow  # `make check` runs it

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("flows", "operators", "models", "sinks", "simulators")
OURS = (*PACKAGES, "benchmarks", "tests")
FOLDERS = {*OURS, ".ci"}
EDGES = ("operators.events", "operators.kinds", "operators.codec", "operators.counters")
"""What those at the edges of the engine may know of it."""
ALLOWED: dict[str, tuple[str, ...]] = {
    "models": ("models",),
    "operators": ("operators", "models"),
    "sinks": ("sinks", *EDGES),
    "simulators": ("simulators", *EDGES[:3]),
    "flows": PACKAGES,
}
IMPURE = ("time", "os", "socket", "asyncio", "bytewax", "subprocess", "random", "io")
"""What a pure core does without: a clock, files, sockets, the engine, chance."""
SHELLS = {"operators.step": ("bytewax",)}
NOW = ("now", "utcnow", "today")


parsed = cache(ast.parse)
"""The tree of a source, which nobody changes: every check reads every module."""


class Module(NamedTuple):
    name: str
    source: str
    path: Path

    @property
    def package(self) -> str:
        return self.name.split(".")[0]

    @property
    def tree(self) -> ast.Module:
        return parsed(self.source)


def modules(*packages: str) -> list[Module]:
    """All modules of the packages; a package goes by its own name."""
    found = []
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(Module(name, path.read_text(encoding="utf-8"), path))
    return found


def written(name: str, source: str) -> Module:
    """A module that is not there, to see the checks fail."""
    return Module(name, source, Path(f"{name}.py"))


# --- the checks ------------------------------------------------------------------------------


def imports(module: Module, at_run_time: bool = False) -> Iterator[tuple[str, int]]:
    """Return every dotted name a module imports, wherever it does so, and the line."""
    body = [node for node in module.tree.body if not (at_run_time and _is_for_types(node))]
    for node in chain.from_iterable(map(ast.walk, body)):
        match node:
            case ast.Import():
                yield from ((alias.name, node.lineno) for alias in node.names)
            case ast.ImportFrom():
                base = module.name.split(".")
                of = ".".join(base[: len(base) - node.level]) if node.level else ""
                source = ".".join(filter(None, (of, node.module)))
                yield source, node.lineno
                yield from ((f"{source}.{alias.name}", node.lineno) for alias in node.names)
            case ast.Call(
                func=ast.Name(id="__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name, node.lineno


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def is_within(name: str, roots: Iterable[str]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def wrong_arrows(module: Module) -> list[str]:
    """Return the imports that go against the arrows."""
    allowed = ALLOWED[module.package]
    # "from operators import events" names the package too: what is taken from it is judged.
    through = {root.split(".")[0] for root in allowed}
    taken = {name for name, _ in imports(module)}
    wrong = []
    for name, line in imports(module):
        if not is_within(name, OURS) or is_within(name, allowed):
            continue
        if name in through and any(is_within(other, allowed) for other in taken if other != name):
            continue
        wrong.append(f"{module.name}:{line}: {module.package} must not import {name}")
    return wrong


def impurities(module: Module) -> list[str]:
    """Return where a pure module reaches for a clock, a file, a socket, chance or the engine."""
    banned = [name for name in IMPURE if name not in SHELLS.get(module.name, ())]
    wrong = [
        f"{module.name}:{line}: {name} is not for a pure module"
        for name, line in imports(module)
        if is_within(name, banned)
    ]
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=called)) if called in NOW:
                wrong.append(f"{module.name}:{node.lineno}: {called}() reads a clock")
            case ast.Call(func=ast.Name(id="open" | "input" | "print" as called)):
                wrong.append(f"{module.name}:{node.lineno}: {called}() is I/O")
    return wrong


def cycle(found: Iterable[Module]) -> list[str]:
    """Return a cycle of imports among the modules, empty when there is none."""
    known = {module.name: module for module in found}
    graph: dict[str, set[str]] = {}
    for module in known.values():
        needed = {name for name, _ in imports(module, at_run_time=True) if name in known}
        graph[module.name] = needed - {module.name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def untold(module: Module) -> list[str]:
    """Return what a module owes its reader: a docstring, and the names it offers."""
    owed = [] if ast.get_docstring(module.tree) else ["a docstring"]
    named = [
        node
        for node in module.tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    ]
    public = [
        node.name
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
    ]
    if public and not named and not module.name.endswith("__main__"):
        owed.append("__all__")
    for node in named:
        listed = ast.literal_eval(node.value)
        defined = _defined(module.tree)
        owed += [f"{name}, which __all__ promises" for name in listed if name not in defined]
    return [f"{module.name} owes {what}" for what in owed]


def _defined(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.ClassDef() | ast.AsyncFunctionDef():
                names.add(node.name)
            case ast.Assign():
                names |= {
                    n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)
                }
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.ImportFrom() | ast.Import():
                names |= {alias.asname or alias.name for alias in node.names}
    return names


def test_file(module: Module) -> Path:
    """Return where the tests of a module are."""
    folder, name = Path(*module.name.split(".")).parent, module.name.split(".")[-1]
    return Path("tests") / folder / f"test_{name.strip('_')}.py"


test_file.__test__ = False  # type: ignore[attr-defined]  # a name, not a test


# --- the repository --------------------------------------------------------------------------


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_follow_the_arrows(package: str) -> None:
    assert [wrong for module in modules(package) for wrong in wrong_arrows(module)] == []


@pytest.mark.parametrize("package", ["operators", "models"])
def test_the_core_is_pure(package: str) -> None:
    assert [wrong for module in modules(package) for wrong in impurities(module)] == []


def test_no_module_needs_itself() -> None:
    assert cycle(modules(*PACKAGES)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_what_it_is_and_offers(package: str) -> None:
    assert [owed for module in modules(package) for owed in untold(module)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_its_own_tests(package: str) -> None:
    missing = [
        str(test_file(module))
        for module in modules(package)
        if module.path.name != "__init__.py" and not (ROOT / test_file(module)).exists()
    ]
    assert missing == []


def test_the_top_level_is_fixed() -> None:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    made = {".git", *(line.strip("/") for line in lines)}
    found = {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert {name for name in found - made if not name.endswith(".egg-info")} <= FOLDERS


def test_the_tests_are_no_package() -> None:
    """One ``__init__.py`` under tests would hide the real package of its folder's name."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []


# --- the checks really fail ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("models.peaks", "import operators.events"),
        ("models.peaks", "from operators import events"),
        ("operators.levels", "import sinks.redis"),
        ("operators.levels", "from flows.city import city"),
        ("operators.levels", "def late():\n    from simulators import city"),
        ("operators.alerting.step", "from ...sinks import redis"),
        ("sinks.redis", "from operators.registry import Registry"),
        ("sinks.redis", "from operators import registry"),
        ("sinks.control_room.hub", "import operators"),
        ("sinks.redis", "import models.peaks"),
        ("simulators.water", "from operators.counters import Counters"),
        ("simulators.water", "import flows.city"),
        ("flows.city", "from tests.operators import town"),
        ("flows.city", "import benchmarks.suite"),
        ("flows.city", "import importlib\nimportlib.import_module('benchmarks.suite')"),
        ("models.peaks", "__import__('sinks.redis')"),
    ],
)
def test_an_arrow_backwards_is_seen(name: str, source: str) -> None:
    (wrong, *_) = wrong_arrows(written(name, source))
    assert wrong.startswith(f"{name}:")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("operators.levels", "from models.peaks import advance\nimport operators.events"),
        ("sinks.redis", "from operators.events import Alert\nfrom operators import codec"),
        ("simulators.water", "from operators.codec import encode\nimport simulators.city"),
        ("flows.city", "import operators.levels, sinks.redis, models.peaks, simulators.city"),
        ("models.peaks", "import numpy\nfrom models.tails import Tail"),
        ("operators.alerting.step", "from .lifecycle import Life"),
    ],
)
def test_an_arrow_forwards_is_not(name: str, source: str) -> None:
    assert wrong_arrows(written(name, source)) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("operators.levels", "import time"),
        ("operators.levels", "from time import monotonic"),
        ("operators.levels", "import os.path"),
        ("operators.levels", "def f():\n    import socket"),
        ("models.peaks", "import asyncio"),
        ("operators.levels", "import bytewax.operators as op"),
        ("operators.alerting.step", "from bytewax.dataflow import Stream"),
        ("operators.step", "import time"),
        ("operators.levels", "import datetime as dt\nnow = dt.datetime.now(dt.UTC)"),
        ("operators.levels", "from datetime import datetime\nnow = datetime.utcnow()"),
        ("models.peaks", "open('state.bin')"),
    ],
)
def test_an_impurity_is_seen(name: str, source: str) -> None:
    assert impurities(written(name, source)) != []


def test_what_is_pure_is_not_suspected() -> None:
    source = "import datetime as dt\nimport pickle\n\ndef now_ms(clock):\n    return clock.now\n"
    assert impurities(written("operators.levels", source)) == []
    assert impurities(written("operators.step", "import bytewax.operators as op")) == []


def test_a_cycle_is_seen() -> None:
    ring = [
        written("operators.a", "from operators.b import x"),
        written("operators.b", "from operators import c"),
        written("operators.c", "def f():\n    import operators.a"),
    ]
    assert len(cycle(ring)) == 4
    assert cycle(ring[:2]) == []
    types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import operators.a"
    assert cycle([*ring[:2], written("operators.c", types)]) == []


@pytest.mark.parametrize(
    ("source", "owed"),
    [
        ("x = 1", "a docstring"),
        ('"""Why."""\n\ndef f(): ...\n', "__all__"),
        ('"""Why."""\n\nclass C: ...\n', "__all__"),
        ('"""Why."""\n__all__ = ["g"]\n\ndef f(): ...\n', "g, which __all__ promises"),
    ],
)
def test_what_a_module_owes_is_seen(source: str, owed: str) -> None:
    assert untold(written("operators.new", source)) == [f"operators.new owes {owed}"]
    assert untold(written("operators.new", '"""Why."""\n__all__ = ["f"]\n\ndef f(): ...\n')) == []


def test_where_tests_belong() -> None:
    assert test_file(written("operators.alerting.step", "")).parts == (
        "tests",
        "operators",
        "alerting",
        "test_step.py",
    )
