"""What every benchmark says beside its figures, and how it says them.

A result is one JSON object: the workload, the scenarios by their permanent ids, and the
circumstances (versions, machine, commit, load), without which figures cannot be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

__all__ = ["arguments", "chosen", "measured", "publish", "spread", "table"]

WIDEST = 400
"""Columns that a table may take."""

T = TypeVar("T")


def arguments(name: str, about: str | None, given: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command line of ``python -m benchmarks.<name>`` asks for."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=about)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--quick", action="store_true", help="a small workload")
    parser.add_argument("--json", metavar="FILE", help="also write the result here; - prints it")
    parser.add_argument("--only", metavar="ID", action="append", help="one scenario, by its id")
    parser.add_argument("--rounds", type=int, help="how often each scenario runs")
    return parser.parse_args(given)


def chosen(scenarios: dict[str, T], options: argparse.Namespace) -> dict[str, T]:
    """Return the scenarios that were asked for; all of them where none was named."""
    unknown = set(options.only or ()) - set(scenarios)
    if unknown:
        known = ", ".join(scenarios)
        raise SystemExit(f"--only: expected one of {known}, got {', '.join(sorted(unknown))}")
    return {name: load for name, load in scenarios.items() if name in (options.only or scenarios)}


def measured(run: Callable[[], dict[str, Any]], packages: Iterable[str]) -> dict[str, Any]:
    """Run a benchmark; return its result with the circumstances.

    Parameters
    ----------
    packages
        The installed ones its figures depend on most.
    """
    before = os.getloadavg()[0]
    result = run()
    load = {"before": before, "after": os.getloadavg()[0]}
    return {**result, "load_average": load, **_circumstances(packages)}


def publish(result: dict[str, Any], to: str | None, tables: Iterable[Table]) -> None:
    """Print tables and the circumstances, or write the whole result where it is wanted."""
    text = json.dumps(result, indent=2) + "\n"
    if to == "-":
        sys.stdout.write(text)
        return
    if to:
        Path(to).write_text(text, encoding="utf-8")
    console = Console()
    for each in tables:
        # Where there is less room, lines are folded: a figure that is cut tells nothing.
        wide = console.options.update(max_width=WIDEST)
        console.width = max(console.width, console.measure(each, options=wide).maximum)
        console.print(each)
    load, machine = result["load_average"], result["machine"]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, commit {result['commit']},"
        f" load {load['before']:.1f} to {load['after']:.1f}",
        highlight=False,
    )


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table whose first column is a name and whose others are figures."""
    made = Table(title=title)
    made.add_column(heads[0], no_wrap=True)
    for head in heads[1:]:
        made.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        made.add_row(*row)
    return made


def spread(values: Sequence[float], digits: int | None = None) -> dict[str, float]:
    """Return the median of several runs, and the lowest and highest of them."""
    return {
        "median": round(median(values), digits),
        "lowest": round(min(values), digits),
        "highest": round(max(values), digits),
    }


def _circumstances(packages: Iterable[str]) -> dict[str, Any]:
    git = ("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=9")
    said = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "commit": said or None,
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in packages},
        },
        "machine": {"cpu": _processor(), "cores": os.cpu_count(), "system": platform.platform()},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
