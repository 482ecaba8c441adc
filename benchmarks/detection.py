"""How good the detectors are: every yardstick by its name.

python benchmarks/detection.py nab --nab DIR
python benchmarks/detection.py NAME --help
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

if __package__ in (None, ""):  # run as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).parents[1]))

__all__ = ["YARDSTICKS", "main"]

YARDSTICKS = {
    "air": "PM2.5 of 150 or more in 6, 12 and 24 h, beside persistence",
    "burst_places": "where bursts of reports are, planted and simulated, beside places shuffled",
    "calibration": "is a surprisal of 3 one in a thousand?",
    "cost": "time a reading and state a sensor, part by part",
    "faults": "which of a simulated city's faulty sensors are recognised, how soon?",
    "floods": "how long before it a crossing is told, in simulated floods, with and without river",
    "nab": "single series, labelled by people (Numenta Anomaly Benchmark)",
    "new_sensors": "what sensors notice in their first readings, in a city that is known",
    "outbreaks": "bursts in weekly counts, marked by people, beside EARS and a CUSUM",
    "report_bursts": "bursts in a feed of calls, beside places and times shuffled",
    "reports": "which hazard a report is about, prequentially, beside plain river",
    "rivers": "readings that technicians marked as faulty, beside range and persistence",
    "stages": "river stages above a high level, beside persistence and a straight line",
    "upstream": "stages of gauges along one river, with and without those upstream",
    "verdicts": "warnings of a simulated city with and without people who judge them",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the yardstick that is named, with what is left of the arguments."""
    names = "\n".join(f"  {name:14} {about}" for name, about in YARDSTICKS.items())
    parser = argparse.ArgumentParser(
        prog="python benchmarks/detection.py",
        description=f"{__doc__}\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("yardstick", choices=YARDSTICKS, metavar="NAME")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the yardstick")
    given = parser.parse_args(arguments)
    yardstick = import_module(f"benchmarks.yardsticks.{given.yardstick}")
    try:
        return int(yardstick.main(given.arguments))
    except FileNotFoundError as error:
        print(f"{given.yardstick}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
