"""The screen's process of ``citywatch up``: told by the environment, where secrets do not show."""

from __future__ import annotations

import logging
import sys

from flows.settings import ConfigError, load_settings
from sinks.control_room.server import main as serve

__all__ = ["main"]


def main() -> int:
    """Serve the screen until asked to stop.

    Raises
    ------
    ConfigError
        When no store was named.
    """
    settings = load_settings()
    if settings.redis is None:
        raise ConfigError("--redis: expected redis://HOST:PORT of a store, got nothing")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    serve(settings.redis, settings.host, settings.port, settings.region)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ConfigError, OSError) as error:
        sys.exit(f"citywatch: {error}")
