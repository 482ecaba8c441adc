"""The production processes on one machine, each kept running."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from flows.settings import Settings
from flows.up import Child, Supervisor, python

__all__ = ["production", "production_children"]


def production_children(
    settings: Settings, count: int = 1, mode: str = "prompt", clock: str = "wall"
) -> list[Child]:
    """Return the processes, in the order in which they need each other: who is told starts first.

    One does everything; several share the readings, with one for the reports and one for the
    warnings beside them. What they are told goes by the environment, where secrets do not show.
    """
    common = ["--mode", mode, "--clock", clock]
    started = [("flow", ["--flow", "city"])]
    if count > 1:
        started = [(flow, ["--flow", flow]) for flow in ("warnings", "reports")]
        for number in range(1, count + 1):
            which = ["--flow", "readings", "--part", f"{number}/{count}"]
            started.append((f"readings-{number}", which))
    children = []
    for place, (name, which) in enumerate(started):
        log = settings.data_dir / "logs" / f"{name}.log"
        command = python("flows", "run", *which, *common)
        told = environment(settings, place)
        children.append(Child(name, command, log, environment=told, ends=mode == "ordered"))
    return children


def environment(settings: Settings, place: int = 0) -> dict[str, str]:
    """Return the environment in which a child process reads the same settings.

    Parameters
    ----------
    place
        Of those that serve metrics, who cannot share a port: it takes so many after the first.
    """
    told = dict(os.environ)
    for name, value in settings:
        if value is None:
            continue
        secret = getattr(value, "get_secret_value", None)
        plain = secret() if secret else value.resolve() if isinstance(value, Path) else value
        text = json.dumps(plain) if isinstance(plain, dict) else str(plain)
        told[f"CITYWATCH_{name.upper()}"] = text
    if settings.metrics_port:  # 0: each takes a free one, and says which
        told["CITYWATCH_METRICS_PORT"] = str(settings.metrics_port + place)
    return told


def production(settings: Settings, count: int, mode: str, clock: str) -> Supervisor:
    """Return the processes with somebody who keeps them running."""

    def say(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    children = production_children(settings, count, mode, clock)
    say(f"logs in {settings.data_dir / 'logs'}  (Ctrl-C ends it)")
    return Supervisor(children, say)
