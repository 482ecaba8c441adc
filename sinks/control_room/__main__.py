"""A hub as a process: ``python -m sinks.control_room --redis URL --port 8765``."""

from __future__ import annotations

import argparse
import logging

from sinks.control_room.server import main


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sinks.control_room", description=__doc__)
    parser.add_argument("--redis", required=True, metavar="URL", help="the store to follow")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8765, help="port to listen on")
    parser.add_argument("--region", default="city", help="region of the read model")
    parser.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="another page that may connect"
    )
    return parser.parse_args()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    given = _arguments()
    main(given.redis, given.host, given.port, given.region, given.origin)
